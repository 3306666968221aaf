//! Per customer: the last purchase, the number of purchases and the money, collected while orders stream by.
//!
//! For: `rfm` and the scoring of transactions. Not for: scores or names. Memory grows with the customers only: which
//! invoices a customer has goes through a scratch file where there are many.
//!
//! A purchase is an invoice number of one customer. It is a day of one customer where the source has no invoice numbers
//! (the fact `frequency_unit` is `purchase_days`), and for single lines without one. Returns reduce the money and are
//! no activity.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow_array::{Decimal128Array, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{Field, Schema, SchemaRef};

use crate::contract::{Observer, StageError};
use crate::key::{Key, KeyBuilder, KeySet};
use crate::moment::DAY;
use crate::money::{Total, to_f64};
use crate::schema;
use crate::spill::{Entry, Spill};
use crate::stream::{self, Piece};
use crate::table::{Facts, TableReader, column};
use crate::texts::{TextColumn, Texts};

use super::RfmError;

/// What is known of one customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Purchases {
    /// Who.
    pub id: String,
    /// Time of the last purchase, in microseconds.
    pub last: i64,
    /// Number of purchases.
    pub frequency: i64,
    /// Money spent, returns taken off: the exact sum, correctly rounded.
    pub monetary: f64,
}

/// All customers of a table of orders.
#[derive(Debug, Clone, PartialEq)]
pub struct Collected {
    /// Those who bought something, by id bytewise.
    pub customers: Vec<Purchases>,
    /// How many others there are: they only returned.
    pub only_returned: u64,
    /// Last time in the orders, returns included; none where there are no orders.
    pub latest: Option<i64>,
    /// Facts of the orders.
    pub facts: Facts,
}

/// The columns of `orders` that are needed.
fn columns() -> SchemaRef {
    let all = schema::orders();
    let names = ["invoice", "invoice_date", "amount", "customer_id", "kind"];
    let fields = all.fields().iter().filter(|field| names.contains(&field.name().as_str()));
    let fields: Vec<Field> = fields.map(|field| Field::clone(field)).collect();
    Arc::new(Schema::new(fields))
}

/// Collects the purchases of every customer in the orders at `path`.
///
/// # Errors
/// Where the table cannot be read, a kind is none, or money does not fit; after an interruption.
pub fn collect(path: &Path, scratch: &Path, observer: &dyn Observer) -> Result<Collected, StageError> {
    let reader = TableReader::open(path, &columns())?;
    let facts = reader.facts().clone();
    let is_by_day = facts.get("frequency_unit").is_some_and(|unit| unit == "purchase_days");
    let mut collector = Collector::new(scratch);
    stream::process(reader, observer, |piece| Ok(Visits::of(&piece, is_by_day)?), |visits| collector.take(&visits))?;
    collector.finish(facts)
}

/// Neighbouring lines of one customer, purchase and kind.
#[derive(Debug, Clone, Copy)]
struct Visit {
    /// One of its lines.
    row: usize,
    /// Customer and purchase; none for returns.
    purchase: Option<Key>,
    last: i64,
    amount: Total,
}

/// The visits of one piece of the table.
struct Visits {
    ids: TextColumn,
    list: Vec<Visit>,
    latest: Option<i64>,
}

impl Visits {
    fn of(piece: &Piece, is_by_day: bool) -> Result<Self, RfmError> {
        let lines = OrderLines::new(&piece.batch, is_by_day);
        let mut key = KeyBuilder::default();
        let mut visits: Vec<Visit> = Vec::new();
        let mut latest = None;
        for row in 0..piece.batch.num_rows() {
            let (time, amount) = (lines.times.value(row), lines.amounts.value(row));
            latest = latest.max(Some(time));
            if row == 0 || !lines.is_same_visit(row - 1, row) {
                visits.push(lines.visit(row, &mut key)?);
            }
            if let Some(visit) = visits.last_mut() {
                visit.last = visit.last.max(time);
                visit.amount.add(amount);
            }
        }
        Ok(Self { ids: column::<TextColumn>(&piece.batch, "customer_id").clone(), list: visits, latest })
    }
}

/// The columns of a batch of orders.
struct OrderLines<'a> {
    ids: Texts<'a>,
    invoices: Texts<'a>,
    times: &'a TimestampMicrosecondArray,
    amounts: &'a Decimal128Array,
    kinds: Texts<'a>,
    is_by_day: bool,
}

