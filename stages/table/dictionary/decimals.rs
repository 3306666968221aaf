//! The dictionary of a column of decimals.

use std::ops::Range;

use arrow_array::{Array, Decimal128Array};
use parquet::basic::Type;
use parquet::schema::types::ColumnDescPtr;

use crate::key::{Key, KeyMap};

/// The decimals of a column so far.
pub(super) struct DistinctDecimals {
    places: KeyMap<u32>,
    values: Vec<i128>,
    /// Bytes of a value that is written from its highest byte on; none for integers of 64 bits.
    length: Option<usize>,
}

impl DistinctDecimals {
    /// No decimals of a column yet.
    pub(super) fn new(descriptor: &ColumnDescPtr) -> Self {
        let length = (descriptor.physical_type() != Type::INT64).then(|| descriptor.type_length() as usize);
        Self { places: KeyMap::default(), values: Vec::new(), length }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Appends the places of some rows that have a decimal.
    pub(super) fn add(&mut self, array: &Decimal128Array, rows: Range<usize>, places: &mut Vec<u32>) {
        if array.null_count() == 0 {
            places.extend(array.values()[rows].iter().map(|value| self.place(*value)));
        } else {
            let rows = rows.filter(|row| array.is_valid(*row));
            places.extend(rows.map(|row| self.place(array.value(row))));
        }
    }

    fn place(&mut self, value: i128) -> u32 {
        let next = self.values.len() as u32;
        let place = *self.places.entry(spread(value)).or_insert(next);
        if place == next {
            self.values.push(value);
        }
        place
    }

    /// All of them in Parquet's plain encoding.
    pub(super) fn to_plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        for value in &self.values {
            match self.length {
                None => plain.extend_from_slice(&(*value as i64).to_le_bytes()),
                Some(length) => plain.extend_from_slice(&value.to_be_bytes()[size_of::<i128>() - length..]),
            }
        }
        plain
    }
}

/// Another number for every number, the high half of a product as its low half: hashes of keys look there only, and
/// amounts are multiples of large powers of two and five.
fn spread(value: i128) -> Key {
    value.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).rotate_left(64)
}
