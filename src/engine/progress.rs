//! Where every stage of a run is: waiting, ready, started, known, recorded.
//!
//! For: who may begin, who no longer can, and the order in which results are told. Not for: starting anything
//! (`schedule`). Called by: `schedule`.
//!
//! A stage's outputs are *known* once the store has them, from when on those that read them may begin; it is *recorded*
//! once it is done with, but never before those it reads from. Each of them costs what its readers are, so that the
//! whole run costs what the pipeline has stages and connections.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

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

    /// The stages that may begin, in order, behind a position where one is given.
    pub(super) fn all_ready_after(&self, position: Option<usize>) -> impl Iterator<Item = usize> {
        let from = position.map_or(Bound::Unbounded, Bound::Excluded);
        self.ready.range((from, Bound::Unbounded)).copied()
    }

    /// The first of them.
    pub(super) fn ready_after(&self, position: Option<usize>) -> Option<usize> {
        self.all_ready_after(position).next()
    }

    /// Whether a stage may begin.
    pub(super) fn is_ready(&self, position: usize) -> bool {
        self.ready.contains(&position)
    }

    /// Whether no stage is left that has not begun or been given up.
    pub(super) fn has_begun_all(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Notes that a stage begins.
    pub(super) fn start(&mut self, position: usize) {
        self.waiting.remove(&position);
        self.ready.remove(&position);
    }

    /// What a stage that may begin reads.
    pub(super) fn inputs(&self, position: usize) -> Inputs {
        let stage = &self.pipeline.stages[position];
        let input = |(port, reference): (&String, &OutputReference)| {
            let outputs = self.known[self.position(&reference.stage)?].as_ref()?;
            Some((port.clone(), outputs.get(&reference.output)?.digest))
        };
        stage.inputs.iter().filter_map(input).collect()
    }

    /// Notes that the store has the outputs of a stage. Those that read what is not among them can no longer run.
    pub(super) fn know(&mut self, position: usize, outputs: &Outputs) {
        let lost = self.hand_on(position, outputs);
        self.settle(lost);
    }

    /// Notes that a stage is done with.
    pub(super) fn finish(&mut self, position: usize, result: StageResult) {
        self.settle(BTreeMap::from([(position, result)]));
    }

    /// Settles stages that are done with, and then those that are lost because of them, however many that are.
    fn settle(&mut self, mut done: BTreeMap<usize, StageResult>) {
        while let Some((position, result)) = done.pop_first() {
            self.waiting.remove(&position);
            self.ready.remove(&position);
            let outputs = result.outputs.clone();
            self.held.insert(position, result);
            self.record_in_order(position);
            done.extend(self.hand_on(position, &outputs));
        }
    }

    /// Makes the outputs of a stage known to its readers; returns those that need another, with what becomes of them.
    fn hand_on(&mut self, position: usize, outputs: &Outputs) -> BTreeMap<usize, StageResult> {
        let mut lost = BTreeMap::new();
        if self.known[position].is_some() {
            return lost;
        }
        self.known[position] = Some(outputs.clone());
        let name = &self.pipeline.stages[position].name;
        for &reader in &self.readers[position] {
            self.unknown_parents[reader] -= 1;
            if !self.waiting.contains(&reader) {
                continue;
            }
            let mut read = self.pipeline.stages[reader].inputs.values().filter(|reference| reference.stage == *name);
            if read.any(|reference| !outputs.contains_key(&reference.output)) {
                self.waiting.remove(&reader);
                lost.insert(reader, StageResult::skipped(format!("needs `{name}`")));
            } else if self.unknown_parents[reader] == 0 {
                self.ready.insert(reader);
            }
        }
        lost
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

#[cfg(test)]
mod tests {
    use segpipe_stages::contract::CheckedParams;

    use super::*;
    use crate::event::Outcome;
    use crate::fingerprint::tests::OnlyLookedAt;
    use crate::spec::pipeline::{Capacity, Kind, PipelineStage, Terms};
    use crate::spec::shared::SharedCache;
    use crate::store::records::RecordedOutput;

    /// Stages called by their numbers, each of which reads from those given.
    fn pipeline(parents: &[&[usize]]) -> Pipeline {
        let reference = |parent: &usize| {
            let from = OutputReference { stage: parent.to_string(), output: "output".to_owned() };
            (parent.to_string(), from)
        };
        let stage = |(number, parents): (usize, &&[usize])| PipelineStage {
            name: number.to_string(),
            stage: Kind::from(&OnlyLookedAt),
            inputs: parents.iter().map(reference).collect(),
            outputs: BTreeMap::new(),
            params: CheckedParams::default(),
            tags: BTreeSet::new(),
            terms: Terms::default(),
        };
        Pipeline {
            name: "numbers".to_owned(),
            file: "pipeline.yaml".into(),
            directory: ".".into(),
            stages: parents.iter().enumerate().map(stage).collect(),
            capacity: Capacity::default(),
            cache: SharedCache::default(),
            is_overridden: false,
        }
    }

    fn outputs() -> Outputs {
        [("output".to_owned(), RecordedOutput { digest: Digest::of_bytes(b"output"), rows: None })].into()
    }

    fn done() -> StageResult {
        StageResult::left_out(String::new(), outputs())
    }

    fn reason(progress: &Progress<'_>, position: usize) -> String {
        progress.result(position).and_then(|result| result.reason.clone()).unwrap()
    }

    #[test]
    fn a_stage_may_begin_once_all_it_reads_is_known_and_is_recorded_after_those() {
        let pipeline = pipeline(&[&[], &[], &[0, 1], &[2]]);
        let mut progress = Progress::new(&pipeline, Results::new());
        assert_eq!((progress.ready_after(None), progress.ready_after(Some(0))), (Some(0), Some(1)));
        for position in [0, 1] {
            progress.start(position);
            progress.know(position, &outputs());
        }
        assert_eq!((progress.ready_after(None), progress.ready_after(Some(2))), (Some(2), None));
        assert_eq!(progress.inputs(2).len(), 2);
        progress.start(2);
        progress.finish(2, done());
        assert_eq!((progress.ready_after(None), progress.take_recorded()), (Some(3), vec![]));
        progress.finish(1, done());
        assert_eq!(progress.take_recorded(), [1]);
        progress.finish(0, done());
        assert_eq!(progress.take_recorded(), [0, 2]);
    }

    #[test]
    fn what_needs_a_lost_output_says_so_and_the_rest_is_given_up_for_another_reason() {
        let pipeline = pipeline(&[&[], &[0], &[0, 1], &[]]);
        let mut progress = Progress::new(&pipeline, Results::new());
        progress.start(0);
        progress.finish(0, StageResult::skipped("failed".to_owned()));
        progress.give_up("stopped");
        assert_eq!(progress.take_recorded(), [0, 1, 2, 3]);
        let reasons = [1, 2, 3].map(|position| reason(&progress, position));
        assert_eq!(reasons, ["needs `0`", "needs `0`", "stopped"]);
        assert!(progress.into_results().values().all(|result| result.outcome == Outcome::Skipped));
    }

    #[test]
    fn a_row_of_any_length_is_skipped_when_its_first_stage_fails() {
        let parents: Vec<Vec<usize>> =
            (0..100_000_usize).map(|number| number.checked_sub(1).into_iter().collect()).collect();
        let pipeline = pipeline(&parents.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let mut progress = Progress::new(&pipeline, Results::new());
        progress.start(0);
        progress.finish(0, StageResult::skipped("failed".to_owned()));
        assert_eq!(progress.take_recorded().len(), 100_000);
        assert_eq!(reason(&progress, 99_999), "needs `99998`");
    }
}
