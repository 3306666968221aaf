//! Parquet as rows of text, for scoring.
//!
//! For: `input`. Numbers are written so that they read back to the bit. Not for: the tables of stages
//! (`segpipe_stages::table` reads those).

use std::fs::File;
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::SerializedFileReader;
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};

use super::super::failure::Failure;
use super::input::{self, Cells, Table};

/// The table in a Parquet file; none where its columns are others.
pub(super) fn open(path: &Path, file: File) -> Result<Option<Table>, Failure> {
    let unreadable = |error: &ParquetError| input::unreadable(path, error);
    let reader = SerializedFileReader::new(file).map_err(|error| unreadable(&error))?;
    let rows = RowIter::from_file_into(Box::new(reader));
    let header = names(path)?;
    let Some(features) = input::features(&header, path)? else { return Ok(None) };
    Ok(Some(Table { header, features, rows: Box::new(Rows { path: path.to_owned(), rows }) }))
}

fn names(path: &Path) -> Result<Cells, Failure> {
    use parquet::file::reader::FileReader;
    let file = File::open(path).map_err(|error| input::unreadable(path, &error))?;
    let reader = SerializedFileReader::new(file).map_err(|error| input::unreadable(path, &error))?;
    let schema = reader.metadata().file_metadata().schema();
    Ok(schema.get_fields().iter().map(|field| field.name().as_bytes().to_vec()).collect())
}

struct Rows {
    path: std::path::PathBuf,
    rows: RowIter<'static>,
}

impl Iterator for Rows {
    type Item = Result<Cells, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { path, rows } = self;
        let read = || match rows.next() {
            None => Ok(None),
            Some(Ok(row)) => Ok(Some(cells(&row))),
            Some(Err(error)) => Err(input::unreadable(path, &error)),
        };
        input::guarded(path, read).transpose()
    }
}

fn cells(row: &Row) -> Cells {
    row.get_column_iter().map(|(_, field)| text(field).into_bytes()).collect()
}

fn text(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Float(number) => f64::from(*number).to_string(),
        Field::Float16(number) => number.to_f64().to_string(),
        Field::Double(number) => number.to_string(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray};
    use segpipe_stages::table::{self, Facts};

    use super::*;

    fn sample(third: &str) -> RecordBatch {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("customer_id", Arc::new(StringArray::from(vec![Some("a,b"), None]))),
            ("Recency", Arc::new(Int64Array::from(vec![3, 40]))),
            ("frequency", Arc::new(Float32Array::from(vec![0.1, 2.0]))),
            (third, Arc::new(Float64Array::from(vec![0.1 + 0.2, f64::NAN]))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
            .unwrap()
    }

    fn opened(third: &str) -> Option<Table> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.parquet");
        table::write(&path, &sample(third), &Facts::new()).unwrap();
        Table::open(&path).unwrap()
    }

    #[test]
    fn rows_are_text_and_numbers_read_back_to_the_bit() {
        let table = opened("monetary").unwrap();
        assert_eq!(table.features, [1, 2, 3]);
        let rows: Vec<Vec<String>> = table
            .rows
            .map(|row| row.unwrap().into_iter().map(|cell| String::from_utf8(cell).unwrap()).collect())
            .collect();
        assert_eq!(rows[0], ["a,b", "3", "0.10000000149011612", "0.30000000000000004"]);
        assert_eq!(rows[1], ["", "40", "2", "NaN"]);
    }

    #[test]
    fn a_table_with_other_columns_is_none_of_ours() {
        assert!(opened("money").is_none());
    }

    #[test]
    fn a_damaged_file_is_data_that_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.parquet");
        std::fs::write(&path, b"PAR1 and nothing more").unwrap();
        assert_eq!(Table::open(&path).err().unwrap().exit_code, 3);
    }
}
