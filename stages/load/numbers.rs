//! Numbers as people and programs write them, read into exact decimals.
//!
//! For: quantity, price and amount of any format, and the evidence that a written number gives of its decimal mark.
//! Not for: deciding on the mark (`dialect`).
//!
//! Groups of three digits may be set off by the other mark, a space or an apostrophe; a currency sign may stand before
//! or after; an exponent may follow. What does not fit that form exactly is no number rather than a guess.

use crate::problems::{NOT_A_NUMBER, NOT_FINITE, TOO_LARGE};

use super::params::DecimalMark;

/// A column of exact decimals: the scale it keeps and the bound on its values, in units of the scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// Digits after the decimal mark.
    pub(super) digits: u32,
    /// Values are below this, positive or negative.
    pub(super) bound: i128,
}

/// decimal(18,3).
pub(super) const QUANTITY: Scale = Scale { digits: 3, bound: 10_i128.pow(18) };
/// decimal(18,6).
pub(super) const PRICE: Scale = Scale { digits: 6, bound: 10_i128.pow(18) };
/// decimal(38,9).
pub(super) const MONEY: Scale = Scale { digits: 9, bound: 10_i128.pow(38) };

/// 10^0 to 10^9: what numbers are brought to their scale by, a multiplication instead of ten.
const POWERS: [i64; 10] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// A number at a column's scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scaled {
    /// In units of the scale.
    pub(super) value: i128,
    /// Whether digits were rounded away.
    pub(super) is_rounded: bool,
}

/// What a written number says about the decimal mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkHint {
    /// Nothing: it has no mark, or is no number.
    None,
    /// It can only be read with a point.
    Point,
    /// It can only be read with a comma.
    Comma,
    /// It can be read with either, as different numbers: `1.234`.
    Either,
}

/// Reads `text` (trimmed) as a number whose decimals follow `mark`; with what the text says about the decimal mark.
pub(super) fn read_with_hint(text: &str, mark: DecimalMark, scale: Scale) -> (Result<Scaled, &'static str>, MarkHint) {
    match read_plain(text, mark, scale) {
        Some((value, hint)) => (Ok(Scaled { value, is_rounded: false }), hint),
        None => (Written::read(text, mark).and_then(|written| written.scaled(scale)), mark_hint(text)),
    }
}

/// Reads a float through its shortest decimal text.
pub(super) fn read_float(value: f64, scale: Scale) -> Result<Scaled, &'static str> {
    if !value.is_finite() {
        return Err(NOT_FINITE);
    }
    match short_decimal(value, scale) {
        Some(value) => Ok(Scaled { value, is_rounded: false }),
        None => Written::read(&value.to_string(), DecimalMark::Point)?.scaled(scale),
    }
}

/// Brings `mantissa` × 10^-`digits` to a column's scale.
pub(super) fn rescale(mantissa: i128, digits: i32, scale: Scale) -> Result<Scaled, &'static str> {
    let shift = scale.digits as i32 - digits;
    let power = |exponent: i32| u32::try_from(exponent).ok().and_then(|exponent| 10_i128.checked_pow(exponent));
    let (value, is_rounded) = if shift >= 0 {
        let scaled = power(shift).and_then(|power| mantissa.checked_mul(power));
        (if mantissa == 0 { 0 } else { scaled.ok_or(TOO_LARGE)? }, false)
    } else {
        let Some(power) = power(-shift) else { return Ok(Scaled { value: 0, is_rounded: mantissa != 0 }) };
        let (quotient, rest) = (mantissa.div_euclid(power), mantissa.rem_euclid(power));
        let is_up = rest > power - rest || (rest == power - rest && quotient % 2 != 0);
        (quotient + i128::from(is_up), rest != 0)
    };
    if value.abs() < scale.bound { Ok(Scaled { value, is_rounded }) } else { Err(TOO_LARGE) }
}

/// The common case of [`read_with_hint`]: a sign, up to 17 digits, the mark, no more decimals than the scale keeps.
/// To be inlined, so that the value stays in registers: it is slow to read what was just written in halves.
#[inline]
pub(super) fn read_plain(text: &str, mark: DecimalMark, scale: Scale) -> Option<(i128, MarkHint)> {
    let (is_negative, digits) = match text.as_bytes().split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text.as_bytes()),
    };
    if digits.len() > 18 {
        return None;
    }
    let mark = mark.as_str().as_bytes()[0];
    let (mut value, mut marked) = (0_i64, None);
    for (place, byte) in digits.iter().enumerate() {
        if byte.is_ascii_digit() {
            value = value * 10 + i64::from(byte - b'0');
        } else if *byte == mark && marked.is_none() {
            marked = Some(place);
        } else {
            return None;
        }
    }
    let count = digits.len() - usize::from(marked.is_some());
    let decimals = marked.map_or(0, |place| digits.len() - 1 - place);
    if count == 0 || count > 17 || decimals > scale.digits as usize {
        return None;
    }
    let value = i128::from(value) * i128::from(*POWERS.get(scale.digits as usize - decimals)?);
    let value = if is_negative { -value } else { value };
    let hint = marked.map_or(MarkHint::None, |place| hint_of(&digits[..place], mark, decimals));
    (value.abs() < scale.bound).then_some((value, hint))
}

