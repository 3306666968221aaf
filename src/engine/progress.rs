//! Where every stage of a run is: waiting, ready, started, known, recorded.
//!
//! For: who may begin, who no longer can, and the order in which results are told. Not for: starting anything
//! (`schedule`). Called by: `schedule`.
//!
//! A stage's outputs are *known* once the store has them, from when on those that read them may begin; it is *recorded*
//! once it is done with, but never before those it reads from. Each of them costs what its readers are, so that the
//! whole run costs what the pipeline has stages and connections.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::execute::Outputs;
use super::update::StageResult;
use crate::digest::Digest;
use crate::graph;
use crate::spec::pipeline::{OutputReference, Pipeline};

/// What became of every stage so far, by name.
pub(super) type Results = BTreeMap<String, StageResult>;

/// The digest of every input, by port.
pub(super) type Inputs = BTreeMap<String, Digest>;

/// Where every stage is, by its position in the pipeline.
pub(super) struct Progress<'a> {
    pipeline: &'a Pipeline,
    positions: HashMap<&'a str, usize>,
    /// Who reads from a stage.
    readers: Vec<Vec<usize>>,
    /// How many of those it reads from are not known.
    unknown_parents: Vec<usize>,
    /// How many of those it reads from are not recorded.
    unrecorded_parents: Vec<usize>,
    /// Neither started nor given up.
    waiting: BTreeSet<usize>,
    /// Those waiting that know all they read from.
    ready: BTreeSet<usize>,
    known: Vec<Option<Outputs>>,
    /// Done with, but not recorded, because one that they read from is not.
    held: BTreeMap<usize, StageResult>,
    recorded: Vec<usize>,
    results: Results,
}

impl<'a> Progress<'a> {
    /// Of a run that begins with the results of those stages that are left out.
    pub(super) fn new(pipeline: &'a Pipeline, left_out: Results) -> Self {
        let count = pipeline.stages.len();
        let positions: HashMap<&str, usize> =
            pipeline.stages.iter().enumerate().map(|(position, stage)| (stage.name.as_str(), position)).collect();
        let mut progress = Self {
            pipeline,
            positions,
            readers: vec![Vec::new(); count],
            unknown_parents: vec![0; count],
            unrecorded_parents: vec![0; count],
            waiting: BTreeSet::new(),
            ready: BTreeSet::new(),
            known: vec![None; count],
            held: BTreeMap::new(),
            recorded: Vec::new(),
            results: left_out,
        };
        for position in 0..count {
            progress.connect(position);
        }
        progress
    }

    fn connect(&mut self, position: usize) {
        let stage = &self.pipeline.stages[position];
        if let Some(result) = self.results.get(&stage.name) {
            self.known[position] = Some(result.outputs.clone());
            return;
        }
        for parent in graph::parents(stage).into_iter().filter_map(|parent| self.positions.get(parent).copied()) {
            self.readers[parent].push(position);
            let is_left_out = self.known[parent].is_some();
            self.unknown_parents[position] += usize::from(!is_left_out);
            self.unrecorded_parents[position] += usize::from(!is_left_out);
        }
        self.waiting.insert(position);
        if self.unknown_parents[position] == 0 {
            self.ready.insert(position);
        }
    }

    /// The position of a stage of the pipeline.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// The stages that may begin, in order.
    pub(super) fn ready(&self) -> Vec<usize> {
        self.ready.iter().copied().collect()
    }

    /// Notes that a stage begins; returns what it reads.
    pub(super) fn start(&mut self, position: usize) -> Inputs {
        self.waiting.remove(&position);
        self.ready.remove(&position);
        let stage = &self.pipeline.stages[position];
        let input = |(port, reference): (&String, &OutputReference)| {
            let outputs = self.known[self.position(&reference.stage)?].as_ref()?;
            Some((port.clone(), outputs.get(&reference.output)?.digest))
        };
        stage.inputs.iter().filter_map(input).collect()
    }

    /// Notes that the store has the outputs of a stage. Those that read what is not among them can no longer run.
    pub(super) fn know(&mut self, position: usize, outputs: &Outputs) {
        if self.known[position].is_some() {
            return;
        }
        self.known[position] = Some(outputs.clone());
        let name = &self.pipeline.stages[position].name;
        for reader in self.readers[position].clone() {
            self.unknown_parents[reader] -= 1;
            let mut read = self.pipeline.stages[reader].inputs.values().filter(|reference| reference.stage == *name);
            if !self.waiting.contains(&reader) {
                continue;
            }
            if read.any(|reference| !outputs.contains_key(&reference.output)) {
                self.finish(reader, StageResult::skipped(format!("needs `{name}`")));
            } else if self.unknown_parents[reader] == 0 {
                self.ready.insert(reader);
            }
        }
    }

    /// Notes that a stage is done with.
    pub(super) fn finish(&mut self, position: usize, result: StageResult) {
        self.waiting.remove(&position);
        self.ready.remove(&position);
        let outputs = result.outputs.clone();
        self.held.insert(position, result);
        self.record_in_order(position);
        self.know(position, &outputs);
    }

    /// Gives every stage that has not begun the reason why it does not.
    pub(super) fn give_up(&mut self, reason: &str) {
        while let Some(position) = self.waiting.first().copied() {
            self.finish(position, StageResult::skipped(reason.to_owned()));
        }
    }

    /// Records a stage that is done with, and those that were held because of it.
    fn record_in_order(&mut self, position: usize) {
        let mut next = BTreeSet::from([position]);
        while let Some(position) = next.pop_first() {
            if self.unrecorded_parents[position] > 0 {
                continue;
            }
            let Some(result) = self.held.remove(&position) else { continue };
            self.results.insert(self.pipeline.stages[position].name.clone(), result);
            self.recorded.push(position);
            for &reader in &self.readers[position] {
                self.unrecorded_parents[reader] -= 1;
                next.insert(reader);
            }
        }
    }

    /// The stages recorded since this was last asked, in that order.
    pub(super) fn take_recorded(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.recorded)
    }

    /// What became of a stage that is recorded.
    pub(super) fn result(&self, position: usize) -> Option<&StageResult> {
        self.results.get(&self.pipeline.stages[position].name)
    }

    /// What became of every stage.
    pub(super) fn into_results(self) -> Results {
        self.results
    }
}
