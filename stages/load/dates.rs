//! Dates as people and programs write them, read into microseconds of the shop's clock.
//!
//! For: date cells of any format, and the evidence that a written date gives of the order of day and month.
//! Not for: deciding on the order (`dialect`), or time zones: a time is what the clock showed, and an offset written
//! behind it is left out.

use jiff::civil::DateTime;
use jiff::fmt::strtime;

use super::params::DateRule;

const DAY: i64 = 86_400_000_000;

/// A written date taken apart: three numbers and a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    numbers: [u32; 3],
    is_year_first: bool,
    /// Microseconds since midnight.
    time: i64,
}

/// What a written date says about the order of day and month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderHint {
    /// The year stands first, then month and day.
    YearFirst,
    /// It can only be read month first.
    MonthFirst,
    /// It can only be read day first.
    DayFirst,
    /// It can be read either way, as different days.
    Either,
    /// It can be read either way, as the same day.
    Same,
}

impl Parts {
    /// Takes `text` (trimmed) apart; none where it is no date in numbers.
    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() == 8 && bytes.iter().all(u8::is_ascii_digit) {
            return Self::compact(bytes);
        }
        let (first, rest) = number(bytes, 4)?;
        let (separator, rest) = rest.split_first()?;
        if !matches!(separator, b'-' | b'/' | b'.') {
            return None;
        }
        let (second, rest) = number(rest, 2)?;
        let rest = rest.strip_prefix(&[*separator])?;
        let (third, rest_after) = number(rest, 4)?;
        let widths = (bytes.iter().position(|byte| byte == separator)?, rest.len() - rest_after.len());
        let time = time_of_day(rest_after)?;
        let year = |year: u32| if year < 69 { 2000 + year } else { 1900 + year };
        match widths {
            (4, 1 | 2) => Some(Self { numbers: [first, second, third], is_year_first: true, time }),
            (1 | 2, 4) => Some(Self { numbers: [first, second, third], is_year_first: false, time }),
            (1 | 2, 2) if *separator != b'-' => {
                Some(Self { numbers: [first, second, year(third)], is_year_first: false, time })
            }
            _ => None,
        }
    }

    /// `20111209`.
    fn compact(bytes: &[u8]) -> Option<Self> {
        let numbers = [number(&bytes[..4], 4)?.0, number(&bytes[4..6], 2)?.0, number(&bytes[6..], 2)?.0];
        let is_year = (1900..2200).contains(&numbers[0]);
        is_year.then_some(Self { numbers, is_year_first: true, time: 0 })
    }

    /// What it says about the order; none where it is a date in no order.
    pub(super) fn hint(&self) -> Option<OrderHint> {
        if self.is_year_first {
            return self.month_first().map(|_| OrderHint::YearFirst);
        }
        match (self.month_first(), self.day_first()) {
            (Some(a), Some(b)) => Some(if a == b { OrderHint::Same } else { OrderHint::Either }),
            (Some(_), None) => Some(OrderHint::MonthFirst),
            (None, Some(_)) => Some(OrderHint::DayFirst),
            (None, None) => None,
        }
    }

    /// The moment by `rule`, which is no pattern. Dates that begin with the year are read by every rule but say so.
    pub(super) fn micros(&self, rule: &DateRule) -> Option<i64> {
        match rule {
            DateRule::Iso if !self.is_year_first => None,
            DateRule::DayFirst if !self.is_year_first => self.day_first(),
            _ => self.month_first(),
        }
    }

    fn month_first(&self) -> Option<i64> {
        let [a, b, c] = self.numbers;
        let (year, month, day) = if self.is_year_first { (a, b, c) } else { (c, a, b) };
        Some(days(year, month, day)? * DAY + self.time)
    }

    fn day_first(&self) -> Option<i64> {
        let [day, month, year] = self.numbers;
        Some(days(year, month, day)? * DAY + self.time)
    }
}

/// Reads `text` (trimmed) by a pattern of strptime; midnight where the pattern has no time.
pub(super) fn read_pattern(text: &str, pattern: &str) -> Option<i64> {
    let parsed = strtime::parse(pattern, text).ok()?;
    let (date, time) = (parsed.to_date().ok()?, parsed.to_time().unwrap_or_default());
    let since = DateTime::from_parts(date, time).duration_since(jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0));
    i64::try_from(since.as_micros()).ok()
}

