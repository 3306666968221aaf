//! How each column is encoded: part of the format, since it decides the bytes.
//!
//! For: the one writer. Not for: what columns mean.
//!
//! A dictionary costs a look-up per cell. It pays where few values recur, as products and countries do. It does not
//! where numbers count upwards or every value is its own: those columns are written as differences, as they are, or as
//! lengths and bytes. Texts that are held by a dictionary anyway, and decimals, are written by ours (`dictionary`), other
//! texts by the library's. LZ4 stands in the place of Zstandard: it takes less time to read a somewhat larger file than
//! to unpack a smaller one.

use arrow_schema::{DataType, Field, Schema};
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::schema::types::ColumnPath;

use super::CHUNK_ROWS;

/// Texts that are all different.
const DIFFERENT: [&str; 1] = ["customer_id"];

/// The options of a table with these columns and footer.
pub(super) fn properties(schema: &Schema, footer: Vec<KeyValue>, group_rows: usize) -> WriterProperties {
    let properties = WriterProperties::builder()
        .set_created_by("segpipe".to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        // Nobody here skips rows by them, and they cost a comparison per cell.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_compression(Compression::LZ4_RAW)
        // As many as come at a time: less to begin and end.
        .set_write_batch_size(CHUNK_ROWS)
        .set_max_row_group_row_count(Some(group_rows))
        .set_key_value_metadata(Some(footer));
    schema.fields().iter().fold(properties, |properties, field| with_column(properties, field)).build()
}

fn with_column(properties: WriterPropertiesBuilder, field: &Field) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(field.name().as_str());
    let Some(encoding) = encoding(field) else { return properties };
    properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding)
}

/// None for a dictionary.
fn encoding(field: &Field) -> Option<Encoding> {
    match field.data_type() {
        DataType::Int32 | DataType::Int64 | DataType::Timestamp(..) => Some(Encoding::DELTA_BINARY_PACKED),
        DataType::Float64 => Some(Encoding::PLAIN),
        DataType::Utf8 if DIFFERENT.contains(&field.name().as_str()) => Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        _ => None,
    }
}
