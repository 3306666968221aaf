//! What pipeline.yaml promises of a table that a program writes: columns, their types, rows, the share of nulls.
//!
//! For: holding a Parquet file against it, with everything that is broken at once. Not for: reading promises
//! (`spec`). Called by: `kept`.

use std::fs::File;
use std::path::Path;

use arrow_schema::{DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use serde_json::{Value, json};

use super::error::ProgramError;

/// Rows that are looked at at once.
const BATCH: usize = 16_384;

/// The words for types of columns.
pub const TYPES: [&str; 22] = [
    "string",
    "bool",
    "integer",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "number",
    "float32",
    "float64",
    "decimal",
    "date",
    "time",
    "timestamp",
    "binary",
    "list",
    "struct",
    "any",
];

/// What is promised of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Promise {
    /// Columns that are there; others may be.
    pub columns: Vec<Column>,
    /// Fewest rows.
    pub min_rows: Option<u64>,
    /// Most rows.
    pub max_rows: Option<u64>,
}

/// A column that is promised.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// One of [`TYPES`].
    pub kind: String,
    /// Largest share of its values that may be null.
    pub max_null_share: Option<f64>,
}

impl Promise {
    /// The promise in one line.
    pub(super) fn to_value(&self) -> Value {
        let column = |column: &Column| json!([column.name, column.kind, column.max_null_share]);
        let columns: Vec<Value> = self.columns.iter().map(column).collect();
        json!({ "columns": columns, "min_rows": self.min_rows, "max_rows": self.max_rows })
    }
}

/// Whether a column of type `found` is of the type that the word means.
fn is_of(found: &DataType, word: &str) -> bool {
    match found {
        DataType::Dictionary(_, value) => return is_of(value, word),
        DataType::RunEndEncoded(_, values) => return is_of(values.data_type(), word),
        _ => {}
    }
    match word {
        "any" => true,
        "integer" => found.is_integer(),
        "number" => found.is_numeric(),
        word => word == word_for(found),
    }
}

/// The word for a type.
fn word_for(found: &DataType) -> &'static str {
    match found {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string",
        DataType::Boolean => "bool",
        DataType::Int8 => "int8",
        DataType::Int16 => "int16",
        DataType::Int32 => "int32",
        DataType::Int64 => "int64",
        DataType::UInt8 => "uint8",
        DataType::UInt16 => "uint16",
        DataType::UInt32 => "uint32",
        DataType::UInt64 => "uint64",
        DataType::Float32 => "float32",
        DataType::Float64 => "float64",
        found if found.is_decimal() => "decimal",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Timestamp(..) => "timestamp",
        found if found.is_binary() => "binary",
        found if found.is_list() => "list",
        DataType::Struct(_) => "struct",
        DataType::Dictionary(_, value) => word_for(value),
        _ => "another type",
    }
}

/// The rows of the table at `path`, which is as promised.
pub(super) fn check(output: &str, path: &Path, promise: Option<&Promise>) -> Result<u64, ProgramError> {
    let table = Table::open(path).map_err(|reason| ProgramError::Table { output: output.to_owned(), reason })?;
    let rows = table.rows();
    let Some(promise) = promise else { return Ok(rows) };
    let mut broken = Vec::new();
    if let Some(least) = promise.min_rows.filter(|least| rows < *least) {
        broken.push(format!("rows: {rows}, and at least {least} are promised"));
    }
    if let Some(most) = promise.max_rows.filter(|most| rows > *most) {
        broken.push(format!("rows: {rows}, and at most {most} are promised"));
    }
    for column in &promise.columns {
        let problem = table.problem(column, rows);
        broken.extend(problem.map_err(|reason| ProgramError::Table { output: output.to_owned(), reason })?);
    }
    if broken.is_empty() { Ok(rows) } else { Err(ProgramError::Promise { output: output.to_owned(), broken }) }
}

struct Table<'a> {
    path: &'a Path,
    metadata: ArrowReaderMetadata,
}

impl<'a> Table<'a> {
    fn open(path: &'a Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default());
        metadata.map(|metadata| Self { path, metadata }).map_err(|error| error.to_string())
    }

    fn rows(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or_default()
    }

    fn schema(&self) -> &Schema {
        self.metadata.schema()
    }

