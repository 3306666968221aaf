//! The shop at work: blocks of customers who buy, bring back and drop out, one day at a time.
//!
//! For: making up each day's orders from O(customers) of state. Not for: writing them. Called by: [`super::write`].

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::random::Random;

use super::calendar::{Calendar, DAYS, minute};
use super::catalogue::{Catalogue, popular, service};
use super::customer::{Customer, HOME};
use super::day::Day;
use super::distributions::{is_one_in, log_normal, weighted};
use super::guests;
use super::order::{Kind, Line, Orders, Wording};

/// Customers per block. Each block has a random stream of its own, so this number is part of [`super::VERSION`].
const BLOCK_CUSTOMERS: u32 = 1_024;

/// The day on which bad debt is adjusted: 2011-08-12, as in the real file.
const BAD_DEBT_DAY: u16 = 254;

/// Share of rows that are entered twice.
const DUPLICATES: f64 = 0.0060;

/// Share of orders of which something is brought back, and of customers who do nothing but bring back.
const RETURNS: f64 = 0.235;
const ONLY_RETURNS: f64 = 0.008;

/// Share of returned lines whose purchase is nowhere in the file.
const ORPHANS: f64 = 0.13;

/// Share of orders of tens of thousands, typed in wrongly and cancelled within minutes.
const GIANTS: f64 = 1.0 / 12_000.0;

/// Quantities of cheap and of dear products.
const CHEAP: [(i32, u64); 10] =
    [(1, 14), (2, 12), (3, 6), (4, 7), (6, 13), (8, 5), (10, 8), (12, 18), (24, 12), (25, 5)];
const DEAR: [(i32, u64); 6] = [(1, 34), (2, 26), (3, 12), (4, 14), (6, 10), (8, 4)];

/// From this price on, in pennies, a product is dear.
const DEAR_FROM: i32 = 495;

/// The whole shop.
#[derive(Debug)]
pub(super) struct Shop<'a> {
    catalogue: &'a Catalogue,
    calendar: Calendar,
    blocks: Vec<Block>,
    day: u16,
    invoices: u64,
}

impl<'a> Shop<'a> {
    /// A shop with `customers` customers, before the first day.
    pub(super) fn new(customers: u64, seed: u64, catalogue: &'a Catalogue) -> Self {
        let customers = customers as u32;
        let block = |number: u32| {
            let first = number * BLOCK_CUSTOMERS;
            Block::new(first..customers.min(first + BLOCK_CUSTOMERS), Random::new(seed, u64::from(number)))
        };
        let blocks = (0..customers.div_ceil(BLOCK_CUSTOMERS)).into_par_iter().map(block).collect();
        Self { catalogue, calendar: Calendar::new(), blocks, day: 0, invoices: 0 }
    }

    /// The next day's orders; none after the last day.
    pub(super) fn next_day(&mut self) -> Option<Day> {
        if self.day == DAYS {
            return None;
        }
        let (day, calendar, catalogue) = (self.day, &self.calendar, self.catalogue);
        let mut blocks: Vec<Orders> =
            self.blocks.par_iter_mut().map(|block| block.play(day, calendar, catalogue)).collect();
        if day == BAD_DEBT_DAY {
            guests::write_bad_debt(&mut blocks[0]);
        }
        let day = Day::new(day, self.invoices, blocks);
        self.invoices += day.invoices();
        self.day += 1;
        Some(day)
    }
}

/// Something that will be brought back.
#[derive(Debug)]
struct Return {
    minute: u16,
    customer: usize,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Block {
    random: Random,
    customers: Vec<Customer>,
    returns: BTreeMap<u16, Vec<Return>>,
}

impl Block {
    fn new(indices: std::ops::Range<u32>, mut random: Random) -> Self {
        let customers = indices.map(|index| Customer::new(index, &mut random)).collect();
        let mut block = Self { random, customers, returns: BTreeMap::new() };
        block.send_some_back_only();
        block
    }

