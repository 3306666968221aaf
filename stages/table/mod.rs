//! The one Parquet writer and reader: pinned options, no clock, fixed chunks, so that equal rows give equal bytes.
//!
//! For: writing and reading the tables of [`crate::schema`], whole or in a stream, with the few facts that travel in
//! a table's footer (see [`Facts`]). Not for: the sources users bring (`load` reads those), or what columns mean.
//! Called by: every stage's thin `impl Stage`, scoring, and whoever shows tables to people.

mod encoding;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use arrow_select::concat::{concat, concat_batches};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowLeafColumn, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use rayon::prelude::*;

use crate::contract::{Fault, StageContext, StageError, StageFault};

/// Rows per batch, when written and when read. Page boundaries depend on it, so it is part of the format.
pub const CHUNK_ROWS: usize = 16_384;

const ROW_GROUP_ROWS: usize = 1_048_576;
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
        let metadata = parquet.metadata().file_metadata();
        let facts = read_facts(metadata.key_value_metadata());
        let rows = u64::try_from(metadata.num_rows()).unwrap_or_default();
        let column = |position: usize| {
            let file = File::open(path).map_err(file_error("open", path))?;
            let mask = ProjectionMask::roots(parquet.parquet_schema(), [position]);
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, parquet.clone());
            builder.with_projection(mask).with_batch_size(CHUNK_ROWS).build().map_err(parquet_error(path))
        };
        let columns = positions(path, parquet.schema(), schema)?.into_iter().map(column);
        let columns = columns.collect::<Result<_, TableError>>()?;
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

fn positions(path: &Path, found: &Schema, expected: &Schema) -> Result<Vec<usize>, TableError> {
    let position = |field: &Arc<arrow_schema::Field>| {
        let mismatch = |found: String| TableError::Schema {
            path: path.to_owned(),
            column: field.name().clone(),
            expected: field.data_type().to_string(),
            found,
        };
        let index = found.index_of(field.name()).map_err(|_| mismatch("nothing".to_owned()))?;
        let data_type = found.field(index).data_type();
        if data_type.equals_datatype(field.data_type()) { Ok(index) } else { Err(mismatch(data_type.to_string())) }
    };
    expected.fields().iter().map(position).collect()
}

fn read_facts(footer: Option<&Vec<KeyValue>>) -> Facts {
    let fact = |entry: &KeyValue| {
        let name = entry.key.strip_prefix(FACT_PREFIX)?;
        Some((name.to_owned(), entry.value.clone()?))
    };
    footer.into_iter().flatten().filter_map(fact).collect()
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
mod tests {
    use arrow_array::{Float64Array, Int64Array, StringArray};
    use arrow_schema::{DataType, Field};

    use super::*;

    fn sample(rows: i64) -> RecordBatch {
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
    fn columns_encoded_side_by_side_are_the_bytes_of_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours.parquet"), folder.path().join("plain.parquet"));
        let facts: Facts = [("data_source".to_owned(), "file".to_owned())].into();
        let batch = sample(ROW_GROUP_ROWS as i64 + 70_000);
        write(&ours, &batch, &facts).unwrap();
        let file = File::create(&plain).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties(&batch.schema(), &facts))).unwrap();
        for start in (0..batch.num_rows()).step_by(CHUNK_ROWS) {
            writer.write(&batch.slice(start, CHUNK_ROWS.min(batch.num_rows() - start))).unwrap();
        }
        writer.close().unwrap();
        assert!(std::fs::read(ours).unwrap() == std::fs::read(plain).unwrap());
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
