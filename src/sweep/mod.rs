//! Sweeps: every combination of some params, computed in the store and ranked; nothing of the project changes.
//!
//! For: `segpipe sweep`. Not for: printing or delivering. Called by: `cli`.
//!
//! [`Grid`] says which combinations there are, [`Sweep::read`] checks them all, `variants` merges them into one pipeline,
//! which the engine computes, and [`Study`] is what came of it. The sweep's run and a run per combination are sealed with
//! what `told` says of the whole. They are studies: they have no model files, become no versions and move no alias.

mod grid;
mod ranking;
#[cfg(test)]
mod tests;
mod told;
mod variants;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use segpipe_stages::contract::{FinishedRun, FinishedStage, RunStatus, Stage};
use segpipe_stages::track::Record;

use crate::engine::{self, Computed, EngineError, Failure, Ports, RunOptions};
use crate::event::{Event, EventSink, StageFinished};
use crate::spec::pipeline::{Pipeline, PipelineStage};
use crate::spec::{self, Overrides, SpecError};
use crate::store::kept_pipeline;
use variants::Variants;

pub use grid::{Axis, Grid, GridError, MOST};
pub use ranking::{SCALINGS, Table};

/// The kind of stage whose record tells what came of a combination; nothing that it does not need is computed.
const LAST: &str = "track";

/// A sweep whose combinations are all checked.
pub struct Sweep {
    grid: Grid,
    /// One a combination.
    pipelines: Vec<Pipeline>,
    variants: Variants,
}

/// Why a sweep cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The values make no grid.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// A combination makes no pipeline.
    #[error(transparent)]
    Spec(Box<SpecError>),
    /// Nothing would tell what came of a combination.
    #[error("a sweep ranks what the stage `{LAST}` records, and this pipeline has no stage of that kind")]
    NothingToRank,
    /// The params say where runs go, and a sweep goes to one place.
    #[error("`{target}` cannot have several values: a sweep is tracked in one place")]
    Tracking {
        /// The param.
        target: String,
    },
    /// A stage that would differ from combination to combination is kept as it is.
    #[error("`{stage}` is frozen, and would be another one for each combination")]
    Frozen {
        /// The stage.
        stage: String,
    },
    /// The engine cannot begin.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Sweep {
    /// Reads the pipeline `file` once for every combination of `grid`.
    ///
    /// # Errors
    /// [`SweepError`] for the first combination that makes no pipeline.
    pub fn read(
        file: &Path,
        stages: &[&'static dyn Stage],
        profile: Option<&String>,
        grid: Grid,
    ) -> Result<Self, SweepError> {
        let read = |values: &Vec<String>| {
            let overrides = Overrides { profile: profile.cloned(), sets: grid.sets(values) };
            spec::read(file, stages, &overrides, &kept_pipeline(file))
                .map_err(|error| SweepError::Spec(Box::new(error)))
        };
        let pipelines = grid.combinations().iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let last = pipelines.first().and_then(|first| first.stages.iter().find(|stage| stage.stage.name() == LAST));
        let last = last.ok_or(SweepError::NothingToRank)?.name.clone();
        let stage_of = |axis: &Axis| axis.target.split('.').next().unwrap_or_default().to_owned();
        if let Some(axis) = grid.axes.iter().find(|axis| stage_of(axis) == last && axis.values.len() > 1) {
            return Err(SweepError::Tracking { target: axis.target.clone() });
        }
        let variants = Variants::merge(&pipelines, &last).ok_or(SweepError::NothingToRank)?;
        let is_varied = |stage: &&PipelineStage| stage.terms.is_frozen && !variants.is_shared(&stage.name);
        if let Some(stage) = variants.pipeline.stages.iter().find(is_varied) {
            return Err(SweepError::Frozen { stage: stage.name.clone() });
        }
        Ok(Self { grid, pipelines, variants })
    }

    /// The pipeline of the first combination.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipelines[0]
    }

    /// How many stages there are to be brought up to date, each counted once.
    pub fn stages(&self) -> usize {
        self.variants.pipeline.stages.len()
    }

    /// Whether every combination uses the stage that events call `name`.
    pub fn is_shared(&self, name: &str) -> bool {
        self.variants.is_shared(name)
    }

    /// Computes everything in the store. Blocking.
    ///
    /// # Errors
    /// [`SweepError::Engine`] where it cannot begin. Combinations that fail are in the study.
    pub fn compute(&self, options: RunOptions, ports: Ports) -> Result<Study, SweepError> {
        let started_ms = now();
        let clock = Arc::new(Clock { next: ports.sink, times: Mutex::default() });
        let ports = Ports { sink: Arc::clone(&clock) as Arc<dyn EventSink>, ..ports };
        let options = RunOptions { keeps_going: true, ..options };
        let computed = engine::compute(self.variants.pipeline.clone(), &options, ports)?;
        let times = clock.times.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(self.study(computed, &times, started_ms))
    }

    fn study(&self, computed: Computed, times: &Times, started_ms: i64) -> Study {
        let mut assembly = Assembly { sweep: self, computed: &computed, times, started_ms, told: BTreeSet::new() };
        let values = self.grid.combinations();
        let combinations = (1..).zip(values).map(|(number, values)| assembly.combination(number, values)).collect();
        let is_of_all = |failure: &Failure| self.is_shared(&failure.stage);
        Study {
            targets: self.grid.axes.iter().map(|axis| axis.target.clone()).collect(),
            combinations,
            started_ms,
            ended_ms: now(),
            is_interrupted: computed.is_interrupted,
            failure: computed.failures.into_iter().find(is_of_all),
        }
    }
}

