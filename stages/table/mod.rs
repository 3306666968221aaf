//! The one Parquet writer and reader: pinned options, no clock, fixed chunks, so that equal rows give equal bytes.
//!
//! For: writing ([`TableWriter`]) and reading ([`TableReader`]) the tables of [`crate::schema`], whole or in a stream,
//! with the few facts that travel in a table's footer (see [`Facts`]).
//! Not for: the sources users bring (`load` reads those), or what columns mean.
//! Called by: every stage's thin `impl Stage`, scoring, and whoever shows tables to people.

mod column_writer;
mod dictionary;
mod encoding;
mod reader;
mod selected;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, SchemaRef};
use parquet::errors::ParquetError;

use crate::contract::{Fault, StageContext, StageError, StageFault};

pub use reader::TableReader;
pub use selected::Selected;
pub use writer::TableWriter;

/// Rows per batch, when written and when read. Page boundaries depend on it, so it is part of the format.
pub const CHUNK_ROWS: usize = 16_384;

const FACT_PREFIX: &str = "segpipe.";

/// What is true of a whole table and travels in its footer, e.g. `data_source` or `snapshot`. Sorted by name.
pub type Facts = BTreeMap<String, String>;

/// A table that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be opened, created or written.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// `open`, `create` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no intact Parquet file, or cannot be written as one.
    #[error("`{}` cannot be processed as Parquet", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParquetError,
    },
    /// The rows cannot be decoded or combined.
    #[error("`{}` cannot be decoded", path.display())]
    Arrow {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ArrowError,
    },
    /// A column is missing or has another type.
    #[error("`{}` is not the table expected: column `{column}` should be {expected}, found {found}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The type the schema asks for.
        expected: String,
        /// What is there: a type, or `nothing`.
        found: String,
    },
}

impl StageFault for TableError {
    fn fault(&self) -> Fault {
        match self {
            Self::File { .. } => Fault::Disk,
            Self::Parquet { .. } | Self::Arrow { .. } | Self::Schema { .. } => Fault::Stage,
        }
    }

    fn hint(&self) -> Option<String> {
        matches!(self, Self::Schema { .. })
            .then(|| "a stage between segpipe's own must write the columns that `stages/README.md` lists".to_owned())
    }
}

/// Writes a whole table to `path`.
///
/// # Errors
/// [`TableError`] where the disk refuses.
pub fn write(path: &Path, batch: &RecordBatch, facts: &Facts) -> Result<u64, TableError> {
    let mut writer = TableWriter::create(path, &batch.schema(), facts)?;
    writer.write(batch)?;
    writer.finish()
}

/// Writes a stage's output `name` and notes its rows.
///
/// # Errors
/// [`StageError`] where the output is not declared or the disk refuses.
pub fn write_output(ctx: &StageContext<'_>, name: &str, batch: &RecordBatch, facts: &Facts) -> Result<(), StageError> {
    let rows = write(&ctx.output(name)?, batch, facts)?;
    ctx.set_rows(name, rows)
}

/// Reads a whole table with its facts.
///
/// # Errors
/// [`TableError`] where it cannot be read or is not the table expected.
pub fn read(path: &Path, schema: &SchemaRef) -> Result<(RecordBatch, Facts), TableError> {
    let reader = TableReader::open(path, schema)?;
    let facts = reader.facts().clone();
    Ok((reader.read_all()?, facts))
}

