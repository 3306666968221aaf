//! `validate` as a stage, on small tables whose every count can be worked out by hand.

use arrow_array::cast::AsArray;
use arrow_array::{Array, Decimal128Array, Int64Array, ListArray, RecordBatch, StringArray};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::contract::{Fault, Silent, StageError, StageReport};
use crate::fixture::{Bench, Line, decimal, facts, read, transactions};
use crate::problems::NOT_A_NUMBER;
use crate::schema;
use crate::table::{self, Facts, column};
use crate::texts::Texts;

use super::*;

/// Params under which a handful of rows is enough.
fn small() -> Value {
    json!({ "rules": {
        "too_few_customers": { "threshold": 1 },
        "most_quarantined": { "threshold": 1 },
    } })
}

struct Ran {
    bench: Bench,
    report: StageReport,
}

fn validate(lines: &[Line], params: &Value) -> Result<Ran, StageError> {
    let mut bench = Bench::new();
    bench.input("transactions", &transactions(lines), &facts());
    let report = bench.run(&Validate, params)?;
    Ok(Ran { bench, report })
}

impl Ran {
    fn table(&self, name: &str, schema: &arrow_schema::SchemaRef) -> RecordBatch {
        let (batch, handed_on) = read(&self.bench.outputs(), name, schema);
        assert_eq!(handed_on, facts(), "{name}");
        batch
    }

    /// Numbers of the valid rows.
    fn valid(&self) -> Vec<i64> {
        column::<Int64Array>(&self.table("valid", &schema::transactions()), "row").values().to_vec()
    }

    /// Numbers of the other rows with their reason and all reasons.
    fn quarantine(&self) -> Vec<(i64, String, Vec<String>)> {
        let table = self.table("quarantine", &schema::quarantine());
        let (rows, reasons) = (column::<Int64Array>(&table, "row"), Texts::new(&table, "reason"));
        let all = column::<ListArray>(&table, "reasons");
        let list = |row: usize| all.value(row).as_string::<i32>().iter().map(|name| name.unwrap().to_owned()).collect();
        (0..table.num_rows()).map(|row| (rows.value(row), reasons.value(row).to_owned(), list(row))).collect()
    }

    /// Status, rows, amount and rows without one of a rule.
    fn rule(&self, rule: &str) -> (String, i64, i128, i64) {
        let table = self.table("report", &schema::report());
        let row = rules::find(rule).unwrap();
        assert_eq!(column::<StringArray>(&table, "rule").value(row), rule);
        let number = |name: &str| column::<Int64Array>(&table, name).value(row);
        let amount = column::<Decimal128Array>(&table, "amount").value(row);
        let status = column::<StringArray>(&table, "status").value(row).to_owned();
        (status, number("rows"), amount, number("rows_without_amount"))
    }
}

fn sample() -> Vec<Line> {
    vec![
        Line::new("1 a 2011-01-01 A 6 2.55"),
        Line::new("2 - 2011-01-02 B 1 10.00"),
        Line::new("3 b 2011-01-03 C 2 0.00"),
        Line { quantity: None, problems: vec![("quantity", "two", NOT_A_NUMBER)], ..Line::new("4 - 2011-01-03 D - 3") },
        Line::new("C5 a 2011-01-04 A -1 2.55"),
        Line::new("1 a 2011-01-01 A 6 2.55"),
        Line::new("6 b 2011-08-01 E 1 0.50"),
    ]
}

#[test]
fn rows_go_on_or_into_quarantine_with_their_reasons() {
    let result = validate(&sample(), &small()).unwrap();
    assert_eq!(result.valid(), [1, 5, 6, 7]);
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let expected = [
        (2, "missing_customer".to_owned(), owned(&["missing_customer"])),
        (3, "price_not_positive".to_owned(), owned(&["price_not_positive"])),
        (4, "missing_customer".to_owned(), owned(&["missing_customer", "unparseable_number"])),
    ];
    assert_eq!(result.quarantine(), expected);
    assert_eq!(result.report.headline, "4 valid rows, 42.9 % quarantined");
}

