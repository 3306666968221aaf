//! `preprocess` as a stage, on small tables whose every number can be worked out by hand.

use std::collections::BTreeSet;

use arrow_array::{Array, Decimal128Array, Int64Array, RecordBatch, StringArray};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::contract::{Fault, Silent, StageError, StageReport};
use crate::fixture::{Bench, Line, decimal, facts, read, transactions};
use crate::schema;
use crate::table::{self, Facts, column};
use crate::texts::Texts;
use crate::validate::{self, Validate, ValidateParams};

use super::*;

struct Ran {
    bench: Bench,
    report: StageReport,
}

/// Validates and preprocesses lines.
fn preprocess_with(lines: &[Line], params: &Value, facts: &Facts) -> Result<Ran, StageError> {
    let mut before = Bench::new();
    before.input("transactions", &transactions(lines), facts);
    let rules = json!({ "too_few_customers": { "threshold": 0 }, "most_quarantined": { "threshold": 1 } });
    before.run(&Validate, &json!({ "rules": rules })).unwrap();
    let mut bench = Bench::new();
    bench.connect("transactions", before.outputs().join("valid.parquet"));
    bench.connect("quarantine", before.outputs().join("quarantine.parquet"));
    let report = bench.run(&Preprocess, params)?;
    Ok(Ran { bench, report })
}

fn preprocess(lines: &[Line], params: &Value) -> Result<Ran, StageError> {
    preprocess_with(lines, params, &facts())
}

impl Ran {
    fn orders(&self) -> (RecordBatch, Facts) {
        read(&self.bench.outputs(), "orders", &schema::orders())
    }

    /// Row, amount and kind of every order line.
    fn lines(&self) -> Vec<(i64, i128, String)> {
        let (orders, _) = self.orders();
        let (rows, amounts) = (column::<Int64Array>(&orders, "row"), column::<Decimal128Array>(&orders, "amount"));
        let kinds = Texts::new(&orders, "kind");
        let line = |row: usize| (rows.value(row), amounts.value(row), kinds.value(row).to_owned());
        (0..orders.num_rows()).map(line).collect()
    }

    fn rows(&self) -> Vec<i64> {
        self.lines().into_iter().map(|(row, ..)| row).collect()
    }

    /// Step, rows, customers, invoices, money, rows removed and money removed.
    fn waterfall(&self) -> Vec<(String, [i64; 3], i128, i64, i128)> {
        let (table, _) = read(&self.bench.outputs(), "waterfall", &schema::waterfall());
        let steps = column::<StringArray>(&table, "step");
        let number = |name: &str, row: usize| column::<Int64Array>(&table, name).value(row);
        let money = |name: &str, row: usize| column::<Decimal128Array>(&table, name).value(row);
        let fall = |row: usize| {
            let counts = ["rows", "customers", "invoices"].map(|name| number(name, row));
            let removed = (number("rows_removed", row), money("amount_removed", row));
            (steps.value(row).to_owned(), counts, money("amount", row), removed.0, removed.1)
        };
        (0..table.num_rows()).map(fall).collect()
    }

    /// Row, open quantity and open money of every orphan.
    fn orphans(&self) -> Vec<(i64, Option<i128>, i128)> {
        let (table, _) = read(&self.bench.outputs(), "orphans", &schema::orphans());
        let rows = column::<Int64Array>(&table, "row");
        let quantities = column::<Decimal128Array>(&table, "unmatched_quantity");
        let amounts = column::<Decimal128Array>(&table, "unmatched_amount");
        let orphan =
            |row: usize| (rows.value(row), quantities.is_valid(row).then(|| quantities.value(row)), amounts.value(row));
        (0..table.num_rows()).map(orphan).collect()
    }
}

fn money(text: &str) -> i128 {
    decimal(text, 9)
}

fn fall(step: &str, counts: [i64; 3], amount: &str, rows: i64, removed: &str) -> (String, [i64; 3], i128, i64, i128) {
    (step.to_owned(), counts, money(amount), rows, money(removed))
}

/// Two customers who bought, one who only cancelled, a guest, and a gift.
fn sample() -> Vec<Line> {
    vec![
        Line::new("1 a 2011-01-01 X 10 2.00"),
        Line::new("1 a 2011-01-01 POST 1 5.00"),
        Line::new("2 - 2011-01-02 X 1 3.00"),
        Line::new("3 b 2011-01-03 Y 4 1.50"),
        Line::new("4 b 2011-01-03 Y 4 0.00"),
        Line::new("C5 a 2011-01-04 x -4 2.00"),
        Line::new("C6 c 2011-01-05 Z -1 7.00"),
        Line::new("7 b 2011-02-01 Y 1 1.50"),
    ]
}

