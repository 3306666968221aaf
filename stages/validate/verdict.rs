//! What the counts mean: for every rule whether it holds, and in words what was found.
//!
//! For: the report and the decision whether the data may be used. Called by: `validate`.

use crate::moment::DAY;
use crate::numerals::{count, counted, money, percent};

use super::ValidateError;
use super::params::{Setting, Settings};
use super::rules::{RULES, Rule, Scope, Severity, position};
use super::tally::{Count, Tally};

/// How a rule came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It holds.
    Ok,
    /// It does not, and that is all.
    Warning,
    /// The rows that break it are set aside.
    Quarantined,
    /// It stops the run.
    Error,
}

impl Status {
    /// The word used in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Quarantined => "quarantined",
            Self::Error => "error",
        }
    }
}

/// One rule's line of the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// Its severity.
    pub severity: Severity,
    /// How it came out.
    pub status: Status,
    /// Rows that break it.
    pub rows: u64,
    /// Their share of all rows.
    pub share: f64,
    /// Money of those that have an amount.
    pub amount: i128,
    /// How many of them have none.
    pub rows_without_amount: u64,
    /// What was found.
    pub message: String,
}

/// What was found about each rule, in declared order. `customers` are those of the rows that go on.
///
/// # Errors
/// [`ValidateError::Money`] where the money of some rows adds up to more than a column holds.
pub fn verdict(tally: &Tally, customers: u64, settings: &Settings) -> Result<Vec<Finding>, ValidateError> {
    let rules = RULES.iter().zip(&settings.0).enumerate();
    rules.map(|(position, (rule, setting))| finding(position, rule, *setting, tally, customers)).collect()
}

fn finding(
    position: usize,
    rule: &Rule,
    setting: Setting,
    tally: &Tally,
    customers: u64,
) -> Result<Finding, ValidateError> {
    let rows = match rule.scope {
        Scope::Row | Scope::Essential => tally.rules[position],
        Scope::Share => tally.quarantined,
        Scope::AtLeast => Count::default(),
    };
    let share = if tally.all.rows == 0 { 0.0 } else { rows.rows as f64 / tally.all.rows as f64 };
    let amount = rows.amount.value().ok_or(ValidateError::Money { rule: rule.name })?;
    let (status, message) = match rule.scope {
        Scope::Row | Scope::Essential => (row_status(setting, rows.rows, share), row_message(rule, &rows, amount)),
        Scope::Share => {
            let (found, most) = (percent(share), percent(setting.threshold));
            let message = format!("{found} of the rows are set aside, at most {most} expected");
            (whole_status(setting.severity, share > setting.threshold), message)
        }
        Scope::AtLeast => {
            let (found, noun) = extent(position, tally, customers);
            let is_short = (found as f64) < setting.threshold;
            let message = format!("{}, at least {} expected", counted(found, noun), setting.threshold);
            (whole_status(setting.severity, is_short), message)
        }
    };
    let (severity, rows_without_amount) = (setting.severity, rows.without_amount);
    Ok(Finding { rule: rule.name, severity, status, rows: rows.rows, share, amount, rows_without_amount, message })
}

fn row_status(setting: Setting, rows: u64, share: f64) -> Status {
    let is_beyond = rows > 0 && share > setting.threshold;
    match setting.severity {
        Severity::Error if is_beyond => Status::Error,
        Severity::Error | Severity::Quarantine if rows > 0 => Status::Quarantined,
        Severity::Warn if is_beyond => Status::Warning,
        _ => Status::Ok,
    }
}

fn row_message(rule: &Rule, rows: &Count, amount: i128) -> String {
    if rows.rows == 0 {
        return format!("no rows with {}", rule.meaning);
    }
    let found = format!("{} with {}", counted(rows.rows, "row"), rule.meaning);
    match rows.without_amount {
        0 => format!("{found}, worth {}", money(amount)),
        unknown if unknown == rows.rows => found,
        unknown => format!("{found}, worth {} without {} of them", money(amount), count(unknown)),
    }
}

fn whole_status(severity: Severity, is_broken: bool) -> Status {
    match severity {
        _ if !is_broken => Status::Ok,
        Severity::Error => Status::Error,
        Severity::Quarantine | Severity::Warn => Status::Warning,
    }
}

/// The number that a rule of scope [`Scope::AtLeast`] looks at, and what it counts.
fn extent(position: usize, tally: &Tally, customers: u64) -> (u64, &'static str) {
    if position == position::SHORT_HISTORY {
        let days = tally.period.map_or(0, |(first, last)| last.saturating_sub(first) / DAY);
        return (days.unsigned_abs(), "day");
    }
    (customers, "customer")
}

#[cfg(test)]
mod tests {
    use crate::money::ONE;

    use super::super::rules::position::{FEW_CUSTOMERS, MISSING_CUSTOMER, MOST_QUARANTINED, SHORT_HISTORY};
    use super::*;

    fn tally(rows: u64, quarantined: u64) -> Tally {
        let mut tally = Tally::default();
        (0..rows).for_each(|_| tally.all.add(Some(ONE)));
        (0..quarantined).for_each(|_| tally.quarantined.add(Some(ONE)));
        (0..quarantined).for_each(|_| tally.rules[MISSING_CUSTOMER].add(Some(ONE)));
        tally.period = Some((0, 373 * DAY + 5));
        tally
    }

    fn finding_of(rule: usize, tally: &Tally, customers: u64, change: impl Fn(&mut Setting)) -> Finding {
        let mut settings = Settings::default();
        change(&mut settings.0[rule]);
        verdict(tally, customers, &settings).unwrap().remove(rule)
    }

    #[test]
    fn a_share_at_the_threshold_is_still_all_right() {
        let status = |quarantined| finding_of(MOST_QUARANTINED, &tally(10, quarantined), 9, |_| {}).status;
        assert_eq!((status(6), status(7)), (Status::Ok, Status::Error));
        let finding = finding_of(MOST_QUARANTINED, &tally(10, 7), 9, |_| {});
        assert_eq!(finding.message, "70.0 % of the rows are set aside, at most 60.0 % expected");
        assert_eq!((finding.rows, finding.amount), (7, 7 * ONE));
    }

    #[test]
    fn a_number_below_the_threshold_is_not_enough() {
        let few = |customers| finding_of(FEW_CUSTOMERS, &tally(10, 0), customers, |_| {});
        assert_eq!((few(499).status, few(500).status), (Status::Warning, Status::Ok));
        assert_eq!(few(499).message, "499 customers, at least 500 expected");
        assert_eq!(finding_of(SHORT_HISTORY, &tally(10, 0), 9, |_| {}).message, "373 days, at least 180 expected");
    }

    #[test]
    fn an_error_rule_tolerates_rows_up_to_its_threshold_and_sets_them_aside() {
        let status = |threshold: f64| {
            let change = |setting: &mut Setting| *setting = Setting { severity: Severity::Error, threshold };
            finding_of(MISSING_CUSTOMER, &tally(10, 2), 9, change).status
        };
        assert_eq!((status(0.0), status(0.1), status(0.2)), (Status::Error, Status::Error, Status::Quarantined));
    }

    #[test]
    fn money_is_told_where_it_is_known() {
        let message = |rows: Count| row_message(&RULES[MISSING_CUSTOMER], &rows, rows.amount.value().unwrap());
        let mut rows = Count::default();
        assert_eq!(message(rows), "no rows with no customer");
        rows.add(None);
        assert_eq!(message(rows), "1 row with no customer");
        rows.add(Some(2 * ONE));
        assert_eq!(message(rows), "2 rows with no customer, worth 2.00 without 1 of them");
    }
}