#[test]
fn the_report_counts_rows_and_money_of_every_rule() {
    let result = validate(&sample(), &small()).unwrap();
    let of = |status: &str, rows, amount, without| (status.to_owned(), rows, decimal(amount, 9), without);
    assert_eq!(result.rule("missing_customer"), of("quarantined", 2, "10", 1));
    assert_eq!(result.rule("unparseable_number"), of("quarantined", 1, "0", 1));
    assert_eq!(result.rule("price_not_positive"), of("quarantined", 1, "0", 0));
    assert_eq!(result.rule("exact_duplicate"), of("warning", 1, "15.30", 0));
    assert_eq!(result.rule("many_quarantined"), of("warning", 3, "10", 1));
    assert_eq!(result.rule("few_customers"), of("warning", 0, "0", 0));
    // 2011-01-01 to 2011-08-01 are 212 days.
    assert_eq!(result.rule("short_history"), of("ok", 0, "0", 0));
    assert_eq!(result.rule("missing_date"), of("ok", 0, "0", 0));
}

#[test]
fn what_a_reader_should_know_is_said() {
    let result = validate(&sample(), &small()).unwrap();
    let expected = [
        "quarantined: 2 rows with no customer, worth 10.00 without 1 of them (`missing_customer`)",
        "quarantined: 1 row with a number that cannot be read (`unparseable_number`)",
        "quarantined: 1 row with a price of nothing or less that are no cancellations, worth 0.00 (`price_not_positive`)",
        "1 row with all cells equal to those of an earlier row, worth 15.30 (`exact_duplicate`)",
        "42.9 % of the rows are set aside, at most 20.0 % expected (`many_quarantined`)",
        "2 customers, at least 500 expected (`few_customers`)",
    ];
    assert_eq!(result.bench.listener.texts(), expected);
}

#[test]
fn duplicates_are_set_aside_where_that_is_asked_for() {
    let mut params = small();
    params["rules"]["exact_duplicate"] = json!({ "severity": "quarantine" });
    let result = validate(&sample(), &params).unwrap();
    assert_eq!(result.valid(), [1, 5, 7]);
    assert_eq!(result.quarantine()[3], (6, "exact_duplicate".to_owned(), vec!["exact_duplicate".to_owned()]));
    assert_eq!(result.rule("exact_duplicate").0, "quarantined");
}

#[test]
fn a_rule_of_severity_warn_lets_rows_go_on() {
    let mut params = small();
    params["rules"]["price_not_positive"] = json!({ "severity": "warn", "threshold": 0.2 });
    let result = validate(&sample(), &params).unwrap();
    assert_eq!(result.valid(), [1, 3, 5, 6, 7]);
    // One of seven rows is less than a fifth.
    assert_eq!(result.rule("price_not_positive").0, "ok");
}

#[test]
fn rows_after_the_latest_date_are_set_aside_and_the_day_itself_is_not() {
    let mut params = small();
    params["latest_date"] = json!("2011-01-04");
    let result = validate(&sample(), &params).unwrap();
    assert_eq!(result.valid(), [1, 5, 6]);
    assert_eq!(result.quarantine()[3].1, "after_latest_date");
}

#[test]
fn too_few_customers_stop_the_run_with_a_table() {
    let error = validate(&sample(), &json!({})).err().unwrap();
    assert_eq!(error.fault, Fault::Data);
    assert_eq!(error.message, "the data break 1 rule of severity `error`: `too_few_customers`");
    let details = error.details.unwrap();
    let lines: Vec<&str> = details.lines().collect();
    assert!(lines[0].starts_with("rule  "), "{details}");
    assert!(lines[1].starts_with("too_few_customers   error "), "{details}");
    assert!(details.contains("2 customers, at least 10 expected"), "{details}");
    assert!(error.hint.unwrap().contains("load more of the history, or set `rules.too_few_customers`"));
}

