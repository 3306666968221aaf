//! Sweeps merged and ranked.

use std::collections::{BTreeMap, BTreeSet};

use segpipe_stages::contract::{CheckedParams, FinishedRun, RunStatus};
use segpipe_stages::track::Record;
use serde_json::json;

use super::*;
use crate::fingerprint::tests::OnlyLookedAt;
use crate::spec::pipeline::{Capacity, Kind, OutputReference, PipelineStage, Terms};
use crate::spec::shared::SharedCache;

fn stage(name: &str, from: Option<&str>, value: u64) -> PipelineStage {
    let reference =
        |stage: &str| ("input".to_owned(), OutputReference { stage: stage.to_owned(), output: "output".to_owned() });
    let mut params = CheckedParams::default();
    params.determining.insert("value".to_owned(), json!(value));
    PipelineStage {
        name: name.to_owned(),
        stage: Kind::from(&OnlyLookedAt),
        inputs: from.map(reference).into_iter().collect(),
        outputs: BTreeMap::new(),
        params,
        tags: BTreeSet::new(),
        terms: Terms::default(),
    }
}

/// load → clean → train → end, and a stage that `end` does not need.
fn pipeline(clean: u64, train: u64) -> Pipeline {
    Pipeline {
        name: "fakes".to_owned(),
        file: "pipeline.yaml".into(),
        directory: ".".into(),
        stages: vec![
            stage("load", None, 0),
            stage("clean", Some("load"), clean),
            stage("train", Some("clean"), train),
            stage("end", Some("train"), 0),
            stage("deploy", Some("train"), 0),
        ],
        capacity: Capacity::default(),
        cache: SharedCache::default(),
        is_overridden: true,
    }
}

#[test]
fn what_combinations_share_is_in_the_merged_pipeline_once() {
    let pipelines = [pipeline(1, 4), pipeline(1, 5), pipeline(2, 4), pipeline(2, 5)];
    let variants = Variants::merge(&pipelines, "end").unwrap();
    let names: Vec<&str> = variants.pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
    let expected =
        ["load", "clean", "train", "end", "train#2", "end#2", "clean#3", "train#3", "end#3", "train#4", "end#4"];
    assert_eq!(names, expected);
    let inputs = |name: &str| variants.pipeline.stage(name).unwrap().inputs["input"].stage.clone();
    assert_eq!(["train#2", "train#3", "train#4", "end#4"].map(inputs), ["clean", "clean#3", "clean#3", "train#4"]);
    assert_eq!(variants.stages[3]["train"], "train#4");
    assert_eq!(["load", "clean", "end#4"].map(|name| variants.is_shared(name)), [true, false, false]);
}

fn combination(number: usize, metrics: &[(&str, f64)]) -> Combination {
    let mut record = Record::default();
    for (name, value) in metrics {
        record.metric(name, *value);
    }
    let status = if metrics.is_empty() { RunStatus::Failed } else { RunStatus::Finished };
    let run = FinishedRun {
        status,
        started_ms: 0,
        ended_ms: 0,
        pipeline: String::new(),
        directory: ".".into(),
        file: "pipeline.yaml".into(),
        stale_upstream: false,
        stages: Vec::new(),
    };
    let failure = metrics.is_empty().then(|| "k is, \"alas\", too large".to_owned());
    Combination { number, values: vec![number.to_string()], sets: Vec::new(), run, record, failure }
}

#[test]
fn the_best_comes_first_whichever_way_the_metric_counts_and_failures_last() {
    let combinations = [
        combination(1, &[]),
        combination(2, &[("silhouette", 0.3), ("davies_bouldin", 0.9)]),
        combination(3, &[("silhouette", f64::NAN), ("davies_bouldin", 0.7)]),
        combination(4, &[("silhouette", 0.5), ("davies_bouldin", 1.2)]),
    ];
    let order = |by: &str| ranking::order(&combinations, by).iter().map(|place| place + 1).collect::<Vec<_>>();
    assert_eq!(order("silhouette"), [4, 2, 1, 3]);
    assert_eq!(order("davies_bouldin"), [3, 2, 4, 1]);
    let csv = ranking::table(&["train.k".to_owned()], &combinations, "silhouette").to_csv();
    let expected = "\
rank,train.k,silhouette,calinski_harabasz,davies_bouldin,inertia,outcome,combination,reason
1,4,0.5,,1.2,,finished,4,
2,2,0.3,,0.9,,finished,2,
,1,,,,,failed,1,\"k is, \"\"alas\"\", too large\"
,3,,,0.7,,finished,3,
";
    assert_eq!(csv, expected);
}