impl<'a> OrderLines<'a> {
    fn new(batch: &'a RecordBatch, is_by_day: bool) -> Self {
        let [ids, invoices, kinds] = ["customer_id", "invoice", "kind"].map(|name| Texts::new(batch, name));
        let (times, amounts) = (column(batch, "invoice_date"), column(batch, "amount"));
        Self { ids, invoices, times, amounts, kinds, is_by_day }
    }

    /// The invoice number that tells purchases apart, where one does.
    fn invoice(&self, row: usize) -> Option<&'a str> {
        if self.is_by_day { None } else { self.invoices.get(row) }
    }

    fn day(&self, row: usize) -> i64 {
        self.times.value(row).div_euclid(DAY)
    }

    fn is_same_visit(&self, one: usize, other: usize) -> bool {
        self.ids.is_same(one, other)
            && (self.is_by_day || self.invoices.is_same(one, other))
            && (self.invoice(one).is_some() || self.day(one) == self.day(other))
            && self.kinds.is_same(one, other)
    }

    fn visit(&self, row: usize, key: &mut KeyBuilder) -> Result<Visit, RfmError> {
        key.text(Some(self.ids.value(row)));
        match self.invoice(row) {
            Some(invoice) => key.text(Some(invoice)),
            None => key.number(Some(i128::from(self.day(row)))),
        };
        let key = key.finish();
        let purchase = match self.kinds.value(row) {
            "purchase" => Some(key),
            "return" => None,
            other => return Err(RfmError::Kind { kind: other.to_owned() }),
        };
        Ok(Visit { row, purchase, last: i64::MIN, amount: Total::default() })
    }
}

/// What is collected of one customer.
#[derive(Debug, Clone, Copy)]
struct Account {
    /// Time of the last purchase; none for those who only returned.
    last: Option<i64>,
    amount: Total,
}

/// All customers so far.
struct Collector {
    positions: HashMap<String, usize>,
    accounts: Vec<Account>,
    /// Customer and purchase, with the customer's position.
    purchases: Spill,
    latest: Option<i64>,
}

impl Collector {
    fn new(scratch: &Path) -> Self {
        let purchases = Spill::new(scratch);
        Self { positions: HashMap::new(), accounts: Vec::new(), purchases, latest: None }
    }

    fn take(&mut self, visits: &Visits) -> Result<(), StageError> {
        self.latest = self.latest.max(visits.latest);
        let ids = Texts::of(&visits.ids);
        for visit in &visits.list {
            let position = self.position(ids.value(visit.row));
            let account = &mut self.accounts[position];
            account.amount.merge(visit.amount);
            if let Some(purchase) = visit.purchase {
                account.last = account.last.max(Some(visit.last));
                self.purchases.push(Entry::new(purchase, position as u64))?;
            }
        }
        Ok(())
    }

    fn position(&mut self, id: &str) -> usize {
        if let Some(position) = self.positions.get(id) {
            return *position;
        }
        let position = self.accounts.len();
        self.positions.insert(id.to_owned(), position);
        self.accounts.push(Account { last: None, amount: Total::default() });
        position
    }

    fn finish(self, facts: Facts) -> Result<Collected, StageError> {
        let frequencies = count_purchases(self.purchases, self.accounts.len())?;
        let mut ids: Vec<(String, usize)> = self.positions.into_iter().collect();
        ids.sort_unstable();
        let (mut customers, mut only_returned) = (Vec::new(), 0);
        for (id, position) in ids {
            let account = &self.accounts[position];
            let Some(last) = account.last else {
                only_returned += 1;
                continue;
            };
            let Some(amount) = account.amount.value() else { return Err(RfmError::Money { customer: id }.into()) };
            customers.push(Purchases { id, last, frequency: frequencies[position], monetary: to_f64(amount) });
        }
        Ok(Collected { customers, only_returned, latest: self.latest, facts })
    }
}

/// How many different purchases each customer has.
fn count_purchases(purchases: Spill, customers: usize) -> Result<Vec<i64>, StageError> {
    let counts: Vec<AtomicI64> = (0..customers).map(|_| AtomicI64::new(0)).collect();
    purchases.map_parts(|entries| {
        let mut seen = KeySet::default();
        for entry in entries.iter().filter(|entry| seen.insert(entry.key())) {
            counts[entry.value as usize].fetch_add(1, Ordering::Relaxed);
        }
    })?;
    Ok(counts.into_iter().map(AtomicI64::into_inner).collect())
}