#[test]
fn gross_drops_returns_and_shows_every_step() {
    let ran = preprocess(&sample(), &json!({})).unwrap();
    let purchase = |row, amount| (row, money(amount), "purchase".to_owned());
    assert_eq!(ran.lines(), [purchase(1, "20"), purchase(2, "5"), purchase(4, "6"), purchase(8, "1.5")]);
    let expected = [
        // 20 + 5 + 3 + 6 + 0 − 8 − 7 + 1.50; a, b, c; invoices 1, 2, 3, 4, C5, C6, 7.
        fall("loaded", [8, 3, 7], "20.50", 0, "0"),
        fall("missing_customer", [7, 3, 6], "17.50", 1, "3"),
        fall("price_not_positive", [6, 3, 5], "17.50", 1, "0"),
        fall("returns", [4, 2, 3], "32.50", 2, "-15"),
    ];
    assert_eq!(ran.waterfall(), expected);
    assert_eq!(ran.orphans(), []);
    assert_eq!(ran.report.headline, "4 lines of 2 customers");
    assert_eq!(ran.bench.listener.texts(), ["1 customer left out: nothing they bought is left beside returns"]);
}

#[test]
fn the_footer_says_by_which_policy_and_from_when_to_when() {
    let (_, found) = preprocess(&sample(), &json!({ "exclude_codes": ["post"] })).unwrap().orders();
    assert_eq!(found["returns"], "gross");
    assert_eq!(
        (found["period_start"].as_str(), found["period_end"].as_str()),
        ("2011-01-01T00:00:00", "2011-02-01T00:00:00")
    );
    let policy: PreprocessParams = serde_json::from_str(&found["policy"]).unwrap();
    assert_eq!(policy.exclude_codes, ["post"]);
    assert_eq!((found["data_source"].as_str(), found["frequency_unit"].as_str()), ("file", "invoices"));
}

#[test]
fn net_keeps_the_returns_of_those_who_bought() {
    let ran = preprocess(&sample(), &json!({ "returns": "net" })).unwrap();
    let returned = (6, money("-8"), "return".to_owned());
    assert_eq!(ran.lines()[3], returned);
    assert_eq!(ran.rows(), [1, 2, 4, 6, 8]);
    let expected = [fall("returns", [6, 3, 5], "17.50", 0, "0"), fall("only_returns", [5, 2, 4], "24.50", 1, "-7")];
    assert_eq!(ran.waterfall()[3..], expected);
}

#[test]
fn a_return_reduces_however_it_is_signed() {
    let lines = [Line::new("1 a 2011-01-01 X 10 2.00"), Line::new("C2 a 2011-01-02 X 4 2.00")];
    let ran = preprocess(&lines, &json!({ "returns": "net" })).unwrap();
    assert_eq!(ran.lines()[1], (2, money("-8"), "return".to_owned()));
    let (orders, _) = ran.orders();
    assert_eq!(column::<Decimal128Array>(&orders, "quantity").value(1), -4_000);
    // 28 came in, of which the return takes 16: its 8 do not count, and reduce by 8.
    assert_eq!(ran.waterfall()[1], fall("returns", [2, 1, 2], "12", 0, "16"));
}

#[test]
fn matched_drops_both_sides_partly_where_needed_and_lists_orphans() {
    let ran = preprocess(&sample(), &json!({ "returns": "matched" })).unwrap();
    let purchase = |row, amount| (row, money(amount), "purchase".to_owned());
    // Four of the ten X came back: six at 2.00 are left.
    assert_eq!(ran.lines(), [purchase(1, "12"), purchase(2, "5"), purchase(4, "6"), purchase(8, "1.5")]);
    let (orders, _) = ran.orders();
    assert_eq!(column::<Decimal128Array>(&orders, "quantity").value(0), 6_000);
    assert_eq!(ran.orphans(), [(7, Some(1_000), money("-7"))]);
    let expected = [
        // The return's −8 and the purchase's 8 go together.
        fall("returns", [5, 3, 4], "17.50", 1, "0"),
        fall("orphan_returns", [4, 2, 3], "24.50", 1, "-7"),
    ];
    assert_eq!(ran.waterfall()[3..], expected);
    let texts = ran.bench.listener.texts();
    assert!(
        texts
            .contains(&"1 return worth -7.00 without a purchase that accounts for all of it; see `orphans`".to_owned())
    );
}

