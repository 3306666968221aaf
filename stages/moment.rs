//! A day or a time as people write it in pipeline.yaml, and the microseconds that tables hold.
//!
//! For: params like `latest_date`, `from` or `snapshot`, and facts like `period_start`. Not for: dates in sources
//! (`load` reads those). Called by: `validate`, `preprocess`, `rfm`.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, ToSpan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;

/// A day, or a time of a day, without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Moment {
    /// A whole day, `2011-12-10`.
    Day(Date),
    /// A time, `2011-12-10T12:50:00`.
    Time(DateTime),
}

impl Moment {
    /// Its first microsecond, since 1970.
    pub fn start(self) -> i64 {
        match self {
            Self::Day(date) => micros_of(date.to_datetime(jiff::civil::Time::midnight())),
            Self::Time(time) => micros_of(time),
        }
    }

    /// Its last microsecond, since 1970: a day's is the one before midnight, a time is its own.
    pub fn end(self) -> i64 {
        match self {
            Self::Day(_) => self.start() + DAY - 1,
            Self::Time(_) => self.start(),
        }
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        let is_day = text.len() <= "2011-12-10".len();
        let day = text.parse::<Date>().ok().filter(|_| is_day).map(Self::Day);
        // jiff would drop an offset and read a time in another zone as if it were the shop's.
        let has_zone = text.ends_with(['Z', 'z']) || text.get(10..).is_some_and(|rest| rest.contains(['+', '-', '[']));
        let time = || text.parse::<DateTime>().ok().filter(|_| !is_day && !has_zone).map(Self::Time);
        day.or_else(time)
            .ok_or_else(|| format!("`{text}` is no date; write `2011-12-10` or `2011-12-10T12:50:00`, without a zone"))
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(date) => date.fmt(formatter),
            Self::Time(time) => time.fmt(formatter),
        }
    }
}

const fn epoch() -> DateTime {
    jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0)
}

fn micros_of(time: DateTime) -> i64 {
    // Years -9999 to 9999 are far within the range of 64-bit microseconds.
    time.duration_since(epoch()).as_micros() as i64
}

/// A time of a table as facts show it: `2011-12-09T12:50:00`, with a fraction only where there is one.
pub fn text_of(micros: i64) -> String {
    let time = epoch().checked_add(SignedDuration::from_micros(micros));
    time.map_or_else(|_| format!("{micros} microseconds after 1970"), |time| time.to_string())
}

/// The day after a time's, as people write it; none at the end of the calendar.
pub fn day_after(micros: i64) -> Option<String> {
    let time = epoch().checked_add(SignedDuration::from_micros(micros)).ok()?;
    Some(time.date().checked_add(1.day()).ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Result<Moment, String> {
        Moment::try_from(text.to_owned())
    }

    #[test]
    fn a_day_has_a_first_and_a_last_microsecond() {
        let day = moment("1970-01-02").unwrap();
        assert_eq!((day.start(), day.end()), (DAY, 2 * DAY - 1));
        assert_eq!(day.to_string(), "1970-01-02");
    }

    #[test]
    fn a_time_may_be_written_with_a_blank_and_without_seconds() {
        let time = moment("1970-01-01 00:01:30").unwrap();
        assert_eq!((time.start(), time.end()), (90_000_000, 90_000_000));
        assert_eq!(time.to_string(), "1970-01-01T00:01:30");
        assert_eq!(moment("2011-12-10 12:50").unwrap().to_string(), "2011-12-10T12:50:00");
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in ["", "yesterday", "10.12.2011", "2011-13-01", "2011-12-10T12:50:00Z", "2011-12-10T12:50:00+01:00"] {
            let error = moment(text).unwrap_err();
            assert!(error.contains("write `2011-12-10`"), "{text}: {error}");
        }
    }

    #[test]
    fn times_of_tables_are_shown_without_a_zone() {
        assert_eq!(text_of(moment("2011-12-09T12:50:00").unwrap().start()), "2011-12-09T12:50:00");
        assert_eq!(text_of(1_500_000), "1970-01-01T00:00:01.5");
        assert_eq!(text_of(i64::MAX), "9223372036854775807 microseconds after 1970");
        assert_eq!(day_after(1_500_000).as_deref(), Some("1970-01-02"));
    }
}
