//! Writes one column of a row group, by the library or by what is quicker for its type.
//!
//! For: the writer. Not for: which encoding the library takes (`encoding`).

use std::fs::File;

use arrow_schema::Field;
use bytes::Bytes;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::DictionaryColumn;
use super::selected::{self, Selected};

/// A column under way.
pub(super) enum ColumnWriter {
    /// One writer for each of its leaves.
    Library(Vec<ArrowColumnWriter>),
    Dictionary(Box<DictionaryColumn>),
}

/// A column that is complete.
pub(super) enum ColumnChunk {
    Library(Vec<ArrowColumnChunk>),
    Dictionary(Bytes, Box<ColumnCloseResult>),
}

impl ColumnWriter {
    /// A column without rows, of these leaves.
    pub(super) fn new<'d>(field: &Field, leaves: impl Iterator<Item = (ArrowColumnWriter, &'d ColumnDescPtr)>) -> Self {
        let (writers, descriptors): (Vec<ArrowColumnWriter>, Vec<&ColumnDescPtr>) = leaves.unzip();
        let dictionary = match descriptors.as_slice() {
            [descriptor] => DictionaryColumn::new(descriptor, field.data_type()),
            _ => None,
        };
        dictionary.map_or(Self::Library(writers), |dictionary| Self::Dictionary(Box::new(dictionary)))
    }

    /// Appends the cells of some rows that stand at `position` of their batches.
    ///
    /// # Errors
    /// Where the library refuses them.
    pub(super) fn write(&mut self, field: &Field, rows: &[Selected], position: usize) -> Result<(), ParquetError> {
        match self {
            Self::Library(writers) => {
                let leaves = compute_leaves(field, &selected::column(rows, position)?)?;
                writers.iter_mut().zip(&leaves).try_for_each(|(writer, leaf)| writer.write(leaf))
            }
            Self::Dictionary(column) => {
                for piece in rows {
                    let array = piece.batch.column(position);
                    piece.runs.iter().for_each(|run| column.write(array, run.clone()));
                }
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
            Self::Dictionary(column) => {
                column.close().map(|(bytes, close)| ColumnChunk::Dictionary(bytes, Box::new(close)))
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
            Self::Dictionary(bytes, close) => group.append_column(&bytes, *close),
        }
    }
}