    /// Customers of earlier years who bring something back and buy nothing.
    fn send_some_back_only(&mut self) {
        for customer in 0..self.customers.len() {
            if is_one_in(&mut self.random, ONLY_RETURNS) {
                self.customers[customer].next = f64::INFINITY;
                // The second day is a trading day, and so are all multiples of seven days after it but few.
                let day = 1 + 7 * self.random.below(50) as u16;
                let line =
                    Line { item: popular(&mut self.random), wording: Wording::Catalogue, quantity: -1, price: 295 };
                let back = Return { minute: minute(&mut self.random), customer, lines: vec![line] };
                self.returns.entry(day).or_default().push(back);
            }
        }
    }

    fn play(&mut self, day: u16, calendar: &Calendar, catalogue: &Catalogue) -> Orders {
        let mut orders = Orders::default();
        let end = calendar.start(day + 1);
        for customer in 0..self.customers.len() {
            while self.customers[customer].next < end {
                self.purchase(customer, day, calendar, catalogue, &mut orders);
                self.customers[customer].advance(&mut self.random);
            }
        }
        for back in self.returns.remove(&day).unwrap_or_default() {
            let Customer { id, country, .. } = self.customers[back.customer];
            orders.lines.extend(back.lines);
            orders.close(back.minute, Some(id), country, Kind::Cancellation);
        }
        let count = self.customers.len() as f64;
        guests::write_day(count, calendar.length(day), catalogue, &mut self.random, &mut orders);
        orders
    }

    fn purchase(&mut self, index: usize, day: u16, calendar: &Calendar, catalogue: &Catalogue, orders: &mut Orders) {
        let Customer { id, country, lines, volume, .. } = self.customers[index];
        let at = minute(&mut self.random);
        if is_one_in(&mut self.random, GIANTS) {
            self.giant(index, day, at, catalogue, orders);
            return;
        }
        let count = log_normal(&mut self.random, lines, 0.68).clamp(1.0, 600.0) as usize;
        for _ in 0..count {
            let line = self.line(volume, catalogue);
            orders.lines.push(line);
            if is_one_in(&mut self.random, DUPLICATES) {
                orders.lines.push(line);
            }
        }
        self.services(country, orders);
        if is_one_in(&mut self.random, RETURNS) {
            self.bring_back(index, day, at, calendar, catalogue, orders);
        }
        orders.close(at, Some(id), country, Kind::Plain);
    }

    fn line(&mut self, volume: f64, catalogue: &Catalogue) -> Line {
        let item = popular(&mut self.random);
        let price = catalogue.entry(item).price;
        let common = weighted(&mut self.random, if price < DEAR_FROM { &CHEAP } else { &DEAR });
        let quantity = packed(f64::from(common) * volume);
        let price = match () {
            () if is_one_in(&mut self.random, 0.0001) => 0,
            () if quantity >= 100 => price * 85 / 100,
            () => price,
        };
        Line { item, wording: Wording::Catalogue, quantity, price: price.max(i32::from(price > 0)) }
    }

    fn services(&mut self, country: u8, orders: &mut Orders) {
        let random = &mut self.random;
        if country != HOME && is_one_in(random, 0.65) {
            let quantity = 1 + random.below(4) as i32;
            orders.lines.push(Line { item: service::POST, wording: Wording::Catalogue, quantity, price: 1_800 });
        }
        let rare = [
            (service::MANUAL, 0.017, 100, 30_000),
            (service::CARRIAGE, 0.0065, 5_000, 5_001),
            (service::BANK_CHARGES, 0.0008, 1_500, 1_501),
            (service::PADS, 0.0002, 1, 2),
        ];
        for (item, share, from, to) in rare {
            if is_one_in(random, share) {
                orders.lines.push(guests::priced(item, 1, from, to, random));
            }
        }
    }

