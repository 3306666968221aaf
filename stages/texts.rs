//! Columns of texts that recur: every row's text by its place in a dictionary.
//!
//! For: reading their cells, and building such a column from cells as they come. Not for: texts that are all different.
//! Called by: `load`, which builds them; `validate`, `preprocess`, `rfm`, which read them.

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;

use crate::table::column;

/// A column of the type [`crate::schema::recurring`].
pub type TextColumn = DictionaryArray<Int32Type>;

/// The cells of such a column.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    places: &'a Int32Array,
    dictionary: &'a StringArray,
}

impl<'a> Texts<'a> {
    /// The column `name` of a batch that was read with a schema that has it.
    pub fn new(batch: &'a RecordBatch, name: &str) -> Self {
        Self::of(column(batch, name))
    }

    /// The cells of `column`.
    pub fn of(column: &'a TextColumn) -> Self {
        Self { places: column.keys(), dictionary: column.values().as_string() }
    }

    /// Where each row's text stands in the dictionary.
    pub fn places(&self) -> &'a Int32Array {
        self.places
    }

    /// The text at `row`; none where it is null.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        self.places.is_valid(row).then(|| self.dictionary.value(self.places.value(row) as usize))
    }

    /// The text at `row`; empty where it is null.
    #[inline]
    pub fn value(&self, row: usize) -> &'a str {
        self.get(row).unwrap_or_default()
    }

    /// Whether two rows have the same text, or none.
    #[inline]
    pub fn is_same(&self, one: usize, other: usize) -> bool {
        let has_same_place = || self.places.value(one) == self.places.value(other);
        match (self.places.is_valid(one), self.places.is_valid(other)) {
            // A dictionary may have a text twice.
            (true, true) => has_same_place() || self.value(one) == self.value(other),
            (one, other) => one == other,
        }
    }
}

/// Builds such a column, cell by cell. A text is looked for nowhere but in the row before, which is where texts of logs
/// mostly recur; the others are found when the table is written.
#[derive(Debug)]
pub struct TextsBuilder {
    places: Int32Builder,
    dictionary: StringBuilder,
    /// Texts in the dictionary.
    texts: i32,
    /// Where the last of them begins.
    last: usize,
}

impl TextsBuilder {
    /// A column without rows, with room for this many and for their texts of so many bytes together.
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        let (places, dictionary) = (Int32Builder::with_capacity(rows), StringBuilder::with_capacity(rows, bytes));
        Self { places, dictionary, texts: 0, last: 0 }
    }

    /// Appends a cell.
    pub fn append(&mut self, text: Option<&str>) {
        let Some(text) = text else { return self.places.append_null() };
        if !self.repeat(text) {
            self.last = self.dictionary.values_slice().len();
            self.dictionary.append_value(text);
            self.places.append_value(self.texts);
            self.texts += 1;
        }
    }

    /// Appends `text` where it is the one that was appended last; says whether it is.
    pub fn repeat(&mut self, text: &str) -> bool {
        let is_same = self.texts > 0 && self.dictionary.values_slice()[self.last..] == *text.as_bytes();
        if is_same {
            self.places.append_value(self.texts - 1);
        }
        is_same
    }

    /// The cells appended.
    ///
    /// # Errors
    /// Never but for a mistake in here.
    pub fn finish(mut self) -> Result<TextColumn, ArrowError> {
        TextColumn::try_new(self.places.finish(), Arc::new(self.dictionary.finish()))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::ArrayRef;

    use super::*;

    #[test]
    fn a_text_that_equals_the_one_before_stands_once() {
        let cells = [Some("b"), Some("b"), None, Some("b"), Some(""), Some("a"), Some("b"), None];
        let mut builder = TextsBuilder::with_capacity(2, 2);
        for cell in cells {
            builder.append(cell);
        }
        let column = builder.finish().unwrap();
        let texts = Texts::of(&column);
        assert_eq!((0..cells.len()).map(|row| texts.get(row)).collect::<Vec<_>>(), cells);
        assert_eq!(column.values().len(), 4);
        assert!(texts.is_same(0, 3) && texts.is_same(0, 6) && texts.is_same(2, 7));
        assert!(!texts.is_same(0, 2) && !texts.is_same(7, 4) && !texts.is_same(4, 5));
        assert_eq!((texts.value(2), texts.value(5)), ("", "a"));
    }

    #[test]
    fn no_cells_are_a_column_too() {
        let column = TextsBuilder::with_capacity(0, 0).finish().unwrap();
        let column: ArrayRef = Arc::new(column);
        assert_eq!((column.len(), column.data_type()), (0, &crate::schema::recurring()));
    }
}
