//! The stage as a runner sees it, and the functions around it that other commands use.

use std::collections::BTreeMap;

use serde_json::json;

use crate::contract::{Fault, SourceSelection, Stage, StageContext};
use crate::load::{Column, DecimalMark, Format, Load, detect, headers};

use super::*;

const TEXT: &[u8] =
    b"Order ID;Kunde;Datum;Menge;Preis;Laune\n1;17;31.12.2010 10:00;2;1,50;gut\n2;18;01.01.2011;1;x;gut\n";

#[test]
fn the_stage_writes_both_tables_with_facts_rows_and_a_headline() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "sales.csv", TEXT);
    let raw = json!({"source": "sales.csv"});
    let checked = Load.check_params(raw.as_object().unwrap()).unwrap();
    let request = Load.sources(&checked).unwrap().unwrap();
    assert_eq!(request.selection, SourceSelection::All(vec!["sales.csv".into()]));
    let sources = vec![Source { path, name: "sales.csv".into(), digest: "ab".into(), origin: SourceOrigin::Simulated }];
    let out = tempfile::tempdir().unwrap();
    let listener = Listener::default();
    let ctx = StageContext::new(Load.outputs(), &checked, BTreeMap::new(), sources, out.path().to_owned(), &listener);
    assert_eq!(Load.run(&ctx).unwrap().headline, "2 rows");
    assert_eq!(ctx.rows(), BTreeMap::from([("sources".to_owned(), 1), ("transactions".to_owned(), 2)]));
    let (table, facts) = table::read(&out.path().join("sources.parquet"), &schema::sources()).unwrap();
    assert_eq!(facts["data_source"], "simulated");
    let text = |name: &str| table.column_by_name(name).unwrap().as_string::<i32>().value(0).to_owned();
    assert_eq!([text("name"), text("digest"), text("origin")], ["sales.csv", "ab", "simulated"]);
    assert_eq!([text("format"), text("encoding"), text("delimiter")], ["csv", "utf-8", ";"]);
    assert_eq!([text("decimal_mark"), text("date_format")], [",", "day_first"]);
    let count = |name: &str| table.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(0);
    assert_eq!([count("bytes"), count("rows"), count("problem_rows"), count("rounded_cells")], [96, 2, 1, 0]);
    let pairs = table.column_by_name("columns").unwrap().as_list::<i32>().value(0);
    let pair = |index: usize| {
        pairs.as_struct().column(index).as_string::<i32>().iter().flatten().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(pair(0), "customer_id invoice_date quantity unit_price invoice");
    assert_eq!(pair(1), "Kunde Datum Menge Preis Order ID");
}

#[test]
fn a_file_that_cannot_be_used_is_the_datas_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "sales.csv", b"");
    let checked = Load.check_params(json!({"source": "sales.csv"}).as_object().unwrap()).unwrap();
    let sources = vec![Source { path, name: "sales.csv".into(), digest: "ab".into(), origin: SourceOrigin::File }];
    let listener = Listener::default();
    let ctx =
        StageContext::new(Load.outputs(), &checked, BTreeMap::new(), sources, folder.path().to_owned(), &listener);
    let error = Load.run(&ctx).unwrap_err();
    assert_eq!(error.fault, Fault::Data);
    assert!(error.hint.unwrap().contains("export"));
}

#[test]
fn detection_says_what_load_would_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "sales.csv", TEXT);
    let detection = detect(&path, &LoadParams::default()).unwrap();
    assert_eq!((detection.format, detection.rows, detection.problem_rows), (Format::Csv, 2, 1));
    assert_eq!((detection.delimiter, detection.decimal_mark), (Some(';'), Some(DecimalMark::Comma)));
    assert_eq!(detection.date_format.as_deref(), Some("day_first"));
    assert_eq!(detection.unmapped, ["Laune"]);
    assert!(detection.columns.contains(&(Column::Customer, "Kunde".into())));
}

#[test]
fn headers_tell_an_rfm_table_from_transactions() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "rfm.csv", b"id;recency;frequency;monetary\n1;2;3;4,5\n");
    let found = headers(&path, &LoadParams::default()).unwrap();
    assert_eq!(found.names, ["id", "recency", "frequency", "monetary"]);
    assert!(found.is_rfm);
    let path = write(folder.path(), "sales.csv", TEXT);
    assert!(!headers(&path, &LoadParams::default()).unwrap().is_rfm);
}

#[test]
fn the_schema_describes_every_param() {
    let schema = Load.params_schema();
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties.len(), 7);
    assert!(properties.values().all(|property| property["description"].is_string()), "{schema}");
}