/// A day of Excel's calendar and its fraction, to the millisecond. None outside years 1900 to 9999.
pub(super) fn from_excel(serial: f64, is_1904: bool) -> Option<i64> {
    if !(0.0..2_958_466.0).contains(&serial) {
        return None;
    }
    let milliseconds = (serial * 86_400_000.0).round() as i64;
    // Excel takes 1900 for a leap year: its day 60 is the 29 February that never was.
    let epoch = match (is_1904, serial < 60.0) {
        (true, _) => -24_107,
        (false, true) => -25_568,
        (false, false) => -25_569,
    };
    Some(epoch * DAY + milliseconds * 1000)
}

/// The moment as `2011-12-09 12:50:00`, for cells of text that hold one.
pub(super) fn written(micros: i64) -> String {
    let time = jiff::Timestamp::from_microsecond(micros);
    time.map_or_else(|_| micros.to_string(), |time| time.to_string().replace('T', " ").replace('Z', ""))
}

/// Up to `width` digits and what follows them.
fn number(bytes: &[u8], width: usize) -> Option<(u32, &[u8])> {
    let digits = bytes.iter().take(width).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at(digits);
    (digits > 0).then(|| (number.iter().fold(0, |value, byte| value * 10 + u32::from(byte - b'0')), rest))
}

/// `H:MM`, `H:MM:SS`, with fractions and AM or PM, after spaces or a `T`; midnight where nothing stands.
fn time_of_day(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() {
        return Some(0);
    }
    let rest = match bytes {
        [b'T' | b't' | b' ', rest @ ..] => rest.trim_ascii_start(),
        _ => return None,
    };
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?, 2)?;
    let (second, rest) = match rest.strip_prefix(b":") {
        Some(rest) => number(rest, 2)?,
        None => (0, rest),
    };
    let (fraction, rest) = match rest {
        [b'.' | b',', rest @ ..] => fraction(rest)?,
        _ => (0, rest),
    };
    let hour = hour_of_day(hour, rest.trim_ascii())?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some((i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)) * 1_000_000 + fraction)
}

/// Microseconds of a fraction of a second; further digits are cut off.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let at = |position: usize| if position < digits { i64::from(bytes[position] - b'0') } else { 0 };
    (digits > 0).then(|| ((0..6).fold(0, |value, position| value * 10 + at(position)), &bytes[digits..]))
}

