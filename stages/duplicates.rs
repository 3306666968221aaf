//! Which rows of a table of transactions repeat an earlier one exactly.
//!
//! For: counting duplicates, and finding the second and later ones. Two rows are equal when all cells are, whichever
//! file they come from and wherever they stand in it. Not for: deciding what becomes of them.
//! Called by: `validate`, `preprocess`.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::{Array, Decimal128Array, ListArray, RecordBatch, StringArray};

use crate::contract::{Observer, StageError};
use crate::key::{Key, KeyBuilder, KeySet};
use crate::lines::{Lines, decimal};
use crate::schema;
use crate::spill::{Entry, Number, Spill, SpillError};
use crate::stream;
use crate::table::{TableReader, column};
use crate::texts::Texts;

/// Some rows of a table, by position: one bit a row.
#[derive(Debug, Clone, Default)]
pub struct RowSet {
    words: Vec<u64>,
    len: u64,
}

impl RowSet {
    fn insert(&mut self, row: u64) {
        let word = (row / 64) as usize;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (row % 64);
        self.len += 1;
    }

    /// Whether the row at this position is one of them.
    pub fn contains(&self, row: u64) -> bool {
        self.words.get((row / 64) as usize).is_some_and(|word| word & (1 << (row % 64)) != 0)
    }

    /// How many.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Collects the keys of a table's rows, to find those that repeat an earlier one.
#[derive(Debug)]
pub struct Duplicates {
    spill: Spill,
    rows: u64,
}

impl Duplicates {
    /// No rows yet, of about as many as are said to come. `scratch` is where a file is made if there are many.
    pub fn new(scratch: &Path, expected: u64) -> Self {
        Self { spill: Spill::for_entries(scratch, expected), rows: 0 }
    }

    /// Adds the next rows by their keys.
    ///
    /// # Errors
    /// [`SpillError`] where the disk refuses.
    pub fn extend(&mut self, keys: &[Key]) -> Result<(), SpillError> {
        for key in keys {
            self.spill.push(Entry::new(*key, self.rows))?;
            self.rows += 1;
        }
        Ok(())
    }

    /// The rows that repeat an earlier one.
    ///
    /// # Errors
    /// [`SpillError`] where the scratch file cannot be read back.
    pub fn find(self) -> Result<RowSet, SpillError> {
        let mut rows = RowSet::default();
        let parts = self.spill.map_parts(|entries| repeated(&entries).collect::<Vec<u64>>())?;
        parts.into_iter().flatten().for_each(|row| rows.insert(row));
        Ok(rows)
    }
}

/// Collects the keys of a table's rows with their money, to count those that repeat an earlier one: rows that are equal
/// have equal money, so none has to be found again.
#[derive(Debug)]
pub struct Repeats(Spill<i128>);

/// Stands for a row without an amount; no decimal of 38 digits is as small.
const NO_AMOUNT: i128 = i128::MIN;

impl Repeats {
    /// No rows yet, of about as many as are said to come. `scratch` is where a file is made if there are many.
    pub fn new(scratch: &Path, expected: u64) -> Self {
        Self(Spill::for_entries(scratch, expected))
    }

    /// Adds the next rows by their keys and amounts.
    ///
    /// # Errors
    /// [`SpillError`] where the disk refuses.
    pub fn extend(&mut self, keys: &[Key], amounts: &Decimal128Array) -> Result<(), SpillError> {
        let amount = |row: usize| decimal(amounts, row).unwrap_or(NO_AMOUNT);
        keys.iter().enumerate().try_for_each(|(row, key)| self.0.push(Entry::new(*key, amount(row))))
    }

