//! Parquet: the columns that are mapped, whatever sensible type they have, batch by batch.
//!
//! For: [`super::opened`]. Not for: the stages' own tables (`crate::table`), or what cells mean (`rows`).
//!
//! Types are those of the Parquet schema; what the writing program noted beside it (categories, its own strings) is
//! left aside. Instants are read as UTC.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use rayon::prelude::*;

use super::cell::Cell;
use super::columns::Mapping;
use super::content::Format;
use super::dialect::Dialect;
use super::error::LoadError;
use super::guard::guard;
use super::names::Column;
use super::overlap::overlap;
use super::rows::{Block, RowsBuilder};

/// Rows of a batch, and batches that are built side by side.
const BATCH_ROWS: usize = 16_384;
const GROUP: usize = 4;

const SHOWN: &str = Format::Parquet.shown();

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// A Parquet file whose headers are known.
pub(super) struct ParquetFile {
    path: PathBuf,
    /// Names of the top-level columns.
    pub(super) headers: Vec<String>,
    types: Vec<DataType>,
    /// Whether the footer says that the rows are simulated.
    pub(super) is_simulated: bool,
}

impl ParquetFile {
    /// Reads the footer of the file at `path`.
    ///
    /// # Errors
    /// [`LoadError`] where it is no intact Parquet file.
    pub(super) fn open(path: &Path) -> Result<Self, LoadError> {
        let builder = guard(path, SHOWN, || open(path))?;
        let schema: &Schema = builder.schema();
        let headers = schema.fields().iter().map(|field| field.name().clone()).collect();
        let types = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        let footer = builder.metadata().file_metadata().key_value_metadata();
        let is_simulated = footer
            .into_iter()
            .flatten()
            .any(|entry| entry.key == "segpipe.data_source" && entry.value.as_deref() == Some("simulated"));
        Ok(Self { path: path.to_owned(), headers, types, is_simulated })
    }

    /// Whether the date column holds instants, which are read as UTC.
    pub(super) fn has_instants(&self, mapping: &Mapping) -> bool {
        let date = mapping.position(Column::Date).map(|position| &self.types[position]);
        matches!(date, Some(DataType::Timestamp(_, Some(_))))
    }

    /// Checks that every mapped column holds single values.
    ///
    /// # Errors
    /// [`LoadError`] naming the first one that does not.
    pub(super) fn check(&self, mapping: &Mapping) -> Result<(), LoadError> {
        for position in Column::ALL.into_iter().filter_map(|column| mapping.position(column)) {
            if !is_readable(&self.types[position]) {
                return Err(LoadError::ColumnType {
                    path: self.path.clone(),
                    header: self.headers[position].clone(),
                    found: self.types[position].to_string(),
                });
            }
        }
        Ok(())
    }

    /// Reads all rows and hands them to `write`, in order.
    ///
    /// # Errors
    /// [`LoadError`] where the file is damaged, or `write` fails.
    pub(super) fn stream(
        &self,
        (mapping, dialect): (&Mapping, &Dialect),
        write: &mut (dyn FnMut(Vec<Block>) -> Result<(), LoadError> + Send),
    ) -> Result<(), LoadError> {
        let mut positions: Vec<usize> = Column::ALL.into_iter().filter_map(|column| mapping.position(column)).collect();
        positions.sort_unstable();
        let mut reader = guard(&self.path, SHOWN, || {
            let builder = open(&self.path)?;
            let mask = ProjectionMask::roots(builder.parquet_schema(), positions.iter().copied());
            let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
            reader.map_err(|error| damaged(&self.path, error))
        })?;
        let read = || {
            let batches = guard(&self.path, SHOWN, || {
                let batches: Result<Vec<RecordBatch>, _> = reader.by_ref().take(GROUP).collect();
                batches.map_err(|error| LoadError::damaged(&self.path, SHOWN, error))
            })?;
            Ok((!batches.is_empty()).then_some(batches))
        };
        let build = |batches: Vec<RecordBatch>| {
            batches.par_iter().map(|batch| block(batch, &positions, mapping, dialect)).collect()
        };
        overlap(read, build, write)
    }
}

fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, LoadError> {
    let file = File::open(path).map_err(|source| LoadError::File { path: path.to_owned(), source })?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(|error| damaged(path, error))
}

fn damaged(path: &Path, error: ParquetError) -> LoadError {
    LoadError::damaged(path, SHOWN, error)
}

fn block(batch: &RecordBatch, positions: &[usize], mapping: &Mapping, dialect: &Dialect) -> Result<Block, LoadError> {
    let mut columns: Vec<Option<&ArrayRef>> = vec![None; mapping.width()];
    for (position, array) in positions.iter().zip(batch.columns()) {
        columns[*position] = Some(array);
    }
    let mut rows = RowsBuilder::new(mapping, dialect, batch.num_rows(), batch.get_array_memory_size());
    for row in 0..batch.num_rows() {
        rows.push(|position| columns[position].map_or(Cell::Empty, |array| cell(array, row)));
    }
    Ok(rows.finish()?)
}

fn is_readable(data_type: &DataType) -> bool {
    use DataType::{
        Binary, Boolean, Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Null, Timestamp, UInt8,
        UInt16, UInt32, UInt64, Utf8,
    };
    matches!(
        data_type,
        Null | Boolean
            | Int8
            | Int16
            | Int32
            | Int64
            | UInt8
            | UInt16
            | UInt32
            | UInt64
            | Float32
            | Float64
            | Utf8
            | Binary
            | Date32
            | Timestamp(_, _)
            | Decimal128(_, _)
    )
}

/// The cell of a column that [`is_readable`].
fn cell(array: &ArrayRef, row: usize) -> Cell<'_> {
    if array.is_null(row) {
        return Cell::Empty;
    }
    match array.data_type() {
        DataType::Utf8 => Cell::Text(Cow::Borrowed(array.as_string::<i32>().value(row))),
        DataType::Binary => Cell::Text(String::from_utf8_lossy(array.as_binary::<i32>().value(row))),
        DataType::Boolean => Cell::Text(Cow::Borrowed(if array.as_boolean().value(row) { "TRUE" } else { "FALSE" })),
        DataType::Int8 => Cell::Integer(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Cell::Integer(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Cell::Integer(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Cell::Integer(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => Cell::Integer(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Cell::Integer(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Cell::Integer(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => Cell::Decimal(array.as_primitive::<UInt64Type>().value(row).into(), 0),
        DataType::Float32 => Cell::Float(widened(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, digits) => Cell::Decimal(array.as_primitive::<Decimal128Type>().value(row), *digits),
        DataType::Date32 => moment(i64::from(array.as_primitive::<Date32Type>().value(row)).checked_mul(DAY)),
        DataType::Timestamp(unit, _) => timestamp(array, *unit, row),
        _ => Cell::Empty,
    }
}

fn timestamp(array: &ArrayRef, unit: TimeUnit, row: usize) -> Cell<'_> {
    moment(match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row).checked_mul(1_000_000),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row).checked_mul(1000),
        TimeUnit::Microsecond => Some(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        TimeUnit::Nanosecond => Some(array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1000)),
    })
}

fn moment(micros: Option<i64>) -> Cell<'static> {
    micros.map_or_else(|| Cell::BadTime("out of range".to_owned()), Cell::Time)
}

/// The float64 that is written as the float32 is: 2.55 and not 2.549999952316284.
fn widened(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}
