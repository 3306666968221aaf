//! Reads the valid transactions, writes the lines that count, and counts what happened to the others.
//!
//! For: `preprocess` and the scoring of transactions. Not for: the decisions themselves ([`super::filter`],
//! [`super::policy`]). Memory does not grow with the rows, but under `returns: matched` with the returns, and under
//! `net` with the customers.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Decimal128Array, RecordBatch, StringArray, UInt32Array};
use arrow_buffer::BooleanBufferBuilder;
use arrow_schema::{Field, Schema, SchemaRef};
use arrow_select::take::take_record_batch;

use crate::contract::{Observer, StageError};
use crate::duplicates;
use crate::lines::{Lines, decimal, line_schema};
use crate::moment;
use crate::schema;
use crate::stream::{self, Piece};
use crate::table::{Facts, Selected, TableReader, TableWriter, column};
use crate::texts::{TextColumn, Texts};
use crate::validate::rules;

use super::PreprocessError;
use super::filter::{Filter, Met};
use super::params::{PreprocessParams, Repeats};
use super::policy::{Fate, Policy};
use super::sighting::{Sightings, is_by_day};
use super::waterfall::{Fall, Flow, Step, Waterfall};

/// What is read and what is written.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// The valid transactions.
    pub transactions: &'a Path,
    /// The others, for the waterfall's first steps.
    pub quarantine: &'a Path,
    /// Where the lines that count go.
    pub orders: &'a Path,
    /// Where returns without a purchase go.
    pub orphans: &'a Path,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Cleaned {
    /// The waterfall.
    pub falls: Vec<Fall>,
    /// Facts of the orders.
    pub facts: Facts,
    /// Rows of the orders.
    pub rows: u64,
    /// Rows of the orphans.
    pub orphans: u64,
    /// What the lists of countries and codes name that no line has: param and entry.
    pub unmet: Vec<(&'static str, String)>,
}

/// Writes the orders of a table of valid transactions.
///
/// # Errors
/// Where a table cannot be read or written, a line lacks what an order must have, or money does not fit; after an
/// interruption.
pub fn clean(
    files: Files<'_>,
    params: &PreprocessParams,
    scratch: &Path,
    observer: &dyn Observer,
) -> Result<Cleaned, StageError> {
    let reader = TableReader::open(files.transactions, &line_schema())?;
    let mut facts = reader.facts().clone();
    let cleaner = Cleaner::new(files.transactions, params, is_by_day(&facts), scratch, observer)?;
    let mut outputs = Outputs::create(files, &facts, scratch)?;
    count_quarantine(files.quarantine, cleaner.is_by_day, &mut outputs.waterfall, observer)?;
    stream::process(reader, observer, |piece| Ok(cleaner.clean(&piece)?), |part| outputs.take(&part))?;
    let added = added_facts(params, outputs.period)?;
    facts.extend(added.clone());
    outputs.orders.add_facts(&added);
    outputs.orphans.add_facts(&added);
    let (rows, orphans) = rayon::join(|| outputs.orders.finish(), || outputs.orphans.finish());
    let (rows, orphans) = (rows?, orphans?);
    let unmet = outputs.met.unmet(params).into_iter().map(|(name, entry)| (name, entry.to_owned())).collect();
    Ok(Cleaned { falls: outputs.waterfall.finish(params)?, facts, rows, orphans, unmet })
}

fn added_facts(params: &PreprocessParams, period: Option<(i64, i64)>) -> Result<Facts, StageError> {
    let policy = serde_json::to_string(params).map_err(|error| StageError::bug(error.to_string()))?;
    let (first, last) = period.map(|(first, last)| (moment::text_of(first), moment::text_of(last))).unwrap_or_default();
    let facts = [("returns", params.returns.as_str().to_owned()), ("policy", policy)];
    let period = [("period_start", first), ("period_end", last)];
    Ok(facts.into_iter().chain(period).map(|(name, value)| (name.to_owned(), value)).collect())
}

/// What is needed to decide about a piece of the table.
struct Cleaner {
    filter: Filter,
    policy: Policy,
    is_by_day: bool,
}

/// One piece of the table, cleaned.
struct Part {
    orders: Selected,
    orphans: RecordBatch,
    flow: Flow,
    met: Met,
    period: Option<(i64, i64)>,
}

