//! Which rules each row of a batch breaks.
//!
//! For: the rules on single rows. Not for: what follows from it, or the data set as a whole. Called by: `validate`.

use arrow_array::cast::AsArray;
use arrow_array::{ListArray, RecordBatch, StringArray};

use crate::lines::Lines;
use crate::problems::{NOT_A_DATE, NOT_FINITE, WRONG_WIDTH};
use crate::table::column;

use super::rules::position::{
    AFTER_LATEST_DATE, AMOUNT_NOT_POSITIVE, MISSING_AMOUNT, MISSING_CUSTOMER, MISSING_DATE, NON_FINITE_NUMBER,
    PRICE_NOT_POSITIVE, QUANTITY_NOT_POSITIVE, RAGGED_ROW, UNPARSEABLE_DATE, UNPARSEABLE_NUMBER,
};

/// The rules that a row breaks: bit `n` is rule `n` of [`super::rules::RULES`].
pub type Broken = u32;

/// The bit of the rule at `position`.
pub const fn bit(position: usize) -> Broken {
    1 << position
}

/// The rules that every row breaks, but for duplicates, which no row knows of. `latest` is the last microsecond that
/// is believed.
pub fn judge(batch: &RecordBatch, latest: Option<i64>) -> Vec<Broken> {
    let lines = Lines::new(batch);
    let problems = Problems::new(batch);
    (0..batch.num_rows()).map(|row| judge_row(&lines, row, problems.broken(row), latest)).collect()
}

fn judge_row(lines: &Lines<'_>, row: usize, problems: Broken, latest: Option<i64>) -> Broken {
    let mut broken = problems;
    let mut breaks = |position: usize, is_broken: bool| broken |= Broken::from(is_broken) << position;
    let has_customer = lines.customer_id.get(row).is_some_and(|customer| !customer.trim().is_empty());
    breaks(MISSING_CUSTOMER, !has_customer);
    let time = lines.time(row);
    breaks(MISSING_DATE, time.is_none() && problems & bit(UNPARSEABLE_DATE) == 0);
    breaks(AFTER_LATEST_DATE, time.zip(latest).is_some_and(|(time, latest)| time > latest));
    let amount = lines.amount(row);
    let is_unreadable = problems & (bit(UNPARSEABLE_NUMBER) | bit(NON_FINITE_NUMBER)) != 0;
    breaks(MISSING_AMOUNT, amount.is_none() && !is_unreadable);
    if !lines.is_cancellation(row) {
        let is_not_positive = |number: Option<i128>| number.is_some_and(|number| number <= 0);
        let (price, quantity) = (is_not_positive(lines.unit_price(row)), is_not_positive(lines.quantity(row)));
        breaks(PRICE_NOT_POSITIVE, price);
        breaks(QUANTITY_NOT_POSITIVE, quantity);
        breaks(AMOUNT_NOT_POSITIVE, is_not_positive(amount) && !price && !quantity);
    }
    broken
}

/// The cells that `load` could not use.
struct Problems<'a> {
    offsets: &'a [i32],
    reasons: &'a StringArray,
}

impl<'a> Problems<'a> {
    fn new(batch: &'a RecordBatch) -> Self {
        let lists: &ListArray = column(batch, "problems");
        Self { offsets: lists.value_offsets(), reasons: lists.values().as_struct().column(2).as_string() }
    }

    fn broken(&self, row: usize) -> Broken {
        let entries = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        entries.fold(0, |broken, entry| broken | bit(rule_of(self.reasons.value(entry))))
    }
}

