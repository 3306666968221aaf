//! One day's invoices of the whole shop, in the order of their time, ready to be written in pieces.
//!
//! For: numbering invoices and cutting a day into pieces that can be formatted side by side. Called by: the writers.

use super::order::{Kind, Line, Order, Orders};

/// The first invoice's number, as in the real file.
const FIRST_INVOICE: u64 = 536_365;

/// Invoices that are formatted in one piece. Does not show in the result.
const PIECE: usize = 256;

/// The invoices of one day.
#[derive(Debug)]
pub(super) struct Day {
    index: u16,
    first: u64,
    blocks: Vec<Orders>,
    /// Block and order of every invoice, by minute; equal minutes in the order of blocks.
    sequence: Vec<(u32, u32)>,
}

impl Day {
    /// The orders of all blocks on day `index`, after `before` invoices on earlier days.
    pub(super) fn new(index: u16, before: u64, blocks: Vec<Orders>) -> Self {
        let mut sequence = Vec::new();
        for (block, orders) in blocks.iter().enumerate() {
            sequence.extend((0..orders.orders.len()).map(|order| (block as u32, order as u32)));
        }
        let minute = |&(block, order): &(u32, u32)| blocks[block as usize].orders[order as usize].minute;
        sequence.sort_by_key(minute);
        Self { index, first: FIRST_INVOICE + before, blocks, sequence }
    }

    /// Which day, counted from 0.
    pub(super) fn index(&self) -> u16 {
        self.index
    }

    /// Number of invoices.
    pub(super) fn invoices(&self) -> u64 {
        self.sequence.len() as u64
    }

    /// Number of lines.
    pub(super) fn rows(&self) -> u64 {
        self.blocks.iter().map(|orders| orders.lines.len() as u64).sum()
    }

    /// The invoices in pieces that can be formatted side by side and put together in order.
    pub(super) fn pieces(&self) -> Vec<Piece<'_>> {
        let pieces = self.sequence.chunks(PIECE).enumerate();
        pieces.map(|(number, range)| Piece { day: self, first: self.first + (number * PIECE) as u64, range }).collect()
    }

    /// All invoices in order, for tests.
    #[cfg(test)]
    pub(super) fn invoices_in_order(&self) -> Vec<(String, &Order, &[Line])> {
        self.pieces().into_iter().flat_map(|piece| piece.invoices().collect::<Vec<_>>()).collect()
    }
}

/// Some consecutive invoices of a day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    day: &'a Day,
    first: u64,
    range: &'a [(u32, u32)],
}

impl<'a> Piece<'a> {
    /// The invoices with their numbers as printed.
    pub(super) fn invoices(self) -> impl Iterator<Item = (String, &'a Order, &'a [Line])> {
        self.range.iter().zip(self.first..).map(move |(&(block, order), number)| {
            let orders = &self.day.blocks[block as usize];
            let order = &orders.orders[order as usize];
            (invoice_number(order.kind, number), order, &orders.lines[order.lines.clone()])
        })
    }

    /// Number of lines.
    pub(super) fn rows(self) -> usize {
        self.invoices().map(|(_, _, lines)| lines.len()).sum()
    }
}

fn invoice_number(kind: Kind, number: u64) -> String {
    match kind {
        Kind::Plain => number.to_string(),
        Kind::Cancellation => format!("C{number}"),
        Kind::BadDebt => format!("A{number}"),
    }
}
