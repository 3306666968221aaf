//! `dataframe_split`: names of columns, and a grid.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::form::{Form, Grid};
use super::keys::{Among, Key};
use super::place::Place;
use super::slot::Slot;

/// `dataframe_split`: names of columns, and rows.
pub(super) struct Split<'a>(pub(super) &'a Place);

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
