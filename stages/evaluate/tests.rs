//! Evaluation as a whole, on small customers made up here, and the stage around it.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_array::Array;
use serde_json::json;

use super::*;
use crate::contract::{InputFile, Silent};
use crate::model::{KMEANS, ModelSegment, Scaler, VERSION};
use crate::table::Facts;

/// Three recent big spenders and three lost ones, not scaled.
const RAW: [[f64; 3]; 6] = [
    [1.0, 9.0, 900.0],
    [2.0, 8.0, 800.0],
    [3.0, 7.0, 700.0],
    [301.0, 1.0, 20.0],
    [302.0, 2.0, 10.0],
    [303.0, 3.0, 30.0],
];
const LABELS: [usize; 6] = [0, 0, 0, 1, 1, 1];

fn model(centroids: &[[f64; 3]]) -> Model {
    let segment = |(segment, &centroid): (usize, &[f64; 3])| ModelSegment {
        segment,
        name: ["Champions", "Lost", "Key Accounts"][segment].to_owned(),
        customers: 3,
        centroid,
        mean: centroid,
    };
    Model {
        version: VERSION,
        segpipe_version: "0.1.0".to_owned(),
        algorithm: KMEANS.to_owned(),
        features: crate::customers::FEATURES.map(String::from),
        scaler: Scaler { method: "none".into(), clip: None, is_log: false, offset: [0.0; 3], scale: [1.0; 3] },
        segments: centroids.iter().enumerate().map(segment).collect(),
        mixture: None,
        snapshot: "2011-12-10T12:50:00".to_owned(),
        frequency_unit: "invoices".to_owned(),
        data_digest: "d".repeat(64),
        data_source: "file".to_owned(),
        customers: 6,
        seed: 42,
        ranges: [[0.0, 1.0]; 3],
        name_stability: Some(0.95),
    }
}

fn two_segments() -> Model {
    model(&[[2.0, 8.0, 800.0], [302.0, 2.0, 20.0]])
}

fn codes(evaluation: &Evaluation) -> Vec<&'static str> {
    evaluation.warnings.iter().map(|warning| warning.code).collect()
}

fn evaluate_all(raw: &[[f64; 3]], labels: &[usize], model: &Model, period_end: Option<&str>) -> Evaluation {
    evaluate(raw, labels, model, period_end, &EvaluateParams::default())
}

/// The customers repeated, so that there are enough of them.
fn many() -> (Vec<[f64; 3]>, Vec<usize>) {
    (0..600).map(|i| (RAW[i % 6].map(|value| value + (i / 6) as f64 * 0.01), LABELS[i % 6])).unzip()
}

#[test]
fn inertia_and_profiles_by_hand() {
    let evaluation = evaluate_all(&RAW, &LABELS, &two_segments(), None);
    // Champions: (1 + 1 + 10000) × 2; Lost: (1 + 1), (0 + 100), (1 + 1 + 100).
    let inertia = evaluation.metrics.iter().find(|(name, _)| *name == "inertia").unwrap().1;
    assert!((inertia - (20_004.0 + 2.0 + 100.0 + 102.0)).abs() < 1e-9, "{inertia}");
    let [best, lost] = evaluation.profiles.as_slice() else { panic!("two segments") };
    assert_eq!((best.revenue, lost.revenue), (2400.0, 60.0));
    assert_eq!(best.features[0], Statistics { mean: 2.0, q1: 1.5, median: 2.0, q3: 2.5 });
    assert!(best.silhouette.unwrap() > 0.8 && lost.silhouette.unwrap() > 0.9);
    assert!(best.action.starts_with("raise frequency") && lost.action.starts_with("spend little"), "{best:?} {lost:?}");
    assert_eq!(codes(&evaluation), ["few_customers"]);
}

#[test]
fn enough_customers_in_clear_segments_need_no_warning() {
    let (raw, labels) = many();
    assert_eq!(codes(&evaluate_all(&raw, &labels, &two_segments(), Some("2011-11-30T17:00:00"))), [] as [&str; 0]);
}