/// The decimal of at most 15 digits and `scale` decimals that `value` is the nearest float of, where there is one.
/// No two such decimals share their nearest float, so it is the shortest.
fn short_decimal(value: f64, scale: Scale) -> Option<i128> {
    let mut power = 1.0_f64;
    for decimals in 0..=scale.digits {
        let candidate = (value * power).round();
        if candidate.abs() >= 1e15 {
            return None;
        }
        if (candidate / power).to_bits() == value.to_bits() || (candidate == 0.0 && value == 0.0) {
            let value = i128::from(candidate as i64) * 10_i128.pow(scale.digits - decimals);
            return (value.abs() < scale.bound).then_some(value);
        }
        power *= 10.0;
    }
    None
}

/// A number as it was written: 0.DIGITS × 10^`point`.
struct Written {
    is_negative: bool,
    /// Values 0 to 9, without leading zeros.
    digits: Vec<u8>,
    point: i64,
}

impl Written {
    fn read(text: &str, mark: DecimalMark) -> Result<Self, &'static str> {
        if is_word_for_none(text) {
            return Err(NOT_FINITE);
        }
        Self::parse(text, mark).ok_or(NOT_A_NUMBER)
    }

    fn parse(text: &str, mark: DecimalMark) -> Option<Self> {
        let (is_negative, text) = unsigned(text)?;
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let mark = mark.as_str();
        let (whole, decimals) = mantissa.split_once(mark).unwrap_or((mantissa, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let whole = ungrouped(whole, if mark == "." { ',' } else { '.' })?;
        if !is_digits(decimals) || (whole.is_empty() && decimals.is_empty()) {
            return None;
        }
        let digits: Vec<u8> = whole.bytes().chain(decimals.bytes()).map(|byte| byte - b'0').collect();
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        let point = whole.len() as i64 - zeros as i64 + i64::from(exponent);
        Some(Self { is_negative, digits: digits[zeros..].to_vec(), point })
    }

    /// Rounds half to even.
    fn scaled(&self, scale: Scale) -> Result<Scaled, &'static str> {
        let kept = self.point + i64::from(scale.digits);
        if self.digits.is_empty() || kept < 0 {
            return Ok(Scaled { value: 0, is_rounded: !self.digits.is_empty() });
        }
        if kept > 38 {
            return Err(TOO_LARGE);
        }
        let kept = kept as usize;
        let digit = |position: usize| i128::from(self.digits.get(position).copied().unwrap_or(0));
        let value = (0..kept).fold(0_i128, |value, position| value * 10 + digit(position));
        let rest = self.digits.get(kept..).unwrap_or_default();
        let is_exact_half = rest.first() == Some(&5) && rest[1..].iter().all(|digit| *digit == 0);
        let is_up = if is_exact_half { value % 2 == 1 } else { rest.first().is_some_and(|digit| *digit >= 5) };
        let value = value + i128::from(is_up);
        let is_rounded = rest.iter().any(|digit| *digit != 0);
        let value = if self.is_negative { -value } else { value };
        if value.abs() < scale.bound { Ok(Scaled { value, is_rounded }) } else { Err(TOO_LARGE) }
    }
}

/// Whether a text is a word for no number: `NaN`, `inf`, `-Infinity`.
fn is_word_for_none(text: &str) -> bool {
    let word = text.trim_start_matches(['-', '+']).to_ascii_lowercase();
    matches!(word.as_str(), "nan" | "inf" | "infinity")
}

/// The number without its sign, currency and the spaces between them.
fn unsigned(text: &str) -> Option<(bool, &str)> {
    let is_around = |c: char| c.is_whitespace() || matches!(c, '$' | '£' | '€' | '¥');
    let text = text.trim_matches(is_around);
    let (is_negative, text) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let text = text.trim_start_matches(is_around);
    text.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == ',').then_some((is_negative, text))
}

/// The digits before the mark without what sets off their groups; none where the groups are not of three.
fn ungrouped(whole: &str, separator: char) -> Option<String> {
    let is_separator = |c: char| c == separator || matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '’');
    let mut groups = whole.split(is_separator);
    let first = groups.next()?;
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mut digits = first.to_owned();
    let mut has_groups = false;
    for group in groups {
        if group.len() != 3 || !is_digits(group) {
            return None;
        }
        has_groups = true;
        digits.push_str(group);
    }
    let is_group = (1..=3).contains(&first.len()) && !first.starts_with('0');
    let is_first_fit = is_digits(first) && (!has_groups || is_group);
    is_first_fit.then_some(digits)
}

