//! Writes one column of a row group, by the library or by what is quicker for its type.
//!
//! For: the writer. Not for: which encoding the library takes (`encoding`).

use std::fs::File;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_schema::Field;
use bytes::Bytes;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;

use super::decimals::DecimalColumn;

/// A column under way.
pub(super) enum ColumnWriter {
    /// One writer for each of its leaves.
    Library(Vec<ArrowColumnWriter>),
    Decimals(Box<DecimalColumn>),
}

/// A column that is complete.
pub(super) enum ColumnChunk {
    Library(Vec<ArrowColumnChunk>),
    Decimals(Bytes, Box<ColumnCloseResult>),
}

impl ColumnWriter {
    /// A column without rows, of these leaves.
    pub(super) fn new<'d>(leaves: impl Iterator<Item = (ArrowColumnWriter, &'d ColumnDescPtr)>) -> Self {
        let (writers, descriptors): (Vec<ArrowColumnWriter>, Vec<&ColumnDescPtr>) = leaves.unzip();
        let decimals = match descriptors.as_slice() {
            [descriptor] => DecimalColumn::new(descriptor),
            _ => None,
        };
        decimals.map_or(Self::Library(writers), |decimals| Self::Decimals(Box::new(decimals)))
    }

    /// Appends rows.
    ///
    /// # Errors
    /// Where the library refuses them.
    pub(super) fn write(&mut self, field: &Field, rows: &ArrayRef) -> Result<(), ParquetError> {
        match self {
            Self::Library(writers) => {
                let leaves = compute_leaves(field, rows)?;
                writers.iter_mut().zip(&leaves).try_for_each(|(writer, leaf)| writer.write(leaf))
            }
            Self::Decimals(column) => {
                column.write(rows.as_primitive());
                Ok(())
            }
        }
    }

    /// Completes the column.
    ///
    /// # Errors
    /// Where the library refuses.
    pub(super) fn close(self) -> Result<ColumnChunk, ParquetError> {
        match self {
            Self::Library(writers) => {
                let chunks = writers.into_iter().map(ArrowColumnWriter::close);
                chunks.collect::<Result<_, _>>().map(ColumnChunk::Library)
            }
            Self::Decimals(column) => {
                column.close().map(|(bytes, close)| ColumnChunk::Decimals(bytes, Box::new(close)))
            }
        }
    }
}

impl ColumnChunk {
    /// Appends the column to the row group's file.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(super) fn append_to(self, group: &mut SerializedRowGroupWriter<'_, File>) -> Result<(), ParquetError> {
        match self {
            Self::Library(chunks) => chunks.into_iter().try_for_each(|chunk| chunk.append_to_row_group(group)),
            Self::Decimals(bytes, close) => group.append_column(&bytes, *close),
        }
    }
}
