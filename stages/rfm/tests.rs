//! `rfm` as a stage, on orders whose numbers can be worked out by hand.

use std::sync::Arc;

use arrow_array::RecordBatch;
use serde_json::{Value, json};

use crate::contract::{Fault, StageError};
use crate::customers::Customers;
use crate::fixture::{Bench, Line, facts, transactions};
use crate::lines::Lines;
use crate::schema;
use crate::table::Facts;
use crate::texts::TextColumn;

use super::*;

/// Lines as orders: cancellations are returns.
fn orders(lines: &[Line]) -> RecordBatch {
    let all = transactions(lines);
    let columns = Lines::new(&all);
    let kinds = (0..lines.len()).map(|row| if columns.is_return(row) { "return" } else { "purchase" });
    let kinds: TextColumn = kinds.map(Some).collect();
    let schema = schema::orders();
    let column = |name: &String| all.column_by_name(name).cloned().unwrap_or_else(|| Arc::new(kinds.clone()));
    let columns = schema.fields().iter().map(|field| column(field.name())).collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

fn run_with(lines: &[Line], params: &Value, facts: &Facts) -> Result<(Customers, Facts, Bench), StageError> {
    let mut bench = Bench::new();
    bench.input("orders", &orders(lines), facts);
    bench.run(&Rfm, params)?;
    let (customers, facts) = Customers::read(&bench.outputs().join("customers.parquet")).unwrap();
    Ok((customers, facts, bench))
}

fn run(lines: &[Line], params: &Value) -> Result<(Customers, Facts, Bench), StageError> {
    run_with(lines, params, &facts())
}

fn sample() -> Vec<Line> {
    vec![
        Line::new("1 b 2011-01-01T10:00 X 1 2.00"),
        Line::new("1 b 2011-01-01T10:00 Y 3 0.10"),
        Line::new("2 10 2011-01-05T12:00 X 1 1.10"),
        Line::new("3 9 2011-01-06T12:00 X 1 5.00"),
        Line::new("1 b 2011-01-01T10:05 Z 1 0.10"),
        Line::new("4 b 2011-01-07T09:30 X 1 7.00"),
    ]
}

#[test]
fn recency_frequency_and_monetary_are_counted_per_customer() {
    let (found, facts, _) = run(&sample(), &json!({})).unwrap();
    // Bytewise: `10` before `9` before `b`.
    assert_eq!(found.ids, ["10", "9", "b"]);
    // Snapshot 2011-01-08 09:30: 2 days 21.5 hours, 1 day 21.5 hours, 1 day.
    assert_eq!(facts["snapshot"], "2011-01-08T09:30:00");
    assert_eq!(found.recency, [2, 1, 1]);
    assert_eq!(found.frequency, [1, 1, 2]);
    // 2.00 + 0.30 + 0.10 + 7.00.
    assert_eq!(found.monetary.iter().map(|m| m.to_bits()).collect::<Vec<_>>(), [1.1, 5.0, 9.4_f64].map(f64::to_bits));
    // Worse than recency 1: one of three. Worse than two purchases: two of three.
    assert_eq!(found.scores, [[1, 1, 1], [2, 1, 2], [2, 4, 4]]);
    assert_eq!(found.rfm_segments, ["Hibernating", "Hibernating", "At risk"]);
    assert_eq!((facts["data_source"].as_str(), facts["frequency_unit"].as_str()), ("file", "invoices"));
}

#[test]
fn one_invoice_with_two_times_is_one_purchase_and_one_number_of_two_customers_is_two() {
    let lines = [
        Line::new("1 a 2011-01-01T10:00 X 1 2.00"),
        Line::new("1 a 2011-01-03T10:00 X 1 2.00"),
        Line::new("1 b 2011-01-03T10:00 X 1 2.00"),
    ];
    let (found, ..) = run(&lines, &json!({})).unwrap();
    assert_eq!((found.frequency, found.recency), (vec![1, 1], vec![1, 1]));
}

#[test]
fn purchase_days_count_where_there_are_no_invoices() {
    let by_day: Facts = [("frequency_unit".to_owned(), "purchase_days".to_owned())].into();
    let lines = [
        Line::new("1 a 2011-01-01T00:00 X 1 2.00"),
        Line::new("2 a 2011-01-01T23:59 X 1 2.00"),
        Line::new("- a 2011-01-02T00:00 X 1 2.00"),
    ];
    let (found, ..) = run_with(&lines, &json!({}), &by_day).unwrap();
    assert_eq!(found.frequency, [2]);
    // With invoice numbers: 1, 2, and a day for the line without one.
    let (found, ..) = run(&lines, &json!({})).unwrap();
    assert_eq!(found.frequency, [3]);
}

#[test]
fn returns_reduce_the_money_and_are_no_activity() {
    let lines = [
        Line::new("1 a 2011-01-01 X 3 2.00"),
        Line::new("C2 a 2011-01-09 X -1 2.00"),
        Line::new("3 b 2011-01-02 X 1 2.00"),
        Line::new("C4 b 2011-01-03 X -2 2.00"),
        Line::new("C5 c 2011-01-04 X -1 9.00"),
    ];
    let (found, facts, bench) = run(&lines, &json!({})).unwrap();
    assert_eq!(found.ids, ["a", "b"]);
    assert_eq!((found.frequency, found.monetary), (vec![1, 1], vec![4.0, -2.0]));
    // The snapshot is a day after the last line, 2011-01-09.
    assert_eq!((found.recency, facts["snapshot"].as_str()), (vec![9, 8], "2011-01-10T00:00:00"));
    let expected = ["1 customer got back all they spent, or more", "1 customer left out: they bought nothing"];
    assert_eq!(bench.listener.texts(), expected);
}

#[test]
fn a_snapshot_may_be_given_as_a_day_or_a_time() {
    let (found, facts, _) = run(&sample(), &json!({ "snapshot": "2011-01-08" })).unwrap();
    assert_eq!((found.recency, facts["snapshot"].as_str()), (vec![2, 1, 0], "2011-01-08T00:00:00"));
    let (found, ..) = run(&sample(), &json!({ "snapshot": "2011-01-07T09:30:00" })).unwrap();
    assert_eq!(found.recency, [1, 0, 0]);
}

#[test]
fn a_snapshot_before_the_last_purchase_is_refused_with_the_first_day_that_would_do() {
    let error = run(&sample(), &json!({ "snapshot": "2011-01-07" })).err().unwrap();
    assert_eq!(error.fault, Fault::Params);
    assert_eq!(error.message, "the snapshot 2011-01-07T00:00:00 is before the last purchase at 2011-01-07T09:30:00");
    assert!(error.hint.unwrap().contains("2011-01-08 or later"));
}

#[test]
fn orders_without_purchases_are_refused() {
    for lines in [Vec::new(), vec![Line::new("C5 c 2011-01-04 X -1 9.00")]] {
        let error = run(&lines, &json!({})).err().unwrap();
        assert_eq!((error.fault, error.message.as_str()), (Fault::Data, "`orders` has no purchases"));
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let lines: Vec<Line> = sample().into_iter().cycle().take(300).collect();
    let bytes = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (_, _, bench) = run(&lines, &json!({})).unwrap();
            std::fs::read(bench.outputs().join("customers.parquet")).unwrap()
        })
    };
    assert!(bytes(1) == bytes(2) && bytes(1) == bytes(5));
}