    fn bring_back(
        &mut self,
        customer: usize,
        day: u16,
        bought_at: u16,
        calendar: &Calendar,
        catalogue: &Catalogue,
        orders: &Orders,
    ) {
        let (day, minute) = if is_one_in(&mut self.random, 0.1) {
            (Some(day), bought_at + 5 + self.random.below(50) as u16)
        } else {
            let later = u64::from(day) + 1 + self.random.exponential(22.0) as u64;
            (calendar.trading_day(later), minute(&mut self.random))
        };
        let Some(day) = day else { return };
        let bought = orders.open_lines();
        let mut lines = Vec::new();
        loop {
            let line = bought[self.random.below(bought.len() as u64) as usize];
            lines.push(self.returned(line, catalogue));
            if lines.len() == bought.len() || is_one_in(&mut self.random, 0.41) {
                break;
            }
        }
        if is_one_in(&mut self.random, 0.02) {
            lines.push(guests::priced(service::DISCOUNT, -1, 500, 12_000, &mut self.random));
        }
        self.returns.entry(day).or_default().push(Return { minute, customer, lines });
    }

    fn returned(&mut self, line: Line, catalogue: &Catalogue) -> Line {
        if is_one_in(&mut self.random, ORPHANS) {
            let item = popular(&mut self.random);
            return Line { item, quantity: -1, price: catalogue.entry(item).price, ..line };
        }
        let is_partial = line.quantity > 1 && is_one_in(&mut self.random, 0.5);
        let back = if is_partial { 1 + self.random.below(line.quantity as u64) as i32 } else { line.quantity };
        Line { quantity: -back, ..line }
    }

    /// One line of tens of thousands, reversed after a quarter of an hour in four cases of five.
    fn giant(&mut self, index: usize, day: u16, at: u16, catalogue: &Catalogue, orders: &mut Orders) {
        let Customer { id, country, .. } = self.customers[index];
        let item = popular(&mut self.random);
        let price = catalogue.entry(item).price.min(208);
        let quantity = 20_000 + self.random.below(60_000) as i32;
        let line = Line { item, wording: Wording::Catalogue, quantity, price };
        orders.lines.push(line);
        orders.close(at, Some(id), country, Kind::Plain);
        if is_one_in(&mut self.random, 0.8) {
            let lines = vec![Line { quantity: -quantity, ..line }];
            self.returns.entry(day).or_default().push(Return { minute: at + 15, customer: index, lines });
        }
    }
}

/// A quantity as it is packed: whole, and in half dozens where it is large.
fn packed(quantity: f64) -> i32 {
    let whole = (quantity + 0.5).clamp(1.0, 12_000.0) as i32;
    if whole > 12 { (whole + 3) / 6 * 6 } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_packed_in_half_dozens_above_a_dozen() {
        assert_eq!([0.1, 1.4, 12.3, 13.0, 14.4, 15.1, 1e9].map(packed), [1, 1, 12, 12, 12, 18, 12_000]);
    }

    #[test]
    fn a_return_never_comes_before_its_purchase() {
        let catalogue = Catalogue::new(42);
        let mut shop = Shop::new(300, 42, &catalogue);
        let mut bought: BTreeMap<(u32, u16), i64> = BTreeMap::new();
        let (mut matched, mut returned) = (0, 0);
        while let Some(day) = shop.next_day() {
            for (_, order, lines) in day.invoices_in_order() {
                for line in lines {
                    let Some(customer) = order.customer else { continue };
                    let held = bought.entry((customer, line.item)).or_default();
                    returned += i64::from(order.kind == Kind::Cancellation);
                    matched += i64::from(order.kind == Kind::Cancellation && *held >= i64::from(-line.quantity));
                    *held += i64::from(line.quantity);
                }
            }
        }
        let share = matched as f64 / returned as f64;
        assert!(returned > 300 && (0.75..0.95).contains(&share), "{matched} of {returned}");
    }
}
