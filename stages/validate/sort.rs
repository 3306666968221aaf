//! Reads transactions once, writes the valid ones and the quarantine, and counts.
//!
//! For: `validate` and the scoring of transactions. Not for: deciding whether the counts are acceptable.
//! Memory does not grow with the rows: what has to be remembered of every row (for duplicates and distinct customers)
//! goes through scratch files without names.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, BooleanArray, Decimal128Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field};
use arrow_select::filter::filter_record_batch;

use crate::contract::{Observer, StageError};
use crate::duplicates::{self, Repeats, RowSet};
use crate::key::{Key, of_text};
use crate::lines::Lines;
use crate::moment::Moment;
use crate::reached::{self, Reached};
use crate::schema;
use crate::stream::{self, Piece};
use crate::table::{Facts, Selected, TableReader, TableWriter};
use crate::texts::TextColumn;

use super::ValidateError;
use super::judge::{Broken, bit, judge};
use super::params::{Settings, ValidateParams};
use super::rules::position::EXACT_DUPLICATE;
use super::rules::{RULES, Scope, Severity};
use super::tally::{Count, Tally};
use super::verdict::{Finding, verdict};

/// What is read and what is written.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// The table of transactions.
    pub transactions: &'a Path,
    /// Where the valid rows go.
    pub valid: &'a Path,
    /// Where the others go.
    pub quarantine: &'a Path,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Sorted {
    /// One per rule, in declared order.
    pub findings: Vec<Finding>,
    /// Facts of the transactions, handed on.
    pub facts: Facts,
    tally: Tally,
    /// Rows by the rule that is their reason.
    reasons: [u64; super::rules::COUNT],
}

impl Sorted {
    /// All rows.
    pub fn rows(&self) -> u64 {
        self.tally.all.rows
    }

    /// Rows that may go on.
    pub fn valid(&self) -> u64 {
        self.rows() - self.quarantined()
    }

    /// Rows that may not.
    pub fn quarantined(&self) -> u64 {
        self.tally.quarantined.rows
    }

    /// Their share of all rows; 0 where there are none.
    pub fn quarantined_share(&self) -> f64 {
        if self.rows() == 0 { 0.0 } else { self.quarantined() as f64 / self.rows() as f64 }
    }

    /// The rule that is the reason of the most quarantined rows, and what it means; the first of several.
    pub(super) fn main_reason(&self) -> (&'static str, &'static str) {
        let most = self.reasons.iter().max().copied().unwrap_or_default();
        let rule = RULES.iter().zip(&self.reasons).find(|(_, rows)| **rows == most);
        rule.map_or(("", ""), |(rule, _)| (rule.name, rule.meaning))
    }
}

/// Sorts the rows of a table of transactions.
///
/// # Errors
/// Where a table cannot be read or written, or money does not fit; after an interruption.
pub fn sort(
    files: Files<'_>,
    params: &ValidateParams,
    scratch: &Path,
    observer: &dyn Observer,
) -> Result<Sorted, StageError> {
    let reader = TableReader::open(files.transactions, &schema::transactions())?;
    let facts = reader.facts().clone();
    let sorter = Sorter::new(files, params, scratch, observer)?;
    let mut outputs = Outputs::create(files, &facts, scratch, reader.rows())?;
    stream::process(reader, observer, |piece| Ok(sorter.sort(&piece)?), |part| outputs.take(&part))?;
    let Outputs { valid, quarantine, mut tally, reasons, customers, repeated } = outputs;
    let count = || repeated.count(Count::add);
    let ((valid, quarantine), counts) = rayon::join(|| rayon::join(|| valid.finish(), || quarantine.finish()), count);
    valid.and(quarantine)?;
    counts?.iter().for_each(|more| tally.rules[EXACT_DUPLICATE].merge(more));
    let customers = customers.counts(1)?[0];
    Ok(Sorted { findings: verdict(&tally, customers, &params.rules)?, facts, tally, reasons })
}

/// What is needed to sort one piece of the table.
struct Sorter {
    latest: Option<i64>,
    /// Rules whose rows are set aside.
    set_aside: Broken,
    /// Rows that repeat an earlier one, where that decides about them; otherwise they are counted afterwards.
    duplicates: Option<RowSet>,
}

/// One piece of the table, sorted.
struct Part {
    valid: Selected,
    quarantine: RecordBatch,
    tally: Tally,
    reasons: Vec<usize>,
    customers: Vec<(Key, u8)>,
    /// Of all rows, where repeated ones are counted afterwards.
    keys: Vec<Key>,
    amounts: Decimal128Array,
}

