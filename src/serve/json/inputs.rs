//! `inputs`: columns, or rows.

use std::fmt;

use segpipe_stages::customers::FEATURES;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::form::Form;
use super::keys::FeatureKey;
use super::place::Place;
use super::records::RowList;
use super::seed::With;
use super::slot::Slot;

/// `inputs`: an object of columns, or a list of rows.
pub(super) struct Inputs<'a>(pub(super) &'a Place);

impl<'de> Visitor<'de> for Inputs<'_> {
    type Value = Form;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of columns or a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Form, A::Error> {
        RowList { place: self.0, has_lists: true }.visit_seq(list).map(Form::Rows)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Form, A::Error> {
        let mut columns = [const { None }; 3];
        while let Some(feature) = map.next_key_seed(With(FeatureKey))? {
            let Some(feature) = feature else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if columns[feature].is_some() {
                return Err(A::Error::custom(format!("`{}` is there twice", FEATURES[feature])));
            }
            columns[feature] = Some(map.next_value_seed(With(Column { place: self.0, feature }))?);
            self.0.leave();
        }
        Ok(Form::Columns(columns))
    }
}

/// The values of one column.
struct Column<'a> {
    place: &'a Place,
    feature: usize,
}

impl<'de> Visitor<'de> for Column<'_> {
    type Value = Vec<Slot>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a list of the values of `{}`", FEATURES[self.feature])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut slots = Vec::new();
        loop {
            self.place.enter_row(slots.len());
            self.place.enter_column(self.feature);
            match list.next_element()? {
                Some(slot) => slots.push(slot),
                None => return Ok(slots),
            }
        }
    }
}
