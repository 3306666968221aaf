//! Some rows of a batch, and columns made of such rows in one go.
//!
//! For: filters whose rows are copied once, when they are written. Not for: deciding which rows. Called by: `writer`, and
//! stages that write some of the rows they read.

use std::ops::Range;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, make_array};
use arrow_buffer::BooleanBuffer;
use arrow_data::ArrayData;
use arrow_data::transform::{Capacities, MutableArrayData};
use arrow_schema::ArrowError;
use arrow_select::concat::concat;

/// Some rows of a batch, in their order.
#[derive(Debug, Clone)]
pub struct Selected {
    pub(super) batch: RecordBatch,
    /// Runs of rows that are not empty, ascending.
    pub(super) runs: Vec<Range<usize>>,
}

impl Selected {
    /// All rows.
    pub fn all(batch: RecordBatch) -> Self {
        let rows = 0..batch.num_rows();
        Self { runs: if rows.is_empty() { Vec::new() } else { vec![rows] }, batch }
    }

    /// The rows for which `mask`, one bit a row, is set.
    pub fn by_mask(batch: RecordBatch, mask: &BooleanBuffer) -> Self {
        Self { runs: mask.set_slices().map(|(start, end)| start..end).collect(), batch }
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

/// One column of all `pieces`, in one piece.
///
/// # Errors
/// Where its texts together are longer than an array of texts can be.
pub(super) fn column(pieces: &[Selected], position: usize) -> Result<ArrayRef, ArrowError> {
    let slice = |piece: &Selected| match piece.runs.as_slice() {
        [run] => Some(piece.batch.column(position).slice(run.start, run.len())),
        _ => None,
    };
    match pieces.iter().map(slice).collect::<Option<Vec<ArrayRef>>>() {
        Some(slices) => concat(&slices.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>()),
        None => gather(pieces, position),
    }
}

fn gather(pieces: &[Selected], position: usize) -> Result<ArrayRef, ArrowError> {
    let data: Vec<ArrayData> = pieces.iter().map(|piece| piece.batch.column(position).to_data()).collect();
    let mut gathered = MutableArrayData::with_capacities(data.iter().collect(), false, capacity(pieces, position));
    for (number, piece) in pieces.iter().enumerate() {
        for run in &piece.runs {
            gathered.try_extend(number, run.start, run.end)?;
        }
    }
    Ok(make_array(gathered.freeze()))
}

/// Room for the rows, and for the bytes of texts, of which those between the runs count too.
fn capacity(pieces: &[Selected], position: usize) -> Capacities {
    let rows = pieces.iter().map(Selected::len).sum();
    let bytes = |piece: &Selected| {
        let texts = piece.batch.column(position).as_any().downcast_ref::<StringArray>()?;
        let (first, last) = (piece.runs.first()?, piece.runs.last()?);
        let offsets = texts.value_offsets();
        Some((offsets[last.end] - offsets[first.start]) as usize)
    };
    match pieces.iter().map(bytes).sum::<Option<usize>>() {
        Some(bytes) => Capacities::Binary(rows, Some(bytes)),
        None => Capacities::Array(rows),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn rows_are_gathered_from_runs_of_several_pieces() {
        let batch = sample(20);
        let mask: BooleanBuffer = (0..20).map(|row| row % 5 == 0 || row == 6).collect();
        let pieces = [Selected::by_mask(batch.clone(), &mask), Selected::all(batch.slice(3, 2))];
        assert_eq!(pieces.each_ref().map(Selected::len), [5, 2]);
        let rows = [0, 5, 6, 10, 15, 3, 4];
        for position in 0..batch.num_columns() {
            let expected: Vec<ArrayRef> = rows.iter().map(|row| batch.column(position).slice(*row, 1)).collect();
            let expected = concat(&expected.iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap();
            assert_eq!(&column(&pieces, position).unwrap(), &expected);
        }
    }

    #[test]
    fn no_rows_of_a_batch_are_no_runs() {
        let nobody = Selected::by_mask(sample(9), &BooleanBuffer::new_unset(9));
        assert!(nobody.is_empty() && Selected::all(sample(0)).is_empty());
        assert_eq!(column(&[nobody, Selected::all(sample(2))], 0).unwrap().len(), 2);
    }
}
