//! Several files into one table: opened, agreed upon, read once or twice, summed up.
//!
//! For: the stage, and whoever needs transactions from files. Not for: the formats.
//!
//! Every file is read with what its beginning suggests. Where all its cells say otherwise, the table is begun anew and
//! everything is read a second time, by then with settled dialects.

use std::path::Path;

use crate::contract::{Note, NoteLevel, Observer, Source, SourceOrigin};
use crate::schema;
use crate::table::{Facts, TableWriter};

use super::dialect::{Dialect, Evidence};
use super::error::LoadError;
use super::names::Column;
use super::opened::{Headed, Opened};
use super::params::{DateRule, LoadParams};
use super::rows::{Block, Counts};
use super::summary::{LoadSummary, SourceSummary};

/// Reads `sources`, in order, into the table `transactions` at `out` and sums up what was read. What was detected, and
/// what would mislead a reader, is told to `observer`; progress is in bytes.
///
/// # Errors
/// [`LoadError`] where a file cannot be read, or its columns, dates or numbers cannot be settled.
pub fn load_files(
    sources: &[Source],
    params: &LoadParams,
    out: &Path,
    observer: &dyn Observer,
) -> Result<LoadSummary, LoadError> {
    let open = |source: &Source| Opened::new(Headed::open(&source.path, params)?, params);
    let files = sources.iter().map(open).collect::<Result<Vec<Opened>, LoadError>>()?;
    check_agreement(&files)?;
    let facts = facts(&files, sources);
    let suggested = files.iter().map(|file| file.suggest(params)).collect::<Result<Vec<_>, _>>()?;
    let mut pass = Pass { files: &files, params, out, facts: &facts, observer };
    let first = pass.run(&suggested)?;
    let settled: Vec<Dialect> = first.iter().map(|read| read.settled.clone()).collect();
    let read = if settled == suggested { first } else { pass.run(&settled)? };
    check_result(&files, &read)?;
    let summaries = files.iter().zip(sources).zip(&read).map(|((file, source), read)| summary(file, source, read));
    let summary = LoadSummary { sources: summaries.collect(), facts };
    remark(&files, &summary, observer);
    Ok(summary)
}

/// What was read of one file.
pub(super) struct FileRead {
    /// Counts of its rows.
    pub(super) counts: Counts,
    /// The dialect that all its cells settle.
    pub(super) settled: Dialect,
    /// Whether any of its dates is text.
    pub(super) has_written_dates: bool,
}

/// Reads one file for its evidence and hands its rows to `take`.
///
/// # Errors
/// [`LoadError`] where it is damaged, its dialect cannot be settled, or `take` fails.
pub(super) fn read_file(
    file: &Opened,
    params: &LoadParams,
    dialect: &Dialect,
    take: &mut (dyn FnMut(Block, u64) -> Result<(), LoadError> + Send),
) -> Result<FileRead, LoadError> {
    let mut counts = Counts::default();
    let mut evidence = Evidence::default();
    file.stream(dialect, &mut |blocks, behind| {
        for mut block in blocks {
            counts.merge(&block.counts);
            evidence.merge(std::mem::take(&mut block.evidence));
            take(block, behind)?;
        }
        Ok(())
    })?;
    let settled = evidence.settle(file.path(), params)?;
    Ok(FileRead { counts, settled, has_written_dates: evidence.has_dates() || params.date_format.is_some() })
}

/// One reading of all files.
struct Pass<'a> {
    files: &'a [Opened],
    params: &'a LoadParams,
    out: &'a Path,
    facts: &'a Facts,
    observer: &'a dyn Observer,
}

impl Pass<'_> {
    /// Reads all files by `dialects` into a new table. Once a file turns out to be written otherwise, nothing more is
    /// added to the table and the remaining files are read for their evidence alone.
    fn run(&mut self, dialects: &[Dialect]) -> Result<Vec<FileRead>, LoadError> {
        let mut writer = TableWriter::create(self.out, &schema::transactions(), self.facts)?;
        let total: u64 = self.files.iter().map(Opened::bytes).sum();
        let (mut done, mut is_wanted) = (0, true);
        let mut results = Vec::new();
        for (ordinal, (file, dialect)) in self.files.iter().zip(dialects).enumerate() {
            let mut row = 1;
            let observer = self.observer;
            let read = read_file(file, self.params, dialect, &mut |block, behind| {
                if observer.is_cancelled() {
                    return Err(LoadError::Cancelled);
                }
                observer.progress(done + behind.min(file.bytes()), total);
                let first = row;
                row += block.counts.rows as i64;
                if is_wanted { Ok(writer.write(&block.into_batch(ordinal as i32, first)?)?) } else { Ok(()) }
            })?;
            is_wanted &= read.settled == *dialect;
            done += file.bytes();
            results.push(read);
        }
        if is_wanted {
            writer.finish()?;
        }
        self.observer.progress(total, total);
        Ok(results)
    }
}