#[test]
fn simulated_data_a_partial_month_and_unstable_names_are_warned_of() {
    let (raw, labels) = many();
    let mut model = two_segments();
    model.data_source = "simulated".to_owned();
    model.name_stability = Some(0.8);
    let evaluation = evaluate_all(&raw, &labels, &model, Some("2011-12-09T12:50:00"));
    assert_eq!(codes(&evaluation), ["simulated_data", "partial_last_month", "unstable_names"]);
    assert_eq!(
        evaluation.warnings[1].message,
        "the data end on 2011-12-09, so their last month is partial: do not compare it with whole months"
    );
}

#[test]
fn a_few_customers_far_away_carry_the_silhouette_and_are_a_small_segment() {
    let (mut raw, mut labels) = many();
    raw.extend([[1.0, 500.0, 90_000.0]; 5]);
    labels.extend([2; 5]);
    let model = model(&[[2.0, 8.0, 800.0], [302.0, 2.0, 20.0], [1.0, 500.0, 90_000.0]]);
    let evaluation = evaluate_all(&raw, &labels, &model, None);
    assert_eq!(codes(&evaluation), ["outliers_carry_silhouette", "small_segment"]);
    assert!(evaluation.warnings[0].message.contains("the 6 most extreme customers (1 %) make up 99 % of the spread"));
    assert_eq!(evaluation.warnings[1].message, "fewer than 1 % of customers are in `Key Accounts` (5, 0.8 %)");
}

#[test]
fn overlapping_segments_are_warned_of() {
    let raw: Vec<[f64; 3]> = (0..600).map(|i| [f64::from(i % 30), f64::from(i % 7), f64::from(i % 11)]).collect();
    let labels: Vec<usize> = (0..600).map(|i| i % 2).collect();
    let evaluation = evaluate_all(&raw, &labels, &model(&[[15.0, 3.0, 5.0], [16.0, 3.0, 5.0]]), None);
    assert_eq!(codes(&evaluation), ["weak_structure"]);
}

#[test]
fn one_segment_has_no_scores_and_says_so() {
    let (raw, _) = many();
    let evaluation = evaluate_all(&raw, &[0; 600], &model(&[[152.0, 5.0, 410.0]]), None);
    assert_eq!(codes(&evaluation), ["undefined_silhouette"]);
    assert_eq!(evaluation.metrics[0].0, "inertia");
    assert_eq!(evaluation.profiles[0].silhouette, None);
}

#[test]
fn a_sampled_silhouette_is_said_to_be_one() {
    let (raw, labels) = many();
    let params = EvaluateParams { exact_silhouette_up_to: 100, sample_size: Some(200), seed: 1 };
    let evaluation = evaluate(&raw, &labels, &two_segments(), None, &params);
    assert_eq!(evaluation.remarks.len(), 1);
    assert!(evaluation.remarks[0].contains("is estimated from 200 sampled customers, standard error 0.0"));
    assert!(evaluation.metrics.iter().any(|(name, _)| *name == "silhouette_standard_error"));
}

fn assignments(ids: &[String], segments: &[i64]) -> RecordBatch {
    let names = segments.iter().map(|_| "name");
    let numbers = || Arc::new(Float64Array::from(vec![0.5; segments.len()])) as ArrayRef;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(ids)),
        Arc::new(Int64Array::from(segments.to_vec())),
        Arc::new(StringArray::from_iter_values(names)),
        numbers(),
        Arc::new(Int64Array::from(vec![0; segments.len()])),
        numbers(),
    ];
    RecordBatch::try_new(schema::assignments(), columns).unwrap()
}

fn ids() -> Vec<String> {
    (0..6).map(|i| format!("c{i}")).collect()
}

