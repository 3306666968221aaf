//! From cells to rows of `transactions`: the one place where texts become ids, decimals and moments.
//!
//! For: every format. Not for: numbering rows; blocks are built side by side and numbered where they are put in order.
//!
//! Ids (invoice, product, customer) and the country are taken without surrounding spaces, descriptions as written.

use std::sync::Arc;

use arrow_array::builder::{Decimal128Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, Int32Array, Int64Array, ListArray, RecordBatch, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType, Field};

use crate::problems::{NOT_A_DATE, ROW, WRONG_WIDTH};
use crate::schema;
use crate::texts::TextsBuilder;

use super::cell::{Cell, quoted, trimmed};
use super::columns::Mapping;
use super::dates::{self, Parts};
use super::dialect::{Dialect, Evidence};
use super::names::Column;
use super::numbers::{MONEY, PRICE, QUANTITY, Scale, read_plain, read_with_hint};
use super::params::{DateRule, DecimalMark};

/// Words that programs write where a customer is missing.
const NOBODY: [&str; 9] = ["nan", "NaN", "NAN", "NaT", "None", "NULL", "null", "<NA>", "#N/A"];

/// What was counted while rows were built.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// Rows.
    pub(super) rows: u64,
    /// Rows with a problem.
    pub(super) problem_rows: u64,
    /// Decimals that lost digits.
    pub(super) rounded_cells: u64,
    /// Dates that were read.
    pub(super) dates_read: u64,
    /// The first date that was not.
    pub(super) unread_date: Option<String>,
}

impl Counts {
    /// Adds what later rows counted.
    pub(super) fn merge(&mut self, later: &Self) {
        self.rows += later.rows;
        self.problem_rows += later.problem_rows;
        self.rounded_cells += later.rounded_cells;
        self.dates_read += later.dates_read;
        if self.unread_date.is_none() {
            self.unread_date.clone_from(&later.unread_date);
        }
    }
}

/// Finished rows that have no numbers yet.
pub(super) struct Block {
    columns: Vec<ArrayRef>,
    /// What was counted.
    pub(super) counts: Counts,
    /// What the cells give away about the file.
    pub(super) evidence: Evidence,
}

impl Block {
    /// The rows as a batch of `transactions`, numbered from `first_row` on.
    pub(super) fn into_batch(self, source: i32, first_row: i64) -> Result<RecordBatch, ArrowError> {
        let rows = self.counts.rows as usize;
        let numbers = Int64Array::from_iter_values(first_row..first_row + rows as i64);
        let sources = Int32Array::from_value(source, rows);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(sources), Arc::new(numbers)];
        columns.extend(self.columns);
        RecordBatch::try_new(schema::transactions(), columns)
    }
}

/// Builds rows of one file, cell by cell.
pub(super) struct RowsBuilder<'a> {
    mapping: &'a Mapping,
    dialect: &'a Dialect,
    texts: [TextsBuilder; 5],
    quantity: Decimal128Builder,
    time: TimestampMicrosecondBuilder,
    price: Decimal128Builder,
    amount: Decimal128Builder,
    problems: Problems,
    counts: Counts,
    evidence: Evidence,
    last_date: (String, Option<i64>),
}

#[derive(Default)]
struct Problems {
    columns: StringBuilder,
    texts: StringBuilder,
    reasons: StringBuilder,
    ends: Vec<i32>,
    count: i32,
}

impl Problems {
    fn add(&mut self, column: &str, text: &str, reason: &str) {
        self.columns.append_value(column);
        self.texts.append_value(text);
        self.reasons.append_value(reason);
        self.count += 1;
    }

    /// Whether the row that ends here has any.
    fn end_row(&mut self) -> bool {
        let before = self.ends.last().copied().unwrap_or(0);
        self.ends.push(self.count);
        self.count > before
    }

