//! All combinations as one pipeline: stages that are the same in several of them are in it once.
//!
//! For: handing the engine everything at once, and finding the stages of one combination again. Not for: running.
//!
//! Two stages are the same where kind, params and everything upstream are; so what is upstream of the first param that
//! is swept is computed once, and every variant below it in parallel.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph;
use crate::spec::pipeline::{Pipeline, PipelineStage};

/// Stands between a stage's name and the number of the combination that needs it first.
const MARK: char = '#';

/// Every combination, merged.
pub(super) struct Variants {
    /// The stages of all.
    pub(super) pipeline: Pipeline,
    /// Per combination: the name of each stage, and the one that stands for it in `pipeline`.
    pub(super) stages: Vec<BTreeMap<String, String>>,
}

impl Variants {
    /// Merges what `pipelines`, of which there is at least one, need for the stage called `last`.
    pub(super) fn merge(pipelines: &[Pipeline], last: &str) -> Option<Self> {
        let first = pipelines.first()?;
        let merged = Pipeline { stages: Vec::new(), is_overridden: true, ..first.clone() };
        let mut variants = Self { pipeline: merged, stages: Vec::new() };
        for (number, pipeline) in (1..).zip(pipelines) {
            variants.add(number, pipeline, &graph::upstream(pipeline, last));
        }
        Some(variants)
    }

    fn add(&mut self, number: usize, pipeline: &Pipeline, needed: &BTreeSet<&str>) {
        let mut names = BTreeMap::new();
        for stage in pipeline.stages.iter().filter(|stage| needed.contains(stage.name.as_str())) {
            let name = self.place(number, stage, &names);
            names.insert(stage.name.clone(), name);
        }
        self.stages.push(names);
    }

    /// The name under which `stage` is in the merged pipeline, where it is put unless it is there already.
    fn place(&mut self, number: usize, stage: &PipelineStage, names: &BTreeMap<String, String>) -> String {
        let mut stage = stage.clone();
        for reference in stage.inputs.values_mut() {
            if let Some(name) = names.get(&reference.stage) {
                reference.stage.clone_from(name);
            }
        }
        let is_same = |other: &&PipelineStage| {
            plain(&other.name) == stage.name
                && other.stage.name() == stage.stage.name()
                && other.params == stage.params
                && other.inputs == stage.inputs
        };
        if let Some(there) = self.pipeline.stages.iter().find(is_same) {
            return there.name.clone();
        }
        if self.pipeline.stage(&stage.name).is_some() {
            stage.name = format!("{}{MARK}{number}", stage.name);
        }
        let name = stage.name.clone();
        self.pipeline.stages.push(stage);
        name
    }

    /// Whether every combination uses this stage of the merged pipeline.
    pub(super) fn is_shared(&self, name: &str) -> bool {
        self.stages.iter().all(|stages| stages.get(plain(name)).is_some_and(|used| used == name))
    }
}

/// The name of a stage in its own pipeline.
fn plain(name: &str) -> &str {
    name.split_once(MARK).map_or(name, |(name, _)| name)
}