/// The hour, by what follows the time: nothing, AM or PM, or an offset, which is left out.
fn hour_of_day(hour: u32, tail: &[u8]) -> Option<u32> {
    let is_half = |word: &[u8]| tail.eq_ignore_ascii_case(word);
    match tail {
        b"" | b"Z" | b"z" | b"UTC" => Some(hour),
        _ if is_half(b"am") || is_half(b"pm") => {
            (1..=12).contains(&hour).then(|| hour % 12 + if is_half(b"pm") { 12 } else { 0 })
        }
        [b'+' | b'-', offset @ ..] => {
            let is_offset = (2..=5).contains(&offset.len());
            (is_offset && offset.iter().all(|byte| byte.is_ascii_digit() || *byte == b':')).then_some(hour)
        }
        _ => None,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; none where there is no such day.
fn days(year: u32, month: u32, day: u32) -> Option<i64> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) || !(1..=9999).contains(&year) {
        return None;
    }
    // Years are counted from March, so that the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let leap_days = i64::from(year / 4) - i64::from(year / 100) + i64::from(year / 400);
    Some(i64::from(year) * 365 + leap_days + i64::from(day_of_year) - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2011-12-09 12:50:00 as microseconds: 15317 days and 46200 seconds.
    const LAST: i64 = (15_317 * 86_400 + 46_200) * 1_000_000;

    fn read(text: &str, rule: &DateRule) -> Option<i64> {
        Parts::read(text)?.micros(rule)
    }

    #[test]
    fn one_moment_written_in_many_ways() {
        for text in [
            "2011-12-09 12:50:00",
            "2011-12-09T12:50",
            "2011-12-09T12:50:00Z",
            "2011-12-09 12:50:00.000",
            "2011-12-09 12:50:00+01:00",
            "2011/12/9 12:50",
            "2011-12-09 12:50 PM",
        ] {
            assert_eq!(read(text, &DateRule::Iso), Some(LAST), "`{text}`");
        }
        for text in ["12/9/2011 12:50", "12/09/2011 12:50:00 pm", "12/9/11 12:50", "12-09-2011 12:50"] {
            assert_eq!(read(text, &DateRule::MonthFirst), Some(LAST), "`{text}`");
        }
        for text in ["9/12/2011 12:50", "09.12.2011 12:50", "09-12-2011 12:50:00", "9.12.11 12:50"] {
            assert_eq!(read(text, &DateRule::DayFirst), Some(LAST), "`{text}`");
        }
        assert_eq!(read("20111209", &DateRule::Iso), Some(15_317 * DAY));
        assert_eq!(read("2011-12-09", &DateRule::DayFirst), Some(15_317 * DAY));
        assert_eq!(read("2011-12-09 12:50:00.1234567", &DateRule::Iso), Some(LAST + 123_456));
        assert_eq!(read("1/1/2011 12:05 AM", &DateRule::DayFirst), read("2011-01-01 00:05", &DateRule::Iso));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "yesterday",
            "2011-13-01",
            "2011-02-29",
            "31/11/2011",
            "2011-12-09 25:00",
            "2011-12-09 12",
            "12/9",
            "2011-12-09x",
            "2011-12/09",
            "10-12-01",
            "99991301",
            "40513.35",
            "2011-12-09 13:00 PM",
            "1/2/3",
            "0000-01-01",
            "2011-12-09 12:60",
        ] {
            let parts = Parts::read(text);
            assert_eq!(parts.and_then(|parts| parts.hint()), None, "`{text}`");
        }
        assert_eq!(read("12/9/2011", &DateRule::Iso), None);
    }

    #[test]
    fn a_date_tells_its_order_where_only_one_fits() {
        let hint = |text: &str| Parts::read(text).and_then(|parts| parts.hint());
        assert_eq!(hint("2011-12-09"), Some(OrderHint::YearFirst));
        assert_eq!(hint("12/13/2010 8:26"), Some(OrderHint::MonthFirst));
        assert_eq!(hint("13/12/2010 8:26"), Some(OrderHint::DayFirst));
        assert_eq!(hint("12/1/2010 8:26"), Some(OrderHint::Either));
        assert_eq!(hint("12/12/2010 8:26"), Some(OrderHint::Same));
        assert_eq!(hint("13/13/2010"), None);
    }

    #[test]
    fn days_agree_with_the_calendar_of_jiff() {
        let start = jiff::civil::date(1899, 1, 1);
        let epoch = jiff::civil::date(1970, 1, 1);
        for offset in (0..120_000).step_by(13) {
            let date = start.checked_add(jiff::Span::new().days(offset)).unwrap();
            let expected = epoch.until(date).unwrap().get_days();
            let found = days(date.year() as u32, date.month() as u32, date.day() as u32);
            assert_eq!(found, Some(i64::from(expected)), "{date}");
        }
    }

    #[test]
    fn patterns_are_read_with_and_without_a_time() {
        assert_eq!(read_pattern("09.12.2011 12:50", "%d.%m.%Y %H:%M"), Some(LAST));
        assert_eq!(read_pattern("9 Dec 2011", "%d %b %Y"), Some(15_317 * DAY));
        assert_eq!(read_pattern("2011-12-09", "%d.%m.%Y"), None);
    }

    #[test]
    fn excels_days_are_counted_as_excel_does() {
        assert_eq!(from_excel(40_513.351_388_888_89, false), Some((14_944 * 86_400 + 30_360) * 1_000_000));
        assert_eq!(from_excel(1.0, false), read("1900-01-01", &DateRule::Iso));
        assert_eq!(from_excel(61.0, false), read("1900-03-01", &DateRule::Iso));
        assert_eq!(from_excel(0.0, true), read("1904-01-01", &DateRule::Iso));
        assert_eq!(from_excel(40_886.534_722_222_22, false), Some(LAST));
        assert_eq!(from_excel(-1.0, false), None);
        assert_eq!(from_excel(f64::NAN, false), None);
        assert_eq!(written(LAST), "2011-12-09 12:50:00");
    }
}
