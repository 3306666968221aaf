//! Writes a table in a stream, its columns on all threads.
//!
//! For: equal bytes for equal rows, however they come. Not for: which encoding a column has (`encoding`).

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use rayon::prelude::*;

use super::column_writer::ColumnWriter;
use super::selected::Selected;
use super::{CHUNK_ROWS, FACT_PREFIX, Facts, TableError, arrow_error, encoding, file_error, parquet_error};

/// Rows that are held until their columns are complete. Fewer would repeat more of the dictionaries; of more, too many
/// would be left to write when the last row has come.
pub(super) const ROW_GROUP_ROWS: usize = 131_072;

/// Chunks that a column is encoded of before it is the next column's turn: what a column has to remember of its values
/// stays in the processor's cache. Row groups are whole multiples.
const CHUNKS: usize = 4;

/// Writes a table in a stream, its columns on all threads. The bytes depend on the rows and facts alone, not on how the
/// rows were batched.
pub struct TableWriter {
    path: PathBuf,
    schema: SchemaRef,
    file: SerializedFileWriter<File>,
    groups: ArrowRowGroupWriterFactory,
    group: RowGroup,
    /// Complete ones, fewer than [`CHUNKS`].
    chunks: Vec<Chunk>,
    chunk: Chunk,
    rows: u64,
}

/// Rows that are not enough for a chunk yet, as they came.
#[derive(Default)]
struct Chunk {
    pieces: Vec<Selected>,
    rows: usize,
}

/// The row group being written: one writer per column, none before the first row.
#[derive(Default)]
struct RowGroup {
    columns: Vec<ColumnWriter>,
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
        let writer = ArrowWriter::try_new(file, in_file(schema), Some(properties)).map_err(parquet_error(path))?;
        let (file, groups) = writer.into_serialized_writer().map_err(parquet_error(path))?;
        let (path, schema) = (path.to_owned(), Arc::clone(schema));
        let (group, chunks, chunk) = (RowGroup::default(), Vec::new(), Chunk::default());
        Ok(Self { path, schema, file, groups, group, chunks, chunk, rows: 0 })
    }

    /// Appends all rows of a batch.
    ///
    /// # Errors
    /// [`TableError`] where the schema differs or the disk refuses.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), TableError> {
        self.write_selected(&Selected::all(batch.clone()))
    }

    /// Appends some rows of a batch.
    ///
    /// # Errors
    /// [`TableError`] where the schema differs or the disk refuses.
    pub fn write_selected(&mut self, rows: &Selected) -> Result<(), TableError> {
        check_columns(&rows.batch.schema(), &self.schema).map_err(arrow_error(&self.path))?;
        let mut runs = Vec::with_capacity(rows.runs.len());
        for run in &rows.runs {
            let mut run = run.clone();
            while !run.is_empty() {
                let end = run.end.min(run.start + CHUNK_ROWS - self.chunk.rows);
                self.chunk.rows += end - run.start;
                runs.push(run.start..end);
                run.start = end;
                if self.chunk.rows == CHUNK_ROWS {
                    self.add_piece(&rows.batch, std::mem::take(&mut runs));
                    self.end_chunk();
                    if self.chunks.len() == CHUNKS {
                        self.write_chunks().map_err(parquet_error(&self.path))?;
                    }
                }
            }
        }
        self.add_piece(&rows.batch, runs);
        Ok(())
    }

    fn add_piece(&mut self, batch: &RecordBatch, runs: Vec<Range<usize>>) {
        if !runs.is_empty() {
            let piece = Selected { batch: batch.clone(), runs };
            self.rows += piece.len() as u64;
            self.chunk.pieces.push(piece);
        }
    }

    fn end_chunk(&mut self) {
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.rows > 0 {
            self.chunks.push(chunk);
        }
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
        self.end_chunk();
        self.write_chunks().map_err(parquet_error(&self.path))?;
        self.end_group().map_err(parquet_error(&self.path))?;
        self.file.close().map_err(parquet_error(&self.path))?;
        Ok(self.rows)
    }

    /// Encodes the rows gathered, every column by itself.
    fn write_chunks(&mut self) -> Result<(), ParquetError> {
        let chunks = std::mem::take(&mut self.chunks);
        if chunks.is_empty() {
            return Ok(());
        }
        if self.group.rows == 0 {
            self.group.columns = self.new_columns()?;
        }
        let columns = self.group.columns.par_iter_mut().with_max_len(1).zip(&**self.schema.fields()).enumerate();
        columns.try_for_each(|(position, (writer, field))| {
            chunks.iter().try_for_each(|chunk| writer.write(field, &chunk.pieces, position))
        })?;
        self.group.rows += chunks.iter().map(|chunk| chunk.rows).sum::<usize>();
        if self.group.rows >= ROW_GROUP_ROWS { self.end_group() } else { Ok(()) }
    }

    fn new_columns(&self) -> Result<Vec<ColumnWriter>, ParquetError> {
        let leaves = self.file.schema_descr();
        let writers = self.groups.create_column_writers(self.file.flushed_row_groups().len())?;
        let mut writers = writers.into_iter().zip(leaves.columns());
        let count = |column: usize| {
            let is_of_column = |leaf: &usize| leaves.get_column_root_idx(*leaf) == column;
            (0..leaves.num_columns()).filter(is_of_column).count()
        };
        let columns = self.schema.fields().iter().enumerate();
        Ok(columns.map(|(column, field)| ColumnWriter::new(field, writers.by_ref().take(count(column)))).collect())
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        let group = std::mem::take(&mut self.group);
        if group.rows == 0 {
            return Ok(());
        }
        let columns = group.columns.into_par_iter().map(ColumnWriter::close);
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let mut writer = self.file.next_row_group()?;
        for column in columns {
            column.append_to(&mut writer)?;
        }
        writer.close()?;
        Ok(())
    }
}

/// The columns as the file says they are: whether texts are held by a dictionary is nothing a reader has to know.
fn in_file(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Dictionary(_, value) => Arc::new(field.as_ref().clone().with_data_type(value.as_ref().clone())),
        _ => Arc::clone(field),
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
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
    use arrow_array::BooleanArray;
    use arrow_buffer::BooleanBuffer;
    use arrow_select::filter::filter_record_batch;

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
    fn the_bytes_of_selected_rows_are_those_of_the_same_rows_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, alone) = (folder.path().join("ours.parquet"), folder.path().join("alone.parquet"));
        let batch = sample(100_000);
        let mask: BooleanBuffer = (0..100_000).map(|row| row % 11 > 2 && row / 5_000 != 3).collect();
        let mut writer = TableWriter::create(&ours, &batch.schema(), &facts()).unwrap();
        for start in (0..100_000).step_by(30_000) {
            let rows = 30_000.min(100_000 - start);
            let selected = Selected::by_mask(batch.slice(start, rows), &mask.slice(start, rows));
            writer.write_selected(&selected).unwrap();
        }
        let rows = writer.finish().unwrap();
        assert_eq!(rows, mask.count_set_bits() as u64);
        let filtered = filter_record_batch(&batch, &BooleanArray::from(mask)).unwrap();
        write(&alone, &filtered, &facts()).unwrap();
        assert!(std::fs::read(ours).unwrap() == std::fs::read(alone).unwrap());
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
