//! One cell of any format, and what its text is where the column holds text.
//!
//! For: handing cells of CSV, workbooks and Parquet to the one builder of rows. Not for: numbers and dates themselves.

use std::borrow::Cow;

use crate::problems::NOT_A_NUMBER;

use super::dates;
use super::numbers::{self, Scale, Scaled};

/// Characters of an unusable cell that its problem quotes.
const QUOTED: usize = 200;

/// What a cell holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    /// Nothing.
    Empty,
    /// Text, which may say a number or a date.
    Text(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// A float.
    Float(f64),
    /// A decimal: so many units of 10^-digits.
    Decimal(i128, i8),
    /// A moment, in microseconds since 1970.
    Time(i64),
    /// A moment out of range, as written.
    BadTime(String),
}

impl Cell<'_> {
    /// Whether the cell holds nothing but spaces.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => trimmed(text).is_empty(),
            _ => false,
        }
    }

    /// Its text; whole numbers have no decimals. None for what is missing, a float that is no number included.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Empty => return None,
            Self::Float(value) if value.is_nan() => return None,
            Self::Text(text) => Cow::Borrowed(text.as_ref()),
            Self::Integer(value) => Cow::Owned(value.to_string()),
            Self::Float(value) => Cow::Owned(value.to_string()),
            Self::Decimal(value, digits) => Cow::Owned(decimal_text(*value, *digits)),
            Self::Time(micros) => Cow::Owned(dates::written(*micros)),
            Self::BadTime(text) => Cow::Borrowed(text),
        })
    }

    /// What a problem quotes of it.
    pub(super) fn quoted(&self) -> String {
        let text = match self {
            Self::Float(value) => Cow::Owned(value.to_string()),
            other => other.text().unwrap_or_default(),
        };
        quoted(&text)
    }

    /// Its number at a column's scale, where it is no text.
    pub(super) fn number(&self, scale: Scale) -> Result<Scaled, &'static str> {
        match self {
            Self::Integer(value) => numbers::rescale(i128::from(*value), 0, scale),
            Self::Float(value) => numbers::read_float(*value, scale),
            Self::Decimal(value, digits) => numbers::rescale(*value, i32::from(*digits), scale),
            Self::Empty | Self::Text(_) | Self::Time(_) | Self::BadTime(_) => Err(NOT_A_NUMBER),
        }
    }
}

/// A text without the spaces around it. Nearly all begin and end with a letter or digit, which is seen at once.
pub(super) fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [] => text,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// The beginning of a text, for a problem.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A decimal without trailing zeros.
fn decimal_text(value: i128, digits: i8) -> String {
    let Ok(digits) = usize::try_from(digits) else {
        let zeros = usize::from(digits.unsigned_abs());
        return format!("{value}{}", "0".repeat(zeros));
    };
    let sign = if value < 0 { "-" } else { "" };
    let all = format!("{:0width$}", value.unsigned_abs(), width = digits + 1);
    let (whole, decimals) = all.split_at(all.len() - digits);
    let decimals = decimals.trim_end_matches('0');
    if decimals.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{decimals}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_columns_of_text_are_written_as_a_csv_would() {
        assert_eq!(Cell::Float(536_365.0).text().unwrap(), "536365");
        assert_eq!(Cell::Float(0.5).text().unwrap(), "0.5");
        assert_eq!(Cell::Integer(-7).text().unwrap(), "-7");
        assert_eq!(Cell::Decimal(1_785_000, 2).text().unwrap(), "17850");
        assert_eq!(Cell::Decimal(-5, 2).text().unwrap(), "-0.05");
        assert_eq!(Cell::Decimal(12, -2).text().unwrap(), "1200");
        assert_eq!(Cell::Time(0).text().unwrap(), "1970-01-01 00:00:00");
        assert_eq!(Cell::Float(f64::NAN).text(), None);
        assert_eq!(Cell::Float(f64::NAN).quoted(), "NaN");
    }

    #[test]
    fn texts_lose_the_spaces_of_any_alphabet_around_them() {
        for text in ["", " ", "a", "ab", " a", "a ", "\u{a0}a b\u{3000}", "é ", "\u{2003}", "é", "-1", "\t\"x\"\r"] {
            assert_eq!(trimmed(text), text.trim(), "{text:?}");
        }
    }

    #[test]
    fn long_texts_are_cut_for_problems() {
        assert_eq!(quoted("short"), "short");
        assert_eq!(quoted(&"é".repeat(300)), format!("{}…", "é".repeat(200)));
    }
}