/// What `text` (trimmed) says about the decimal mark.
fn mark_hint(text: &str) -> MarkHint {
    // Numbers are short: to look at every byte is quicker than a search that is made for long texts.
    if !text.bytes().any(|byte| matches!(byte, b'.' | b',')) {
        return MarkHint::None;
    }
    plain_hint(text.as_bytes()).unwrap_or_else(|| full_hint(text))
}

/// The common case: a sign, a few digits, one mark among them.
fn plain_hint(bytes: &[u8]) -> Option<MarkHint> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let at = digits.iter().position(|byte| matches!(byte, b'.' | b','))?;
    let (whole, decimals) = (&digits[..at], &digits[at + 1..]);
    let is_plain = whole.iter().chain(decimals).all(u8::is_ascii_digit) && (2..=18).contains(&digits.len());
    if !is_plain {
        return None;
    }
    Some(hint_of(whole, digits[at], decimals.len()))
}

/// What a number of these digits, the only mark that it has and so many decimals says.
fn hint_of(whole: &[u8], mark: u8, decimals: usize) -> MarkHint {
    // By the other mark this one would set a group of three off.
    let is_group = (1..=3).contains(&whole.len()) && whole[0] != b'0' && decimals == 3;
    match (is_group, mark) {
        (true, _) => MarkHint::Either,
        (false, b'.') => MarkHint::Point,
        (false, _) => MarkHint::Comma,
    }
}

