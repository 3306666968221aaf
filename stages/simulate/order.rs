//! Orders and their lines in memory, small enough for the busiest day of a large shop.
//!
//! For: handing orders from those who make them up to those who write them. Called by: every file of `simulate`.

use std::ops::Range;

use super::catalogue::Item;

/// What kind of invoice an order becomes, which decides its number's first letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A purchase or a stock correction: digits only.
    Plain,
    /// A cancellation: `C` and digits.
    Cancellation,
    /// An adjustment of bad debt: `A` and digits.
    BadDebt,
}

/// What stands in the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wording {
    /// The catalogue's words.
    Catalogue,
    /// Nothing.
    Empty,
    /// A remark of the warehouse, by its index in [`super::catalogue::REMARKS`].
    Remark(u8),
}

/// One line of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// What was bought.
    pub(super) item: Item,
    /// How it is described.
    pub(super) wording: Wording,
    /// How many; negative for what came back.
    pub(super) quantity: i32,
    /// Price of one, in pennies.
    pub(super) price: i32,
}

/// One invoice of a day; its lines are a range of the block's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// Minute of the day.
    pub(super) minute: u16,
    /// Who bought; none for guests.
    pub(super) customer: Option<u32>,
    /// Index in [`super::customer::COUNTRIES`].
    pub(super) country: u8,
    /// What kind of invoice.
    pub(super) kind: Kind,
    /// Its lines.
    pub(super) lines: Range<usize>,
}

/// The orders of one block of customers on one day, in the order in which they were made up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Orders {
    /// The orders.
    pub(super) orders: Vec<Order>,
    /// The lines of all of them.
    pub(super) lines: Vec<Line>,
}

impl Orders {
    /// Adds an order with the lines pushed since the last one; an order without lines is none.
    pub(super) fn close(&mut self, minute: u16, customer: Option<u32>, country: u8, kind: Kind) {
        let start = self.orders.last().map_or(0, |order| order.lines.end);
        if start < self.lines.len() {
            self.orders.push(Order { minute, customer, country, kind, lines: start..self.lines.len() });
        }
    }

    /// The lines pushed since the last order was closed.
    pub(super) fn open_lines(&self) -> &[Line] {
        &self.lines[self.orders.last().map_or(0, |order| order.lines.end)..]
    }
}
