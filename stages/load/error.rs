//! Why a source cannot be loaded.
//!
//! For: everything in `load`. Not for: single cells; those become problems in the table.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use crate::contract::{Fault, ParamError, StageFault};
use crate::table::TableError;

use super::names::Column;

/// A required column that was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Which.
    pub column: Column,
    /// The header that looks most like it.
    pub nearest: Option<String>,
}

/// A source that cannot be loaded. Every case but those of the disk is the data's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// There is nothing to read.
    #[error("no source was given")]
    NoSource,
    /// The file cannot be opened or read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder stands where a file should.
    #[error("`{}` is a directory, not a file", path.display())]
    Directory {
        /// The folder.
        path: PathBuf,
    },
    /// The file holds nothing.
    #[error("`{}` is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// There are headers and nothing below them.
    #[error("`{}` has a header and no rows", path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// The file is a pointer that Git LFS left in place of the data.
    #[error("`{}` is a Git LFS pointer, not the data", path.display())]
    LfsPointer {
        /// The file.
        path: PathBuf,
    },
    /// The content is of a kind that is not read.
    #[error("`{}` is {kind}, which is not read", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// The content breaks off or is damaged.
    #[error("`{}` is no intact {format} file", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        format: &'static str,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The bytes are no text in the encoding expected.
    #[error("`{}` is no text in {encoding}", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The encodings that were tried, in words.
        encoding: String,
    },
    /// A line that is longer than any row.
    #[error("`{}`: the row that begins in line {line} has more than {limit} bytes", path.display())]
    LineTooLong {
        /// The file.
        path: PathBuf,
        /// Where it begins, from 1.
        line: u64,
        /// The most bytes a row may have.
        limit: usize,
    },
    /// A quote is opened and never closed.
    #[error("`{}`: the row that begins in line {line} opens a quote that is never closed", path.display())]
    UnclosedQuote {
        /// The file.
        path: PathBuf,
        /// Where its row begins, from 1.
        line: u64,
    },
    /// Required columns are not there.
    #[error("`{}` has no column for {}; its headers are {}", path.display(), columns_of(lacking), listed(headers))]
    MissingColumns {
        /// The file.
        path: PathBuf,
        /// What is missing.
        lacking: Vec<Lacking>,
        /// What is there.
        headers: Vec<String>,
    },
    /// A header that `columns` names is not there.
    #[error("`{}` has no header `{header}` for the column `{column}`; its headers are {}", path.display(), listed(headers))]
    NoSuchHeader {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// The header asked for.
        header: String,
        /// What is there.
        headers: Vec<String>,
    },
    /// Several headers stand for one column.
    #[error("`{}` has several headers for the column `{column}`: {}", path.display(), joined(headers, " and "))]
    AmbiguousColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// The headers.
        headers: Vec<String>,
    },
    /// The columns of a Parquet file have types that hold no cells.
    #[error("`{}` has a column `{header}` of type {found}, which holds no single values", path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        header: String,
        /// Its type.
        found: String,
    },
    /// The workbook has no such sheet.
    #[error("`{}` has no worksheet `{sheet}`, only {}", path.display(), listed(sheets))]
    NoSuchSheet {
        /// The file.
        path: PathBuf,
        /// The sheet asked for.
        sheet: String,
        /// The sheets there are.
        sheets: Vec<String>,
    },
    /// A table of recency, frequency and monetary instead of transactions.
    #[error("`{}` holds recency, frequency and monetary, not transactions", path.display())]
    RfmTable {
        /// The file.
        path: PathBuf,
    },
    /// Nothing in the data says which number is the day and which the month.
    #[error("`{}` writes dates such as `{sample}`, and none of them tells day from month", path.display())]
    DateOrderUnsettled {
        /// The file.
        path: PathBuf,
        /// One of the dates.
        sample: String,
    },
    /// Some dates can only be read month first and others only day first.
    #[error("`{}` writes dates such as `{month_first}` and such as `{day_first}`, in different orders", path.display())]
    DateOrderMixed {
        /// The file.
        path: PathBuf,
        /// A date that begins with the month.
        month_first: String,
        /// A date that begins with the day.
        day_first: String,
    },
    /// Not one date can be read.
    #[error("no date in `{}` can be read as {expected}, e.g. `{sample}`", path.display())]
    DatesUnreadable {
        /// The file.
        path: PathBuf,
        /// What was expected, in words.
        expected: String,
        /// One of the dates.
        sample: String,
    },
    /// Nothing in the data says what the decimal mark is, or it says two things.
    #[error("`{}` writes numbers such as `{sample}`, and they do not tell the decimal mark", path.display())]
    DecimalMarkUnsettled {
        /// The file.
        path: PathBuf,
        /// One of the numbers.
        sample: String,
    },
    /// One file has invoices and another has none.
    #[error("`{}` has an invoice column and `{}` has none", with.display(), without.display())]
    SourcesDisagree {
        /// A file with invoices.
        with: PathBuf,
        /// A file without.
        without: PathBuf,
    },
    /// A param cannot be used.
    #[error("param `{}`: {source}", source.path.join("."))]
    Param {
        /// Which and why.
        source: ParamError,
    },
    /// The table cannot be written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The rows do not fit the table, which cannot happen.
    #[error("the rows read do not fit their table")]
    Batch(#[from] arrow_schema::ArrowError),
    /// The run was interrupted.
    #[error("interrupted")]
    Cancelled,
}

