//! What a body held, and the rows that it means.
//!
//! For: [`Form`], whichever way its customers were written. Not for: reading it.

use axum::http::StatusCode;
use segpipe_stages::customers::FEATURES;

use super::slot::{Slot, numbers};
use crate::features;
use crate::serve::problem::Problem;

/// Raw values of customers, in the order of [`FEATURES`].
pub(in crate::serve) type Rows = Vec<[f64; 3]>;

/// A body as it was read.
pub(super) enum Form {
    Rows(Vec<[Slot; 3]>),
    Columns([Option<Vec<Slot>>; 3]),
    Split { columns: Vec<String>, grid: Grid },
}

/// Rows of equal width.
#[derive(Default)]
pub(super) struct Grid {
    pub(super) cells: Vec<Slot>,
    pub(super) width: usize,
    pub(super) rows: usize,
}

impl Form {
    /// Its rows as numbers.
    ///
    /// # Errors
    /// A [`Problem`] about what is missing, there twice, or no finite number.
    pub(super) fn rows(self) -> Result<Rows, Problem> {
        match self {
            Self::Rows(rows) => rows.into_iter().enumerate().map(|(row, slots)| numbers(row, slots)).collect(),
            Self::Columns(columns) => zipped(columns),
            Self::Split { columns, grid } => split(&columns, &grid),
        }
    }
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
