//! Writes a table in a stream, its columns on all threads.
//!
//! For: equal bytes for equal rows, however they come. Not for: which encoding a column has (`encoding`).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use arrow_select::concat::concat;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowLeafColumn, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use rayon::prelude::*;

use super::{CHUNK_ROWS, FACT_PREFIX, Facts, TableError, arrow_error, encoding, file_error, parquet_error};

const ROW_GROUP_ROWS: usize = 1_048_576;

/// Writes a table in a stream, its columns on all threads. The bytes depend on the rows and facts alone, not on how the
/// rows were batched.
pub struct TableWriter {
    path: PathBuf,
    schema: SchemaRef,
    file: SerializedFileWriter<File>,
    groups: ArrowRowGroupWriterFactory,
    group: RowGroup,
    chunk: Chunk,
    rows: u64,
}

/// Rows that are not enough for a chunk yet, as they came.
#[derive(Default)]
struct Chunk {
    pieces: Vec<RecordBatch>,
    rows: usize,
}

impl Chunk {
    /// Takes as many of the rows from `start` on as there is room for; returns how many.
    fn take(&mut self, batch: &RecordBatch, start: usize) -> usize {
        let taken = (CHUNK_ROWS - self.rows).min(batch.num_rows() - start);
        self.pieces.push(batch.slice(start, taken));
        self.rows += taken;
        taken
    }

    /// One of its columns, in one piece.
    fn column(&self, position: usize) -> Result<ArrayRef, ArrowError> {
        let pieces: Vec<&dyn Array> = self.pieces.iter().map(|piece| piece.column(position).as_ref()).collect();
        concat(&pieces)
    }
}

/// The row group being written: one writer per leaf column, none before the first row.
#[derive(Default)]
struct RowGroup {
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

impl TableWriter {
    /// Creates the file. Every batch written must have exactly this schema.
    ///
    /// # Errors
    /// [`TableError`] where the file cannot be created.
    pub fn create(path: &Path, schema: &SchemaRef, facts: &Facts) -> Result<Self, TableError> {
        let file = File::create(path).map_err(file_error("create", path))?;
        let properties = properties(schema, facts);
        let writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties)).map_err(parquet_error(path))?;
        let (file, groups) = writer.into_serialized_writer().map_err(parquet_error(path))?;
        let (path, schema) = (path.to_owned(), Arc::clone(schema));
        Ok(Self { path, schema, file, groups, group: RowGroup::default(), chunk: Chunk::default(), rows: 0 })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// [`TableError`] where the schema differs or the disk refuses.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), TableError> {
        check_columns(&batch.schema(), &self.schema).map_err(arrow_error(&self.path))?;
        self.rows += batch.num_rows() as u64;
        let mut start = 0;
        while start < batch.num_rows() {
            start += self.chunk.take(batch, start);
            if self.chunk.rows == CHUNK_ROWS {
                self.write_chunk().map_err(parquet_error(&self.path))?;
            }
        }
        Ok(())
    }

    /// Adds facts that are known only when the rows have been seen.
    pub fn add_facts(&mut self, facts: &Facts) {
        for (name, value) in facts {
            self.file.append_key_value_metadata(KeyValue::new(format!("{FACT_PREFIX}{name}"), value.clone()));
        }
    }

    /// Writes what is left and the footer; returns the number of rows.
    ///
    /// # Errors
    /// [`TableError`] where the disk refuses.
    pub fn finish(mut self) -> Result<u64, TableError> {
        self.write_chunk().map_err(parquet_error(&self.path))?;
        self.end_group().map_err(parquet_error(&self.path))?;
        self.file.close().map_err(parquet_error(&self.path))?;
        Ok(self.rows)
    }

    /// Encodes the rows gathered, every column by itself. Row groups end between chunks, because [`ROW_GROUP_ROWS`] is
    /// a multiple of [`CHUNK_ROWS`].
    fn write_chunk(&mut self) -> Result<(), ParquetError> {
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.rows == 0 {
            return Ok(());
        }
        if self.group.rows == 0 {
            self.group.columns = self.groups.create_column_writers(self.file.flushed_row_groups().len())?;
        }
        let columns = self.schema.fields().par_iter().enumerate();
        let leaves = columns.map(|(position, field)| compute_leaves(field, &chunk.column(position)?));
        let leaves: Vec<Vec<ArrowLeafColumn>> = leaves.collect::<Result<_, _>>()?;
        let leaves: Vec<ArrowLeafColumn> = leaves.into_iter().flatten().collect();
        self.group.columns.par_iter_mut().zip(&leaves).try_for_each(|(column, leaf)| column.write(leaf))?;
        self.group.rows += chunk.rows;
        if self.group.rows >= ROW_GROUP_ROWS { self.end_group() } else { Ok(()) }
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        let group = std::mem::take(&mut self.group);
        if group.rows == 0 {
            return Ok(());
        }
        let columns = group.columns.into_par_iter().map(ArrowColumnWriter::close);
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let mut writer = self.file.next_row_group()?;
        for column in columns {
            column.append_to_row_group(&mut writer)?;
        }
        writer.close()?;
        Ok(())
    }
}

fn properties(schema: &Schema, facts: &Facts) -> WriterProperties {
    let footer = facts.iter().map(|(name, value)| KeyValue::new(format!("{FACT_PREFIX}{name}"), value.clone()));
    encoding::properties(schema, footer.collect(), ROW_GROUP_ROWS)
}

fn check_columns(found: &Schema, expected: &Schema) -> Result<(), ArrowError> {
    if found.fields() == expected.fields() {
        return Ok(());
    }
    Err(ArrowError::SchemaError(format!("rows with the columns {found} are no rows of a table with {expected}")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::super::write;
    use super::*;

    fn facts() -> Facts {
        [("data_source".to_owned(), "file".to_owned())].into()
    }

    #[test]
    fn the_bytes_do_not_depend_on_how_the_rows_were_batched() {
        let folder = tempfile::tempdir().unwrap();
        let batch = sample(200_000);
        let write_in = |pieces: usize| {
            let path = folder.path().join(format!("{pieces}.parquet"));
            let mut writer = TableWriter::create(&path, &batch.schema(), &facts()).unwrap();
            let size = batch.num_rows().div_ceil(pieces);
            for start in (0..batch.num_rows()).step_by(size) {
                writer.write(&batch.slice(start, size.min(batch.num_rows() - start))).unwrap();
            }
            writer.finish().unwrap();
            std::fs::read(path).unwrap()
        };
        let whole = write_in(1);
        assert_eq!(write_in(3), whole);
        assert_eq!(write_in(777), whole);
    }

    #[test]
    fn columns_encoded_side_by_side_are_the_bytes_of_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours.parquet"), folder.path().join("plain.parquet"));
        let batch = sample(ROW_GROUP_ROWS as i64 + 70_000);
        write(&ours, &batch, &facts()).unwrap();
        let file = File::create(&plain).unwrap();
        let mut writer =
            ArrowWriter::try_new(file, batch.schema(), Some(properties(&batch.schema(), &facts()))).unwrap();
        for start in (0..batch.num_rows()).step_by(CHUNK_ROWS) {
            writer.write(&batch.slice(start, CHUNK_ROWS.min(batch.num_rows() - start))).unwrap();
        }
        writer.close().unwrap();
        assert!(std::fs::read(ours).unwrap() == std::fs::read(plain).unwrap());
    }
}
