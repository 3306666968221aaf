//! `track` on tables of two segments, small enough to work every number out by hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, SchemaRef};
use serde_json::json;

use crate::contract::{InputFile, Silent};
use crate::customers::Customers;
use crate::model::{Model, ModelSegment, Scaler};
use crate::schema;

use super::*;

/// One cell of a test's table.
#[derive(Clone, Copy)]
enum Cell {
    Text(&'static str),
    Integer(i64),
    Number(f64),
    /// Money in whole units.
    Money(i128),
    Yes(bool),
    Null,
    /// The pairs of `sources.columns`.
    Columns(&'static [(&'static str, &'static str)]),
}
use Cell::{Columns, Integer, Money, Null, Number, Text, Yes};

fn batch(schema: &SchemaRef, rows: &[Vec<Cell>]) -> RecordBatch {
    let column = |(index, field): (usize, &Arc<Field>)| {
        let cells: Vec<Cell> = rows.iter().map(|row| row[index]).collect();
        array(field.data_type(), &cells)
    };
    let columns = schema.fields().iter().enumerate().map(column).collect();
    RecordBatch::try_new(Arc::clone(schema), columns).unwrap()
}

fn array(data_type: &DataType, cells: &[Cell]) -> ArrayRef {
    let integers = || cells.iter().map(|cell| if let Integer(value) = cell { Some(*value) } else { None });
    match data_type {
        DataType::Utf8 => Arc::new(
            cells.iter().map(|cell| if let Text(text) = cell { Some(*text) } else { None }).collect::<StringArray>(),
        ),
        DataType::Int64 => Arc::new(integers().collect::<Int64Array>()),
        DataType::Int32 => Arc::new(integers().map(|value| value.map(|value| value as i32)).collect::<Int32Array>()),
        DataType::Float64 => Arc::new(
            cells
                .iter()
                .map(|cell| if let Number(value) = cell { Some(*value) } else { None })
                .collect::<Float64Array>(),
        ),
        DataType::Boolean => Arc::new(
            cells.iter().map(|cell| if let Yes(value) = cell { Some(*value) } else { None }).collect::<BooleanArray>(),
        ),
        DataType::Decimal128(..) => {
            let money =
                cells.iter().map(|cell| if let Money(value) = cell { Some(value * 1_000_000_000) } else { None });
            Arc::new(money.collect::<Decimal128Array>().with_precision_and_scale(38, 9).unwrap())
        }
        DataType::List(item) => pairs(item, cells),
        other => panic!("no test has a column of type {other}"),
    }
}

fn pairs(item: &Arc<Field>, cells: &[Cell]) -> ArrayRef {
    let lists: Vec<_> = cells.iter().map(|cell| if let Columns(pairs) = cell { *pairs } else { &[] }).collect();
    let part = |pick: fn(&(&'static str, &'static str)) -> &'static str| {
        Arc::new(StringArray::from_iter_values(lists.iter().copied().flatten().map(pick))) as ArrayRef
    };
    let structs = StructArray::new(schema::column_fields(), vec![part(|pair| pair.0), part(|pair| pair.1)], None);
    let offsets = OffsetBuffer::from_lengths(lists.iter().map(|list| list.len()));
    Arc::new(ListArray::new(Arc::clone(item), offsets, Arc::new(structs), None))
}

fn model() -> Model {
    let segment = |segment, name: &str, customers, mean| ModelSegment {
        segment,
        name: name.to_owned(),
        customers,
        centroid: [0.0; 3],
        mean,
    };
    Model {
        version: crate::model::VERSION,
        segpipe_version: "0.1.0".to_owned(),
        algorithm: "kmeans".to_owned(),
        features: ["recency", "frequency", "monetary"].map(String::from),
        scaler: Scaler {
            method: "standard".to_owned(),
            clip: None,
            is_log: false,
            offset: [7.0, 3.0, 40.25],
            scale: [5.0, 1.0, 2.5],
        },
        segments: vec![segment(0, "Champions", 1, [2.0, 4.0, 60.5]), segment(1, "Lost | gone", 1, [12.0, 2.0, 20.0])],
        mixture: None,
        snapshot: "2011-12-10T12:50:00".to_owned(),
        frequency_unit: "invoices".to_owned(),
        data_digest: "d".repeat(64),
        data_source: "file".to_owned(),
        customers: 2,
        seed: 42,
        ranges: [[2.0, 12.0], [2.0, 4.0], [20.0, 60.5]],
        name_stability: Some(0.875),
    }
}

fn customers() -> Customers {
    Customers {
        ids: vec!["12346".into(), "12347".into()],
        recency: vec![2, 12],
        frequency: vec![4, 2],
        monetary: vec![60.5, 20.0],
        scores: vec![[5, 5, 5], [1, 1, 1]],
        rfm_segments: vec!["Champions".into(), "Hibernating".into()],
    }
}

const COLUMNS: &[(&str, &str)] =
    &[("customer_id", "CustomerID"), ("invoice_date", "InvoiceDate"), ("unit_price", "UnitPrice")];

fn source(name: &'static str, digest: &'static str, rows: i64) -> Vec<Cell> {
    let mut row = vec![Integer(0), Text(name), Text(digest), Integer(99), Text("file"), Text("csv")];
    row.extend([Null, Null, Null, Null, Integer(rows), Integer(0), Integer(0), Columns(COLUMNS)]);
    row
}

fn segment_row(segment: i64, name: &'static str, share: f64, silhouette: Cell) -> Vec<Cell> {
    let mut row = vec![Integer(segment), Text(name), Integer(1), Number(0.5), Number(share * 80.5), Number(share)];
    for median in [2.0, 4.0, 60.5] {
        row.extend([Number(median + 1.0), Number(median - 1.0), Number(median), Number(median + 2.0)]);
    }
    row.extend([silhouette, Text("who they are"), Text("reward them")]);
    row
}

/// Writes every input of `track` into `folder`.
fn inputs(folder: &Path, sources: &[Vec<Cell>]) -> BTreeMap<String, InputFile> {
    let facts: Facts = [
        ("returns", "gross"),
        ("data_source", "file"),
        ("snapshot", "2011-12-10T12:50:00"),
        ("period_end", "2011-12-09T12:50:00"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let rule = vec![
        Text("missing_customer"),
        Text("quarantine"),
        Text("quarantined"),
        Integer(3),
        Number(0.3),
        Money(7),
        Integer(0),
        Text(""),
    ];
    let step = vec![Text("kept"), Integer(7), Integer(2), Integer(6), Money(80), Integer(3), Money(7), Text("")];
    let study = vec![Integer(2), Number(9.5), Number(0.6), Null, Number(0.4), Number(0.5), Integer(3), Yes(true)];
    let metrics = [vec![Text("silhouette"), Number(0.616_25)], vec![Text("inertia"), Number(f64::NAN)]];
    let segments = [segment_row(0, "Champions", 0.75, Number(0.7)), segment_row(1, "Lost | gone", 0.25, Null)];
    let warning = vec![Text("few_customers"), Text("only 2 customers")];
    let tables = [
        ("sources", batch(&schema::sources(), sources)),
        ("validation", batch(&schema::report(), &[rule])),
        ("waterfall", batch(&schema::waterfall(), &[step])),
        ("customers", customers().to_batch().unwrap()),
        ("k_selection", batch(&schema::k_selection(), &[study])),
        ("metrics", batch(&schema::metrics(), &metrics)),
        ("segments", batch(&schema::segments(), &segments)),
        ("warnings", batch(&schema::warnings(), &[warning])),
    ];
    let mut inputs = BTreeMap::new();
    for (name, table) in tables {
        let path = folder.join(format!("{name}.parquet"));
        table::write(&path, &table, &facts).unwrap();
        inputs.insert(name.to_owned(), InputFile { path, digest: "0".repeat(64) });
    }
    let path = folder.join("model.json");
    model().write(&path).unwrap();
    inputs.insert("model_json".to_owned(), InputFile { path, digest: "a".repeat(64) });
    for name in ["onnx", "plots"] {
        inputs.insert(name.to_owned(), InputFile { path: folder.join(name), digest: "b".repeat(64) });
    }
    inputs
}

/// Runs the stage; returns the record, its bytes and the headline.
fn run(sources: &[Vec<Cell>]) -> (Record, Vec<u8>, String) {
    let folder = tempfile::tempdir().unwrap();
    let inputs = inputs(folder.path(), sources);
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let params = Track.check_params(&Map::new()).unwrap();
    let ctx = StageContext::new(Track.outputs(), &params, inputs, Vec::new(), out.clone(), &Silent);
    let report = Track.run(&ctx).map_err(|error| error.message).unwrap();
    let path = out.join("record.parquet");
    (Record::read(&path).unwrap().0, std::fs::read(path).unwrap(), report.headline)
}

fn one_source() -> Vec<Vec<Cell>> {
    vec![source("online_retail.csv.gz", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 10)]
}

#[test]
fn params_hold_the_model_its_scaling_and_the_means_of_the_features() {
    let (record, _, headline) = run(&one_source());
    let expected = [
        ("k", "2"),
        ("algorithm", "kmeans"),
        ("scaling", "standard"),
        ("seed", "42"),
        ("customers", "2"),
        ("features", "recency, frequency, monetary"),
        ("frequency_unit", "invoices"),
        ("snapshot", "2011-12-10T12:50:00"),
        // (2 + 12) / 2, (4 + 2) / 2, (60.5 + 20) / 2
        ("mean_recency", "7"),
        ("mean_frequency", "3"),
        ("mean_monetary", "40.25"),
        ("scaler_offset_monetary", "40.25"),
        ("scaler_scale_recency", "5"),
    ];
    for (key, text) in expected {
        assert_eq!(record.text_of("param", key), Some(text), "{key}");
    }
    assert_eq!(headline, format!("{} params, {} metrics", record.count("param"), record.count("metric")));
}

#[test]
fn metrics_hold_quality_segments_the_study_and_the_counts() {
    let (record, ..) = run(&one_source());
    let expected = [
        ("silhouette", 0.616_25),
        ("name_stability", 0.875),
        ("k_study/silhouette", 0.6),
        ("k_study/inertia", 9.5),
        ("segment_0/customers", 1.0),
        ("segment_0/revenue_share", 0.75),
        ("segment_1/revenue", 20.125),
        ("segment_0/monetary_median", 60.5),
        ("segment_0/silhouette", 0.7),
        ("rows_loaded", 10.0),
        ("warnings", 1.0),
        ("validation/missing_customer/rows", 3.0),
        ("validation/missing_customer/amount", 7.0),
        ("waterfall/kept/rows", 7.0),
        ("waterfall/kept/customers", 2.0),
        ("waterfall/kept/invoices", 6.0),
        ("waterfall/kept/amount", 80.0),
    ];
    for (key, value) in expected {
        assert_eq!(record.value_of(key).map(f64::to_bits), Some(f64::to_bits(value)), "{key}");
    }
    let step = record.rows.iter().find(|row| row.key == "k_study/silhouette").unwrap().step;
    assert_eq!(step, Some(2), "MLflow draws the study over k");
    assert!(record.value_of("inertia").unwrap().is_nan(), "what is not finite is kept and left to the delivery");
    assert_eq!(record.value_of("segment_1/silhouette"), None, "an undefined value is no metric");
    assert_eq!(record.value_of("k_study/calinski_harabasz"), None);
}

#[test]
fn tags_and_the_note_say_what_the_data_is_and_describe_the_segments() {
    let (record, ..) = run(&one_source());
    assert_eq!(record.text_of("tag", "segpipe.data_source"), Some("file"));
    assert_eq!(record.text_of("tag", "segpipe.data_digest"), Some("d".repeat(64).as_str()));
    assert_eq!(record.text_of("tag", "segpipe.warnings"), Some("few_customers"));
    let note = record.text_of("tag", "mlflow.note.content").unwrap().replace('\u{a0}', " ");
    assert!(note.starts_with("2 segments of 2 customers: kmeans, standard scaling, silhouette 0.616;"), "{note}");
    assert!(note.contains("| 0 | Champions | 1 | 50.0 % | 75.0 % | 2 | 4 | 60.50 | reward them |"), "{note}");
    assert!(note.contains("| Lost \\| gone |") && note.contains("- only 2 customers"), "{note}");
}

#[test]
fn simulated_data_is_the_first_thing_the_note_says() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = inputs(folder.path(), &one_source());
    let params = CheckedParams::default();
    let ctx = StageContext::new(Track.outputs(), &params, inputs, Vec::new(), folder.path().to_owned(), &Silent);
    let mut results = Results::read(&ctx).map_err(|error| error.message).unwrap();
    results.model.data_source = "simulated".to_owned();
    let record = record(&results);
    assert!(record.text_of("tag", "mlflow.note.content").unwrap().starts_with("**SIMULATED DATA"));
    assert_eq!(record.text_of("model", "data_source"), Some("simulated"));
}

#[test]
fn the_dataset_is_named_after_its_file_with_a_digest_mlflow_can_hold() {
    let (record, ..) = run(&one_source());
    assert_eq!(record.text_of("dataset", "name"), Some("online_retail"));
    assert_eq!(record.text_of("dataset", "digest"), Some("0123456789abcdef0123456789abcdef"));
    let schema: Value = serde_json::from_str(record.text_of("dataset", "schema").unwrap()).unwrap();
    let spec = json!({ "mlflow_colspec": [
        { "type": "string", "name": "CustomerID", "required": false },
        { "type": "datetime", "name": "InvoiceDate", "required": false },
        { "type": "double", "name": "UnitPrice", "required": false },
    ]});
    assert_eq!(schema, spec);
    let profile: Value = serde_json::from_str(record.text_of("dataset", "profile").unwrap()).unwrap();
    let expected = json!({
        "num_rows": 10, "num_elements": 30, "num_customers": 2, "period_end": "2011-12-09T12:50:00",
    });
    assert_eq!(profile, expected);
}

#[test]
fn several_files_are_one_dataset_whose_digest_depends_on_each() {
    let two = |second| vec![source("a.csv", "aa", 4), source("b.csv", second, 6)];
    let (record, ..) = run(&two("bb"));
    assert_eq!(record.text_of("dataset", "name"), Some("a and 1 more"));
    assert_eq!(record.value_of("rows_loaded").map(f64::to_bits), Some(10.0_f64.to_bits()));
    let digest = record.text_of("dataset", "digest").unwrap();
    assert_eq!(digest.len(), 32);
    assert_ne!(run(&two("cc")).0.text_of("dataset", "digest"), Some(digest));
}

#[test]
fn the_model_has_an_identity_a_data_policy_and_a_signature() {
    let (record, ..) = run(&one_source());
    assert_eq!(record.text_of("model", "identity").map(str::len), Some(32));
    assert_eq!(record.text_of("model", "data_policy"), Some(r#"{"data_source":"file","returns":"gross"}"#));
    assert_eq!(record.text_of("model", "segments"), Some(r#"["Champions","Lost | gone"]"#));
    let example = r#"{"columns":["recency","frequency","monetary"],"data":[[2.0,4.0,60.5],[12.0,2.0,20.0]]}"#;
    assert_eq!(record.text_of("model", "input_example"), Some(example));
    let outputs = record.text_of("model", "signature_outputs").unwrap();
    assert!(outputs.starts_with(r#"[{"type":"long","name":"segment","required":true}"#), "{outputs}");
}

#[test]
fn no_artifact_is_a_table_of_customers() {
    let (record, ..) = run(&one_source());
    assert_eq!(record.text_of("artifact", "plots"), Some("visualize.images"));
    assert_eq!(record.text_of("artifact", "model/model.onnx"), Some("train.onnx"));
    let personal =
        ["load.transactions", "validate.quarantine", "preprocess.orders", "rfm.customers", "train.assignments"];
    assert!(ARTIFACTS.iter().all(|(_, output)| !personal.contains(output)));
}

#[test]
fn equal_inputs_give_equal_bytes() {
    assert_eq!(run(&one_source()).1, run(&one_source()).1);
}

#[test]
fn no_param_of_track_determines_the_record() {
    let raw = json!({ "experiment": "x", "required": true, "promote": "if_better", "promote_margin": 0.01 });
    let params = Track.check_params(raw.as_object().unwrap()).unwrap();
    assert!(params.determining.is_empty(), "{params:?}");
    assert_eq!(params.incidental["promote"], "if_better");
    assert_eq!(params.incidental["registered_model"], "customer-segmentation");
}

#[rstest::rstest]
#[case(json!({ "tracking_uri": "localhost:5000" }), "tracking_uri")]
#[case(json!({ "experiment": " " }), "experiment")]
#[case(json!({ "registered_model": "a/b" }), "registered_model")]
#[case(json!({ "promote": "sometimes" }), "promote")]
#[case(json!({ "promote_margin": -0.5 }), "promote_margin")]
#[case(json!({ "promote_metric": "" }), "promote_metric")]
fn params_that_cannot_be_followed_are_refused_by_name(#[case] raw: Value, #[case] name: &str) {
    assert_eq!(Track.check_params(raw.as_object().unwrap()).unwrap_err().path, [name]);
}
