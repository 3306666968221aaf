//! Rows and money per rule, counted batch by batch.
//!
//! For: everything the report says that can be added up. Not for: judging rows, or what the counts mean.
//! Called by: `validate`.

use crate::lines::Lines;
use crate::money::Total;

use super::judge::{Broken, bit};
use super::rules::COUNT;

/// Some rows and their money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub rows: u64,
    /// Money of those that have an amount.
    pub amount: Total,
    /// How many have none.
    pub without_amount: u64,
}

impl Count {
    /// Adds a row.
    pub fn add(&mut self, amount: Option<i128>) {
        self.rows += 1;
        match amount {
            Some(amount) => self.amount.add(amount),
            None => self.without_amount += 1,
        }
    }

    /// Adds other rows.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.amount.merge(other.amount);
        self.without_amount += other.without_amount;
    }
}

/// What was counted.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Rows that break each rule.
    pub rules: [Count; COUNT],
    /// All rows.
    pub all: Count,
    /// Rows that are set aside.
    pub quarantined: Count,
    /// First and last time of the rows that go on.
    pub period: Option<(i64, i64)>,
}

impl Tally {
    /// Counts a batch. A row that breaks one of `set_aside` is quarantined.
    pub fn of(lines: &Lines<'_>, broken: &[Broken], set_aside: Broken) -> Self {
        let mut tally = Self::default();
        for (row, broken) in broken.iter().enumerate() {
            let amount = lines.amount(row);
            tally.all.add(amount);
            if broken & set_aside != 0 {
                tally.quarantined.add(amount);
            } else if let Some(time) = lines.time(row) {
                tally.period = widest(tally.period, Some((time, time)));
            }
            if *broken != 0 {
                let rules = tally.rules.iter_mut().enumerate();
                rules.filter(|(position, _)| broken & bit(*position) != 0).for_each(|(_, count)| count.add(amount));
            }
        }
        tally
    }

    /// Adds the counts of other rows.
    pub fn merge(&mut self, other: &Self) {
        self.rules.iter_mut().zip(&other.rules).for_each(|(count, more)| count.merge(more));
        self.all.merge(&other.all);
        self.quarantined.merge(&other.quarantined);
        self.period = widest(self.period, other.period);
    }
}

/// The period that holds both.
fn widest(one: Option<(i64, i64)>, other: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}