/// The column `name` of `batch` as the array type `A`. The batch must come from a [`TableReader`] with that schema.
///
/// # Panics
/// Where the schema has no such column of that type, which is a mistake in the caller and not in the data.
#[expect(clippy::panic, reason = "the schema was checked when the table was opened")]
pub fn column<'a, A: Array + 'static>(batch: &'a RecordBatch, name: &str) -> &'a A {
    let found = batch.column_by_name(name).and_then(|array| array.as_any().downcast_ref::<A>());
    found.unwrap_or_else(|| panic!("no column `{name}` of this type in the schema that was read"))
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> TableError {
    let path = path.to_owned();
    move |source| TableError::File { action, path, source }
}

fn parquet_error(path: &Path) -> impl FnOnce(ParquetError) -> TableError {
    let path = path.to_owned();
    move |source| match source {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(source) => TableError::File { action: "write", path, source: *source },
            Err(inner) => TableError::Parquet { path, source: ParquetError::External(inner) },
        },
        source => TableError::Parquet { path, source },
    }
}

fn arrow_error(path: &Path) -> impl FnOnce(ArrowError) -> TableError {
    let path = path.to_owned();
    move |source| TableError::Arrow { path, source }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use std::fs::File;

    use arrow_array::types::{Int8Type, Int32Type};
    use arrow_array::{ArrayRef, DictionaryArray, Float64Array, Int64Array, StringArray};
    use arrow_schema::{DataType, Field, Schema};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::*;

    /// Rows of a text and a number that is missing now and then.
    pub(crate) fn sample(rows: i64) -> RecordBatch {
        let schema =
            Schema::new(vec![Field::new("name", DataType::Utf8, false), Field::new("count", DataType::Int64, true)]);
        let names = StringArray::from_iter_values((0..rows).map(|row| format!("customer {}", row % 1000)));
        let counts = (0..rows).map(|row| (row % 7 != 0).then_some(row)).collect::<Int64Array>();
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(names), Arc::new(counts)]).unwrap()
    }

    fn facts() -> Facts {
        [("data_source".to_owned(), "file".to_owned()), ("snapshot".to_owned(), "2011-12-10".to_owned())].into()
    }

    #[test]
    fn what_was_written_is_read_back_with_its_facts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sample.parquet");
        let batch = sample(70_000);
        assert_eq!(write(&path, &batch, &facts()).unwrap(), 70_000);
        let (read_back, read_facts) = read(&path, &batch.schema()).unwrap();
        assert_eq!(read_back, batch);
        assert_eq!(read_facts, facts());
    }

    #[test]
    fn an_empty_table_keeps_its_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.parquet");
        let batch = sample(0);
        write(&path, &batch, &Facts::new()).unwrap();
        assert_eq!(read(&path, &batch.schema()).unwrap().0, batch);
    }

    #[test]
    fn a_missing_column_and_a_wrong_type_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sample.parquet");
        write(&path, &sample(3), &Facts::new()).unwrap();
        let missing = Arc::new(Schema::new(vec![Field::new("amount", DataType::Float64, true)]));
        let text = read(&path, &missing).unwrap_err().to_string();
        assert!(text.ends_with("column `amount` should be Float64, found nothing"), "{text}");
        let wrong = Arc::new(Schema::new(vec![Field::new("count", DataType::Utf8, true)]));
        let text = read(&path, &wrong).unwrap_err().to_string();
        assert!(text.ends_with("column `count` should be Utf8, found Int64"), "{text}");
    }

    #[test]
    fn texts_are_read_with_and_without_a_dictionary_however_another_program_wrote_them() {
        let cells = [Some("mug"), None, Some("tray"), Some("mug")];
        let plain: ArrayRef = Arc::new(StringArray::from(cells.to_vec()));
        let categories: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::from_iter(cells));
        let recurring: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::from_iter(cells));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.parquet");
        for (written, is_by_dictionary) in [(&plain, true), (&plain, false), (&categories, true), (&recurring, true)] {
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..4));
            let batch = RecordBatch::try_from_iter([("number", numbers), ("text", Arc::clone(written))]).unwrap();
            let properties = WriterProperties::builder().set_dictionary_enabled(is_by_dictionary).build();
            let mut writer =
                ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), Some(properties)).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            for expected in [&plain, &recurring] {
                let schema = Arc::new(Schema::new(vec![Field::new("text", expected.data_type().clone(), true)]));
                assert_eq!(read(&path, &schema).unwrap().0.column(0), expected);
            }
        }
    }

    #[test]
    fn facts_found_on_the_way_are_in_the_footer_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sample.parquet");
        let fact = |name: &str| -> Facts { [(name.to_owned(), format!("the {name}"))].into() };
        let batch = sample(3);
        let mut writer = TableWriter::create(&path, &batch.schema(), &fact("first")).unwrap();
        writer.write(&batch).unwrap();
        writer.add_facts(&fact("last"));
        writer.finish().unwrap();
        let (_, facts) = read(&path, &batch.schema()).unwrap();
        assert_eq!(facts, fact("first").into_iter().chain(fact("last")).collect());
    }

    #[test]
    fn columns_are_found_by_name_in_any_order_and_extra_ones_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sample.parquet");
        let schema = Arc::new(Schema::new(vec![
            Field::new("b", DataType::Float64, false),
            Field::new("extra", DataType::Int64, false),
            Field::new("a", DataType::Int64, false),
        ]));
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(Float64Array::from(vec![0.5])),
            Arc::new(Int64Array::from(vec![9])),
            Arc::new(Int64Array::from(vec![7])),
        ];
        write(&path, &RecordBatch::try_new(schema, columns).unwrap(), &Facts::new()).unwrap();
        let wanted = Arc::new(Schema::new(vec![
            Field::new("a", DataType::Int64, true),
            Field::new("b", DataType::Float64, true),
        ]));
        let (batch, _) = read(&path, &wanted).unwrap();
        assert_eq!(column::<Int64Array>(&batch, "a").value(0), 7);
        assert!((column::<Float64Array>(&batch, "b").value(0) - 0.5).abs() < f64::EPSILON);
    }
}
