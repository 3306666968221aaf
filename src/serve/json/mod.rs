//! The four forms of MLflow's scoring protocol in JSON, as rows of recency, frequency and monetary.
//!
//! For: `invocations`. Columns come in any order and case, others are passed over, integers are numbers. Not for: what
//! the numbers mean. Nothing is built that grows faster than the body.

mod form;
mod inputs;
mod keys;
mod place;
mod records;
mod seed;
mod slot;
mod split;

use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};

use self::form::Form;
use self::inputs::Inputs;
use self::keys::{Among, Key};
use self::place::Place;
use self::records::RowList;
use self::seed::With;
use self::split::Split;
use super::problem::Problem;

pub(super) use self::form::Rows;
pub(super) use self::slot::bad_value;

/// The forms, of which a body has one.
const FORMS: [&str; 4] = ["dataframe_split", "dataframe_records", "instances", "inputs"];

/// The forms, and what MLflow's clients may send beside them, which makes no difference here.
const KEYS: [&str; 6] = [FORMS[0], FORMS[1], FORMS[2], FORMS[3], "params", "signature_name"];

/// Reads a body.
///
/// # Errors
/// A [`Problem`] that names row and column where there are some.
pub(super) fn rows(body: &[u8]) -> Result<Rows, Problem> {
    if body.is_empty() {
        return Err(Problem::malformed("the body is empty").with_hint(hint()));
    }
    let place = Place::default();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let form = With(Body(&place)).deserialize(&mut deserializer);
    let form = form.and_then(|form| deserializer.end().map(|()| form));
    form.map_err(|error| place.problem(&error).with_hint(hint()))?.rows()
}

fn hint() -> String {
    format!("send an object with exactly one of `{}`", FORMS.join("`, `"))
}

/// The whole body.
struct Body<'a>(&'a Place);

impl<'de> Visitor<'de> for Body<'_> {
    type Value = Form;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object with exactly one of `{}`", FORMS.join("`, `"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Form, A::Error> {
        let place = self.0;
        let mut form = None;
        while let Some(Key(key)) = map.next_key_seed(With(Among(&KEYS)))? {
            if form.is_some() && FORMS.contains(&key) {
                return Err(A::Error::custom("there is more than one form in it"));
            }
            match key {
                "dataframe_split" => form = Some(map.next_value_seed(With(Split(place)))?),
                "dataframe_records" => {
                    form = Some(Form::Rows(map.next_value_seed(With(RowList { place, has_lists: false }))?));
                }
                "instances" => form = Some(Form::Rows(map.next_value_seed(With(RowList { place, has_lists: true }))?)),
                "inputs" => form = Some(map.next_value_seed(With(Inputs(place)))?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            place.leave();
        }
        form.ok_or_else(|| A::Error::custom("there is no form in it"))
    }
}
