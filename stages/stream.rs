//! A table's batches through a function on all threads, with the results handed on in the order of the rows.
//!
//! For: stages that read a table too large for memory: while one group of batches is being written, the next is read
//! and worked on. Not for: tables that fit. Called by: `validate`, `preprocess`, `rfm`, `duplicates`.

use arrow_array::RecordBatch;
use rayon::prelude::*;

use crate::contract::{Observer, StageError};
use crate::table::TableReader;

/// Batches worked on at the same time. Results do not depend on it; memory does.
const GROUP: usize = 4;

/// Some of a table's rows, and how many come before them.
#[derive(Debug)]
pub struct Piece {
    /// The rows.
    pub batch: RecordBatch,
    /// Position of the first of them in the table, from 0.
    pub first: u64,
}

/// Reads `reader` to its end: `work` sees each piece on any thread, `take` sees its result in the order of the rows.
///
/// # Errors
/// Whatever reading, `work` or `take` fail with; [`crate::contract::Fault::Cancelled`] after an interruption.
pub fn process<T: Send>(
    mut reader: TableReader,
    observer: &dyn Observer,
    work: impl Fn(Piece) -> Result<T, StageError> + Sync,
    mut take: impl FnMut(T) -> Result<(), StageError> + Send,
) -> Result<(), StageError> {
    let total = reader.rows();
    let mut read = 0;
    let mut results = Vec::new();
    loop {
        if observer.is_cancelled() {
            return Err(StageError::cancelled());
        }
        let finished = std::mem::take(&mut results);
        let hand_on = || finished.into_iter().try_for_each(&mut take);
        let (handed_on, next) = rayon::join(hand_on, || next_group(&mut reader, read, &work));
        handed_on?;
        let (group, end) = next?;
        if group.is_empty() {
            return Ok(());
        }
        observer.progress(end, total);
        (results, read) = (group, end);
    }
}

/// Reads up to [`GROUP`] batches and works on them; returns the results and the rows read so far.
fn next_group<T: Send>(
    reader: &mut TableReader,
    mut read: u64,
    work: &(impl Fn(Piece) -> Result<T, StageError> + Sync),
) -> Result<(Vec<T>, u64), StageError> {
    let mut pieces = Vec::with_capacity(GROUP);
    for batch in reader.by_ref().take(GROUP) {
        let batch = batch?;
        let first = read;
        read += batch.num_rows() as u64;
        pieces.push(Piece { batch, first });
    }
    let results: Result<Vec<T>, StageError> = pieces.into_par_iter().map(work).collect();
    Ok((results?, read))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Int64Array;
    use arrow_schema::{DataType, Field, Schema};

    use crate::contract::{Fault, Note, Silent};
    use crate::table::{self, CHUNK_ROWS, Facts, column};

    use super::*;

    fn numbers(folder: &std::path::Path, count: i64) -> TableReader {
        let path = folder.join("numbers.parquet");
        let schema = Arc::new(Schema::new(vec![Field::new("number", DataType::Int64, false)]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from_iter_values(0..count))]);
        table::write(&path, &batch.unwrap(), &Facts::new()).unwrap();
        TableReader::open(&path, &schema).unwrap()
    }

    #[test]
    fn results_come_in_the_order_of_the_rows_with_their_positions() {
        let folder = tempfile::tempdir().unwrap();
        let count = 10 * CHUNK_ROWS as i64 + 7;
        let mut seen = Vec::new();
        let work = |piece: Piece| {
            let numbers = column::<Int64Array>(&piece.batch, "number");
            assert_eq!(numbers.value(0), i64::try_from(piece.first).unwrap());
            Ok(numbers.values().to_vec())
        };
        let take = |numbers: Vec<i64>| {
            seen.extend(numbers);
            Ok(())
        };
        process(numbers(folder.path(), count), &Silent, work, take).unwrap();
        assert!(seen.into_iter().eq(0..count));
    }

    #[test]
    fn the_first_failure_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let reader = numbers(folder.path(), 3 * CHUNK_ROWS as i64);
        let error = process(reader, &Silent, |_| Err::<(), _>(StageError::bug("no")), |()| Ok(())).unwrap_err();
        assert_eq!(error.message, "no");
    }

    #[test]
    fn an_interruption_ends_it() {
        struct Interrupted;
        impl Observer for Interrupted {
            fn progress(&self, _done: u64, _total: u64) {}
            fn note(&self, _note: Note) {}
            fn is_cancelled(&self) -> bool {
                true
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let error = process(numbers(folder.path(), 10), &Interrupted, |_| Ok(()), |()| Ok(())).unwrap_err();
        assert_eq!(error.fault, Fault::Cancelled);
    }
}
