//! What a tracking server is told of one entry: params, metrics, tags, the dataset.
//!
//! For: `delivery`, which sends it. A pure function of the entry, so that telling it twice tells the same. MLflow's
//! limits are kept here: it would cut long values without a word and refuse a batch for one number.

use std::collections::BTreeMap;
use std::fmt::Write;

use segpipe_stages::contract::RunStatus;
use serde_json::json;

use super::entry::{Entry, SweepPart};
use super::wire::{Dataset, Metric, Pair};

/// Characters of a param's and a tag's value that MLflow keeps.
const PARAM_CHARS: usize = 6000;
const TAG_CHARS: usize = 8000;

/// Characters of the description of where a dataset is.
const SOURCE_CHARS: usize = 60_000;

/// Stands at the end of what was cut.
const CUT: &str = " … (cut; the whole is in segpipe/whole_values.json)";

/// The tag that holds an entry's key.
pub(super) const RUN_KEY: &str = "segpipe.run_key";

/// What is told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    pub(super) run_name: String,
    pub(super) status: &'static str,
    pub(super) params: Vec<Pair>,
    pub(super) metrics: Vec<Metric>,
    pub(super) tags: Vec<Pair>,
    /// The dataset and what it was used for.
    pub(super) dataset: Option<(Dataset, String)>,
    /// Values that were cut, by name, where there are any.
    pub(super) whole: BTreeMap<String, String>,
}

impl Statement {
    pub(super) fn of(entry: &Entry) -> Self {
        let mut whole = BTreeMap::new();
        let (metrics, not_finite) = metrics(entry);
        let mut tags = tags(entry);
        if !not_finite.is_empty() {
            tags.push(Pair::new("segpipe.not_finite", not_finite.join(", ")));
        }
        Self {
            run_name: run_name(entry),
            status: status(entry.status),
            params: entry
                .params()
                .map(|(key, value)| cut(Pair::new(key, value), "param", PARAM_CHARS, &mut whole))
                .collect(),
            metrics,
            tags: tags.into_iter().map(|pair| cut(pair, "tag", TAG_CHARS, &mut whole)).collect(),
            dataset: dataset(entry, &mut whole),
            whole,
        }
    }

    /// The tags that a run is born with: by them it is found again.
    pub(super) fn birth_tags(entry: &Entry) -> Vec<Pair> {
        let mut tags = vec![Pair::new(RUN_KEY, &entry.key)];
        tags.extend(origin(entry));
        tags
    }
}

/// MLflow's word.
fn status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Finished => "FINISHED",
        RunStatus::Failed => "FAILED",
        RunStatus::Killed => "KILLED",
    }
}

/// What was modelled and how, or the pipeline's name; and what tells it from its neighbours.
fn run_name(entry: &Entry) -> String {
    let fact = |key| entry.text_of("model", key);
    let what = match (&entry.sweep, fact("scaling"), fact("k")) {
        (Some(SweepPart::Parent { .. }), ..) => format!("sweep-{}", entry.pipeline),
        (_, Some(scaling), Some(k)) => format!("{scaling}-k{k}"),
        _ => entry.pipeline.clone(),
    };
    format!("{what}-{}", entry.key.chars().take(8).collect::<String>())
}

/// Metrics with the time at which the run ended, and the names of those that are not finite.
fn metrics(entry: &Entry) -> (Vec<Metric>, Vec<String>) {
    let stages = entry.stages.iter().filter(|stage| stage.outcome != "skipped");
    let seconds = stages.map(|stage| (format!("seconds/{}", stage.name), stage.seconds, 0));
    let total = (entry.ended_ms - entry.started_ms) as f64 / 1000.0;
    let facts = entry.facts("metric").filter_map(|fact| Some((fact.key.clone(), fact.value?, fact.step.unwrap_or(0))));
    let (mut metrics, mut not_finite) = (Vec::new(), Vec::new());
    for (key, value, step) in facts.chain(seconds).chain([("seconds_total".to_owned(), total, 0)]) {
        if value.is_finite() {
            let (model_id, dataset_name, dataset_digest) = (None, None, None);
            let timestamp = entry.ended_ms;
            metrics.push(Metric { key, value, timestamp, step, model_id, dataset_name, dataset_digest });
        } else if !not_finite.contains(&key) {
            not_finite.push(key);
        }
    }
    (metrics, not_finite)
}

