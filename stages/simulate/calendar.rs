//! The trading days of the simulated year and the clock that runs with the season.
//!
//! For: turning "operational" time, in which every customer buys at a constant rate, into days and minutes. Not for:
//! who buys. Called by: `customer`, `guests`, `shop` and the writers.

use jiff::civil::{Date, date};

use crate::random::Random;

/// Days simulated: 2010-12-01 to 2011-12-09, as in the real file.
pub(super) const DAYS: u16 = 374;

const FIRST: Date = date(2010, 12, 1);

/// Demand per trading day, by month from December 2010 to December 2011, relative to a quiet month.
const MONTHS: [f64; 13] = [1.25, 0.95, 0.85, 0.95, 0.90, 1.05, 1.00, 0.98, 0.98, 1.35, 1.55, 2.10, 1.75];

/// Demand by weekday from Monday: the real shop's invoices. It is closed on Saturdays.
const WEEKDAYS: [f64; 7] = [0.96, 1.09, 1.11, 1.31, 0.97, 0.0, 0.55];

/// Invoices by hour from 06:00, in the real file.
const HOURS: [u64; 15] = [22, 31, 624, 1824, 2961, 3165, 3961, 3369, 3137, 3069, 1952, 1205, 333, 219, 28];

/// Operational time at the beginning of each day; runs from 0 to 374 like the calendar, but fast when people buy.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    starts: Vec<f64>,
}

impl Calendar {
    pub(super) fn new() -> Self {
        let weights: Vec<f64> = (0..DAYS).map(|day| weight(date_of(day))).collect();
        let total: f64 = weights.iter().sum();
        let mut starts = vec![0.0];
        let mut reached = 0.0;
        for weight in weights {
            reached += weight;
            starts.push(reached / total * f64::from(DAYS));
        }
        Self { starts }
    }

    /// Operational time at the beginning of `day`, which may be the day after the last.
    pub(super) fn start(&self, day: u16) -> f64 {
        self.starts[usize::from(day)]
    }

    /// Operational time that passes on `day`; 0 where the shop is closed.
    pub(super) fn length(&self, day: u16) -> f64 {
        self.start(day + 1) - self.start(day)
    }

    /// The first trading day on or after `day`; none after the end.
    pub(super) fn trading_day(&self, day: u64) -> Option<u16> {
        (day..u64::from(DAYS)).map(|day| day as u16).find(|&day| self.length(day) > 0.0)
    }
}

/// The date of day `day`, counted from 0.
pub(super) fn date_of(day: u16) -> Date {
    FIRST.saturating_add(jiff::Span::new().days(day))
}

/// A minute of the day at which somebody buys.
pub(super) fn minute(random: &mut Random) -> u16 {
    let mut ticket = random.below(HOURS.iter().sum());
    let mut hour = 6;
    for count in HOURS {
        if ticket < count {
            break;
        }
        ticket -= count;
        hour += 1;
    }
    hour * 60 + random.below(60) as u16
}

fn weight(day: Date) -> f64 {
    let is_holiday = matches!((day.month(), day.day()), (12, 24..=31) | (1, 1..=3))
        || matches!((day.year(), day.month(), day.day()), (2011, 4, 22..=25 | 29) | (2011, 5, 2 | 30) | (2011, 8, 29));
    if is_holiday {
        return 0.0;
    }
    let month = (i32::from(day.year()) - 2010) * 12 + i32::from(day.month()) - 12;
    MONTHS[month as usize] * WEEKDAYS[usize::from(day.weekday().to_monday_zero_offset() as u8)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_ends_where_the_real_one_does_and_saturdays_and_christmas_are_closed() {
        let calendar = Calendar::new();
        assert_eq!(date_of(0).to_string(), "2010-12-01");
        assert_eq!(date_of(DAYS - 1).to_string(), "2011-12-09");
        assert!(calendar.length(3) == 0.0, "2010-12-04 was a Saturday");
        assert!(calendar.length(24) == 0.0, "2010-12-25");
        assert!(calendar.length(1) > calendar.length(0), "Thursdays are the busiest");
        assert_eq!(calendar.trading_day(3), Some(4));
        assert_eq!(calendar.trading_day(u64::from(DAYS)), None);
    }

    #[test]
    fn operational_time_runs_to_the_end_of_the_year_and_fastest_in_november() {
        let calendar = Calendar::new();
        assert!((calendar.start(0), calendar.start(DAYS)) == (0.0, 374.0));
        let busiest = (0..DAYS).max_by(|&a, &b| calendar.length(a).total_cmp(&calendar.length(b))).unwrap();
        assert_eq!(date_of(busiest).month(), 11);
    }

    #[test]
    fn minutes_lie_in_opening_hours() {
        let mut random = Random::new(1, 0);
        assert!((0..10_000).all(|_| (360..1260).contains(&minute(&mut random))));
    }
}
