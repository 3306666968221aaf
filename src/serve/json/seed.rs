//! How a visitor that holds something, such as the place it is at, reads what comes.

use serde::Deserializer;
use serde::de::{DeserializeSeed, Visitor};

/// Hands what comes to a visitor, whatever it is: JSON says that itself, and the visitor refuses what it cannot take.
pub(super) struct With<V>(pub(super) V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for With<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_any(self.0)
    }
}
