//! How counts, shares and money are written in messages.
//!
//! For: headlines, notes, reports and errors. Not for: tables that programs read. Called by: the stages and the
//! terminal's reporter; `document::numbers` for pages and pictures.

use crate::money::ONE;

/// A count in groups of three digits: `541 909`.
pub fn count(count: u64) -> String {
    grouped(&count.to_string(), ' ')
}

/// A count with its noun: `1 row`, `541 909 rows`.
pub fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

/// A share as a percentage with one decimal: `24.9 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Money, exact, with two decimals or as many as it has: `8 911 407.904`.
pub fn money(amount: i128) -> String {
    let magnitude = amount.unsigned_abs();
    let decimals = format!("{:09}", magnitude % ONE.unsigned_abs());
    let kept = decimals.trim_end_matches('0').len().max(2);
    let sign = if amount < 0 { "-" } else { "" };
    format!("{sign}{}.{}", grouped(&(magnitude / ONE.unsigned_abs()).to_string(), ' '), &decimals[..kept])
}

/// Digits in groups of three with `gap` between the groups.
pub fn grouped(digits: &str, gap: char) -> String {
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(gap);
        }
        text.push(digit);
    }
    text
}

/// Columns of text side by side, each as wide as its widest cell; `is_right` says which are numbers.
pub fn aligned(rows: &[Vec<String>], is_right: &[bool]) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..is_right.len()).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).zip(is_right);
        let cells: Vec<String> = cells
            .map(|((cell, width), right)| if *right { format!("{cell:>width$}") } else { format!("{cell:<width$}") })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_threes() {
        assert_eq!([0, 999, 1_000, 541_909, 1_000_000].map(count), ["0", "999", "1 000", "541 909", "1 000 000"]);
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(4_338, "customer"), "4 338 customers");
    }

    #[test]
    fn money_is_exact_and_has_two_decimals_at_least() {
        let shown = [8_911_407_904_000_000, -611_342_090_000_000, 0, 5, 2_900_000_000].map(money);
        assert_eq!(shown, ["8 911 407.904", "-611 342.09", "0.00", "0.000000005", "2.90"]);
        assert_eq!(money(-500_000_000), "-0.50");
    }

    #[test]
    fn shares_are_percentages() {
        assert_eq!(percent(135_120.0 / 541_909.0), "24.9 %");
    }

    #[test]
    fn cells_stand_below_each_other() {
        let rows = [vec!["rule".to_owned(), "rows".to_owned()], vec!["a".to_owned(), "12".to_owned()]];
        assert_eq!(aligned(&rows, &[false, true]), "rule  rows\na       12");
    }
}
