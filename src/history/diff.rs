//! How two runs differ: params, metrics, sizes of segments, customers, fingerprints.
//!
//! For: `segpipe diff`. Not for: words and tables (`cli`). What is gone from the store is said, and no failure.

use std::collections::BTreeMap;

use segpipe_stages::results::{Assignments, assignments_of};
use segpipe_stages::{schema, table};
use serde::Serialize;

use crate::digest::Digest;
use crate::fingerprint;
use crate::mlflow::{Entry, EntryStage, Fact};
use crate::spec::pipeline::Pipeline;
use crate::store::Store;
use crate::store::remembered::Remembered;

use super::LocalRun;
use super::customers::{self, Customers};

/// The kind of stage, and its output, that says which customer is in which segment.
const ASSIGNMENTS: (&str, &str) = ("train", "assignments");

/// Metrics that are shown as sizes of segments, or follow from them.
const OF_SEGMENTS: &str = "segment_";

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// Params that differ.
    pub params: Sides<String>,
    /// Metrics that differ, but those of single segments.
    pub metrics: Sides<f64>,
    /// Customers of every segment, by number.
    pub segments: Vec<SegmentSizes>,
    /// Who changed segment.
    pub customers: Customers,
    /// Every stage of either.
    pub stages: Vec<StageDiff>,
}

/// What differs of a kind of fact, and how much does not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sides<T> {
    /// Facts that differ or that only one of the runs has.
    pub different: Vec<SideBySide<T>>,
    /// How many are equal.
    pub equal: usize,
}

/// One fact of both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SideBySide<T> {
    /// Its name.
    pub name: String,
    /// In the first run, where it has it.
    pub first: Option<T>,
    /// In the second.
    pub second: Option<T>,
}

/// One segment of both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SegmentSizes {
    /// Its number.
    pub segment: usize,
    /// Name and customers in the first run.
    pub first: Option<(String, u64)>,
    /// In the second.
    pub second: Option<(String, u64)>,
}

/// One stage of both runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageDiff {
    /// Its name.
    pub stage: String,
    /// Whether what determines its result is the same.
    pub fingerprint: Fingerprint,
    /// In which lines the documents of the fingerprints differ, in words.
    pub differences: Vec<String>,
}

/// How the fingerprints of a stage compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fingerprint {
    /// They are the same.
    Same,
    /// They differ.
    Different,
    /// One of the runs has no result of the stage.
    Unknown,
}

/// How `second` differs from `first`. `pipeline` tells what the inputs of stages are connected to now.
pub fn diff(first: &LocalRun, second: &LocalRun, pipeline: &Pipeline) -> Diff {
    let store = Store::new(&pipeline.directory);
    let (first, second) = (&first.entry, &second.entry);
    Diff {
        params: sides(first.params(), second.params()),
        metrics: sides(metrics(first), metrics(second)),
        segments: segments(first, second),
        customers: customers_of(first, second, &store),
        stages: stages(first, second, pipeline, &store),
    }
}

/// Numbers are equal where their bits are: runs of equal fingerprints give equal bytes.
trait Same {
    fn is_same(&self, other: &Self) -> bool;
}