#[test]
fn a_return_that_is_partly_an_orphan_keeps_its_open_part() {
    let lines = [
        Line::new("1 a 2011-01-01 X 3 2.00"),
        Line::new("1 a 2011-01-01 Y 1 9.00"),
        Line::new("C2 a 2011-01-02 X -5 2.00"),
    ];
    let ran = preprocess(&lines, &json!({ "returns": "matched" })).unwrap();
    assert_eq!(ran.rows(), [2]);
    assert_eq!(ran.orphans(), [(3, Some(2_000), money("-4"))]);
    // Loaded 6 + 9 − 10 = 5. Both sides of three pieces go (6 and −6), then the two that are open (−4).
    let expected = [
        fall("loaded", [3, 1, 2], "5", 0, "0"),
        fall("returns", [2, 1, 2], "5", 1, "0"),
        fall("orphan_returns", [1, 1, 1], "9", 1, "-4"),
    ];
    assert_eq!(ran.waterfall(), expected);
}

#[test]
fn the_two_reversed_giants_vanish_when_matched() {
    let lines = [
        Line::new("541431 12346 2011-01-18T10:01 23166 74215 1.04"),
        Line::new("C541433 12346 2011-01-18T10:17 23166 -74215 1.04"),
        Line::new("553573 16446 2011-05-18T09:52 22980 1 1.65"),
        Line::new("553573 16446 2011-05-18T09:52 22982 1 1.25"),
        Line::new("581483 16446 2011-12-09T09:15 23843 80995 2.08"),
        Line::new("C581484 16446 2011-12-09T09:27 23843 -80995 2.08"),
    ];
    let gross = preprocess(&lines, &json!({})).unwrap();
    assert_eq!(gross.waterfall().last().unwrap(), &fall("returns", [4, 2, 3], "245656.10", 2, "-245653.20"));
    let matched = preprocess(&lines, &json!({ "returns": "matched" })).unwrap();
    assert_eq!(matched.rows(), [3, 4]);
    assert_eq!(matched.waterfall().last().unwrap().2, money("2.90"));
    assert_eq!(matched.bench.listener.texts(), ["1 customer left out: nothing they bought is left beside returns"]);
    let net = preprocess(&lines, &json!({ "returns": "net" })).unwrap();
    assert_eq!(net.waterfall().last().unwrap(), &fall("only_returns", [6, 2, 5], "2.90", 0, "0"));
}

#[test]
fn duplicates_are_dropped_where_that_is_asked_for() {
    let lines = [
        Line::new("1 a 2011-01-01 X 1 2.00"),
        Line::new("1 a 2011-01-01 X 1 2.00"),
        Line::new("1 a 2011-01-01 X 1 2.50"),
    ];
    assert_eq!(preprocess(&lines, &json!({})).unwrap().rows(), [1, 2, 3]);
    let ran = preprocess(&lines, &json!({ "duplicates": "drop" })).unwrap();
    assert_eq!(ran.rows(), [1, 3]);
    assert_eq!(ran.waterfall()[1], fall("duplicates", [2, 1, 1], "4.50", 1, "2"));
}

#[test]
fn codes_countries_and_dates_choose_lines() {
    let mut lines = sample();
    lines[3].country = Some("France");
    lines[7].country = None;
    let params = json!({
        "exclude_codes": ["POST", "gift_*"], "countries": ["united kingdom", "Narnia"],
        "from": "2011-01-01", "until": "2011-01-31",
    });
    let ran = preprocess(&lines, &params).unwrap();
    assert_eq!(ran.rows(), [1]);
    let steps: Vec<(String, i64)> = ran.waterfall().into_iter().map(|fall| (fall.0, fall.3)).collect();
    let expected = [
        ("loaded", 0),
        ("missing_customer", 1),
        ("price_not_positive", 1),
        ("window", 1),
        ("countries", 1),
        ("exclude_codes", 1),
        ("returns", 2),
    ];
    assert_eq!(steps, expected.map(|(step, rows)| (step.to_owned(), rows)));
    let texts = ran.bench.listener.texts();
    assert_eq!(texts[0], "no line has `Narnia`, which `countries` names");
    assert_eq!(texts[1], "no line has `gift_*`, which `exclude_codes` names");
}

#[test]
fn where_nothing_is_left_the_step_that_removed_it_is_named() {
    let error = preprocess(&sample(), &json!({ "from": "2012-01-01" })).err().unwrap();
    assert_eq!(error.fault, Fault::Data);
    assert_eq!(error.message, "no line is left after step `window`, which removed the last 6");
    assert!(error.details.unwrap().contains("window  "));
    assert_eq!(error.hint.unwrap(), "see whether `from` and `until` fit the data");
    let returns = [Line::new("C1 a 2011-01-01 X -1 2.00")];
    for policy in ["gross", "net", "matched"] {
        let error = preprocess(&returns, &json!({ "returns": policy })).err().unwrap();
        assert!(error.message.starts_with("no line is left after step `"), "{policy}: {}", error.message);
    }
}

