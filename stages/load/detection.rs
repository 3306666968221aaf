//! What a file is, without loading it: headers, and everything that `load` would detect.
//!
//! For: `segpipe init`, which writes it down, and `segpipe predict`, which tells an RFM table from transactions.
//! Not for: the stage.

use std::path::Path;

use super::columns::is_rfm_table;
use super::content::Format;
use super::error::LoadError;
use super::files::{check_dates, read_file};
use super::names::Column;
use super::opened::{Headed, Opened};
use super::params::{DecimalMark, LoadParams};

/// The headers of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// As written, without surrounding spaces.
    pub names: Vec<String>,
    /// The file's format.
    pub format: Format,
    /// Whether this is a table of recency, frequency and monetary.
    pub is_rfm: bool,
}

/// What `load` detects in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    /// The file's format.
    pub format: Format,
    /// Character encoding, for text.
    pub encoding: Option<String>,
    /// What separates cells, for text.
    pub delimiter: Option<char>,
    /// Decimal mark, for text.
    pub decimal_mark: Option<DecimalMark>,
    /// `iso`, `month_first`, `day_first` or the pattern given, where dates are text.
    pub date_format: Option<String>,
    /// Columns and the headers they were found under.
    pub columns: Vec<(Column, String)>,
    /// Headers that are no column of ours.
    pub unmapped: Vec<String>,
    /// Data rows.
    pub rows: u64,
    /// Rows with a cell that could not be used.
    pub problem_rows: u64,
}

/// The headers of the file at `path`; of a workbook, those of the sheet with the most columns of ours.
///
/// # Errors
/// [`LoadError`] where it cannot be read or holds no table.
pub fn headers(path: &Path, params: &LoadParams) -> Result<Headers, LoadError> {
    let file = Headed::open(path, params)?;
    let names = file.headers(params).to_vec();
    Ok(Headers { is_rfm: is_rfm_table(&names), names, format: file.format() })
}

/// Everything that `load` would detect in the file at `path`, from all of its rows.
///
/// # Errors
/// [`LoadError`] where `load` would fail.
pub fn detect(path: &Path, params: &LoadParams) -> Result<Detection, LoadError> {
    let file = Opened::new(Headed::open(path, params)?, params)?;
    let read_by = |dialect| read_file(&file, params, dialect, &mut |_, _| Ok(()));
    let suggested = file.suggest(params)?;
    let mut read = read_by(&suggested)?;
    if read.settled != suggested {
        let settled = read.settled.clone();
        read = read_by(&settled)?;
    }
    if read.counts.rows == 0 {
        return Err(LoadError::NoRows { path: path.to_owned() });
    }
    check_dates(&file, &read)?;
    let is_text = file.delimiter().is_some();
    Ok(Detection {
        format: file.format(),
        encoding: file.encoding(&read.settled),
        delimiter: file.delimiter(),
        decimal_mark: is_text.then_some(read.settled.mark),
        date_format: (is_text || read.has_written_dates).then(|| read.settled.dates.as_str().to_owned()),
        columns: file.mapping().found(),
        unmapped: file.mapping().unmapped(),
        rows: read.counts.rows,
        problem_rows: read.counts.problem_rows,
    })
}
