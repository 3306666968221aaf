//! One cell of a body, and what is wrong with it where it cannot be scored.
//!
//! For: [`Slot`], [`numbers`] and [`bad_value`]. Not for: where cells stand in a body.

use std::fmt;

use segpipe_stages::customers::FEATURES;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::serve::problem::Problem;

/// A cell, whatever stands in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Slot {
    Number(f64),
    Missing,
    Null,
    Text,
    Boolean,
    Nested,
}

impl Slot {
    /// What it is instead of a number, as the rest of a sentence.
    const fn otherwise(self) -> &'static str {
        match self {
            Self::Number(_) => "is not a finite number",
            Self::Missing => "is missing",
            Self::Null => "is null",
            Self::Text => "is text, not a number",
            Self::Boolean => "is a truth value, not a number",
            Self::Nested => "is a list or an object, not a number",
        }
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SlotVisitor)
    }
}

struct SlotVisitor;

impl<'de> Visitor<'de> for SlotVisitor {
    type Value = Slot;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number")
    }

    fn visit_f64<E>(self, number: f64) -> Result<Slot, E> {
        Ok(Slot::Number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Slot, E> {
        Ok(Slot::Number(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Slot, E> {
        Ok(Slot::Number(number as f64))
    }

    fn visit_str<E>(self, _text: &str) -> Result<Slot, E> {
        Ok(Slot::Text)
    }

    fn visit_bool<E>(self, _value: bool) -> Result<Slot, E> {
        Ok(Slot::Boolean)
    }

    fn visit_unit<E>(self) -> Result<Slot, E> {
        Ok(Slot::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Slot, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Slot::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Slot, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Slot::Nested)
    }
}

/// The numbers of the row `row`, counted from 0.
///
/// # Errors
/// A [`Problem`] about the first cell that holds no finite number.
pub(super) fn numbers(row: usize, slots: [Slot; 3]) -> Result<[f64; 3], Problem> {
    let mut numbers = [0.0; 3];
    for (feature, slot) in slots.into_iter().enumerate() {
        match slot {
            Slot::Number(number) if number.is_finite() => numbers[feature] = number,
            other => return Err(bad_value(row as u64 + 1, feature, other.otherwise())),
        }
    }
    Ok(numbers)
}

/// A value of a row, counted from 1, that cannot be scored.
pub(in crate::serve) fn bad_value(row: u64, feature: usize, what: &str) -> Problem {
    let problem = Problem::value(format!("row {row}: `{}` {what}", FEATURES[feature]));
    problem.with_hint("every row needs three finite numbers").at_row(row).at_column(FEATURES[feature])
}