#[test]
fn a_line_without_a_customer_is_an_error_that_names_it() {
    let mut bench = Bench::new();
    let lines = [Line::default(), Line { customer: None, ..Line::default() }];
    bench.input("transactions", &transactions(&lines), &facts());
    let mut before = Bench::new();
    before.input("transactions", &transactions(&lines[..1]), &facts());
    before.run(&Validate, &json!({ "rules": { "too_few_customers": { "threshold": 0 } } })).unwrap();
    bench.connect("quarantine", before.outputs().join("quarantine.parquet"));
    let error = bench.run(&Preprocess, &json!({})).err().unwrap();
    assert_eq!((error.fault, error.message.as_str()), (Fault::Data, "row 2 of source 0 has no `customer_id`"));
}

#[test]
fn without_invoice_numbers_a_customers_day_is_an_invoice() {
    let line = |date| Line { invoice: None, date: Some(date), ..Line::default() };
    let lines = [line("2011-01-01T09:00"), line("2011-01-01T18:00"), line("2011-01-02T09:00")];
    let by_day: Facts = [("data_source", "file"), ("frequency_unit", "purchase_days")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let ran = preprocess_with(&lines, &json!({}), &by_day).unwrap();
    assert_eq!(ran.waterfall()[0], fall("loaded", [3, 1, 2], "45.90", 0, "0"));
}

fn any_line() -> impl Strategy<Value = Line> {
    let customer = prop::option::of(prop::sample::select(vec!["a", "b"]));
    let invoice = prop::sample::select(vec!["1", "2", "C3", "C4"]);
    let date = prop::sample::select(vec!["2011-01-01", "2011-02-01", "2011-03-01"]);
    let quantity = prop::sample::select(vec!["-3", "-2", "0", "1", "2.5", "4"]);
    let product = prop::option::of(prop::sample::select(vec!["X", "x", "Y"]));
    let price = prop::sample::select(vec!["0", "0.333333", "2"]);
    (customer, invoice, date, quantity, product, price).prop_map(
        |(customer, invoice, date, quantity, product, price)| {
            let (invoice, quantity, price) = (Some(invoice), Some(quantity), Some(price));
            Line { invoice, customer, date: Some(date), quantity, product, price, ..Line::default() }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn rows_and_money_add_up_step_by_step(
        lines in prop::collection::vec(any_line(), 1..40),
        returns in prop::sample::select(vec![Returns::Gross, Returns::Net, Returns::Matched]),
        duplicates in prop::sample::select(vec![Repeats::Keep, Repeats::Drop]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let all = transactions(&lines);
        table::write(&path("t"), &all, &Facts::new()).unwrap();
        let (t, v, q, o, r) = (path("t"), path("v"), path("q"), path("o"), path("r"));
        let files = validate::Files { transactions: &t, valid: &v, quarantine: &q };
        validate::sort(files, &ValidateParams::default(), folder.path(), &Silent).unwrap();
        let files = Files { transactions: &v, quarantine: &q, orders: &o, orphans: &r };
        let params = PreprocessParams { returns, duplicates, ..PreprocessParams::default() };
        let cleaned = clean(files, &params, folder.path(), &Silent).unwrap();
        let total = |table: &RecordBatch| column::<Decimal128Array>(table, "amount").iter().flatten().sum::<i128>();
        let first = &cleaned.falls[0];
        prop_assert_eq!((first.rows, first.amount), (all.num_rows() as u64, total(&all)));
        for pair in cleaned.falls.windows(2) {
            prop_assert_eq!(pair[0].rows, pair[1].rows + pair[1].rows_removed);
            prop_assert_eq!(pair[0].amount, pair[1].amount + pair[1].amount_removed);
            prop_assert!(pair[0].customers >= pair[1].customers && pair[0].invoices >= pair[1].invoices);
        }
        let (orders, _) = table::read(&o, &schema::orders()).unwrap();
        let last = cleaned.falls.last().unwrap();
        prop_assert_eq!((last.rows, last.amount), (orders.num_rows() as u64, total(&orders)));
        let different = |name: &str| {
            let texts = Texts::new(&orders, name);
            (0..orders.num_rows()).map(|row| texts.get(row)).collect::<BTreeSet<_>>().len() as u64
        };
        prop_assert_eq!((last.customers, last.invoices), (different("customer_id"), different("invoice")));
    }
}
