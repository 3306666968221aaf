//! The policy for returns, with what it has to know of the whole table before the first line is decided about.
//!
//! For: the fate of a line that has passed the filters. Not for: filters ([`super::filter`]) or pairing
//! ([`super::matching`]). Called by: `preprocess`.

use std::path::Path;

use crate::contract::{Observer, StageError};
use crate::key::{Key, KeySet, of_text};
use crate::lines::{Lines, line_schema};
use crate::money::share_of;
use crate::stream::{self, Piece};
use crate::table::TableReader;

use super::filter::{Filter, Met};
use super::matching::{Event, Matching, keys};
use super::params::Returns;
use super::waterfall::Step;

/// A policy, ready to decide.
#[derive(Debug)]
pub enum Policy {
    /// Returns are dropped.
    Gross,
    /// Returns of those who bought something are kept.
    Net(KeySet),
    /// Returns and what they take back are dropped.
    Matched(Matching),
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It counts as it is.
    Purchase,
    /// It counts with this quantity and this money.
    Changed {
        /// Thousandths.
        quantity: Option<i128>,
        /// Units of 10⁻⁹.
        amount: i128,
        /// Whether it is a return.
        is_return: bool,
    },
    /// It is removed.
    Removed(Step),
    /// It is removed as a return that was not, or only partly, paired.
    Orphan {
        /// Thousandths that were paired.
        matched_quantity: i64,
        /// Money of those.
        matched_amount: i128,
    },
}

impl Policy {
    /// Looks at the lines that pass `filter`, as far as the policy needs it.
    ///
    /// # Errors
    /// Where the table cannot be read; after an interruption.
    pub fn prepare(
        returns: Returns,
        transactions: &Path,
        filter: &Filter,
        observer: &dyn Observer,
    ) -> Result<Self, StageError> {
        let scan = Scan { transactions, filter, observer };
        match returns {
            Returns::Gross => Ok(Self::Gross),
            Returns::Net => {
                let of_purchase = |lines: &Lines<'_>, row: usize, _| {
                    (!lines.is_return(row)).then(|| of_text(lines.customer_id.value(row)))
                };
                Ok(Self::Net(scan.collect::<Key>(of_purchase)?.into_iter().collect()))
            }
            Returns::Matched => {
                let is_return = |lines: &Lines<'_>, row| lines.is_return(row);
                let mut events =
                    scan.collect(
                        |lines, row, position| {
                            if is_return(lines, row) { Event::new(lines, row, position) } else { None }
                        },
                    )?;
                let returned = keys(&events);
                let purchases = scan.collect(|lines, row, position| {
                    let purchase = if is_return(lines, row) { None } else { Event::new(lines, row, position) };
                    purchase.filter(|event| event.is_purchase_of(&returned))
                })?;
                events.extend(purchases);
                Ok(Self::Matched(Matching::of(events)))
            }
        }
    }

    /// What becomes of the line at `row`, which passed the filters and stands at `position` of its table.
    pub fn decide(&self, lines: &Lines<'_>, row: usize, position: u64) -> Fate {
        let amount = lines.amount(row).unwrap_or_default();
        let (is_return, quantity) = (lines.is_return(row), lines.quantity(row));
        match self {
            Self::Gross if is_return => Fate::Removed(Step::Returns),
            Self::Net(buyers) if !buyers.contains(&of_text(lines.customer_id.value(row))) => {
                Fate::Removed(Step::OnlyReturns)
            }
            Self::Net(_) if is_return => {
                let quantity = quantity.map(|quantity| -quantity.abs());
                Fate::Changed { quantity, amount: -amount.abs(), is_return }
            }
            Self::Gross | Self::Net(_) => Fate::Purchase,
            Self::Matched(matching) => after_matching(matching.matched(position), is_return, quantity, amount),
        }
    }
}

/// What becomes of a line of which `matched` thousandths were paired.
fn after_matching(matched: i64, is_return: bool, quantity: Option<i128>, amount: i128) -> Fate {
    let whole = quantity.and_then(|quantity| i64::try_from(quantity.abs()).ok()).filter(|whole| *whole > 0);
    let matched_amount = whole.map_or(0, |whole| share_of(amount, matched, whole));
    match whole {
        Some(whole) if whole == matched => Fate::Removed(Step::Returns),
        _ if is_return => Fate::Orphan { matched_quantity: matched, matched_amount },
        _ if matched == 0 => Fate::Purchase,
        _ => {
            let quantity = quantity.map(|quantity| quantity - i128::from(matched));
            Fate::Changed { quantity, amount: amount - matched_amount, is_return }
        }
    }
}

/// A look at all lines that pass the filters.
struct Scan<'a> {
    transactions: &'a Path,
    filter: &'a Filter,
    observer: &'a dyn Observer,
}

impl Scan<'_> {
    /// What `pick` makes of the lines, in their order; repeats in a row are left out.
    fn collect<T: Send + PartialEq>(
        &self,
        pick: impl Fn(&Lines<'_>, usize, u64) -> Option<T> + Sync,
    ) -> Result<Vec<T>, StageError> {
        let look = |piece: Piece| {
            let lines = Lines::new(&piece.batch);
            let mut met = Met::default();
            let mut picked: Vec<T> = Vec::new();
            for (position, row) in (piece.first..).zip(0..lines.len()) {
                let found = pick(&lines, row, position).filter(|found| picked.last() != Some(found));
                picked.extend(found.filter(|_| self.filter.stops(&lines, row, position, &mut met).is_none()));
            }
            Ok(picked)
        };
        let reader = TableReader::open(self.transactions, &line_schema())?;
        let mut all = Vec::new();
        stream::process(reader, self.observer, look, |more: Vec<T>| {
            all.extend(more);
            Ok(())
        })?;
        Ok(all)
    }
}
