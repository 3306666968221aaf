//! Reads a table in a stream, its columns on all threads.
//!
//! For: tables that segpipe, or a stage between its own, has written. Not for: the Parquet files of users (`load`).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use rayon::prelude::*;

use super::{CHUNK_ROWS, FACT_PREFIX, Facts, TableError, arrow_error, file_error, parquet_error};

/// Reads a table in a stream on all threads, its columns in the order of the schema asked for, extra columns left out.
pub struct TableReader {
    path: PathBuf,
    /// One for each column.
    columns: Vec<ParquetRecordBatchReader>,
    schema: SchemaRef,
    facts: Facts,
    rows: u64,
}

impl TableReader {
    /// Opens `path` and checks that it has every column of `schema` with its type.
    ///
    /// # Errors
    /// [`TableError`] where it cannot be read or a column differs.
    pub fn open(path: &Path, schema: &SchemaRef) -> Result<Self, TableError> {
        let file = File::open(path).map_err(file_error("open", path))?;
        let parquet = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default()).map_err(parquet_error(path))?;
        let positions = positions(path, parquet.schema(), schema)?;
        let parquet = with_dictionaries(parquet, schema, &positions).map_err(parquet_error(path))?;
        let metadata = parquet.metadata().file_metadata();
        let facts = read_facts(metadata.key_value_metadata());
        let rows = u64::try_from(metadata.num_rows()).unwrap_or_default();
        let column = |position: usize| {
            let file = File::open(path).map_err(file_error("open", path))?;
            let mask = ProjectionMask::roots(parquet.parquet_schema(), [position]);
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, parquet.clone());
            builder.with_projection(mask).with_batch_size(CHUNK_ROWS).build().map_err(parquet_error(path))
        };
        let columns = positions.into_iter().map(column).collect::<Result<_, TableError>>()?;
        Ok(Self { path: path.to_owned(), columns, schema: Arc::clone(schema), facts, rows })
    }

    /// Number of rows in the file.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The facts in the file's footer.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// All rows in one batch.
    ///
    /// # Errors
    /// [`TableError`] where a page is damaged.
    pub fn read_all(mut self) -> Result<RecordBatch, TableError> {
        let batches = self.by_ref().collect::<Result<Vec<_>, _>>()?;
        concat_batches(&self.schema, &batches).map_err(arrow_error(&self.path))
    }

    /// The next rows of every column; none at the end.
    fn next_columns(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        let next = self.columns.par_iter_mut().with_max_len(1).filter_map(Iterator::next);
        next.map(|batch| batch.map(|batch| Arc::clone(batch.column(0)))).collect()
    }
}

impl Iterator for TableReader {
    type Item = Result<RecordBatch, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.next_columns() {
            Ok(columns) if columns.is_empty() => return None,
            Ok(columns) => RecordBatch::try_new(Arc::clone(&self.schema), columns),
            Err(error) => Err(error),
        };
        Some(batch.map_err(arrow_error(&self.path)))
    }
}

/// Where the columns asked for stand in the file.
fn positions(path: &Path, found: &Schema, expected: &Schema) -> Result<Vec<usize>, TableError> {
    let position = |field: &Arc<Field>| {
        let data_type = value_type(field.data_type());
        let mismatch = |found: String| TableError::Schema {
            path: path.to_owned(),
            column: field.name().clone(),
            expected: data_type.to_string(),
            found,
        };
        let index = found.index_of(field.name()).map_err(|_| mismatch("nothing".to_owned()))?;
        let found = value_type(found.field(index).data_type());
        if found.equals_datatype(data_type) { Ok(index) } else { Err(mismatch(found.to_string())) }
    };
    expected.fields().iter().map(position).collect()
}

/// The type of single values.
fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, value) => value,
        other => other,
    }
}

/// Has the columns asked for read with or without a dictionary, as `expected` says.
fn with_dictionaries(
    parquet: ArrowReaderMetadata,
    expected: &Schema,
    positions: &[usize],
) -> Result<ArrowReaderMetadata, ParquetError> {
    let mut fields = parquet.schema().fields().to_vec();
    let mut is_as_found = true;
    for (field, position) in expected.fields().iter().zip(positions) {
        let (found, data_type) = (&mut fields[*position], field.data_type());
        if [data_type, found.data_type()].into_iter().any(|one| matches!(one, DataType::Dictionary(..))) {
            is_as_found &= found.data_type() == data_type;
            *found = Arc::new(Field::clone(found).with_data_type(data_type.clone()));
        }
    }
    if is_as_found {
        return Ok(parquet);
    }
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    ArrowReaderMetadata::try_new(Arc::clone(parquet.metadata()), options)
}

fn read_facts(footer: Option<&Vec<KeyValue>>) -> Facts {
    let fact = |entry: &KeyValue| {
        let name = entry.key.strip_prefix(FACT_PREFIX)?;
        Some((name.to_owned(), entry.value.clone()?))
    };
    footer.into_iter().flatten().filter_map(fact).collect()
}