/// Whatever is neither a date nor the shape of the row nor infinite is a number that cannot be read.
fn rule_of(reason: &str) -> usize {
    match reason {
        WRONG_WIDTH => RAGGED_ROW,
        NOT_A_DATE => UNPARSEABLE_DATE,
        NOT_FINITE => NON_FINITE_NUMBER,
        _ => UNPARSEABLE_NUMBER,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::fixture::{Line, micros, transactions};
    use crate::moment::Moment;
    use crate::problems::{NOT_A_NUMBER, ROW, TOO_LARGE};

    use super::super::rules::RULES;
    use super::*;

    fn names(line: Line) -> Vec<&'static str> {
        let latest = Moment::try_from("2011-12-31".to_owned()).unwrap().end();
        let broken = judge(&transactions(&[line]), Some(latest))[0];
        RULES
            .iter()
            .enumerate()
            .filter(|(position, _)| broken & bit(*position) != 0)
            .map(|(_, rule)| rule.name)
            .collect()
    }

    fn line() -> Line {
        Line::default()
    }

    #[rstest]
    #[case::good(line(), &[])]
    #[case::no_customer(Line { customer: None, ..line() }, &["missing_customer"])]
    #[case::blank_customer(Line { customer: Some("  "), ..line() }, &["missing_customer"])]
    #[case::no_date(Line { date: None, ..line() }, &["missing_date"])]
    #[case::bad_date(Line { date: None, problems: vec![("invoice_date", "soon", NOT_A_DATE)], ..line() }, &["unparseable_date"])]
    #[case::bad_number(Line { quantity: None, problems: vec![("quantity", "six", NOT_A_NUMBER)], ..line() }, &["unparseable_number"])]
    #[case::huge_number(Line { price: None, problems: vec![("unit_price", "1e308", TOO_LARGE)], ..line() }, &["unparseable_number"])]
    #[case::infinite(Line { price: None, problems: vec![("unit_price", "inf", NOT_FINITE)], ..line() }, &["non_finite_number"])]
    #[case::ragged(Line { problems: vec![(ROW, "a,b", WRONG_WIDTH)], ..line() }, &["ragged_row"])]
    #[case::no_amount(Line { quantity: None, ..line() }, &["missing_amount"])]
    #[case::amount_alone(Line { quantity: None, price: None, amount: Some("9.99"), ..line() }, &[])]
    #[case::free(Line { price: Some("0"), ..line() }, &["price_not_positive"])]
    #[case::negative_price(Line { price: Some("-1"), ..line() }, &["price_not_positive"])]
    #[case::nothing_bought(Line { quantity: Some("0"), ..line() }, &["quantity_not_positive"])]
    #[case::taken_back(Line { quantity: Some("-3"), ..line() }, &["quantity_not_positive"])]
    #[case::both(Line { quantity: Some("-3"), price: Some("0"), ..line() }, &["price_not_positive", "quantity_not_positive"])]
    #[case::given_away(Line { amount: Some("0"), ..line() }, &["amount_not_positive"])]
    #[case::cancelled(Line { invoice: Some("C536379"), quantity: Some("-1"), ..line() }, &[])]
    #[case::cancelled_in_small_letters(Line { invoice: Some("c536379"), quantity: Some("-1"), price: Some("0"), ..line() }, &[])]
    #[case::bad_debt(Line { invoice: Some("A563186"), customer: None, quantity: Some("1"), price: Some("-11062.06"), ..line() }, &["missing_customer", "price_not_positive"])]
    #[case::no_invoice(Line { invoice: None, ..line() }, &[])]
    #[case::last_moment(Line { date: Some("2011-12-31T23:59:59"), ..line() }, &[])]
    #[case::future(Line { date: Some("2012-01-01"), ..line() }, &["after_latest_date"])]
    fn a_line_breaks_exactly_these_rules(#[case] line: Line, #[case] expected: &[&str]) {
        assert_eq!(names(line), expected);
    }

    #[test]
    fn without_a_latest_date_every_date_is_believed() {
        let far = transactions(&[Line { date: Some("2099-01-01"), ..line() }]);
        assert_eq!(judge(&far, None), [0]);
        assert_eq!(judge(&far, Some(micros("2098-01-01"))), [bit(AFTER_LATEST_DATE)]);
    }
}