/// What came of a sweep.
#[derive(Debug)]
pub struct Study {
    /// The params that were swept.
    pub targets: Vec<String>,
    /// Every combination, in order.
    pub combinations: Vec<Combination>,
    /// When it began and ended, in milliseconds since 1970-01-01 UTC.
    pub started_ms: i64,
    /// See `started_ms`.
    pub ended_ms: i64,
    /// Whether it was interrupted; what was done is in the store.
    pub is_interrupted: bool,
    /// The failure of a stage that every combination needs.
    pub failure: Option<Failure>,
}

/// What came of one combination.
#[derive(Debug)]
pub struct Combination {
    /// Its number, from 1.
    pub number: usize,
    /// Its values, one a target.
    pub values: Vec<String>,
    /// The same as `--set` takes them.
    pub sets: Vec<String>,
    /// The run that it would have been.
    pub run: FinishedRun,
    /// What `track` recorded, where it got that far.
    pub record: Record,
    /// Why it failed.
    pub failure: Option<String>,
}

impl Combination {
    /// A metric, where the combination has it.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.record.value_of(name).filter(|value| value.is_finite())
    }
}

impl Study {
    /// The combinations ranked by a metric, best first.
    pub fn table(&self, by: &str) -> Table {
        ranking::table(&self.targets, &self.combinations, by)
    }

    /// The combinations best first; those without the metric come last.
    pub fn ranked(&self, by: &str) -> Vec<&Combination> {
        ranking::order(&self.combinations, by).into_iter().map(|place| &self.combinations[place]).collect()
    }

    /// Names of the metrics of single numbers that any combination has.
    pub fn metrics(&self) -> BTreeSet<&str> {
        let rows = self.combinations.iter().flat_map(|combination| &combination.record.rows);
        rows.filter(|row| row.kind == "metric" && row.step.is_none()).map(|row| row.key.as_str()).collect()
    }

    /// Whether combinations of different scalings are ranked together.
    pub fn has_several_scalings(&self) -> bool {
        let scalings =
            self.combinations.iter().filter_map(|combination| combination.record.text_of("model", "scaling"));
        scalings.collect::<BTreeSet<_>>().len() > 1
    }
}

/// Builds the runs of combinations. A stage that several share ran for the first of them, and is cached for the others.
struct Assembly<'a> {
    sweep: &'a Sweep,
    computed: &'a Computed,
    times: &'a Times,
    started_ms: i64,
    told: BTreeSet<&'a str>,
}

impl Assembly<'_> {
    fn combination(&mut self, number: usize, values: Vec<String>) -> Combination {
        let pipeline = &self.sweep.pipelines[number - 1];
        let names = &self.sweep.variants.stages[number - 1];
        // Never before the sweep's own run, which is to be delivered first.
        let (mut started_ms, mut ended_ms) = (i64::MAX, self.started_ms + 1);
        let mut stages = Vec::new();
        for stage in &pipeline.stages {
            let found = names.get(&stage.name).and_then(|name| self.computed.stages.iter().find(|of| of.name == *name));
            let Some(found) = found else { continue };
            let is_first = self.told.insert(found.name.as_str());
            if let Some((began, ended)) = self.times.get(&found.name).filter(|_| is_first) {
                (started_ms, ended_ms) = (started_ms.min(*began), ended_ms.max(*ended));
            }
            let finished = FinishedStage { name: stage.name.clone(), ..found.clone() };
            stages.push(if is_first || found.outcome != "ran" { finished } else { shared(finished) });
        }
        let record = stages.iter().find(|stage| stage.kind == LAST).and_then(|stage| stage.outputs.get("record"));
        let record = record.and_then(|file| Record::read(&file.path).ok()).map(|(record, _)| record);
        let run = FinishedRun {
            status: self.status(&stages),
            started_ms: started_ms.clamp(self.started_ms + 1, ended_ms),
            ended_ms,
            pipeline: pipeline.name.clone(),
            directory: pipeline.directory.clone(),
            file: pipeline.file.clone(),
            stale_upstream: false,
            stages,
        };
        let failure = run.stages.iter().find(|stage| stage.outcome == "failed").and_then(|stage| stage.reason.clone());
        let sets = self.sweep.grid.sets(&values);
        Combination { number, values, sets, run, record: record.unwrap_or_default(), failure }
    }

    fn status(&self, stages: &[FinishedStage]) -> RunStatus {
        // A stage that is frozen is skipped as well, and has what others read all the same.
        let is_lost = |stage: &FinishedStage| stage.outcome != "skipped" || stage.outputs.is_empty();
        let has = |outcome: &str| stages.iter().any(|stage| stage.outcome == outcome && is_lost(stage));
        match (has("failed"), has("skipped")) {
            (_, true) | (true, _) if self.computed.is_interrupted => RunStatus::Killed,
            (false, false) => RunStatus::Finished,
            _ => RunStatus::Failed,
        }
    }
}

/// A stage that ran for an earlier combination.
fn shared(stage: FinishedStage) -> FinishedStage {
    FinishedStage { outcome: "cached", reason: None, seconds: 0.0, ..stage }
}

/// When every stage began and ended.
type Times = BTreeMap<String, (i64, i64)>;

/// Notes when stages end, and hands on what it hears.
struct Clock {
    next: Arc<dyn EventSink>,
    times: Mutex<Times>,
}

impl EventSink for Clock {
    fn emit(&self, event: Event) {
        if let Event::StageFinished(StageFinished { stage, seconds, .. }) = &event {
            let ended = now();
            let began = ended - (seconds * 1000.0) as i64;
            self.times.lock().unwrap_or_else(PoisonError::into_inner).insert(stage.clone(), (began, ended));
        }
        self.next.emit(event);
    }
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
