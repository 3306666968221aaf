//! Numbers as people read them: thousands set apart, shares in percent, no more digits than needed.
//!
//! For: plots, reports, cards, descriptions. Not for: anything a program reads back. Called by: `evaluate`, `visualize`,
//! `track`, `deploy`.

use crate::numerals::grouped;

/// Sets thousands apart; does not break at the end of a line.
const GAP: char = '\u{a0}';

/// Digits from which a number of money or orders is shown in powers of ten.
const TOO_LONG: f64 = 1e15;

/// A count, e.g. `541 909`.
pub fn count(value: i64) -> String {
    let sign = if value < 0 { "−" } else { "" };
    format!("{sign}{}", grouped(&value.unsigned_abs().to_string(), GAP))
}

/// A number with so many digits after the point, e.g. `8 911 407.90`. `n/a` where it is not finite.
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    if value.abs() >= TOO_LONG {
        return format!("{value:.2e}");
    }
    let text = format!("{:.decimals$}", value.abs());
    let is_zero = text.chars().all(|character| matches!(character, '0' | '.'));
    let sign = if value < 0.0 && !is_zero { "−" } else { "" };
    match text.split_once('.') {
        Some((whole, part)) => format!("{sign}{}.{part}", grouped(whole, GAP)),
        None => format!("{sign}{}", grouped(&text, GAP)),
    }
}

/// A number with about three digits that matter: `0.124`, `5.3`, `42`, `1 480`.
pub fn short(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 || size == 0.0 => 0,
        size if size >= 1.0 => 1,
        size if size >= 0.1 => 2,
        _ => 3,
    };
    let text = fixed(value, decimals);
    if text.contains('.') && !text.contains('e') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// A share of one in percent, e.g. `37.2 %`; `< 0.1 %` where it would round to nothing.
pub fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.000_5 { format!("< 0.1{GAP}%") } else { format!("{}{GAP}%", fixed(share * 100.0, 1)) }
}

/// `one` or `many`, after the count.
pub fn counted(value: i64, one: &str, many: &str) -> String {
    format!("{}{GAP}{}", count(value), if value == 1 { one } else { many })
}

/// A number as [`short`] has it, with `one` or `many`: `1 day`, `2.5 days`.
pub fn measured(value: f64, one: &str, many: &str) -> String {
    let text = short(value);
    let noun = if text == "1" { one } else { many };
    format!("{text}{GAP}{noun}")
}

/// A moment as ISO 8601 writes it, with a space for the T.
pub fn moment(iso: &str) -> String {
    iso.replacen('T', " ", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        text.replace(GAP, " ")
    }

    #[test]
    fn thousands_are_set_apart() {
        let counts = [0, 7, 999, 1000, 541_909, -1_234_567].map(|value| plain(&count(value)));
        assert_eq!(counts, ["0", "7", "999", "1 000", "541 909", "−1 234 567"]);
        assert_eq!(plain(&fixed(8_911_407.904, 2)), "8 911 407.90");
        assert_eq!(fixed(-0.001, 2), "0.00");
    }

    #[test]
    fn short_numbers_have_about_three_digits() {
        let values = [0.0, 0.012_34, 0.1244, 5.26, 5.0, 42.04, 99.96, 1480.4, -3.25].map(|value| plain(&short(value)));
        assert_eq!(values, ["0", "0.012", "0.12", "5.3", "5", "42", "100", "1 480", "−3.2"]);
    }

    #[test]
    fn what_is_no_number_is_said_so_and_what_is_too_long_is_shortened() {
        assert_eq!([fixed(f64::NAN, 1), short(f64::INFINITY)], ["n/a", "n/a"]);
        assert_eq!(fixed(1.5e300, 2), "1.50e300");
    }

    #[test]
    fn a_share_is_never_rounded_to_nothing() {
        assert_eq!(
            [0.3716, 0.0003, 0.0, 1.0].map(|share| plain(&percent(share))),
            ["37.2 %", "< 0.1 %", "0.0 %", "100.0 %"]
        );
        assert_eq!(plain(&counted(1, "customer", "customers")), "1 customer");
    }

    #[test]
    fn a_noun_follows_its_number() {
        let values = [0.0, 1.0, 1.5, 1480.0].map(|value| plain(&measured(value, "day", "days")));
        assert_eq!(values, ["0 days", "1 day", "1.5 days", "1 480 days"]);
    }
}