fn tags(entry: &Entry) -> Vec<Pair> {
    let mut tags = Statement::birth_tags(entry);
    let mut tag = |key: &str, value: &str| tags.push(Pair::new(key, value));
    tag("segpipe.version", &entry.segpipe_version);
    tag("segpipe.pipeline", &entry.pipeline);
    if let Some(file) = entry.artifact("pipeline.yaml") {
        tag("segpipe.pipeline_digest", &file.digest);
    }
    if let Some(SweepPart::Child { combination, sets, .. }) = &entry.sweep {
        tag("segpipe.combination", &combination.to_string());
        tag("segpipe.sets", &sets.join(" "));
    }
    if entry.has_stale_upstream {
        tag("segpipe.stale_upstream", "true");
    }
    let failed = entry.stages.iter().find(|stage| stage.outcome == "failed");
    if let Some(stage) = failed {
        tag("segpipe.failed_stage", &stage.name);
    }
    if !entry.missing.is_empty() {
        let missing: Vec<String> =
            entry.missing.iter().map(|missing| format!("{}: {}", missing.path, missing.reason)).collect();
        tag("segpipe.missing", &missing.join("; "));
    }
    for fact in entry.facts("tag") {
        tag(&fact.key, fact.text.as_deref().unwrap_or_default());
    }
    if entry.text_of("tag", "mlflow.note.content").is_none() {
        tag("mlflow.note.content", &note(entry));
    }
    tags.retain(|pair| !pair.value.is_empty());
    tags
}

/// What makes a run or a model first-class: who, from what, at which commit.
pub(super) fn origin(entry: &Entry) -> Vec<Pair> {
    let mut tags = vec![Pair::new("mlflow.source.name", &entry.file), Pair::new("mlflow.source.type", "LOCAL")];
    if let Some(user) = &entry.user {
        tags.push(Pair::new("mlflow.user", user));
    }
    if let Some(git) = &entry.git {
        let known = [
            ("mlflow.source.git.commit", &git.commit),
            ("mlflow.source.git.branch", &git.branch),
            ("mlflow.source.git.repoURL", &git.repository),
        ];
        let known = known.into_iter().filter_map(|(key, value)| Some(Pair::new(key, value.as_ref()?)));
        tags.extend(known);
        tags.push(Pair::new("mlflow.source.git.dirty", git.is_dirty.to_string()));
    }
    tags.retain(|pair| !pair.value.is_empty());
    tags
}

/// A description for a run without a result.
fn note(entry: &Entry) -> String {
    let word = match entry.status {
        RunStatus::Finished => "This run stopped before `track`, as it was asked to.",
        RunStatus::Failed => "This run failed.",
        RunStatus::Killed => "This run was interrupted.",
    };
    let mut text = format!("{word}\n\n| stage | outcome | seconds | why |\n|---|---|---:|---|\n");
    for stage in &entry.stages {
        let reason = stage.reason.as_deref().unwrap_or_default().replace('|', "\\|").replace('\n', " ");
        let _ = writeln!(text, "| {} | {} | {:.2} | {reason} |", stage.name, stage.outcome, stage.seconds);
    }
    text
}

fn dataset(entry: &Entry, whole: &mut BTreeMap<String, String>) -> Option<(Dataset, String)> {
    let fact = |key| entry.text_of("dataset", key).map(String::from);
    let mut source = fact("source").unwrap_or_else(|| "{}".to_owned());
    if source.chars().count() > SOURCE_CHARS {
        // Half a JSON text would be none.
        let short = json!({ "cut": true, "whole": "segpipe/whole_values.json" }).to_string();
        whole.insert("dataset source".to_owned(), std::mem::replace(&mut source, short));
    }
    let dataset = Dataset {
        name: fact("name")?.chars().take(500).collect(),
        digest: fact("digest")?.chars().take(36).collect(),
        source_type: fact("source_type").unwrap_or_else(|| "local".to_owned()),
        source,
        schema: fact("schema").filter(|schema| schema.chars().count() <= SOURCE_CHARS),
        profile: fact("profile"),
    };
    Some((dataset, fact("context").unwrap_or_else(|| "training".to_owned())))
}

/// Cuts a value that is too long and keeps the whole of it.
fn cut(pair: Pair, kind: &str, limit: usize, whole: &mut BTreeMap<String, String>) -> Pair {
    if pair.value.chars().count() <= limit {
        return pair;
    }
    let kept: String = pair.value.chars().take(limit - CUT.chars().count()).collect();
    let short = Pair::new(&pair.key, kept + CUT);
    whole.insert(format!("{kind} {}", pair.key), pair.value);
    short
}

/// The parts of a statement that may go in one request.
#[derive(Debug, PartialEq)]
pub(super) struct Batch<'a> {
    pub(super) params: &'a [Pair],
    pub(super) metrics: &'a [Metric],
    pub(super) tags: &'a [Pair],
}

