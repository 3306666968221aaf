//! Pairs returns with the purchases they take back.
//!
//! For: `returns: matched`. A return takes back what the same customer bought of the same product (codes compared in
//! upper case), the latest earlier purchase first, as much of each as is left of it; what it finds no purchase for
//! stays open. A purchase of the same moment counts as earlier. Returns are served in the order of time, those of one
//! moment in source order. A line without product code or quantity cannot be paired.
//! Not for: deciding which lines are returns. Called by: `preprocess`.
//!
//! Memory grows with the returns and the purchases of what was returned, not with the rows.

use std::collections::HashMap;

use crate::key::{Key, KeyBuilder, KeySet};
use crate::lines::Lines;

/// A purchase or a return that can be paired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Customer and product.
    key: Key,
    time: i64,
    is_return: bool,
    /// Where the line stands in its table.
    position: u64,
    /// Thousandths, positive.
    quantity: i64,
}

impl Event {
    /// The line at `row` as an event; none where it cannot be paired.
    pub fn new(lines: &Lines<'_>, row: usize, position: u64) -> Option<Self> {
        let quantity = i64::try_from(lines.quantity(row)?.abs()).ok().filter(|quantity| *quantity > 0)?;
        let product = lines.product.get(row)?.trim().to_uppercase();
        let mut key = KeyBuilder::default();
        let key = key.text(lines.customer_id.get(row)).text(Some(&product)).finish();
        Some(Self { key, time: lines.time(row)?, is_return: lines.is_return(row), position, quantity })
    }

    /// Whether it is a purchase of something that was returned.
    pub fn is_purchase_of(&self, returned: &KeySet) -> bool {
        !self.is_return && returned.contains(&self.key)
    }
}

/// What was returned, by whom.
pub fn keys(returns: &[Event]) -> KeySet {
    returns.iter().map(|event| event.key).collect()
}

/// How much of each line was paired, in thousandths.
#[derive(Debug, Clone, Default)]
pub struct Matching(HashMap<u64, i64>);

impl Matching {
    /// Pairs returns with purchases.
    pub fn of(mut events: Vec<Event>) -> Self {
        events.sort_unstable();
        let mut matched = HashMap::new();
        for of_one_product in events.chunk_by(|one, other| one.key == other.key) {
            pair(of_one_product, &mut matched);
        }
        Self(matched)
    }

    /// How much of the line at `position` was paired: of a purchase, what came back; of a return, what it took back.
    pub fn matched(&self, position: u64) -> i64 {
        self.0.get(&position).copied().unwrap_or_default()
    }
}

/// Pairs what one customer bought and returned of one product, in the order of time.
fn pair(events: &[Event], matched: &mut HashMap<u64, i64>) {
    // Purchases of which something is left, the latest at the end, with what is left.
    let mut bought: Vec<(u64, i64)> = Vec::new();
    for event in events {
        if !event.is_return {
            bought.push((event.position, event.quantity));
            continue;
        }
        let mut open = event.quantity;
        while open > 0
            && let Some((purchase, left)) = bought.last_mut()
        {
            let taken = open.min(*left);
            open -= taken;
            *left -= taken;
            *matched.entry(*purchase).or_default() += taken;
            *matched.entry(event.position).or_default() += taken;
            if *left == 0 {
                bought.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::{Line, transactions};

    use super::*;

    /// How much of each line is paired, in pieces.
    fn matched(lines: &[&'static str]) -> Vec<i64> {
        let lines: Vec<Line> = lines.iter().map(|line| Line::new(line)).collect();
        let batch = transactions(&lines);
        let columns = Lines::new(&batch);
        let events = (0..lines.len()).filter_map(|row| Event::new(&columns, row, row as u64)).collect();
        let matching = Matching::of(events);
        (0..lines.len() as u64).map(|row| matching.matched(row) / 1000).collect()
    }

    #[test]
    fn the_latest_earlier_purchase_is_taken_back_first_and_partly() {
        let lines = [
            "1 a 2011-01-01 X 5 1.00",
            "2 a 2011-01-02 X 3 1.00",
            "C3 a 2011-01-03 X -4 1.00",
            "4 a 2011-01-04 X 9 1.00",
        ];
        assert_eq!(matched(&lines), [1, 3, 4, 0]);
    }

    #[test]
    fn two_returns_share_a_purchase_and_the_rest_stays_open() {
        let lines = ["1 a 2011-01-01 X 5 1.00", "C2 a 2011-01-03 X -4 1.00", "C3 a 2011-01-04 X -4 1.00"];
        assert_eq!(matched(&lines), [5, 4, 1]);
    }

    #[test]
    fn later_purchases_other_customers_and_other_products_do_not_count() {
        let lines = [
            "C1 a 2011-01-01 X -1 1.00",
            "2 a 2011-01-02 X 1 1.00",
            "3 b 2011-01-01 X 1 1.00",
            "C4 b 2011-01-02 Y -1 1.00",
        ];
        assert_eq!(matched(&lines), [0, 0, 0, 0]);
    }

    #[test]
    fn codes_are_compared_in_upper_case_and_one_moment_is_early_enough() {
        assert_eq!(matched(&["C1 a 2011-01-01 15056bl -1 1.00", "2 a 2011-01-01 15056BL 1 1.00"]), [1, 1]);
    }

    #[test]
    fn the_order_of_the_lines_in_the_file_does_not_matter() {
        let lines = ["C3 a 2011-01-03 X -4 1.00", "2 a 2011-01-02 X 3 1.00", "1 a 2011-01-01 X 5 1.00"];
        assert_eq!(matched(&lines), [4, 3, 1]);
    }

    #[test]
    fn lines_without_a_code_or_a_quantity_are_not_paired() {
        let batch = transactions(&[
            Line { product: None, ..Line::default() },
            Line { quantity: None, amount: Some("2"), ..Line::default() },
            Line { quantity: Some("0"), ..Line::default() },
        ]);
        let lines = Lines::new(&batch);
        assert!((0..3).all(|row| Event::new(&lines, row, 0).is_none()));
    }
}
