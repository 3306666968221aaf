//! 128-bit keys of rows, customers and invoices: equal parts have equal keys, others differ but for one chance in 10³⁸.
//!
//! For: telling things apart in bounded memory, where the things themselves would not fit. Not for: content digests,
//! which must withstand people who search for collisions (blake3 does those), or anything written to a table.
//! Called by: `duplicates`, `spill`, `validate`, `preprocess`, `rfm`.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use twox_hash::XxHash3_128;

/// What stands for a list of parts (XXH3, 128 bits; Collet 2019).
pub type Key = u128;

/// A set of keys.
pub type KeySet = HashSet<Key, BuildHasherDefault<Folded>>;

/// A map from keys.
pub type KeyMap<V> = HashMap<Key, V, BuildHasherDefault<Folded>>;

/// Makes keys. Every part is marked off with its kind and length, so no two lists of parts are written alike: short
/// marks, because short rows are hashed faster.
#[derive(Debug, Clone, Default)]
pub struct KeyBuilder(Vec<u8>);

/// What begins a part: one of these, or for a short text [`SHORT_TEXT`] and its length.
const NOTHING: u8 = 0;
const NUMBER: u8 = 1;
const LARGE_NUMBER: u8 = 2;
const LONG_TEXT: u8 = 3;
const NUMBERS: u8 = 4;
const SHORT_TEXT: u8 = 5;

impl KeyBuilder {
    /// Adds a text that may be missing.
    #[inline]
    pub fn text(&mut self, text: Option<&str>) -> &mut Self {
        let Some(text) = text else { return self.nothing() };
        if let Some(mark) = u8::try_from(text.len()).ok().and_then(|length| length.checked_add(SHORT_TEXT)) {
            self.0.push(mark);
        } else {
            self.0.push(LONG_TEXT);
            self.0.extend_from_slice(&(text.len() as u64).to_le_bytes());
        }
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Adds a number that may be missing.
    #[inline]
    pub fn number(&mut self, number: Option<i128>) -> &mut Self {
        let Some(number) = number else { return self.nothing() };
        if let Ok(number) = i64::try_from(number) {
            self.0.push(NUMBER);
            self.0.extend_from_slice(&number.to_le_bytes());
        } else {
            self.0.push(LARGE_NUMBER);
            self.0.extend_from_slice(&number.to_le_bytes());
        }
        self
    }

    /// Adds some numbers that may be missing; quicker than one by one.
    #[inline]
    pub fn numbers<const N: usize>(&mut self, numbers: [Option<i128>; N]) -> &mut Self {
        let plain = numbers.map(|number| number.and_then(|number| i64::try_from(number).ok()));
        if plain.contains(&None) {
            for number in numbers {
                self.number(number);
            }
        } else {
            self.0.extend_from_slice(&[NUMBERS, N as u8]);
            self.0.extend_from_slice(plain.map(|number| number.unwrap_or_default().to_le_bytes()).as_flattened());
        }
        self
    }

    fn nothing(&mut self) -> &mut Self {
        self.0.push(NOTHING);
        self
    }

    /// Where the next part begins.
    pub fn position(&self) -> usize {
        self.0.len()
    }

    /// Takes away the parts from `position` on.
    pub fn truncate(&mut self, position: usize) {
        self.0.truncate(position);
    }

    /// The key of the parts added, which stay.
    pub fn key(&self) -> Key {
        XxHash3_128::oneshot(&self.0)
    }

    /// The key of the parts added since the last one.
    pub fn finish(&mut self) -> Key {
        let key = self.key();
        self.0.clear();
        key
    }
}

/// The key of one text.
pub fn of_text(text: &str) -> Key {
    XxHash3_128::oneshot(text.as_bytes())
}

/// Hashes a key by taking half of it: it is a hash already.
#[derive(Debug, Clone, Copy, Default)]
pub struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |folded, byte| folded.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_parts_have_equal_keys_and_a_moved_border_another() {
        let mut key = KeyBuilder::default();
        let one = key.text(Some("ab")).text(Some("c")).finish();
        assert_eq!(key.text(Some("ab")).text(Some("c")).finish(), one);
        assert_ne!(key.text(Some("a")).text(Some("bc")).finish(), one);
        assert_ne!(key.text(Some("abc")).text(Some("")).finish(), one);
    }

    #[test]
    fn nothing_is_not_an_empty_text_and_not_a_zero() {
        let mut key = KeyBuilder::default();
        let nothing = key.text(None).finish();
        assert_ne!(key.text(Some("")).finish(), nothing);
        assert_ne!(key.number(Some(0)).finish(), nothing);
        assert_ne!(key.number(Some(1)).finish(), key.number(Some(-1)).finish());
    }

    #[test]
    fn long_texts_and_large_numbers_are_marked_off_like_short_ones() {
        let long = "x".repeat(1000);
        let mut seen = KeySet::default();
        for length in [0, 1, 250, 251, 252, 255, 256, 1000] {
            assert!(seen.insert(KeyBuilder::default().text(Some(&long[..length])).text(Some("x")).finish()));
        }
        for number in [i128::from(i64::MAX), i128::from(i64::MAX) + 1, i128::from(i64::MIN) - 1, 1 << 64, 0] {
            assert!(seen.insert(KeyBuilder::default().number(Some(number)).finish()), "{number}");
        }
    }

    #[test]
    fn numbers_at_once_are_told_apart_like_single_ones() {
        let mut seen = KeySet::default();
        for numbers in
            [[Some(1), Some(2)], [Some(2), Some(1)], [None, Some(2)], [Some(1), None], [Some(1 << 64), Some(2)]]
        {
            assert!(seen.insert(KeyBuilder::default().numbers(numbers).finish()), "{numbers:?}");
            assert!(!seen.insert(KeyBuilder::default().numbers(numbers).finish()), "{numbers:?}");
        }
        assert!(seen.insert(KeyBuilder::default().numbers([Some(1)]).numbers([Some(2)]).finish()));
    }

    #[test]
    fn keys_find_their_values_again() {
        let map: KeyMap<usize> = (0..1000).map(|index| (of_text(&index.to_string()), index)).collect();
        assert_eq!(map.len(), 1000);
        assert_eq!(map[&of_text("999")], 999);
    }
}