/// MLflow takes 100 params, 100 tags, 1000 metrics and 1000 of all in one request.
pub(super) fn batches<'a>(params: &'a [Pair], metrics: &'a [Metric], tags: &'a [Pair]) -> Vec<Batch<'a>> {
    let (mut params, mut metrics, mut tags) = (params, metrics, tags);
    let mut batches = Vec::new();
    while !(params.is_empty() && metrics.is_empty() && tags.is_empty()) {
        let (some_params, more_params) = params.split_at(params.len().min(100));
        let (some_tags, more_tags) = tags.split_at(tags.len().min(100));
        let room = 1000 - some_params.len() - some_tags.len();
        let (some_metrics, more_metrics) = metrics.split_at(metrics.len().min(room));
        batches.push(Batch { params: some_params, metrics: some_metrics, tags: some_tags });
        (params, metrics, tags) = (more_params, more_metrics, more_tags);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::super::entry::Fact;
    use super::super::fixture;
    use super::*;

    fn value<'a>(pairs: &'a [Pair], key: &str) -> &'a str {
        super::super::wire::value_of(pairs, key).unwrap_or_else(|| panic!("no `{key}`"))
    }

    #[test]
    fn an_entry_becomes_params_metrics_tags_and_a_dataset() {
        let statement = Statement::of(&fixture::entry());
        assert_eq!(statement.run_name, "standard-k4-0123abcd");
        assert_eq!(value(&statement.params, "k"), "4");
        assert_eq!(value(&statement.params, "my_train.study"), "[2,6]");
        assert_eq!(value(&statement.params, "my_train.none"), "null");
        assert_eq!(value(&statement.params, "my_train.empty"), "\"\"");
        let silhouette = statement.metrics.iter().find(|metric| metric.key == "silhouette").unwrap();
        assert_eq!((silhouette.value.to_bits(), silhouette.timestamp), (0.616_f64.to_bits(), fixture::STARTED + 1500));
        assert!(statement.metrics.iter().any(|metric| metric.key == "k_study/inertia" && metric.step == 3));
        assert!(statement.metrics.iter().any(|metric| metric.key == "seconds/my_train"));
        assert_eq!(value(&statement.tags, "segpipe.run_key"), fixture::KEY);
        assert_eq!(value(&statement.tags, "mlflow.source.type"), "LOCAL");
        assert_eq!(value(&statement.tags, "mlflow.user"), "ana");
        assert_eq!(value(&statement.tags, "mlflow.source.git.dirty"), "true");
        assert_eq!(value(&statement.tags, "mlflow.note.content"), "4 segments");
        let (dataset, context) = statement.dataset.unwrap();
        assert_eq!((dataset.name.as_str(), dataset.digest.len(), context.as_str()), ("shop", 32, "training"));
    }

    #[test]
    fn numbers_that_are_not_finite_are_named_and_not_sent() {
        let statement = Statement::of(&fixture::entry());
        assert!(statement.metrics.iter().all(|metric| metric.value.is_finite()));
        assert_eq!(value(&statement.tags, "segpipe.not_finite"), "k_study/silhouette");
    }

    #[test]
    fn what_is_too_long_is_cut_with_a_mark_and_kept_whole() {
        let mut entry = fixture::entry();
        let long = "ä".repeat(7000);
        let fact = |kind: &str| Fact {
            kind: kind.to_owned(),
            key: "long".to_owned(),
            text: Some(long.clone()),
            value: None,
            step: None,
        };
        entry.record.as_mut().unwrap().extend([fact("param"), fact("tag")]);
        let statement = Statement::of(&entry);
        let param = value(&statement.params, "long");
        assert!(param.chars().count() == PARAM_CHARS && param.ends_with(CUT));
        assert_eq!(value(&statement.tags, "long"), long, "a tag has more room");
        assert_eq!(statement.whole, BTreeMap::from([("param long".to_owned(), long)]));
    }

    #[test]
    fn a_failed_run_says_where_it_failed() {
        let mut entry = fixture::entry();
        entry.record = None;
        entry.status = RunStatus::Failed;
        entry.stages[1].outcome = "failed".to_owned();
        entry.stages[1].reason = Some("k is too | large".to_owned());
        let statement = Statement::of(&entry);
        assert_eq!((statement.status, statement.dataset), ("FAILED", None));
        assert_eq!(value(&statement.tags, "segpipe.failed_stage"), "my_train");
        assert!(
            value(&statement.tags, "mlflow.note.content").contains("| my_train | failed | 0.25 | k is too \\| large |")
        );
        assert_eq!(statement.run_name, "shop-0123abcd");
    }

    #[test]
    fn batches_keep_the_servers_limits_and_lose_nothing() {
        let pairs: Vec<Pair> = (0..250).map(|index| Pair::new(format!("p{index}"), "1")).collect();
        let metric = Statement::of(&fixture::entry()).metrics[0].clone();
        let metrics = vec![metric; 2100];
        let batches = batches(&pairs, &metrics, &pairs[..120]);
        for batch in &batches {
            assert!(batch.params.len() <= 100 && batch.tags.len() <= 100);
            assert!(batch.params.len() + batch.tags.len() + batch.metrics.len() <= 1000);
        }
        let sum = |count: fn(&Batch<'_>) -> usize| batches.iter().map(count).sum::<usize>();
        assert_eq!(sum(|batch| batch.params.len()), 250);
        assert_eq!(sum(|batch| batch.metrics.len()), 2100);
        assert_eq!(sum(|batch| batch.tags.len()), 120);
        assert!(super::batches(&[], &[], &[]).is_empty());
    }
}
