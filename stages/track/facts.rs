//! From results to the record: params, metrics, tags, the dataset, the artifacts, the model.
//!
//! For: `track`. A pure function; equal results give equal records.

use serde_json::{Value, json};

use crate::customers::FEATURES;
use crate::model::identity;
use crate::results::SourceFact;

use super::artifacts::ARTIFACTS;
use super::note::markdown;
use super::record::Record;
use super::results::Results;

/// Characters of a digest that MLflow keeps of a dataset's (36 at the most).
const SHORT_DIGEST: usize = 32;

/// Endings that say how a table is stored and not what it is called.
const ENDINGS: [&str; 7] = [".gz", ".csv", ".tsv", ".txt", ".xlsx", ".parquet", ".pq"];

/// Facts of the customers' table that say when and not by which rules it was made.
const NO_POLICY: [&str; 3] = ["snapshot", "period_start", "period_end"];

/// The record of `results`.
pub fn record(results: &Results) -> Record {
    let mut record = Record::default();
    params(results, &mut record);
    quality(results, &mut record);
    segments(results, &mut record);
    counts(results, &mut record);
    tags(results, &mut record);
    dataset(results, &mut record);
    for (path, output) in ARTIFACTS {
        record.text("artifact", path, output);
    }
    model(results, &mut record);
    record
}

fn params(results: &Results, record: &mut Record) {
    let model = &results.model;
    let mut param = |key: &str, text: String| record.text("param", key, text);
    param("k", model.segments.len().to_string());
    param("algorithm", model.algorithm.clone());
    param("scaling", model.scaler.method.clone());
    param("seed", model.seed.to_string());
    param("features", model.features.join(", "));
    param("frequency_unit", model.frequency_unit.clone());
    param("snapshot", model.snapshot.clone());
    param("customers", model.customers.to_string());
    let features = results.customers.features();
    let n = features.len().max(1) as f64;
    for (index, name) in FEATURES.into_iter().enumerate() {
        let mean = features.iter().map(|row| row[index]).sum::<f64>() / n;
        param(&format!("mean_{name}"), mean.to_string());
        param(&format!("scaler_offset_{name}"), model.scaler.offset[index].to_string());
        param(&format!("scaler_scale_{name}"), model.scaler.scale[index].to_string());
    }
}

fn quality(results: &Results, record: &mut Record) {
    for (name, value) in &results.metrics {
        record.metric(name, *value);
    }
    let is_measured = results.metrics.iter().any(|(name, _)| name == "name_stability");
    if let Some(stability) = results.model.name_stability.filter(|_| !is_measured) {
        record.metric("name_stability", stability);
    }
    for fact in &results.study {
        for (name, value) in &fact.measures {
            record.metric_at(&format!("k_study/{name}"), fact.k, *value);
        }
    }
}

fn segments(results: &Results, record: &mut Record) {
    for segment in &results.segments {
        let mut metric = |name: &str, value| record.metric(&format!("segment_{}/{name}", segment.segment), value);
        metric("customers", segment.customers as f64);
        for (name, value) in ["customer_share", "revenue", "revenue_share"].into_iter().zip(segment.shares) {
            metric(name, value);
        }
        for (feature, value) in FEATURES.into_iter().zip(segment.medians()) {
            metric(&format!("{feature}_median"), value);
        }
        if let Some(silhouette) = segment.silhouette {
            metric("silhouette", silhouette);
        }
    }
}

fn counts(results: &Results, record: &mut Record) {
    record.metric("rows_loaded", results.sources.iter().map(|source| source.rows).sum::<i64>() as f64);
    record.metric("warnings", results.warnings.len() as f64);
    for rule in &results.rules {
        record.metric(&format!("validation/{}/rows", rule.rule), rule.rows as f64);
        record.metric(&format!("validation/{}/amount", rule.rule), rule.amount);
    }
    for step in &results.waterfall {
        for (name, count) in ["rows", "customers", "invoices"].into_iter().zip(step.counts) {
            record.metric(&format!("waterfall/{}/{name}", step.step), count as f64);
        }
        record.metric(&format!("waterfall/{}/amount", step.step), step.amount);
    }
}

