//! One batch of transaction lines, column by column: the columns of `transactions` that rules and policies look at.
//!
//! For: reading typed cells, and telling purchases from cancellations and returns. Not for: deciding what becomes of
//! them. Called by: `validate`, `preprocess`, `duplicates`.

use std::sync::Arc;

use arrow_array::{Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{Schema, SchemaRef};

use crate::schema;
use crate::table::column;
use crate::texts::Texts;

/// The columns of `transactions` that nobody needs after `validate`.
const LEFT_OUT: [&str; 2] = ["description", "problems"];

/// The columns of [`Lines`], in the order of `transactions`.
pub fn line_schema() -> SchemaRef {
    let all = schema::transactions();
    let kept = all.fields().iter().filter(|field| !LEFT_OUT.contains(&field.name().as_str()));
    Arc::new(Schema::new(kept.cloned().collect::<Vec<_>>()))
}

/// The columns of a batch with at least the columns of [`line_schema`].
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    /// `source`.
    pub source: &'a Int32Array,
    /// `row`.
    pub row: &'a Int64Array,
    /// `invoice`.
    pub invoice: Texts<'a>,
    /// `product`.
    pub product: Texts<'a>,
    /// `quantity`, in thousandths.
    pub quantity: &'a Decimal128Array,
    /// `invoice_date`, in microseconds.
    pub invoice_date: &'a TimestampMicrosecondArray,
    /// `unit_price`, in millionths.
    pub unit_price: &'a Decimal128Array,
    /// `amount`, in units of 10⁻⁹.
    pub amount: &'a Decimal128Array,
    /// `customer_id`.
    pub customer_id: Texts<'a>,
    /// `country`.
    pub country: Texts<'a>,
}

impl<'a> Lines<'a> {
    /// The columns of `batch`, which must have been read with a schema that has them.
    pub fn new(batch: &'a RecordBatch) -> Self {
        Self {
            source: column(batch, "source"),
            row: column(batch, "row"),
            invoice: Texts::new(batch, "invoice"),
            product: Texts::new(batch, "product"),
            quantity: column(batch, "quantity"),
            invoice_date: column(batch, "invoice_date"),
            unit_price: column(batch, "unit_price"),
            amount: column(batch, "amount"),
            customer_id: Texts::new(batch, "customer_id"),
            country: Texts::new(batch, "country"),
        }
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.row.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The quantity, in thousandths.
    pub fn quantity(&self, row: usize) -> Option<i128> {
        decimal(self.quantity, row)
    }

    /// The price of one, in millionths.
    pub fn unit_price(&self, row: usize) -> Option<i128> {
        decimal(self.unit_price, row)
    }

    /// The money of the line, in units of 10⁻⁹.
    pub fn amount(&self, row: usize) -> Option<i128> {
        decimal(self.amount, row)
    }

    /// When, in microseconds since 1970.
    pub fn time(&self, row: usize) -> Option<i64> {
        self.invoice_date.is_valid(row).then(|| self.invoice_date.value(row))
    }

    /// Whether the line cancels something: its invoice number begins with `C` or `c`.
    pub fn is_cancellation(&self, row: usize) -> bool {
        self.invoice.get(row).is_some_and(|invoice| invoice.starts_with(['C', 'c']))
    }

    /// Whether the line takes something back: a cancellation, a quantity of nothing or less, or negative money.
    pub fn is_return(&self, row: usize) -> bool {
        let is_taken_back = self.quantity(row).is_some_and(|quantity| quantity <= 0);
        self.is_cancellation(row) || is_taken_back || self.amount(row).is_some_and(|amount| amount < 0)
    }
}

/// A cell of a decimal column that may be null, in units of its last digit.
#[inline]
pub fn decimal(column: &Decimal128Array, row: usize) -> Option<i128> {
    column.is_valid(row).then(|| column.value(row))
}