#[test]
fn an_empty_table_and_one_without_any_customer_say_what_to_do() {
    let error = validate(&[], &small()).err().unwrap();
    assert_eq!((error.fault, error.message.as_str()), (Fault::Data, "the data have no rows"));
    let nobody = [Line::new("1 - 2011-01-01 A 6 2.55"), Line::new("2 - 2011-01-01 A 6 0")];
    let error = validate(&nobody, &small()).err().unwrap();
    assert_eq!(error.message, "none of 2 rows can be used; most have no customer (rule `missing_customer`)");
    assert_eq!(error.hint.unwrap(), "name the column of customer ids with `load.columns.customer`");
    assert!(error.details.unwrap().contains("2 rows with no customer"));
}

#[test]
fn a_customer_scored_alone_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    table::write(&path("t"), &transactions(&[Line::default()]), &Facts::new()).unwrap();
    let (transactions, valid, quarantine) = (path("t"), path("v"), path("q"));
    let files = Files { transactions: &transactions, valid: &valid, quarantine: &quarantine };
    let sorted = sort(files, &ValidateParams::default().for_scoring(), folder.path(), &Silent).unwrap();
    sorted.check().unwrap();
    assert_eq!(sorted.notes().len(), 3);
}

fn any_line() -> impl Strategy<Value = Line> {
    let customer = prop::option::of(prop::sample::select(vec!["a", "b", "c"]));
    let invoice = prop::option::of(prop::sample::select(vec!["1", "2", "C3"]));
    let date = prop::option::of(prop::sample::select(vec!["2011-01-01", "2011-02-01", "2012-05-05"]));
    let quantity = prop::option::of(prop::sample::select(vec!["-2", "0", "1", "3.5"]));
    let price = prop::option::of(prop::sample::select(vec!["-1", "0", "0.001", "99999.999999"]));
    (customer, invoice, date, quantity, price).prop_map(|(customer, invoice, date, quantity, price)| Line {
        invoice,
        quantity,
        date,
        price,
        customer,
        ..Line::default()
    })
}

/// Rows and exact money of the rows that have any, and how many have none.
fn sums(table: &RecordBatch) -> (usize, i128, usize) {
    let amounts: &Decimal128Array = column(table, "amount");
    (table.num_rows(), amounts.iter().flatten().sum(), amounts.null_count())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn rows_and_money_in_are_rows_and_money_out(lines in prop::collection::vec(any_line(), 1..40), drop in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let all = transactions(&lines);
        table::write(&path("t"), &all, &Facts::new()).unwrap();
        let (transactions, valid, quarantine) = (path("t"), path("v"), path("q"));
        let files = Files { transactions: &transactions, valid: &valid, quarantine: &quarantine };
        let mut params = ValidateParams::default();
        if drop {
            params.rules.0[rules::position::EXACT_DUPLICATE].severity = rules::Severity::Quarantine;
        }
        let sorted = sort(files, &params, folder.path(), &Silent).unwrap();
        let (valid, _) = table::read(&valid, &schema::transactions()).unwrap();
        let (quarantine, _) = table::read(&quarantine, &schema::quarantine()).unwrap();
        let (valid, quarantine, all) = (sums(&valid), sums(&quarantine), sums(&all));
        prop_assert_eq!((valid.0 + quarantine.0, valid.1 + quarantine.1, valid.2 + quarantine.2), all);
        prop_assert_eq!((sorted.valid(), sorted.quarantined()), (valid.0 as u64, quarantine.0 as u64));
        prop_assert_eq!(valid.2, 0);
        let aside = &sorted.findings[rules::position::MANY_QUARANTINED];
        prop_assert_eq!((aside.rows, aside.amount, aside.rows_without_amount as usize), (quarantine.0 as u64, quarantine.1, quarantine.2));
    }
}
