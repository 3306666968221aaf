//! Invoices without a customer: guests' orders, stock corrections, fees and bad debt.
//!
//! For: the quarter of the rows that has no customer id. Not for: customers. Called by: `shop`, once a block and day.

use crate::random::Random;

use super::calendar::minute;
use super::catalogue::{Catalogue, PRODUCTS, REMARKS, service};
use super::customer::HOME;
use super::distributions::{is_one_in, log_normal, poisson, weighted};
use super::order::{Kind, Line, Orders, Wording};

/// Guests' orders, stock corrections, and fees and cancellations per customer and operational day.
const ORDERS: f64 = 0.51 / 374.0;
const CORRECTIONS: f64 = 0.57 / 374.0;
const FEES: f64 = 0.05 / 374.0;

/// Sizes of guests' orders: median lines and how common; the large ones are a day's web orders on one invoice.
const SIZES: [(f64, u64); 3] = [(2.0, 46), (28.0, 30), (165.0, 24)];

/// Quantities that guests buy.
const QUANTITIES: [(i32, u64); 6] = [(1, 60), (2, 20), (3, 8), (4, 6), (6, 4), (12, 2)];

/// The invoices without a customer that a block of `customers` brings on a day that lasts `length` operational days.
pub(super) fn write_day(customers: f64, length: f64, catalogue: &Catalogue, random: &mut Random, orders: &mut Orders) {
    for _ in 0..poisson(random, customers * length * ORDERS) {
        write_order(catalogue, random, orders);
        orders.close(minute(random), None, HOME, Kind::Plain);
    }
    for _ in 0..poisson(random, customers * length * CORRECTIONS) {
        orders.lines.push(correction(random));
        orders.close(minute(random), None, HOME, Kind::Plain);
    }
    for _ in 0..poisson(random, customers * length * FEES) {
        orders.lines.push(fee(catalogue, random));
        orders.close(minute(random), None, HOME, Kind::Cancellation);
    }
}

/// Three adjustments of bad debt, two of them with negative prices, as in the real file.
pub(super) fn write_bad_debt(orders: &mut Orders) {
    for (at, price) in [(890, 1_106_206), (891, -1_106_206), (892, -1_106_206)] {
        let item = service::BAD_DEBT;
        orders.lines.push(Line { item, wording: Wording::Catalogue, quantity: 1, price });
        orders.close(at, None, HOME, Kind::BadDebt);
    }
}

fn write_order(catalogue: &Catalogue, random: &mut Random, orders: &mut Orders) {
    let median = weighted(random, &SIZES);
    let count = log_normal(random, median, 0.6).clamp(1.0, 1_100.0) as usize;
    for _ in 0..count {
        let item = random.below(u64::from(PRODUCTS)) as u16;
        // Guests pay about twice the trade price, tax included: 1.25 becomes 2.46.
        let price = catalogue.entry(item).price * 197 / 100;
        let line = Line { item, wording: Wording::Catalogue, quantity: weighted(random, &QUANTITIES), price };
        orders.lines.push(line);
    }
    if count > 20 && is_one_in(random, 0.7) {
        orders.lines.push(priced(service::DOT, 1, 2_000, 40_000, random));
    }
    if is_one_in(random, 0.02) {
        orders.lines.push(Line { item: service::VOUCHER, wording: Wording::Catalogue, quantity: 1, price: 1_667 });
    }
}

fn correction(random: &mut Random) -> Line {
    let item = random.below(u64::from(PRODUCTS)) as u16;
    let is_loss = is_one_in(random, 0.54);
    let size = log_normal(random, 14.0, 1.3).clamp(1.0, 9_600.0) as i32;
    let remark = Wording::Remark(random.below(REMARKS.len() as u64) as u8);
    let wording = if is_loss && is_one_in(random, 0.35) { remark } else { Wording::Empty };
    Line { item, wording, quantity: if is_loss { -size } else { size }, price: 0 }
}

fn fee(catalogue: &Catalogue, random: &mut Random) -> Line {
    let kinds = [(service::AMAZON_FEE, 2), (service::SAMPLES, 4), (service::COMMISSION, 1), (service::BANK_CHARGES, 1)];
    if is_one_in(random, 0.2) {
        return priced(weighted(random, &kinds), -1, 500, 60_000, random);
    }
    let item = random.below(u64::from(PRODUCTS)) as u16;
    let price = catalogue.entry(item).price;
    Line { item, wording: Wording::Catalogue, quantity: -(1 + random.below(12) as i32), price }
}

/// A service line with a price between two bounds, in pennies.
pub(super) fn priced(item: u16, quantity: i32, from: u64, to: u64, random: &mut Random) -> Line {
    Line { item, wording: Wording::Catalogue, quantity, price: (from + random.below(to - from)) as i32 }
}
