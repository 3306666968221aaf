//! `dataframe_split`: names of columns, and a grid.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::form::{Form, Grid};
use super::keys::{Among, Key};
use super::place::Place;
use super::seed::With;
use super::slot::Slot;

/// `dataframe_split`: names of columns, and rows.
pub(super) struct Split<'a>(pub(super) &'a Place);

impl<'de> Visitor<'de> for Split<'_> {
    type Value = Form;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with `columns` and `data`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Form, A::Error> {
        let (mut columns, mut grid) = (None::<Vec<String>>, None::<Grid>);
        while let Some(Key(key)) = map.next_key_seed(With(Among(&["columns", "data", "index"])))? {
            let is_second = (key == "columns" && columns.is_some()) || (key == "data" && grid.is_some());
            if is_second {
                return Err(A::Error::custom(format!("`{key}` is there twice")));
            }
            match key {
                "columns" => columns = Some(map.next_value()?),
                "data" => grid = Some(map.next_value_seed(With(GridRows(self.0)))?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            self.0.leave();
        }
        let columns = columns.ok_or_else(|| A::Error::missing_field("columns"))?;
        let grid = grid.ok_or_else(|| A::Error::missing_field("data"))?;
        Ok(Form::Split { columns, grid })
    }
}

/// Rows of equal width, as lists.
struct GridRows<'a>(&'a Place);

impl<'de> Visitor<'de> for GridRows<'_> {
    type Value = Grid;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Grid, A::Error> {
        let mut grid = Grid::default();
        self.0.enter_row(0);
        while let Some(width) = list.next_element_seed(With(GridRow(&mut grid.cells)))? {
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
