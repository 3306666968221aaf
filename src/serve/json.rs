//! The four forms of MLflow's scoring protocol in JSON, as rows of recency, frequency and monetary.
//!
//! For: `invocations`. Columns come in any order and case, others are passed over, integers are numbers. Not for: what
//! the numbers mean. Nothing is built that grows faster than the body.

use std::cell::Cell;
use std::fmt;

use axum::http::StatusCode;
use segpipe_stages::customers::FEATURES;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::problem::Problem;
use crate::features;

/// The forms, of which a body has one.
const FORMS: [&str; 4] = ["dataframe_split", "dataframe_records", "instances", "inputs"];

/// The forms, and what MLflow's clients may send beside them, which makes no difference here.
const KEYS: [&str; 6] = [FORMS[0], FORMS[1], FORMS[2], FORMS[3], "params", "signature_name"];

/// Raw values of customers, in the order of [`FEATURES`].
pub(super) type Rows = Vec<[f64; 3]>;

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
    let form = Body(&place).deserialize(&mut deserializer);
    let form = form.and_then(|form| deserializer.end().map(|()| form));
    form.map_err(|error| place.problem(&error))?.rows()
}

fn hint() -> String {
    format!("send an object with exactly one of `{}`", FORMS.join("`, `"))
}

/// Where in the table reading is at the moment, for the message about what comes there.
#[derive(Default)]
struct Place {
    /// From 1; 0 outside of rows.
    row: Cell<u64>,
    feature: Cell<Option<usize>>,
}

impl Place {
    fn enter_row(&self, index: usize) {
        self.row.set(index as u64 + 1);
        self.feature.set(None);
    }

    fn leave(&self) {
        self.row.set(0);
        self.feature.set(None);
    }

    fn problem(&self, error: &serde_json::Error) -> Problem {
        let problem = Problem::malformed(format!("the body cannot be read: {error}")).with_hint(hint());
        let problem = if self.row.get() > 0 { problem.at_row(self.row.get()) } else { problem };
        match self.feature.get() {
            Some(feature) => problem.at_column(FEATURES[feature]),
            None => problem,
        }
    }
}

/// A cell, whatever stands in it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Slot {
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

/// A body as it was read.
enum Form {
    Rows(Vec<[Slot; 3]>),
    Columns([Option<Vec<Slot>>; 3]),
    Split { columns: Vec<String>, grid: Grid },
}

/// Rows of equal width.
#[derive(Default)]
struct Grid {
    cells: Vec<Slot>,
    width: usize,
    rows: usize,
}

impl Form {
    fn rows(self) -> Result<Rows, Problem> {
        match self {
            Self::Rows(rows) => rows.into_iter().enumerate().map(|(row, slots)| numbers(row, slots)).collect(),
            Self::Columns(columns) => zipped(columns),
            Self::Split { columns, grid } => split(&columns, &grid),
        }
    }
}

fn numbers(row: usize, slots: [Slot; 3]) -> Result<[f64; 3], Problem> {
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
pub(super) fn bad_value(row: u64, feature: usize, what: &str) -> Problem {
    let problem = Problem::value(format!("row {row}: `{}` {what}", FEATURES[feature]));
    problem.with_hint("every row needs three finite numbers").at_row(row).at_column(FEATURES[feature])
}

fn lacking(feature: usize) -> Problem {
    let problem =
        Problem::new(StatusCode::BAD_REQUEST, "missing_column", format!("there is no `{}`", FEATURES[feature]));
    problem.with_hint("the columns `recency`, `frequency` and `monetary` are needed").at_column(FEATURES[feature])
}

fn zipped(columns: [Option<Vec<Slot>>; 3]) -> Result<Rows, Problem> {
    if let Some(feature) = columns.iter().position(Option::is_none) {
        return Err(lacking(feature));
    }
    let [recency, frequency, monetary] = columns.map(Option::unwrap_or_default);
    for (feature, column) in [(1, &frequency), (2, &monetary)] {
        if column.len() != recency.len() {
            let (name, length, first) = (FEATURES[feature], column.len(), recency.len());
            let text = format!("`{name}` has {length} values, and `recency` has {first}");
            return Err(Problem::malformed(text).at_row(length.min(first) as u64 + 1).at_column(name));
        }
    }
    let rows = recency.into_iter().zip(frequency).zip(monetary).enumerate();
    rows.map(|(row, ((recency, frequency), monetary))| numbers(row, [recency, frequency, monetary])).collect()
}

fn split(columns: &[String], grid: &Grid) -> Result<Rows, Problem> {
    let mut positions = [None; 3];
    for (position, column) in columns.iter().enumerate() {
        let Some(feature) = features::feature(column.as_bytes()) else { continue };
        if positions[feature].replace(position).is_some() {
            let text = format!("there are two columns called `{}`", FEATURES[feature]);
            return Err(Problem::malformed(text).with_hint("remove or rename one").at_column(FEATURES[feature]));
        }
    }
    if let Some(feature) = positions.iter().position(Option::is_none) {
        return Err(lacking(feature));
    }
    let positions = positions.map(Option::unwrap_or_default);
    if grid.rows > 0 && grid.width != columns.len() {
        let text = format!("row 1 has {} values, and there are {} columns", grid.width, columns.len());
        return Err(Problem::malformed(text).at_row(1));
    }
    let rows = grid.cells.chunks_exact(columns.len()).enumerate();
    rows.map(|(row, cells)| numbers(row, positions.map(|position| cells[position]))).collect()
}

/// The whole body.
struct Body<'a>(&'a Place);

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = Form;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Form, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = Form;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object with exactly one of `{}`", FORMS.join("`, `"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Form, A::Error> {
        let place = self.0;
        let mut form = None;
        while let Some(Key(key)) = map.next_key_seed(Among(&KEYS))? {
            if form.is_some() && FORMS.contains(&key) {
                return Err(A::Error::custom("there is more than one form in it"));
            }
            match key {
                "dataframe_split" => form = Some(map.next_value_seed(Split(place))?),
                "dataframe_records" => {
                    form = Some(Form::Rows(map.next_value_seed(RowList { place, has_lists: false })?));
                }
                "instances" => form = Some(Form::Rows(map.next_value_seed(RowList { place, has_lists: true })?)),
                "inputs" => form = Some(map.next_value_seed(Inputs(place))?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            place.leave();
        }
        form.ok_or_else(|| A::Error::custom("there is no form in it"))
    }
}

