//! Fuzzing of what reads requests: whatever comes, it is the right answer or the sender's fault, and never a panic.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::invocations::Form;
use super::json::Rows;
use super::problem::Problem;
use super::{content, delimited, json as reader, transactions};

const NAMES: [&str; 3] = ["recency", "frequency", "monetary"];

/// What the sender is told must be JSON and the sender's fault.
fn check(problem: &Problem) -> Result<(), TestCaseError> {
    prop_assert!(problem.status.is_client_error(), "{problem:?}");
    let told: Value = serde_json::from_slice(&problem.json()).unwrap();
    prop_assert!(told["error"]["message"].as_str().is_some_and(|message| message.len() > 5), "{told}");
    Ok(())
}

fn check_result(result: Result<Rows, Problem>) -> Result<(), TestCaseError> {
    match result {
        Ok(rows) => prop_assert!(rows.iter().flatten().all(|number| number.is_finite())),
        Err(problem) => check(&problem)?,
    }
    Ok(())
}

/// Values as people have them and as nobody has them.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>().prop_filter("finite", |number| number.is_finite()), (-5_i32..5000).prop_map(f64::from)]
}

fn triples() -> impl Strategy<Value = Vec<[f64; 3]>> {
    vec([number(), number(), number()], 0..20)
}

/// Any JSON, with the names that mean something here.
fn value() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        proptest::sample::select(vec![
            "dataframe_split",
            "dataframe_records",
            "instances",
            "inputs",
            "columns",
            "data",
            "index",
            "recency",
            "Frequency",
            "monetary",
            "params",
        ])
        .prop_map(String::from),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        name.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let object =
            vec((name.clone(), inner.clone()), 0..6).prop_map(|pairs| pairs.into_iter().collect::<Map<_, _>>());
        prop_oneof![vec(inner, 0..6).prop_map(Value::from), object.prop_map(Value::from)]
    })
}

/// The rows in every form of JSON.
fn forms(rows: &[[f64; 3]]) -> Vec<Value> {
    let record =
        |row: &[f64; 3]| NAMES.iter().zip(row).map(|(name, number)| ((*name).to_owned(), json!(number))).collect();
    let records: Vec<Map<String, Value>> = rows.iter().map(record).collect();
    let turned: Vec<Value> = rows.iter().map(|[r, f, m]| json!([m, "x", r, f])).collect();
    let column = |index: usize| rows.iter().map(|row| row[index]).collect::<Vec<f64>>();
    vec![
        json!({ "dataframe_split": { "columns": NAMES, "data": rows } }),
        json!({ "dataframe_split": { "data": turned, "columns": ["Monetary", "id", "RECENCY", "frequency"] } }),
        json!({ "dataframe_records": records }),
        json!({ "instances": rows }),
        json!({ "instances": records }),
        json!({ "inputs": rows }),
        json!({ "inputs": { "monetary": column(2), "recency": column(0), "frequency": column(1) } }),
    ]
}

fn bits(rows: &[[f64; 3]]) -> Vec<[u64; 3]> {
    rows.iter().map(|row| row.map(f64::to_bits)).collect()
}

proptest! {
    #[test]
    fn rows_come_back_to_the_bit_in_every_form(rows in triples()) {
        for form in forms(&rows) {
            let read = reader::rows(form.to_string().as_bytes()).unwrap();
            prop_assert_eq!(bits(&read), bits(&rows), "{}", form);
        }
        let lines: Vec<String> = rows.iter().map(|[r, f, m]| format!("{m};{r};{f}\r\n")).collect();
        let lines = lines.concat();
        let read = delimited::rows(format!("Monetary;recency;FREQUENCY\r\n{lines}").as_bytes()).unwrap();
        prop_assert_eq!(bits(&read), bits(&rows));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        check_result(reader::rows(&bytes))?;
        check_result(delimited::rows(&bytes))?;
    }

    #[test]
    fn any_json_is_read_or_refused(value in value()) {
        check_result(reader::rows(value.to_string().as_bytes()))?;
    }

    #[test]
    fn any_content_of_a_form_is_read_or_refused(
        form in proptest::sample::select(vec!["dataframe_split", "dataframe_records", "instances", "inputs"]),
        content in value(),
    ) {
        check_result(reader::rows(json!({ form: content }).to_string().as_bytes()))?;
    }

    #[test]
    fn a_damaged_body_is_read_or_refused(
        rows in triples(),
        which in 0..7_usize,
        at in any::<proptest::sample::Index>(),
        with in vec(any::<u8>(), 0..4),
        gone in 0..4_usize,
    ) {
        let mut body = forms(&rows)[which].to_string().into_bytes();
        let begin = at.index(body.len());
        let end = (begin + gone).min(body.len());
        body.splice(begin..end, with);
        check_result(reader::rows(&body))?;
        body.truncate(begin);
        check_result(reader::rows(&body))?;
    }

    #[test]
    fn any_table_of_text_is_read_or_refused(
        header in proptest::sample::select(vec!["recency,frequency,monetary", "a;Monetary;frequency;recency", "recency\tfrequency"]),
        cells in "[0-9,;\t\n\r\"'.eE+NaIif -]{0,120}",
    ) {
        check_result(delimited::rows(format!("{header}\n{cells}").as_bytes()))?;
    }

    #[test]
    fn any_headers_are_read_or_refused(name in 0..4_usize, bytes in vec(any::<u8>(), 0..60)) {
        let names = ["content-type", "content-encoding", "accept", "content-length"];
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            headers.insert(HeaderName::from_static(names[name]), value);
        }
        let results = [Form::of(&headers).map(drop), content::wants_csv(&headers).map(drop), content::check_encoding(&headers, &["gzip"])];
        for problem in results.into_iter().filter_map(Result::err) {
            check(&problem)?;
        }
    }

    #[test]
    fn any_query_is_read_or_refused(query in "\\PC{0,80}|([a-z_]{1,12}=[%0-9a-zA-Z+&]{0,20}&?){0,5}") {
        if let Err(problem) = transactions::params(Some(&query)) {
            check(&problem)?;
        }
    }
}

#[test]
fn the_nearest_number_is_read_whatever_its_digits() {
    for text in ["0.1", "1e-400", "18446744073709551616", "9007199254740993", "2.2250738585072011e-308", "-0.0"] {
        let expected: f64 = text.parse().unwrap();
        let json = reader::rows(format!("{{\"instances\":[[{text},1,1]]}}").as_bytes()).unwrap();
        assert_eq!(json[0][0].to_bits(), expected.to_bits(), "{text}");
    }
}

#[test]
fn what_is_told_is_escaped_and_short() {
    let long = format!("{{\"{}\":1}}", "a\\\"b".repeat(5000));
    let problem = reader::rows(long.as_bytes()).unwrap_err();
    assert!(problem.json().len() < 700, "{}", problem.json().len());
    let csv = format!("recency,frequency,monetary\n1,2,{}\n", "x".repeat(5000));
    assert!(delimited::rows(csv.as_bytes()).unwrap_err().json().len() < 700);
}