/// Runs the stage in `folder` on the six customers with these assignments.
fn run(folder: &Path, assignments: &RecordBatch) -> Result<StageReport, StageError> {
    let customers = Customers {
        ids: ids(),
        recency: RAW.iter().map(|row| row[0] as i64).collect(),
        frequency: RAW.iter().map(|row| row[1] as i64).collect(),
        monetary: RAW.iter().map(|row| row[2]).collect(),
        scores: vec![[3; 3]; 6],
        rfm_segments: vec![String::new(); 6],
    };
    let facts: Facts = [("data_source".to_owned(), "file".to_owned())].into();
    let path = |name: &str| folder.join(name);
    table::write(&path("customers.parquet"), &customers.to_batch().unwrap(), &facts).unwrap();
    table::write(&path("assignments.parquet"), assignments, &facts).unwrap();
    two_segments().write(&path("model.json")).unwrap();
    let files =
        [("customers", "customers.parquet"), ("assignments", "assignments.parquet"), ("model_json", "model.json")];
    let input = |(name, file): (&str, &str)| (name.to_owned(), InputFile { path: path(file), digest: "0".repeat(64) });
    let inputs: BTreeMap<String, InputFile> = files.into_iter().map(input).collect();
    let out = path("out");
    std::fs::create_dir_all(&out).unwrap();
    let params = Evaluate.check_params(&Map::new()).unwrap();
    Evaluate.run(&StageContext::new(Evaluate.outputs(), &params, inputs, Vec::new(), out, &Silent))
}

#[test]
fn the_stage_writes_its_four_tables_with_the_facts_of_the_customers() {
    let folder = tempfile::tempdir().unwrap();
    let report = run(folder.path(), &assignments(&ids(), &[0, 0, 0, 1, 1, 1])).map_err(|error| error.message).unwrap();
    assert!(report.headline.starts_with("silhouette 0.9") && report.headline.ends_with(", 1 warning"), "{report:?}");
    let read = |name: &str, schema| table::read(&folder.path().join("out").join(name), &schema).unwrap();
    let (metrics, facts) = read("metrics.parquet", schema::metrics());
    assert_eq!(facts["data_source"], "file");
    let first: Vec<_> = column::<StringArray>(&metrics, "metric").iter().flatten().take(4).map(String::from).collect();
    assert_eq!(first, ["silhouette", "calinski_harabasz", "davies_bouldin", "inertia"]);
    let (segments, _) = read("segments.parquet", schema::segments());
    assert_eq!(column::<StringArray>(&segments, "segment_name").value(1), "Lost");
    assert_eq!(column::<Float64Array>(&segments, "monetary_q3").value(0).to_bits(), 850.0_f64.to_bits());
    assert_eq!(column::<Float64Array>(&segments, "silhouette").null_count(), 0);
    let (silhouettes, _) = read("silhouettes.parquet", schema::silhouettes());
    assert!(column::<StringArray>(&silhouettes, "customer_id").iter().flatten().eq(ids().iter()));
    assert_eq!(column::<Int64Array>(&silhouettes, "segment").values(), &[0, 0, 0, 1, 1, 1]);
    // The second: a = √(1 + 1 + 10⁴), b = (√697850 + √714136 + √683526) / 3.
    let second = column::<Float64Array>(&silhouettes, "silhouette").value(1);
    assert!((second - 0.880_332).abs() < 1e-5, "{second}");
    let (warnings, _) = read("warnings.parquet", schema::warnings());
    assert_eq!(column::<StringArray>(&warnings, "code").value(0), "few_customers");
}

#[test]
fn assignments_of_other_customers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut others = ids();
    others[4] = "somebody else".to_owned();
    let swapped = run(folder.path(), &assignments(&others, &[0; 6])).unwrap_err();
    assert_eq!(swapped.message, "row 5 of `assignments` is not the customer in that row of `customers`");
    let fewer = run(folder.path(), &assignments(&ids()[..4], &[0; 4])).unwrap_err();
    assert_eq!(fewer.message, "row 5 of `assignments` is not the customer in that row of `customers`");
    let unknown = run(folder.path(), &assignments(&ids(), &[0, 1, 2, 0, 0, 0])).unwrap_err();
    assert_eq!(unknown.message, "row 3 of `assignments` is of segment 2, and the model has 2");
    assert_eq!(unknown.fault, Fault::Data);
}

#[test]
fn a_sample_of_nobody_is_refused() {
    let raw = json!({ "sample_size": 0 });
    assert_eq!(Evaluate.check_params(raw.as_object().unwrap()).unwrap_err().path, ["sample_size"]);
}
