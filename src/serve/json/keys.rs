//! The names in a body: forms and their parts, which must be known, and columns, which need not.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};

use crate::features;

/// One of the names that are known.
pub(super) struct Key(pub(super) &'static str);

/// Reads a key that must be one of these.
pub(super) struct Among<'a>(pub(super) &'a [&'static str]);

impl Visitor<'_> for Among<'_> {
    type Value = Key;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "one of `{}`", self.0.join("`, `"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Key, E> {
        let known = self.0.iter().find(|name| **name == text);
        known.map(|name| Key(name)).ok_or_else(|| E::invalid_value(Unexpected::Str(&shortened(text)), &self))
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Reads a key as the feature that it names, if any.
pub(super) struct FeatureKey;

impl Visitor<'_> for FeatureKey {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a column's name")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(features::feature(text.as_bytes()))
    }
}
