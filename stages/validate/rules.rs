//! The rules that transactions must keep, in the order in which they are declared, judged and reported.
//!
//! For: names, default severities and thresholds, in one list. Not for: judging ([`super::judge`] looks at rows,
//! [`super::verdict`] at the table as a whole). Called by: `validate`; `preprocess` lists the reasons in this order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of data that break a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Beyond the threshold the run stops; up to it the rows are quarantined.
    Error,
    /// The rows are set aside, the others go on.
    Quarantine,
    /// Beyond the threshold it is said; the rows go on.
    Warn,
}

impl Severity {
    /// The word used in tables and in pipeline.yaml.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Quarantine => "quarantine",
            Self::Warn => "warn",
        }
    }
}

/// What a rule looks at, and so what its threshold is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Single rows. The threshold is a share of all rows: more of them and the rule speaks up.
    Row,
    /// Single rows, without which later stages cannot do: they may not go on.
    Essential,
    /// All rows together: the share of them that is quarantined.
    Share,
    /// All rows together: a number that must be reached.
    AtLeast,
}

/// One rule with its defaults.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name in pipeline.yaml and in tables.
    pub name: &'static str,
    /// What it looks at.
    pub scope: Scope,
    /// Its severity unless pipeline.yaml says otherwise.
    pub severity: Severity,
    /// Its threshold unless pipeline.yaml says otherwise.
    pub threshold: f64,
    /// What breaks it: for rows, words that follow "rows with".
    pub meaning: &'static str,
}

/// Positions of the rules in [`RULES`].
pub mod position {
    /// `ragged_row`.
    pub const RAGGED_ROW: usize = 0;
    /// `missing_customer`.
    pub const MISSING_CUSTOMER: usize = 1;
    /// `unparseable_date`.
    pub const UNPARSEABLE_DATE: usize = 2;
    /// `missing_date`.
    pub const MISSING_DATE: usize = 3;
    /// `unparseable_number`.
    pub const UNPARSEABLE_NUMBER: usize = 4;
    /// `non_finite_number`.
    pub const NON_FINITE_NUMBER: usize = 5;
    /// `missing_amount`.
    pub const MISSING_AMOUNT: usize = 6;
    /// `price_not_positive`.
    pub const PRICE_NOT_POSITIVE: usize = 7;
    /// `quantity_not_positive`.
    pub const QUANTITY_NOT_POSITIVE: usize = 8;
    /// `amount_not_positive`.
    pub const AMOUNT_NOT_POSITIVE: usize = 9;
    /// `after_latest_date`.
    pub const AFTER_LATEST_DATE: usize = 10;
    /// `exact_duplicate`.
    pub const EXACT_DUPLICATE: usize = 11;
    /// `many_quarantined`.
    pub const MANY_QUARANTINED: usize = 12;
    /// `most_quarantined`.
    pub const MOST_QUARANTINED: usize = 13;
    /// `few_customers`.
    pub const FEW_CUSTOMERS: usize = 14;
    /// `too_few_customers`.
    pub const TOO_FEW_CUSTOMERS: usize = 15;
    /// `short_history`.
    pub const SHORT_HISTORY: usize = 16;
}

/// How many rules there are.
pub const COUNT: usize = 17;

/// All rules. A row's reason is the first one that it breaks.
pub const RULES: [Rule; COUNT] = [
    row("ragged_row", Severity::Quarantine, "more or fewer cells than the header"),
    essential("missing_customer", "no customer"),
    essential("unparseable_date", "a date that cannot be read"),
    essential("missing_date", "no date"),
    essential("unparseable_number", "a number that cannot be read"),
    essential("non_finite_number", "an infinite number or none at all (NaN)"),
    essential("missing_amount", "no amount, nor quantity and price to compute it from"),
    row("price_not_positive", Severity::Quarantine, "a price of nothing or less that are no cancellations"),
    row("quantity_not_positive", Severity::Quarantine, "a quantity of nothing or less that are no cancellations"),
    row("amount_not_positive", Severity::Quarantine, "an amount of nothing or less that are no cancellations"),
    row("after_latest_date", Severity::Quarantine, "a date after `latest_date`"),
    row("exact_duplicate", Severity::Warn, "all cells equal to those of an earlier row"),
    whole("many_quarantined", Scope::Share, Severity::Warn, 0.2, "a large part of the rows is set aside"),
    whole("most_quarantined", Scope::Share, Severity::Error, 0.6, "most rows are set aside"),
    whole("few_customers", Scope::AtLeast, Severity::Warn, 500.0, "few customers for stable segments"),
    whole("too_few_customers", Scope::AtLeast, Severity::Error, 10.0, "too few customers for any segments"),
    whole("short_history", Scope::AtLeast, Severity::Warn, 180.0, "few days of history to judge recency by"),
];

const fn row(name: &'static str, severity: Severity, meaning: &'static str) -> Rule {
    Rule { name, scope: Scope::Row, severity, threshold: 0.0, meaning }
}

const fn essential(name: &'static str, meaning: &'static str) -> Rule {
    Rule { name, scope: Scope::Essential, severity: Severity::Quarantine, threshold: 0.0, meaning }
}

const fn whole(name: &'static str, scope: Scope, severity: Severity, threshold: f64, meaning: &'static str) -> Rule {
    Rule { name, scope, severity, threshold, meaning }
}

/// Position of the rule called `name`.
pub fn find(name: &str) -> Option<usize> {
    RULES.iter().position(|rule| rule.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_the_list() {
        use position::*;
        let expected = [
            (RAGGED_ROW, "ragged_row"),
            (MISSING_CUSTOMER, "missing_customer"),
            (UNPARSEABLE_DATE, "unparseable_date"),
            (MISSING_DATE, "missing_date"),
            (UNPARSEABLE_NUMBER, "unparseable_number"),
            (NON_FINITE_NUMBER, "non_finite_number"),
            (MISSING_AMOUNT, "missing_amount"),
            (PRICE_NOT_POSITIVE, "price_not_positive"),
            (QUANTITY_NOT_POSITIVE, "quantity_not_positive"),
            (AMOUNT_NOT_POSITIVE, "amount_not_positive"),
            (AFTER_LATEST_DATE, "after_latest_date"),
            (EXACT_DUPLICATE, "exact_duplicate"),
            (MANY_QUARANTINED, "many_quarantined"),
            (MOST_QUARANTINED, "most_quarantined"),
            (FEW_CUSTOMERS, "few_customers"),
            (TOO_FEW_CUSTOMERS, "too_few_customers"),
            (SHORT_HISTORY, "short_history"),
        ];
        for (index, (position, name)) in expected.into_iter().enumerate() {
            assert_eq!((position, find(name)), (index, Some(index)), "{name}");
        }
        assert_eq!(find("missing_custmer"), None);
    }

    #[test]
    fn the_readme_lists_every_rule_with_its_defaults_in_this_order() {
        let section = include_str!("../README.md").split_once("## The rules of `validate`").unwrap().1;
        let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
        let listed: Vec<String> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .map(|line| line.split('|').take(3).map(|cell| cell.trim().trim_matches('`')).collect::<Vec<_>>().join(" "))
            .collect();
        let expected = RULES.map(|rule| format!("{} {} {}", rule.name, rule.severity.as_str(), rule.threshold));
        assert_eq!(listed, expected);
    }
}