impl LoadError {
    /// The file at `path` breaks off or is damaged.
    pub(super) fn damaged(path: &Path, format: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Damaged { path: path.to_owned(), format, source: cause.into() }
    }

    /// Reading the file at `path` failed: because it is damaged, or because the disk refuses.
    pub(super) fn reading(path: &Path, format: &'static str, cause: io::Error) -> Self {
        use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
        if matches!(cause.kind(), InvalidData | InvalidInput | UnexpectedEof | Other) {
            return Self::damaged(path, format, cause);
        }
        Self::File { path: path.to_owned(), source: cause }
    }
}

impl From<ParamError> for LoadError {
    fn from(source: ParamError) -> Self {
        Self::Param { source }
    }
}

impl StageFault for LoadError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoSource | Self::Param { .. } => Fault::Params,
            Self::Table(error) => error.fault(),
            Self::Batch(_) => Fault::Bug,
            Self::Cancelled => Fault::Cancelled,
            _ => Fault::Data,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Directory { .. } => "name the files in it, e.g. with a pattern such as `data/*.csv`",
            Self::NoRows { .. } | Self::Empty { .. } => "check that the export ran to its end",
            Self::LfsPointer { .. } => "fetch the data with `git lfs pull`",
            Self::Unsupported { advice, .. } => advice,
            Self::Damaged { .. } => "copy or download the file again",
            Self::Encoding { .. } => "set `load.encoding`, e.g. to `windows-1252` or `utf-16le`",
            Self::LineTooLong { .. } => "check the quotes there and `load.delimiter`",
            Self::UnclosedQuote { .. } => "check the quotes there, and that the file did not break off",
            Self::MissingColumns { lacking, .. } => return Some(columns_hint(lacking)),
            Self::NoSuchHeader { column, .. } | Self::AmbiguousColumn { column, .. } => {
                return Some(format!("set `load.columns.{column}` to the header meant"));
            }
            Self::ColumnType { .. } => "choose another column with `load.columns`",
            Self::NoSuchSheet { .. } => "set `load.sheet` to one of them, or leave it out",
            Self::RfmTable { .. } => "`segpipe predict` takes such a table; `load` needs the transactions behind it",
            Self::DateOrderUnsettled { .. } | Self::DateOrderMixed { .. } => {
                "set `load.date_format` to `month_first`, `day_first` or a pattern such as `%d.%m.%Y %H:%M`"
            }
            Self::DatesUnreadable { .. } => "set `load.date_format` to a pattern such as `%d %b %Y`",
            Self::DecimalMarkUnsettled { .. } => "set `load.decimal_mark` to `.` or `,`",
            Self::SourcesDisagree { .. } => "load files of one kind, or map the column with `load.columns.invoice`",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn columns_hint(lacking: &[Lacking]) -> String {
    let entry = |lacking: &Lacking| {
        let header = lacking.nearest.as_deref().unwrap_or("<header>");
        format!("{}: {header}", lacking.column.key())
    };
    let entries: Vec<String> = lacking.iter().map(entry).collect();
    format!("say which headers are meant, e.g. `columns: {{{}}}` below `load`", entries.join(", "))
}

fn columns_of(lacking: &[Lacking]) -> String {
    let keys: Vec<String> = lacking.iter().map(|lacking| lacking.column.key().to_owned()).collect();
    let is_money = lacking.iter().any(|lacking| matches!(lacking.column, Column::Quantity | Column::UnitPrice));
    let columns = joined(&keys, " and ");
    if is_money { format!("{columns} (a line `amount` would do as well)") } else { columns }
}

/// Names in backticks, at most thirty of them.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(30).map(|name| format!("`{}`", shortened(name)));
    let more = names.len().saturating_sub(30);
    let more = (more > 0).then(|| format!("{more} more"));
    let all: Vec<String> = shown.chain(more).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn joined(names: &[String], word: &str) -> String {
    names.iter().map(|name| format!("`{}`", shortened(name))).collect::<Vec<_>>().join(word)
}

/// The first sixty characters of a text.
fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