impl Cleaner {
    fn new(
        transactions: &Path,
        params: &PreprocessParams,
        is_by_day: bool,
        scratch: &Path,
        observer: &dyn Observer,
    ) -> Result<Self, StageError> {
        let drops = params.duplicates == Repeats::Drop;
        let duplicates = drops.then(|| duplicates::of_table(transactions, scratch, observer)).transpose()?;
        let filter = Filter::new(params, duplicates);
        let policy = Policy::prepare(params.returns, transactions, &filter, observer)?;
        Ok(Self { filter, policy, is_by_day })
    }

    fn clean(&self, piece: &Piece) -> Result<Part, PreprocessError> {
        let lines = Lines::new(&piece.batch);
        complete(&lines)?;
        let mut sightings = Sightings::new(&piece.batch, self.is_by_day);
        let (mut flow, mut met) = (Flow::default(), Met::default());
        let (mut kept, mut orphans) = (Kept::new(lines.len()), Orphans::default());
        let mut period: Option<(i64, i64)> = None;
        for (position, row) in (piece.first..).zip(0..lines.len()) {
            let stopped = self.filter.stops(&lines, row, position, &mut met);
            let fate = stopped.map_or_else(|| self.policy.decide(&lines, row, position), Fate::Removed);
            let step = count(&lines, row, fate, &mut flow);
            sightings.note(row, Step::level_of(step), &mut flow);
            kept.add(row, fate);
            orphans.add(&lines, row, fate);
            if step.is_none() {
                let time = lines.invoice_date.value(row);
                period = Some(period.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
            }
        }
        let (orders, orphans) = (kept.orders(&lines, &piece.batch)?, orphans.orphans(&piece.batch)?);
        Ok(Part { orders, orphans, flow, met, period })
    }
}

/// An order has a time, an amount and a customer.
fn complete(lines: &Lines<'_>) -> Result<(), PreprocessError> {
    let required: [(&'static str, &dyn Array); 3] =
        [("invoice_date", lines.invoice_date), ("amount", lines.amount), ("customer_id", lines.customer_id.places())];
    for (column, values) in required {
        if let Some(row) = (0..values.len()).find(|row| values.null_count() > 0 && values.is_null(*row)) {
            let (source, row) = (lines.source.value(row), lines.row.value(row));
            return Err(PreprocessError::Incomplete { source_file: source, row, column });
        }
    }
    Ok(())
}

/// Counts a line; returns the step that removes it.
fn count(lines: &Lines<'_>, row: usize, fate: Fate, flow: &mut Flow) -> Option<Step> {
    let amount = lines.amount(row);
    let step = match fate {
        Fate::Purchase | Fate::Changed { .. } => None,
        Fate::Removed(step) => Some(step),
        Fate::Orphan { .. } => Some(Step::OrphanReturns),
    };
    flow.line(amount, step);
    match fate {
        Fate::Changed { amount: left, .. } => flow.part(amount.unwrap_or_default() - left, Step::Returns),
        Fate::Orphan { matched_amount, .. } => {
            flow.part(matched_amount, Step::Returns);
            flow.part(-matched_amount, Step::OrphanReturns);
        }
        Fate::Purchase | Fate::Removed(_) => {}
    }
    step
}

/// What `orders.kind` may be.
const KINDS: [&str; 2] = ["purchase", "return"];
/// Their positions.
const PURCHASE: i32 = 0;
const RETURN: i32 = 1;

/// The rows of a batch that count, and what becomes of them.
struct Kept {
    mask: BooleanBufferBuilder,
    changes: Vec<Change>,
}

/// A row that counts with another quantity and other money than it has.
struct Change {
    row: usize,
    quantity: Option<i128>,
    amount: i128,
    is_return: bool,
}

impl Kept {
    fn new(rows: usize) -> Self {
        Self { mask: BooleanBufferBuilder::new(rows), changes: Vec::new() }
    }

    fn add(&mut self, row: usize, fate: Fate) {
        if let Fate::Changed { quantity, amount, is_return } = fate {
            self.changes.push(Change { row, quantity, amount, is_return });
        }
        self.mask.append(matches!(fate, Fate::Purchase | Fate::Changed { .. }));
    }

    /// The rows as orders: with the quantities and money that are left, and their kind.
    fn orders(mut self, lines: &Lines<'_>, batch: &RecordBatch) -> Result<Selected, PreprocessError> {
        let schema = schema::orders();
        let mut columns = batch.columns().to_vec();
        let mut kinds = vec![PURCHASE; lines.len()];
        if !self.changes.is_empty() {
            let mut quantities: Vec<Option<i128>> = lines.quantity.iter().collect();
            let mut amounts: Vec<Option<i128>> = lines.amount.iter().collect();
            for Change { row, quantity, amount, is_return } in self.changes {
                (quantities[row], amounts[row]) = (quantity, Some(amount));
                kinds[row] = if is_return { RETURN } else { PURCHASE };
            }
            for (name, array) in [("quantity", quantity_array(quantities)?), ("amount", amount_array(amounts)?)] {
                columns[schema.index_of(name)?] = array;
            }
        }
        let words = StringArray::from_iter_values(KINDS);
        columns.push(Arc::new(TextColumn::try_new(kinds.into(), Arc::new(words))?));
        Ok(Selected::by_mask(RecordBatch::try_new(schema, columns)?, &self.mask.finish()))
    }
}

/// Returns of a batch without a purchase, with what is open of them.
#[derive(Default)]
struct Orphans {
    rows: Vec<u32>,
    quantities: Vec<Option<i128>>,
    amounts: Vec<Option<i128>>,
}

impl Orphans {
    fn add(&mut self, lines: &Lines<'_>, row: usize, fate: Fate) {
        if let Fate::Orphan { matched_quantity, matched_amount } = fate {
            self.rows.push(row as u32);
            let open = lines.quantity(row).map(|quantity| quantity.abs() - i128::from(matched_quantity));
            self.quantities.push(open);
            self.amounts.push(Some(lines.amount(row).unwrap_or_default() - matched_amount));
        }
    }

    /// The rows as orphans: as they were, with what is open of them.
    fn orphans(self, batch: &RecordBatch) -> Result<RecordBatch, PreprocessError> {
        let mut columns = take_record_batch(batch, &UInt32Array::from(self.rows))?.columns().to_vec();
        columns.extend([quantity_array(self.quantities)?, amount_array(self.amounts)?]);
        Ok(RecordBatch::try_new(schema::orphans(), columns)?)
    }
}

fn quantity_array(thousandths: Vec<Option<i128>>) -> Result<ArrayRef, PreprocessError> {
    Ok(Arc::new(Decimal128Array::from(thousandths).with_precision_and_scale(18, 3)?))
}

fn amount_array(billionths: Vec<Option<i128>>) -> Result<ArrayRef, PreprocessError> {
    Ok(Arc::new(Decimal128Array::from(billionths).with_precision_and_scale(38, 9)?))
}

/// Where cleaned pieces go, one after the other.
struct Outputs {
    orders: TableWriter,
    orphans: TableWriter,
    waterfall: Waterfall,
    met: Met,
    period: Option<(i64, i64)>,
}

impl Outputs {
    fn create(files: Files<'_>, facts: &Facts, scratch: &Path) -> Result<Self, StageError> {
        Ok(Self {
            orders: TableWriter::create(files.orders, &schema::orders(), facts)?,
            orphans: TableWriter::create(files.orphans, &schema::orphans(), facts)?,
            waterfall: Waterfall::new(scratch),
            met: Met::default(),
            period: None,
        })
    }

    fn take(&mut self, part: &Part) -> Result<(), StageError> {
        self.orders.write_selected(&part.orders)?;
        self.orphans.write(&part.orphans)?;
        self.waterfall.add(&part.flow)?;
        self.met.merge(&part.met);
        let periods = self.period.into_iter().chain(part.period);
        self.period = periods.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
        Ok(())
    }
}

/// The columns of `quarantine` that the waterfall needs.
fn quarantine_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("invoice", schema::recurring(), true),
        Field::new("invoice_date", schema::TIMESTAMP, true),
        Field::new("amount", schema::MONEY, true),
        Field::new("customer_id", schema::recurring(), true),
        Field::new("reason", schema::recurring(), false),
    ]))
}

/// Counts the rows that never came this far.
fn count_quarantine(
    path: &Path,
    is_by_day: bool,
    waterfall: &mut Waterfall,
    observer: &dyn Observer,
) -> Result<(), StageError> {
    let look = |piece: Piece| {
        let amounts: &Decimal128Array = column(&piece.batch, "amount");
        let reasons = Texts::new(&piece.batch, "reason");
        let mut sightings = Sightings::new(&piece.batch, is_by_day);
        let mut flow = Flow::default();
        for row in 0..piece.batch.num_rows() {
            let rule = rules::find(reasons.value(row)).unwrap_or(rules::COUNT);
            let step = Step::Quarantined(rule);
            flow.line(decimal(amounts, row), Some(step));
            sightings.note(row, Step::level_of(Some(step)), &mut flow);
        }
        Ok(flow)
    };
    let reader = TableReader::open(path, &quarantine_schema())?;
    stream::process(reader, observer, look, |flow| Ok(waterfall.add(&flow)?))
}