    fn finish(mut self) -> Result<ListArray, ArrowError> {
        let columns: Vec<ArrayRef> = [&mut self.columns, &mut self.texts, &mut self.reasons]
            .map(|builder| Arc::new(builder.finish()) as ArrayRef)
            .to_vec();
        let entries = StructArray::try_new(schema::problem_fields(), columns, None)?;
        let item = Field::new("item", DataType::Struct(schema::problem_fields()), false);
        let ends = std::iter::once(0).chain(self.ends).collect::<Vec<i32>>();
        ListArray::try_new(Arc::new(item), OffsetBuffer::new(ends.into()), Arc::new(entries), None)
    }
}

/// Positions in [`RowsBuilder::texts`].
const TEXTS: [Column; 5] = [Column::Invoice, Column::Product, Column::Description, Column::Customer, Column::Country];

impl<'a> RowsBuilder<'a> {
    /// A builder for the rows of a file with these columns, read by this dialect. There is room for `rows` rows from
    /// `bytes` bytes; it grows where that was too little.
    pub(super) fn new(mapping: &'a Mapping, dialect: &'a Dialect, rows: usize, bytes: usize) -> Self {
        let decimal = |data_type| Decimal128Builder::with_capacity(rows).with_data_type(data_type);
        let room = |column: Column| if mapping.has(column) { bytes / mapping.width().max(1) } else { 0 };
        Self {
            mapping,
            dialect,
            texts: TEXTS.map(|column| TextsBuilder::with_capacity(rows, room(column))),
            quantity: decimal(schema::QUANTITY),
            time: TimestampMicrosecondBuilder::with_capacity(rows),
            price: decimal(schema::PRICE),
            amount: decimal(schema::MONEY),
            problems: Problems { ends: Vec::with_capacity(rows), ..Problems::default() },
            counts: Counts::default(),
            evidence: Evidence::default(),
            last_date: (String::new(), None),
        }
    }

    /// Takes in the raw bytes of the lines that the rows come from.
    pub(super) fn see_bytes(&mut self, bytes: &[u8]) {
        self.evidence.see_bytes(bytes);
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.counts.rows
    }