/// All files have invoices or none has.
fn check_agreement(files: &[Opened]) -> Result<(), LoadError> {
    let Some(first) = files.first() else { return Err(LoadError::NoSource) };
    let has = |file: &Opened| file.mapping().has(Column::Invoice);
    let Some(other) = files.iter().find(|file| has(file) != has(first)) else { return Ok(()) };
    let (with, without) = if has(first) { (first, other) } else { (other, first) };
    Err(LoadError::SourcesDisagree { with: with.path().to_owned(), without: without.path().to_owned() })
}

fn facts(files: &[Opened], sources: &[Source]) -> Facts {
    let is_simulated = sources.iter().any(|source| source.origin == SourceOrigin::Simulated);
    let is_simulated = is_simulated || files.iter().any(Opened::is_simulated);
    let origin = if is_simulated { SourceOrigin::Simulated } else { SourceOrigin::File };
    let has_invoices = files.iter().all(|file| file.mapping().has(Column::Invoice));
    let unit = if has_invoices { "invoices" } else { "purchase_days" };
    let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    [fact("data_source", origin.as_str()), fact("frequency_unit", unit)].into()
}

/// There are rows, and the dates of every file can be read.
fn check_result(files: &[Opened], read: &[FileRead]) -> Result<(), LoadError> {
    if let Some(first) = files.first()
        && read.iter().all(|read| read.counts.rows == 0)
    {
        return Err(LoadError::NoRows { path: first.path().to_owned() });
    }
    files.iter().zip(read).try_for_each(|(file, read)| check_dates(file, read))
}

/// Not a single date that can be read means that the format was not understood.
pub(super) fn check_dates(file: &Opened, read: &FileRead) -> Result<(), LoadError> {
    match &read.counts.unread_date {
        Some(sample) if read.counts.dates_read == 0 => Err(LoadError::DatesUnreadable {
            path: file.path().to_owned(),
            expected: match &read.settled.dates {
                DateRule::Pattern(pattern) => format!("`{pattern}`"),
                DateRule::Iso if !read.has_written_dates => "a date".to_owned(),
                rule => format!("`{}`", rule.as_str()),
            },
            sample: sample.clone(),
        }),
        _ => Ok(()),
    }
}

fn summary(file: &Opened, source: &Source, read: &FileRead) -> SourceSummary {
    let is_text = file.delimiter().is_some();
    SourceSummary {
        name: source.name.clone(),
        digest: source.digest.clone(),
        bytes: file.bytes(),
        origin: source.origin,
        format: file.format().as_str(),
        encoding: file.encoding(&read.settled),
        delimiter: file.delimiter(),
        decimal_mark: is_text.then(|| read.settled.mark.as_str()),
        date_format: (is_text || read.has_written_dates).then(|| read.settled.dates.as_str().to_owned()),
        rows: read.counts.rows,
        problem_rows: read.counts.problem_rows,
        rounded_cells: read.counts.rounded_cells,
        columns: file.mapping().found(),
    }
}

fn remark(files: &[Opened], summary: &LoadSummary, observer: &dyn Observer) {
    let note = |level, text: String| observer.note(Note { level, text });
    for (file, source) in files.iter().zip(&summary.sources) {
        note(NoteLevel::Info, source.described());
        let name = &source.name;
        for remark in file.remarks() {
            note(NoteLevel::Warning, format!("`{name}`: {remark}"));
        }
        if file.mapping().has(Column::Amount) && file.mapping().has(Column::UnitPrice) {
            note(NoteLevel::Info, format!("`{name}`: the money of a line is its amount, not quantity × unit price"));
        }
        if source.problem_rows > 0 {
            let rows = source.problem_rows;
            note(NoteLevel::Warning, format!("`{name}`: {rows} rows have cells that could not be used"));
        }
        if source.rounded_cells > 0 {
            let cells = source.rounded_cells;
            note(
                NoteLevel::Info,
                format!("`{name}`: {cells} numbers had more decimals than are kept and were rounded"),
            );
        }
    }
    if summary.facts.get("frequency_unit").is_some_and(|unit| unit == "purchase_days") {
        note(NoteLevel::Warning, "no invoice column: frequency counts distinct purchase days".to_owned());
    }
}