impl Sorter {
    fn new(
        files: Files<'_>,
        params: &ValidateParams,
        scratch: &Path,
        observer: &dyn Observer,
    ) -> Result<Self, StageError> {
        let set_aside = set_aside(&params.rules);
        let decides = set_aside & bit(EXACT_DUPLICATE) != 0;
        let duplicates = decides.then(|| duplicates::of_table(files.transactions, scratch, observer)).transpose()?;
        Ok(Self { latest: params.latest_date.map(Moment::end), set_aside, duplicates })
    }

    fn sort(&self, piece: &Piece) -> Result<Part, ValidateError> {
        let batch = &piece.batch;
        let mut broken = judge(batch, self.latest);
        if let Some(duplicates) = &self.duplicates {
            for (row, broken) in (piece.first..).zip(&mut broken) {
                *broken |= Broken::from(duplicates.contains(row)) << EXACT_DUPLICATE;
            }
        }
        let lines = Lines::new(batch);
        let is_valid = |broken: &Broken| broken & self.set_aside == 0;
        let valid: BooleanArray = broken.iter().map(|broken| Some(is_valid(broken))).collect();
        let mut customers = Vec::new();
        let valid_rows = broken.iter().enumerate().filter(|(_, broken)| is_valid(broken));
        let mut last = None;
        for row in valid_rows.map(|(row, _)| row) {
            if last.replace(row).is_none_or(|last| !lines.customer_id.is_same(last, row)) {
                reached::add(&mut customers, (of_text(lines.customer_id.value(row)), 0));
            }
        }
        let reasons: Vec<Broken> =
            broken.iter().map(|broken| broken & self.set_aside).filter(|bits| *bits != 0).collect();
        Ok(Part {
            valid: Selected::by_mask(batch.clone(), valid.values()),
            quarantine: quarantine(batch, &valid, &reasons)?,
            tally: Tally::of(&lines, &broken, self.set_aside),
            reasons: reasons.iter().map(|bits| bits.trailing_zeros() as usize).collect(),
            customers,
            amounts: lines.amount.clone(),
            keys: if self.duplicates.is_none() { duplicates::row_keys(batch) } else { Vec::new() },
        })
    }
}

/// The rules on rows whose rows do not go on.
fn set_aside(settings: &Settings) -> Broken {
    let is_setting_aside = |position: usize| {
        let is_about_rows = matches!(RULES[position].scope, Scope::Row | Scope::Essential);
        is_about_rows && settings.0[position].severity != Severity::Warn
    };
    (0..RULES.len()).filter(|position| is_setting_aside(*position)).fold(0, |bits, position| bits | bit(position))
}

/// The rows that are not valid, with their reasons.
fn quarantine(batch: &RecordBatch, valid: &BooleanArray, reasons: &[Broken]) -> Result<RecordBatch, ValidateError> {
    let rejected: BooleanArray = valid.values().iter().map(|is_valid| Some(!is_valid)).collect();
    let mut columns: Vec<ArrayRef> = filter_record_batch(batch, &rejected)?.columns().to_vec();
    let first = Int32Array::from_iter_values(reasons.iter().map(|bits| bits.trailing_zeros() as i32));
    let names = StringArray::from_iter_values(RULES.iter().map(|rule| rule.name));
    columns.push(Arc::new(TextColumn::try_new(first, Arc::new(names))?));
    let mut all = ListBuilder::new(StringBuilder::new()).with_field(Field::new("item", DataType::Utf8, false));
    for bits in reasons {
        let broken = RULES.iter().enumerate().filter(|(position, _)| bits & bit(*position) != 0);
        broken.for_each(|(_, rule)| all.values().append_value(rule.name));
        all.append(true);
    }
    columns.push(Arc::new(all.finish()));
    Ok(RecordBatch::try_new(schema::quarantine(), columns)?)
}

/// Where sorted pieces go, one after the other.
struct Outputs {
    valid: TableWriter,
    quarantine: TableWriter,
    tally: Tally,
    reasons: [u64; super::rules::COUNT],
    customers: Reached,
    repeated: Repeats,
}

impl Outputs {
    fn create(files: Files<'_>, facts: &Facts, scratch: &Path, rows: u64) -> Result<Self, StageError> {
        Ok(Self {
            valid: TableWriter::create(files.valid, &schema::transactions(), facts)?,
            quarantine: TableWriter::create(files.quarantine, &schema::quarantine(), facts)?,
            tally: Tally::default(),
            reasons: [0; super::rules::COUNT],
            customers: Reached::new(scratch),
            repeated: Repeats::new(scratch, rows),
        })
    }

    fn take(&mut self, part: &Part) -> Result<(), StageError> {
        self.valid.write_selected(&part.valid)?;
        self.quarantine.write(&part.quarantine)?;
        self.tally.merge(&part.tally);
        part.reasons.iter().for_each(|reason| self.reasons[*reason] += 1);
        self.customers.extend(&part.customers)?;
        self.repeated.extend(&part.keys, &part.amounts)?;
        Ok(())
    }
}
