//! The dictionary of a column of texts, collected from the dictionaries of the arrays that come.
//!
//! A text is hashed once for each array's dictionary that has it, and not for each row.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray};

use crate::key::{KeyMap, of_text};

/// The most bytes of a dictionary: beyond, a look-up costs more than it saves.
const MOST_BYTES: usize = 4 << 20;

/// Where a page of texts as they are ends, one text more or less.
const PAGE_BYTES: usize = 1 << 20;

/// A place that is not known yet.
const UNKNOWN: u32 = u32::MAX;

/// The texts of a column so far.
#[derive(Default)]
pub(super) struct DistinctTexts {
    places: KeyMap<u32>,
    /// In Parquet's plain encoding.
    plain: Vec<u8>,
    is_full: bool,
    met: Met,
}

/// The dictionary of the array met last, with the places of its texts here.
#[derive(Default)]
struct Met {
    dictionary: Option<ArrayRef>,
    places: Vec<u32>,
}

impl Met {
    /// Places of an array's texts, as far as they are known.
    fn places_of(&mut self, dictionary: &ArrayRef) -> &mut [u32] {
        // Only a dictionary that is kept alive is sure to be the same where its address is.
        let is_same = self.dictionary.as_ref().is_some_and(|met| ArrayRef::ptr_eq(met, dictionary));
        if !is_same {
            self.dictionary = Some(ArrayRef::clone(dictionary));
            self.places.clear();
            self.places.resize(dictionary.len(), UNKNOWN);
        }
        &mut self.places
    }
}

impl DistinctTexts {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there may be no more.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Appends the places of some rows that have a text; returns the first row whose text had no place any more, else
    /// the end of `rows`.
    pub(super) fn add(
        &mut self,
        array: &DictionaryArray<Int32Type>,
        rows: Range<usize>,
        places: &mut Vec<u32>,
    ) -> usize {
        let (keys, texts) = (array.keys(), array.values().as_string::<i32>());
        let Self { places: known, plain, is_full, met } = self;
        let met = met.places_of(array.values());
        for row in rows.clone().filter(|row| keys.is_valid(*row)) {
            let key = keys.value(row) as usize;
            if met[key] == UNKNOWN {
                let text = texts.value(key);
                let next = known.len() as u32;
                let place = *known.entry(of_text(text)).or_insert(next);
                if place == next {
                    if plain.len() + text.len() > MOST_BYTES {
                        known.remove(&of_text(text));
                        *is_full = true;
                        return row;
                    }
                    push_plain(text, plain);
                }
                met[key] = place;
            }
            places.push(met[key]);
        }
        rows.end
    }

    /// All of them in Parquet's plain encoding.
    pub(super) fn to_plain(&self) -> Vec<u8> {
        self.plain.clone()
    }
}

/// Appends the texts of some rows that have one; returns the first row for which the page was full, else the end of
/// `rows`.
pub(super) fn add_plain(array: &DictionaryArray<Int32Type>, rows: Range<usize>, plain: &mut Vec<u8>) -> usize {
    let (keys, texts) = (array.keys(), array.values().as_string::<i32>());
    for row in rows.clone() {
        if plain.len() >= PAGE_BYTES {
            return row;
        }
        if keys.is_valid(row) {
            push_plain(texts.value(keys.value(row) as usize), plain);
        }
    }
    rows.end
}

/// Appends a text in Parquet's plain encoding: its length and its bytes.
fn push_plain(text: &str, plain: &mut Vec<u8>) {
    plain.extend_from_slice(&(text.len() as u32).to_le_bytes());
    plain.extend_from_slice(text.as_bytes());
}