    /// The amounts of the rows that repeat an earlier one, added to some counts that have to be put together yet.
    ///
    /// # Errors
    /// [`SpillError`] where the scratch file cannot be read back.
    pub fn count<C: Default + Send>(self, add: impl Fn(&mut C, Option<i128>) + Sync) -> Result<Vec<C>, SpillError> {
        self.0.map_parts(|entries| {
            let mut count = C::default();
            repeated(&entries).for_each(|amount| add(&mut count, (amount != NO_AMOUNT).then_some(amount)));
            count
        })
    }
}

/// The numbers of the entries whose keys came before.
fn repeated<N: Number>(entries: &[Entry<N>]) -> impl Iterator<Item = N> {
    let mut seen = KeySet::with_capacity_and_hasher(entries.len(), std::hash::BuildHasherDefault::default());
    entries.iter().filter(move |entry| !seen.insert(entry.key())).map(|entry| entry.value)
}

/// The rows of the table of transactions at `path` that repeat an earlier one.
///
/// # Errors
/// Where the table cannot be read or the disk refuses; after an interruption.
pub fn of_table(path: &Path, scratch: &Path, observer: &dyn Observer) -> Result<RowSet, StageError> {
    let reader = TableReader::open(path, &schema::transactions())?;
    let mut duplicates = Duplicates::new(scratch, reader.rows());
    let take = |keys: Vec<Key>| Ok(duplicates.extend(&keys)?);
    stream::process(reader, observer, |piece| Ok(row_keys(&piece.batch)), take)?;
    Ok(duplicates.find()?)
}

/// The keys of a batch of transactions: everything but where the rows stand.
pub fn row_keys(batch: &RecordBatch) -> Vec<Key> {
    let lines = Lines::new(batch);
    let descriptions = Texts::new(batch, "description");
    let problems: &ListArray = column(batch, "problems");
    // The lines of one invoice stand together: what is the same in all of them is added once.
    let of_invoice = [lines.invoice, lines.customer_id, lines.country];
    let (mut key, mut common) = (KeyBuilder::default(), 0);
    let row_key = |row: usize| {
        let is_continued = row > 0 && of_invoice.iter().all(|texts| texts.is_same(row - 1, row));
        key.truncate(if is_continued { common } else { 0 });
        if !is_continued {
            for texts in of_invoice {
                key.text(texts.get(row));
            }
            common = key.position();
        }
        key.text(lines.product.get(row)).text(descriptions.get(row));
        let time = lines.time(row).map(i128::from);
        key.numbers([lines.quantity(row), lines.unit_price(row), lines.amount(row), time]);
        add_problems(&mut key, problems, row);
        key.key()
    };
    (0..batch.num_rows()).map(row_key).collect()
}

/// Cells that could not be used are null in their column; what stood there tells two rows apart.
fn add_problems(key: &mut KeyBuilder, problems: &ListArray, row: usize) {
    let offsets = problems.value_offsets();
    if offsets[row] == offsets[row + 1] {
        return;
    }
    let entries = problems.values().as_struct();
    for entry in offsets[row] as usize..offsets[row + 1] as usize {
        for column in entries.columns() {
            let texts: &StringArray = column.as_string();
            key.text(texts.is_valid(entry).then(|| texts.value(entry)));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::contract::Silent;
    use crate::fixture::{Line, transactions};
    use crate::table::{self, Facts};

    use super::*;

    fn duplicates(lines: &[Line]) -> Vec<u64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("transactions.parquet");
        table::write(&path, &transactions(lines), &Facts::new()).unwrap();
        let rows = of_table(&path, folder.path(), &Silent).unwrap();
        let found: Vec<u64> = (0..lines.len() as u64).filter(|row| rows.contains(*row)).collect();
        assert_eq!((rows.len(), rows.is_empty()), (found.len() as u64, found.is_empty()));
        found
    }

    #[test]
    fn the_second_and_later_ones_are_found_wherever_they_stand() {
        let (a, b) = (Line::default(), Line { product: Some("other"), ..Line::default() });
        assert_eq!(duplicates(&[a.clone(), b.clone(), a.clone(), a.clone(), b]), [2, 3, 4]);
        assert_eq!(duplicates(&[a.clone(), Line { source: 1, ..a.clone() }]), [1]);
        let c = Line { invoice: Some("2"), ..a.clone() };
        assert_eq!(duplicates(&[a.clone(), c.clone(), a.clone(), a, c]), [2, 3, 4]);
    }

    #[test]
    fn one_different_cell_is_enough_to_be_another_row() {
        let line = Line::default();
        let others = [
            Line { invoice: None, ..line.clone() },
            Line { description: Some("a mug"), ..line.clone() },
            Line { quantity: Some("7"), ..line.clone() },
            Line { date: Some("2011-01-01T10:00:01"), ..line.clone() },
            Line { price: Some("2.551"), ..line.clone() },
            Line { amount: Some("1"), ..line.clone() },
            Line { customer: Some("12347"), ..line.clone() },
            Line { country: None, ..line.clone() },
            Line { problems: vec![("quantity", "two", "not a number")], ..line.clone() },
            Line { problems: vec![("quantity", "too", "not a number")], ..line.clone() },
        ];
        assert_eq!(duplicates(&others), [] as [u64; 0]);
        for other in others {
            assert_eq!(duplicates(&[line.clone(), other]), [] as [u64; 0]);
        }
    }
}