impl Same for String {
    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

impl Same for f64 {
    fn is_same(&self, other: &Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

fn sides<T: Same>(first: impl Iterator<Item = (String, T)>, second: impl Iterator<Item = (String, T)>) -> Sides<T> {
    let mut second: Vec<(String, T)> = second.collect();
    let mut sides = Sides { different: Vec::new(), equal: 0 };
    for (name, value) in first {
        let place = second.iter().position(|(other, _)| *other == name);
        let other = place.map(|place| second.remove(place).1);
        if other.as_ref().is_some_and(|other| other.is_same(&value)) {
            sides.equal += 1;
        } else {
            sides.different.push(SideBySide { name, first: Some(value), second: other });
        }
    }
    sides.different.extend(second.into_iter().map(|(name, value)| SideBySide {
        name,
        first: None,
        second: Some(value),
    }));
    sides
}

fn metrics(entry: &Entry) -> impl Iterator<Item = (String, f64)> {
    let is_of_run = |fact: &&Fact| !fact.key.starts_with(OF_SEGMENTS);
    entry.facts("metric").filter(is_of_run).filter_map(|fact| {
        let name = fact.step.map_or_else(|| fact.key.clone(), |step| format!("{} at {step}", fact.key));
        Some((name, fact.value?))
    })
}

fn segments(first: &Entry, second: &Entry) -> Vec<SegmentSizes> {
    let (mut first, mut second) = (sizes(first).into_iter(), sizes(second).into_iter());
    let rows = (0..first.len().max(second.len())).map(|segment| SegmentSizes {
        segment,
        first: first.next(),
        second: second.next(),
    });
    rows.collect()
}

/// Name and customers of every segment, as the record states them.
fn sizes(entry: &Entry) -> Vec<(String, u64)> {
    let names = entry.text_of("model", "segments").unwrap_or_default();
    let names: Vec<String> = serde_json::from_str(names).unwrap_or_default();
    let size = |segment: usize| entry.metric(&format!("{OF_SEGMENTS}{segment}/customers")).unwrap_or_default();
    names.into_iter().enumerate().map(|(segment, name)| (name, size(segment) as u64)).collect()
}

fn customers_of(first: &Entry, second: &Entry, store: &Store) -> Customers {
    let digests = [assigned(first), assigned(second)];
    let [Some(first), Some(second)] = digests else {
        let which = if digests[0].is_none() { "first" } else { "second" };
        return Customers::Unknown { reason: format!("the {which} run assigned no customers to segments") };
    };
    let remembered = Remembered::load(store.project(), store.remembered_path());
    let read = |digest| read_assignments(store, &remembered, digest);
    match (read(first), read(second)) {
        (found, _) if first == second => Customers::Same { customers: found.ok().map(|found| found.ids.len()) },
        (Ok(first), Ok(second)) => Customers::Compared(customers::compare(&first, &second)),
        (Err(problem), _) => Customers::Unknown { reason: format!("the first run's assignments are {problem}") },
        (_, Err(problem)) => Customers::Unknown { reason: format!("the second run's assignments are {problem}") },
    }
}

fn assigned(entry: &Entry) -> Option<Digest> {
    entry.stage_of_kind(ASSIGNMENTS.0)?.outputs.get(ASSIGNMENTS.1)?.parse().ok()
}

/// The table, or in which state it is.
fn read_assignments(store: &Store, remembered: &Remembered, digest: Digest) -> Result<Assignments, String> {
    let path = store.object_path(digest);
    if !path.exists() {
        return Err("no longer in the store".to_owned());
    }
    if !store.has_intact_object(digest, remembered).unwrap_or(false) {
        return Err("damaged in the store".to_owned());
    }
    let (batch, _) = table::read(&path, &schema::assignments()).map_err(|error| format!("no table now: {error}"))?;
    Ok(assignments_of(&batch))
}

fn stages(first: &Entry, second: &Entry, pipeline: &Pipeline, store: &Store) -> Vec<StageDiff> {
    let by_name = |entry: &Entry| -> BTreeMap<String, EntryStage> {
        entry.stages.iter().map(|stage| (stage.name.clone(), stage.clone())).collect()
    };
    let (ones, others) = (by_name(first), by_name(second));
    let names = first.stages.iter().chain(second.stages.iter().filter(|stage| !ones.contains_key(&stage.name)));
    let fingerprint = |stage: Option<&EntryStage>| stage.and_then(|stage| stage.fingerprint.clone());
    let row = |stage: &EntryStage| {
        let pair = (fingerprint(ones.get(&stage.name)), fingerprint(others.get(&stage.name)));
        let (fingerprint, differences) = match pair {
            (Some(one), Some(other)) if one == other => (Fingerprint::Same, Vec::new()),
            (Some(one), Some(other)) => (Fingerprint::Different, documents(&one, &other, &stage.name, pipeline, store)),
            _ => (Fingerprint::Unknown, Vec::new()),
        };
        StageDiff { stage: stage.name.clone(), fingerprint, differences }
    };
    names.map(row).collect()
}

/// The lines in which the documents of two fingerprints differ.
fn documents(one: &str, other: &str, stage: &str, pipeline: &Pipeline, store: &Store) -> Vec<String> {
    let document = |fingerprint: &str| {
        let record = store.record(fingerprint.parse().ok()?).ok()??;
        Some(record.document)
    };
    let (Some(one), Some(other)) = (document(one), document(other)) else {
        return vec!["what determined it is no longer in the store".to_owned()];
    };
    let connected = |port: &str| {
        let reference = pipeline.stage(stage).and_then(|stage| stage.inputs.get(port));
        Some(reference.map_or_else(|| port.to_owned(), ToString::to_string))
    };
    fingerprint::differences(&one, &other, connected)
}
