//! A CSV body as rows of recency, frequency and monetary.
//!
//! For: `invocations`. The tables that `segpipe predict` recognises: any usual delimiter, any case and order of columns.

use csv::{ByteRecord, ErrorKind, ReaderBuilder};
use segpipe_stages::customers::FEATURES;

use super::json::{Rows, bad_value};
use super::problem::Problem;
use crate::features;

/// Reads a body.
///
/// # Errors
/// A [`Problem`] that names row and column where there are some.
pub(super) fn rows(body: &[u8]) -> Result<Rows, Problem> {
    let body = features::without_mark(body);
    let first = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let header = features::header(first).map_err(|twice| {
        let problem = Problem::malformed(format!("there are {twice}"));
        problem.with_hint("remove or rename one").at_column(twice.feature)
    })?;
    let Some((delimiter, positions)) = header else { return Err(no_table(body, first)) };
    let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(body);
    let mut record = ByteRecord::new();
    let mut rows = Rows::new();
    loop {
        let row = rows.len() as u64 + 1;
        match reader.read_byte_record(&mut record) {
            Ok(true) => rows.push(numbers(&record, positions, row)?),
            Ok(false) => return Ok(rows),
            Err(error) => return Err(broken(&error, row)),
        }
    }
}

fn no_table(body: &[u8], first: &[u8]) -> Problem {
    if body.is_empty() {
        return Problem::malformed("the body is empty").with_hint("send a header and a row per customer");
    }
    let is_named = |name: &&str| first.to_ascii_lowercase().windows(name.len()).any(|part| part == name.as_bytes());
    let lacking = FEATURES.into_iter().find(|name| !is_named(name)).unwrap_or(FEATURES[0]);
    let problem = Problem::malformed(format!("the first line names no column `{lacking}`"));
    problem.with_hint("the columns `recency`, `frequency` and `monetary` are needed, in UTF-8").at_column(lacking)
}

fn numbers(record: &ByteRecord, positions: [usize; 3], row: u64) -> Result<[f64; 3], Problem> {
    let mut numbers = [0.0; 3];
    for (feature, position) in positions.into_iter().enumerate() {
        let cell = record.get(position).unwrap_or_default();
        numbers[feature] = features::number(cell).map_err(|problem| bad_value(row, feature, &problem))?;
    }
    Ok(numbers)
}

fn broken(error: &csv::Error, row: u64) -> Problem {
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Problem::malformed(format!("row {row} has {len} cells, and the header {expected_len}")).at_row(row)
        }
        _ => Problem::malformed(format!("row {row} cannot be read: {error}")).at_row(row),
    }
}