    /// What is wrong with a column, in words.
    fn problem(&self, promised: &Column, rows: u64) -> Result<Option<String>, String> {
        let name = &promised.name;
        let Ok(position) = self.schema().index_of(name) else {
            let there: Vec<&str> = self.schema().fields().iter().map(|field| field.name().as_str()).collect();
            return Ok(Some(format!("column `{name}` is missing; there are {}", there.join(", "))));
        };
        let found = self.schema().field(position).data_type();
        if !is_of(found, &promised.kind) {
            return Ok(Some(format!("column `{name}` is {}, not {}", word_for(found), promised.kind)));
        }
        let Some(most) = promised.max_null_share else { return Ok(None) };
        let nulls = self.nulls(position)?;
        let share = if rows == 0 { 0.0 } else { nulls as f64 / rows as f64 };
        let text =
            || format!("column `{name}` is null in {nulls} of {rows} rows, a share of {share:.4}; {most} is the most");
        Ok((share > most).then(text))
    }

    /// Nulls of a column, counted and not taken from statistics, which writers may leave out.
    fn nulls(&self, position: usize) -> Result<u64, String> {
        let file = File::open(self.path).map_err(|error| error.to_string())?;
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), [position]);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let reader = builder.with_projection(mask).with_batch_size(BATCH).build().map_err(|error| error.to_string())?;
        let mut nulls = 0;
        for batch in reader {
            let batch = batch.map_err(|error| error.to_string())?;
            nulls += batch.column(0).logical_null_count() as u64;
        }
        Ok(nulls)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
    use arrow_schema::{Field, Fields};
    use parquet::arrow::ArrowWriter;

    use super::*;

    /// Four customers, one without a name, all of them with one score too few.
    fn table(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("customers.parquet");
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
            ("name", Arc::new(StringArray::from(vec![Some("a"), None, Some("c"), Some("d")]))),
            ("score", Arc::new(Float64Array::from(vec![Some(0.5), None, None, None]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        path
    }

    fn column(name: &str, kind: &str, max_null_share: Option<f64>) -> Column {
        Column { name: name.to_owned(), kind: kind.to_owned(), max_null_share }
    }

    fn broken(promise: &Promise) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        match check("customers", &table(folder.path()), Some(promise)) {
            Ok(_) => Vec::new(),
            Err(ProgramError::Promise { broken, .. }) => broken,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_table_that_keeps_its_promise_is_taken_and_its_rows_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let columns = vec![
            column("id", "int64", Some(0.0)),
            column("name", "string", Some(0.25)),
            column("score", "number", None),
        ];
        let promise = Promise { columns, min_rows: Some(4), max_rows: Some(4) };
        assert_eq!(check("customers", &table(folder.path()), Some(&promise)).unwrap(), 4);
        assert_eq!(check("customers", &table(folder.path()), None).unwrap(), 4);
    }

    #[test]
    fn everything_that_is_broken_is_told_at_once() {
        let columns = vec![
            column("id", "string", None),
            column("nmae", "string", None),
            column("name", "string", Some(0.2)),
            column("score", "float64", Some(0.75)),
        ];
        let promise = Promise { columns, min_rows: Some(5), max_rows: Some(3) };
        let expected = [
            "rows: 4, and at least 5 are promised",
            "rows: 4, and at most 3 are promised",
            "column `id` is int64, not string",
            "column `nmae` is missing; there are id, name, score",
            "column `name` is null in 1 of 4 rows, a share of 0.2500; 0.2 is the most",
        ];
        assert_eq!(broken(&promise), expected);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("customers.parquet");
        std::fs::write(&path, "id,name\n1,a\n").unwrap();
        let error = check("customers", &path, None).unwrap_err().to_string();
        assert!(error.starts_with("output `customers` is no Parquet file that can be read: "), "{error}");
    }

    #[test]
    fn every_type_has_a_word_and_every_word_but_the_wide_ones_is_of_one_type() {
        let fields = Fields::from(vec![Field::new("a", DataType::Int8, true)]);
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        assert!(is_of(&dictionary, "string") && !is_of(&dictionary, "int32"));
        assert!(is_of(&DataType::Decimal128(18, 3), "decimal") && is_of(&DataType::Decimal128(18, 3), "number"));
        assert!(is_of(&DataType::UInt8, "integer") && !is_of(&DataType::Float64, "integer"));
        assert_eq!(word_for(&DataType::Struct(fields)), "struct");
        assert!(TYPES.iter().all(|word| is_of(&DataType::Utf8View, word) == ["string", "any"].contains(word)));
    }
}
