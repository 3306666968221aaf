//! Which customers and invoices lines belong to, for counting distinct ones.
//!
//! For: the waterfall. An invoice is its number, whoever it was written to; where the source has no invoice numbers
//! (the fact `frequency_unit` is `purchase_days`), and for lines without one, it is a customer's day.
//! Called by: `preprocess`.

use arrow_array::{Array, RecordBatch, TimestampMicrosecondArray};

use crate::key::{KeyBuilder, of_text};
use crate::moment::DAY;
use crate::table::{Facts, column};
use crate::texts::Texts;

use super::waterfall::Flow;

/// The columns that say whose a line is.
pub(super) struct Sightings<'a> {
    customers: Texts<'a>,
    invoices: Texts<'a>,
    times: &'a TimestampMicrosecondArray,
    is_by_day: bool,
    last: Option<(usize, u8)>,
}

/// Whether purchases are counted by day.
pub(super) fn is_by_day(facts: &Facts) -> bool {
    facts.get("frequency_unit").is_some_and(|unit| unit == "purchase_days")
}

impl<'a> Sightings<'a> {
    /// The lines of `batch`.
    pub(super) fn new(batch: &'a RecordBatch, is_by_day: bool) -> Self {
        let (customers, invoices) = (Texts::new(batch, "customer_id"), Texts::new(batch, "invoice"));
        Self { customers, invoices, times: column(batch, "invoice_date"), is_by_day, last: None }
    }

    /// Notes that the line at `row` got to `level`.
    pub(super) fn note(&mut self, row: usize, level: u8, flow: &mut Flow) {
        let last = self.last.replace((row, level));
        if last.is_some_and(|(last, last_level)| last_level == level && self.is_alike(last, row)) {
            return;
        }
        let customer = self.customers.get(row);
        if let Some(customer) = customer {
            flow.customers.push((of_text(customer), level));
        }
        let day = self.times.is_valid(row).then(|| self.times.value(row).div_euclid(DAY));
        let mut key = KeyBuilder::default();
        match (self.invoices.get(row).filter(|_| !self.is_by_day), customer, day) {
            (Some(invoice), _, _) => flow.invoices.push((of_text(invoice), level)),
            (None, Some(customer), Some(day)) => {
                let key = key.text(Some(customer)).number(Some(i128::from(day))).finish();
                flow.invoices.push((key, level));
            }
            (None, _, _) => {}
        }
    }

    /// Whether two lines are of one customer, invoice and moment.
    fn is_alike(&self, one: usize, other: usize) -> bool {
        self.customers.is_same(one, other)
            && self.invoices.is_same(one, other)
            && self.times.is_valid(one) == self.times.is_valid(other)
            && self.times.value(one) == self.times.value(other)
    }
}