fn full_hint(text: &str) -> MarkHint {
    let with = |mark| Written::parse(text, mark).and_then(|written| written.scaled(MONEY).ok());
    match (with(DecimalMark::Point), with(DecimalMark::Comma)) {
        (Some(point), Some(comma)) if point == comma => MarkHint::None,
        (Some(_), Some(_)) => MarkHint::Either,
        (Some(_), None) => MarkHint::Point,
        (None, Some(_)) => MarkHint::Comma,
        (None, None) => MarkHint::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINT: DecimalMark = DecimalMark::Point;
    const COMMA: DecimalMark = DecimalMark::Comma;

    fn read(text: &str, mark: DecimalMark, scale: Scale) -> Result<Scaled, &'static str> {
        let (number, hint) = read_with_hint(text, mark, scale);
        assert_eq!(hint, mark_hint(text), "`{text}`");
        number
    }

    fn price(text: &str) -> Result<(i128, bool), &'static str> {
        read(text, POINT, PRICE).map(|scaled| (scaled.value, scaled.is_rounded))
    }

    #[test]
    fn plain_numbers_are_exact() {
        assert_eq!(price("2.55"), Ok((2_550_000, false)));
        assert_eq!(price("-0.001"), Ok((-1000, false)));
        assert_eq!(price("12"), Ok((12_000_000, false)));
        assert_eq!(price(".5"), Ok((500_000, false)));
        assert_eq!(price("5."), Ok((5_000_000, false)));
        assert_eq!(price("+7"), Ok((7_000_000, false)));
        assert_eq!(price("0.0"), Ok((0, false)));
        assert_eq!(read("-80995", POINT, QUANTITY).unwrap().value, -80_995_000);
    }

    #[test]
    fn more_digits_than_the_scale_are_rounded_half_to_even() {
        assert_eq!(price("1.0000005"), Ok((1_000_000, true)));
        assert_eq!(price("1.0000015"), Ok((1_000_002, true)));
        assert_eq!(price("1.00000050001"), Ok((1_000_001, true)));
        assert_eq!(price("-1.0000015"), Ok((-1_000_002, true)));
        assert_eq!(price("0.0000005"), Ok((0, true)));
        assert_eq!(price("0.00000051"), Ok((1, true)));
        assert_eq!(price("2.5500000000000"), Ok((2_550_000, false)));
        assert_eq!(read("2.0005", POINT, QUANTITY).unwrap(), Scaled { value: 2000, is_rounded: true });
        assert_eq!(read("2.0015", POINT, QUANTITY).unwrap(), Scaled { value: 2002, is_rounded: true });
    }

    #[test]
    fn groups_currencies_and_exponents_are_understood() {
        assert_eq!(price("1,234.5"), Ok((1_234_500_000, false)));
        assert_eq!(price("1 234.5"), Ok((1_234_500_000, false)));
        assert_eq!(price("£2.55"), Ok((2_550_000, false)));
        assert_eq!(price("-$1,000"), Ok((-1_000_000_000, false)));
        assert_eq!(price("2.55 €"), Ok((2_550_000, false)));
        assert_eq!(price("1e-3"), Ok((1000, false)));
        assert_eq!(price("2.5E2"), Ok((250_000_000, false)));
        let comma = |text: &str| read(text, COMMA, PRICE).map(|scaled| scaled.value);
        assert_eq!(comma("2,55"), Ok(2_550_000));
        assert_eq!(comma("1.234,5"), Ok(1_234_500_000));
        assert_eq!(comma("1'234,5"), Ok(1_234_500_000));
        assert_eq!(comma("1.234.567"), Ok(1_234_567_000_000));
    }

    #[test]
    fn what_is_no_number_says_why() {
        for text in ["abc", "1,23", "1.2.3", "--1", "1-", "£", "12,34.5", "1e", "e5", "1,234,56", "0x10", "٣"] {
            assert_eq!(price(text), Err(NOT_A_NUMBER), "`{text}`");
        }
        for text in ["NaN", "nan", "inf", "-inf", "Infinity"] {
            assert_eq!(price(text), Err(NOT_FINITE), "`{text}`");
        }
        for text in ["1000000000000", "1e308", "-1e12", "1e2147483647", &"9".repeat(400)] {
            assert_eq!(price(text), Err(TOO_LARGE), "`{text}`");
        }
        assert_eq!(price("999999999999.999999"), Ok((999_999_999_999_999_999, false)));
        assert_eq!(price("999999999999.9999996"), Err(TOO_LARGE));
        assert_eq!(price("1e-400"), Ok((0, true)));
        assert_eq!(price("1e-2147483648"), Ok((0, true)));
    }

    #[test]
    fn floats_go_through_their_shortest_text() {
        let money = |value: f64| read_float(value, MONEY).map(|scaled| (scaled.value, scaled.is_rounded));
        assert_eq!(money(2.55), Ok((2_550_000_000, false)));
        assert_eq!(money(0.1 + 0.2), Ok((300_000_000, true)));
        assert_eq!(money(-0.0), Ok((0, false)));
        assert_eq!(money(1e20), Ok((10_i128.pow(29), false)));
        assert_eq!(money(1e308), Err(TOO_LARGE));
        assert_eq!(money(f64::NAN), Err(NOT_FINITE));
        assert_eq!(money(f64::NEG_INFINITY), Err(NOT_FINITE));
        assert_eq!(money(5e-324), Ok((0, true)));
        for cents in -20_000..20_000_i32 {
            let value = f64::from(cents) / 100.0;
            assert_eq!(read_float(value, PRICE).unwrap(), read(&value.to_string(), POINT, PRICE).unwrap());
        }
    }

    #[test]
    fn decimals_change_their_scale_exactly() {
        assert_eq!(rescale(255, 2, PRICE).unwrap(), Scaled { value: 2_550_000, is_rounded: false });
        assert_eq!(rescale(-25, 4, QUANTITY).unwrap(), Scaled { value: -2, is_rounded: true });
        assert_eq!(rescale(35, 4, QUANTITY).unwrap(), Scaled { value: 4, is_rounded: true });
        assert_eq!(rescale(-35, 4, QUANTITY).unwrap(), Scaled { value: -4, is_rounded: true });
        assert_eq!(rescale(5, -2, QUANTITY).unwrap().value, 500_000);
        assert_eq!(rescale(10_i128.pow(30), 0, QUANTITY), Err(TOO_LARGE));
    }

    #[test]
    fn a_number_tells_its_mark_where_only_one_fits() {
        for (text, hint) in [
            ("12", MarkHint::None),
            ("abc.d", MarkHint::None),
            ("2.55", MarkHint::Point),
            ("2,55", MarkHint::Comma),
            ("1.234", MarkHint::Either),
            ("1,234", MarkHint::Either),
            ("0.123", MarkHint::Point),
            ("1,234.5", MarkHint::Point),
            ("1.234,5", MarkHint::Comma),
            ("1.234.567", MarkHint::Comma),
            ("1234.567", MarkHint::Point),
        ] {
            assert_eq!(mark_hint(text), hint, "`{text}`");
        }
    }

    #[test]
    fn the_common_case_says_what_reading_by_both_marks_says() {
        let alphabet = [b'-', b'0', b'1', b'7', b'.', b','];
        for code in 0..6_usize.pow(7) {
            let bytes: Vec<u8> = (0..7).map(|place| alphabet[code / 6_usize.pow(place) % 6]).collect();
            for length in 2..=7 {
                let text = std::str::from_utf8(&bytes[..length]).unwrap();
                if let Some(hint) = plain_hint(text.as_bytes()) {
                    assert_eq!(hint, full_hint(text), "`{text}`");
                }
            }
        }
    }
}
