//! Rows one by one: `dataframe_records`, `instances`, and `inputs` as a list.

use std::fmt;

use segpipe_stages::customers::FEATURES;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

use super::keys::FeatureKey;
use super::place::Place;
use super::seed::With;
use super::slot::Slot;

/// A list of rows, each an object or, where that is possible, a list of three.
pub(super) struct RowList<'a> {
    pub(super) place: &'a Place,
    pub(super) has_lists: bool,
}

impl<'de> Visitor<'de> for RowList<'_> {
    type Value = Vec<[Slot; 3]>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let Self { place, has_lists } = self;
        let mut rows = Vec::new();
        place.enter_row(0);
        while let Some(row) = list.next_element_seed(With(Row { place, has_lists }))? {
            rows.push(row);
            place.enter_row(rows.len());
        }
        Ok(rows)
    }
}

struct Row<'a> {
    place: &'a Place,
    has_lists: bool,
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = [Slot; 3];

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = if self.has_lists { " or a list of recency, frequency and monetary" } else { "" };
        write!(formatter, "an object with `recency`, `frequency` and `monetary`{lists}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut slots = [Slot::Missing; 3];
        while let Some(feature) = map.next_key_seed(With(FeatureKey))? {
            let Some(feature) = feature else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            self.place.enter_column(feature);
            if slots[feature] != Slot::Missing {
                return Err(A::Error::custom(format!("`{}` is there twice", FEATURES[feature])));
            }
            slots[feature] = map.next_value()?;
            self.place.leave_column();
        }
        Ok(slots)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        if !self.has_lists {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        let mut slots = [Slot::Missing; 3];
        for (feature, slot) in slots.iter_mut().enumerate() {
            self.place.enter_column(feature);
            *slot = list.next_element()?.unwrap_or(Slot::Missing);
        }
        self.place.leave_column();
        match list.next_element::<IgnoredAny>()? {
            Some(_) => Err(A::Error::custom("it has more than three values")),
            None => Ok(slots),
        }
    }
}