fn tags(results: &Results, record: &mut Record) {
    let model = &results.model;
    record.text("tag", "segpipe.data_source", &model.data_source);
    record.text("tag", "segpipe.data_digest", &model.data_digest);
    record.text("tag", "segpipe.snapshot", &model.snapshot);
    record.text("tag", "segpipe.trained_by", format!("segpipe {}", model.segpipe_version));
    if !results.warnings.is_empty() {
        let codes: Vec<&str> = results.warnings.iter().map(|(code, _)| code.as_str()).collect();
        record.text("tag", "segpipe.warnings", codes.join(", "));
    }
    record.text("tag", "mlflow.note.content", markdown(results));
}

/// The sources as an MLflow dataset: name, digest, where from, columns and size.
fn dataset(results: &Results, record: &mut Record) {
    let sources = &results.sources;
    let mut fact = |key: &str, text: String| record.text("dataset", key, text);
    fact("name", dataset_name(sources));
    fact("digest", dataset_digest(sources));
    fact("source_type", "local".to_owned());
    let file = |source: &SourceFact| {
        json!({
            "name": source.name, "digest": source.digest, "bytes": source.bytes, "rows": source.rows,
            "origin": source.origin,
        })
    };
    fact("source", json!({ "files": sources.iter().map(file).collect::<Vec<_>>() }).to_string());
    let columns = sources.first().map(|source| source.columns.as_slice()).unwrap_or_default();
    let spec = columns
        .iter()
        .map(|(column, header)| json!({ "type": mlflow_type(column), "name": header, "required": false }));
    fact("schema", json!({ "mlflow_colspec": spec.collect::<Vec<_>>() }).to_string());
    let rows: i64 = sources.iter().map(|source| source.rows).sum();
    let mut profile = json!({
        "num_rows": rows, "num_elements": rows * columns.len() as i64, "num_customers": results.customers.len(),
    });
    for name in ["period_start", "period_end"] {
        if let Some(value) = results.facts.get(name) {
            profile[name] = Value::from(value.as_str());
        }
    }
    fact("profile", profile.to_string());
    fact("context", "training".to_owned());
}

fn dataset_name(sources: &[SourceFact]) -> String {
    let Some(first) = sources.first() else { return "nothing".to_owned() };
    let mut name = first.name.as_str();
    while let Some(shorter) =
        ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).filter(|name| !name.is_empty())
    {
        name = shorter;
    }
    match sources.len() {
        1 => name.to_owned(),
        more => format!("{name} and {} more", more - 1),
    }
}

fn dataset_digest(sources: &[SourceFact]) -> String {
    let whole = match sources {
        [only] => only.digest.clone(),
        several => {
            let lines: String = several.iter().flat_map(|source| [source.digest.as_str(), "\n"]).collect();
            blake3::hash(lines.as_bytes()).to_hex().to_string()
        }
    };
    whole.chars().take(SHORT_DIGEST).collect()
}

/// MLflow's type of one of our columns.
fn mlflow_type(column: &str) -> &'static str {
    match column {
        "date" | "invoice_date" => "datetime",
        "quantity" | "unit_price" | "amount" => "double",
        _ => "string",
    }
}

/// What a registry needs to know about the model. `identity` is equal exactly for equal models; `data_policy` tells
/// models that may be compared from models that may not.
fn model(results: &Results, record: &mut Record) {
    let model = &results.model;
    let mut fact = |key: &str, text: String| record.text("model", key, text);
    let [json, onnx] = &results.model_digests;
    fact("identity", identity([json, onnx]));
    fact("model_json_digest", json.clone());
    fact("onnx_digest", onnx.clone());
    fact("k", model.segments.len().to_string());
    fact("algorithm", model.algorithm.clone());
    fact("scaling", model.scaler.method.clone());
    fact("data_digest", model.data_digest.clone());
    fact("data_source", model.data_source.clone());
    let policy = results.facts.iter().filter(|(name, _)| !NO_POLICY.contains(&name.as_str()));
    let policy = policy.map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    fact("data_policy", Value::Object(policy).to_string());
    let names: Vec<&str> = model.segments.iter().map(|segment| segment.name.as_str()).collect();
    fact("segments", json!(names).to_string());
    let example: Vec<[f64; 3]> = model.segments.iter().map(|segment| segment.mean).collect();
    fact("input_example", json!({ "columns": FEATURES, "data": example }).to_string());
    let input = |name: &str| json!({ "type": "double", "name": name, "required": true });
    let output = |kind: &str, name: &str| json!({ "type": kind, "name": name, "required": true });
    fact("signature_inputs", json!(FEATURES.map(input)).to_string());
    fact("signature_outputs", json!([output("long", "segment"), output("double", "distance")]).to_string());
}