/// One of the names that are known.
struct Key(&'static str);

/// Reads a key that must be one of these.
struct Among<'a>(&'a [&'static str]);

impl<'de> DeserializeSeed<'de> for Among<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

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
struct FeatureKey;

impl<'de> DeserializeSeed<'de> for FeatureKey {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FeatureKey {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a column's name")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(features::feature(text.as_bytes()))
    }
}

/// A list of rows, each an object or, where that is possible, a list of three.
struct RowList<'a> {
    place: &'a Place,
    has_lists: bool,
}

impl<'de> DeserializeSeed<'de> for RowList<'_> {
    type Value = Vec<[Slot; 3]>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
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
        while let Some(row) = list.next_element_seed(Row { place, has_lists })? {
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

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = [Slot; 3];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = [Slot; 3];

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = if self.has_lists { " or a list of recency, frequency and monetary" } else { "" };
        write!(formatter, "an object with `recency`, `frequency` and `monetary`{lists}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut slots = [Slot::Missing; 3];
        while let Some(feature) = map.next_key_seed(FeatureKey)? {
            let Some(feature) = feature else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            self.place.feature.set(Some(feature));
            if slots[feature] != Slot::Missing {
                return Err(A::Error::custom(format!("`{}` is there twice", FEATURES[feature])));
            }
            slots[feature] = map.next_value()?;
            self.place.feature.set(None);
        }
        Ok(slots)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        if !self.has_lists {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        let mut slots = [Slot::Missing; 3];
        for (feature, slot) in slots.iter_mut().enumerate() {
            self.place.feature.set(Some(feature));
            *slot = list.next_element()?.unwrap_or(Slot::Missing);
        }
        self.place.feature.set(None);
        match list.next_element::<IgnoredAny>()? {
            Some(_) => Err(A::Error::custom("it has more than three values")),
            None => Ok(slots),
        }
    }
}

/// `inputs`: an object of columns, or a list of rows.
struct Inputs<'a>(&'a Place);

impl<'de> DeserializeSeed<'de> for Inputs<'_> {
    type Value = Form;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Form, D::Error> {
        deserializer.deserialize_any(self)
    }
}

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
        while let Some(feature) = map.next_key_seed(FeatureKey)? {
            let Some(feature) = feature else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if columns[feature].is_some() {
                return Err(A::Error::custom(format!("`{}` is there twice", FEATURES[feature])));
            }
            columns[feature] = Some(map.next_value_seed(Column { place: self.0, feature })?);
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

impl<'de> DeserializeSeed<'de> for Column<'_> {
    type Value = Vec<Slot>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
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
            self.place.feature.set(Some(self.feature));
            match list.next_element()? {
                Some(slot) => slots.push(slot),
                None => return Ok(slots),
            }
        }
    }
}

/// `dataframe_split`: names of columns, and rows.
struct Split<'a>(&'a Place);

impl<'de> DeserializeSeed<'de> for Split<'_> {
    type Value = Form;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Form, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Split<'_> {
    type Value = Form;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with `columns` and `data`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Form, A::Error> {
        let (mut columns, mut grid) = (None::<Vec<String>>, None::<Grid>);
        while let Some(Key(key)) = map.next_key_seed(Among(&["columns", "data", "index"]))? {
            let is_second = (key == "columns" && columns.is_some()) || (key == "data" && grid.is_some());
            if is_second {
                return Err(A::Error::custom(format!("`{key}` is there twice")));
            }
            match key {
                "columns" => columns = Some(map.next_value()?),
                "data" => grid = Some(map.next_value_seed(GridSeed(self.0))?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            self.0.leave();
        }
        let columns = columns.ok_or_else(|| A::Error::missing_field("columns"))?;
        let grid = grid.ok_or_else(|| A::Error::missing_field("data"))?;
        Ok(Form::Split { columns, grid })
    }
}

struct GridSeed<'a>(&'a Place);

impl<'de> DeserializeSeed<'de> for GridSeed<'_> {
    type Value = Grid;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Grid, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for GridSeed<'_> {
    type Value = Grid;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Grid, A::Error> {
        let mut grid = Grid::default();
        self.0.enter_row(0);
        while let Some(width) = list.next_element_seed(GridRow(&mut grid.cells))? {
            if grid.rows > 0 && width != grid.width {
                return Err(A::Error::custom(format!("the row has {width} values, and the first {}", grid.width)));
            }
            grid.width = width;
            grid.rows += 1;
            self.0.enter_row(grid.rows);
        }
        Ok(grid)
    }
}

/// Appends the cells of a row; their number.
struct GridRow<'a>(&'a mut Vec<Slot>);

impl<'de> DeserializeSeed<'de> for GridRow<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for GridRow<'_> {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row as a list of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<usize, A::Error> {
        let before = self.0.len();
        while let Some(slot) = list.next_element()? {
            self.0.push(slot);
        }
        Ok(self.0.len() - before)
    }
}
