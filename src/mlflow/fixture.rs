//! An entry as a small run gives one, for the tests of the delivery.

use std::collections::BTreeMap;

use segpipe_stages::contract::RunStatus;
use serde_json::json;

use super::entry::{Entry, EntryStage, FORMAT, Fact};
use super::origin::Git;

pub(super) const KEY: &str = "0123abcd0123abcd0123abcd0123abcd";
pub(super) const STARTED: i64 = 1_323_435_000_250;

/// A finished run with a model.
pub(super) fn entry() -> Entry {
    Entry {
        format: FORMAT,
        key: KEY.to_owned(),
        status: RunStatus::Finished,
        is_return: false,
        sweep: None,
        has_stale_upstream: false,
        started_ms: STARTED,
        ended_ms: STARTED + 1500,
        pipeline: "shop".to_owned(),
        file: "pipeline.yaml".to_owned(),
        segpipe_version: "0.1.0".to_owned(),
        user: Some("ana".to_owned()),
        git: Some(Git { commit: Some("c".repeat(40)), branch: None, is_dirty: true, repository: None }),
        stages: vec![stage("load"), stage("train"), stage("track")],
        record: Some(record()),
        artifacts: Vec::new(),
        missing: Vec::new(),
    }
}

fn stage(kind: &str) -> EntryStage {
    let params = match kind {
        "train" => BTreeMap::from([
            ("study".to_owned(), json!([2, 6])),
            ("none".to_owned(), json!(null)),
            ("empty".to_owned(), json!("")),
        ]),
        _ => BTreeMap::new(),
    };
    EntryStage {
        name: format!("my_{kind}"),
        kind: kind.to_owned(),
        outcome: "ran".to_owned(),
        reason: None,
        seconds: 0.25,
        fingerprint: Some("f".repeat(64)),
        params,
        outputs: BTreeMap::new(),
    }
}

fn record() -> Vec<Fact> {
    let text = |kind: &str, key: &str, text: &str| Fact {
        kind: kind.to_owned(),
        key: key.to_owned(),
        text: Some(text.to_owned()),
        value: None,
        step: None,
    };
    let metric = |key: &str, value: f64, step: Option<i64>| Fact {
        kind: "metric".to_owned(),
        key: key.to_owned(),
        text: None,
        value: Some(value),
        step,
    };
    let columns = |names: &[(&str, &str)]| {
        let column = |(kind, name): &(&str, &str)| json!({ "type": kind, "name": name, "required": true });
        json!(names.iter().map(column).collect::<Vec<_>>()).to_string()
    };
    vec![
        text("param", "k", "4"),
        metric("silhouette", 0.616, None),
        metric("k_study/inertia", 12.5, Some(3)),
        metric("k_study/silhouette", f64::NAN, Some(1)),
        text("tag", "mlflow.note.content", "4 segments"),
        text("tag", "segpipe.data_source", "file"),
        text("dataset", "name", "shop"),
        text("dataset", "digest", &"d".repeat(32)),
        text("dataset", "source", "{}"),
        text("dataset", "context", "training"),
        text("model", "identity", &"1".repeat(32)),
        text("model", "k", "4"),
        text("model", "algorithm", "kmeans"),
        text("model", "scaling", "standard"),
        text("model", "data_source", "file"),
        text("model", "data_digest", &"d".repeat(64)),
        text("model", "data_policy", "{\"returns\":\"gross\"}"),
        text("model", "input_example", "{\"columns\":[\"recency\"],\"data\":[[5.0]]}"),
        text("model", "signature_inputs", &columns(&[("double", "recency")])),
        text("model", "signature_outputs", &columns(&[("long", "segment"), ("double", "distance")])),
    ]
}