    /// Appends a row; `cell` gives what stands at a position.
    pub(super) fn push<'c>(&mut self, cell: impl Fn(usize) -> Cell<'c>) {
        for (index, column) in TEXTS.into_iter().enumerate() {
            let cell = self.mapping.position(column).map_or(Cell::Empty, &cell);
            self.push_text(index, column, &cell);
        }
        let at = |column: Column| self.mapping.position(column).map_or(Cell::Empty, &cell);
        let (date, quantity) = (at(Column::Date), at(Column::Quantity));
        let (price, amount) = (at(Column::UnitPrice), at(Column::Amount));
        let time = self.moment(&date);
        self.time.append_option(time);
        let quantity = self.number(Column::Quantity, &quantity, QUANTITY);
        self.quantity.append_option(quantity);
        let price = self.number(Column::UnitPrice, &price, PRICE);
        self.price.append_option(price);
        let amount = if self.mapping.has(Column::Amount) {
            self.number(Column::Amount, &amount, MONEY)
        } else {
            // Units of 10^-3 times units of 10^-6 are units of 10^-9, and two numbers of 18 digits always fit in 38.
            quantity.zip(price).map(|(quantity, price)| quantity * price)
        };
        self.amount.append_option(amount);
        self.counts.problem_rows += u64::from(self.problems.end_row());
        self.counts.rows += 1;
    }

    /// Notes that the row pushed next has more or fewer cells than the header; `line` is what stands there.
    pub(super) fn note_width(&mut self, line: &str) {
        self.problems.add(ROW, &quoted(line), WRONG_WIDTH);
    }

    /// The rows built.
    pub(super) fn finish(mut self) -> Result<Block, ArrowError> {
        let [invoice, product, description, customer, country] = self.texts.map(TextsBuilder::finish);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(invoice?),
            Arc::new(product?),
            Arc::new(description?),
            Arc::new(self.quantity.finish()),
            Arc::new(self.time.finish()),
            Arc::new(self.price.finish()),
            Arc::new(self.amount.finish()),
            Arc::new(customer?),
            Arc::new(country?),
            Arc::new(self.problems.finish()?),
        ];
        Ok(Block { columns, counts: self.counts, evidence: self.evidence })
    }

    fn push_text(&mut self, index: usize, column: Column, cell: &Cell<'_>) {
        // What was appended last has been trimmed and judged: a cell that says just that needs neither.
        if let Cell::Text(text) = cell
            && self.texts[index].repeat(text)
        {
            return;
        }
        let text = cell.text();
        let text = text.as_deref().map(|text| (text, trimmed(text))).filter(|(_, trimmed)| !trimmed.is_empty());
        let text = text.map(|(text, trimmed)| match column {
            Column::Description => text,
            Column::Customer | Column::Invoice => without_decimal(trimmed, self.dialect.mark),
            _ => trimmed,
        });
        let is_someone = |text: &&str| column != Column::Customer || !NOBODY.contains(text);
        self.texts[index].append(text.filter(is_someone));
    }

    #[inline]
    fn number(&mut self, column: Column, cell: &Cell<'_>, scale: Scale) -> Option<i128> {
        if let Cell::Text(text) = cell
            && let text = trimmed(text)
            && let Some((value, hint)) = read_plain(text, self.dialect.mark, scale)
        {
            self.evidence.see_mark(hint, text);
            return Some(value);
        }
        self.other_number(column, cell, scale)
    }

    /// Reads what is no plain number in a text.
    fn other_number(&mut self, column: Column, cell: &Cell<'_>, scale: Scale) -> Option<i128> {
        let number = match cell {
            Cell::Empty => return None,
            Cell::Text(text) => {
                let text = trimmed(text);
                if text.is_empty() {
                    return None;
                }
                let (number, hint) = read_with_hint(text, self.dialect.mark, scale);
                self.evidence.see_mark(hint, text);
                number
            }
            other => other.number(scale),
        };
        match number {
            Ok(scaled) => {
                self.counts.rounded_cells += u64::from(scaled.is_rounded);
                Some(scaled.value)
            }
            Err(reason) => {
                self.problems.add(column.name(), &cell.quoted(), reason);
                None
            }
        }
    }

    fn moment(&mut self, cell: &Cell<'_>) -> Option<i64> {
        if cell.is_blank() {
            return None;
        }
        let moment = match cell {
            Cell::Time(micros) => Some(*micros),
            Cell::BadTime(_) => None,
            other => other.text().and_then(|text| self.written_moment(trimmed(&text))),
        };
        if moment.is_some() {
            self.counts.dates_read += 1;
        } else {
            self.problems.add(Column::Date.name(), &cell.quoted(), NOT_A_DATE);
            self.counts.unread_date.get_or_insert_with(|| cell.quoted());
        }
        moment
    }

    /// Lines of one purchase have one date: the last one is remembered.
    fn written_moment(&mut self, text: &str) -> Option<i64> {
        if self.last_date.0 != text {
            self.last_date.1 = self.read_moment(text);
            self.last_date.0.clear();
            self.last_date.0.push_str(text);
        }
        self.last_date.1
    }

    fn read_moment(&mut self, text: &str) -> Option<i64> {
        if let DateRule::Pattern(pattern) = &self.dialect.dates {
            return dates::read_pattern(text, pattern);
        }
        let parts = Parts::read(text)?;
        self.evidence.see_date(parts, text);
        parts.micros(&self.dialect.dates)
    }
}

/// An id of digits that went through a float, as it was before: `17850.0` is `17850`.
fn without_decimal(text: &str, mark: DecimalMark) -> &str {
    let whole = text.strip_suffix(".0").or_else(|| (mark == DecimalMark::Comma).then(|| text.strip_suffix(",0"))?);
    let is_digits = |whole: &&str| !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    whole.filter(is_digits).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_went_through_a_float_are_restored() {
        let point = |text| without_decimal(text, DecimalMark::Point);
        assert_eq!(point("17850.0"), "17850");
        assert_eq!(point("00123"), "00123");
        assert_eq!(point("17850.5"), "17850.5");
        assert_eq!(point("A17.0"), "A17.0");
        assert_eq!(point(".0"), ".0");
        assert_eq!(point("17850,0"), "17850,0");
        assert_eq!(without_decimal("17850,0", DecimalMark::Comma), "17850");
    }
}
