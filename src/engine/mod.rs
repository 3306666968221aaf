//! Brings a pipeline up to date: judges every stage, runs what is stale, restores what is known, keeps every result.
//!
//! For: `segpipe run` and `segpipe sweep`. Not for: printing (it emits events) or knowing any stage by name.
//! Called by: `cli`, `sweep`.
//!
//! [`run`] takes the project, lets [`schedule`] start stages as their inputs become known, and closes the run
//! ([`closing`]). One stage at a time is the business of [`update`], which executes with [`execute`] what neither
//! the store nor another machine ([`shared`]) has. [`compute`] does the same in the store alone, for studies;
//! [`run_twice`] runs one stage to compare it with itself.

mod budget;
mod closing;
pub mod difference;
mod execute;
mod listener;
mod parts;
mod progress;
mod schedule;
mod session;
mod shared;
pub mod twice;
mod update;
mod upstream;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use segpipe_stages::contract::{Fault, FinishedStage, SourceResolver, StageError, StageFault, Tracker};

use crate::event::{EventSink, RunFinished};
use crate::graph::{self, Selection, SelectionError};
use crate::plan::Plan;
use crate::plan::explain::Explanation;
use crate::plan::judge::Judge;
use crate::plan::preview::Preview;
use crate::remote::Remote;
use crate::spec::pipeline::Pipeline;
use crate::store::remembered::Remembered;
use crate::store::{Store, StoreError};

use session::{Reach, Session};
use twice::Twice;

/// How a run is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line, independent of the others")]
pub struct RunOptions {
    /// Which stages.
    pub selection: Selection,
    /// Run the selected stages even if they are fresh.
    pub is_forced: bool,
    /// Stages that may run at once; as many as there are processors where unset.
    pub jobs: Option<NonZeroUsize>,
    /// Threads that stages may compute with; rayon's own choice where unset.
    pub threads: Option<NonZeroUsize>,
    /// Go on with stages that do not depend on one that failed.
    pub keeps_going: bool,
    /// Fail at once where another run holds the project.
    pub refuses_to_wait: bool,
    /// Fail where the run's results differ from pipeline.lock.
    pub is_locked: bool,
    /// Do not begin where stages that are left out, and read from, are not up to date.
    pub is_strict: bool,
}

impl RunOptions {
    /// Whether the run may go on from `upstream`, which is not up to date.
    fn check_upstream(&self, upstream: &[String]) -> Result<(), EngineError> {
        if !self.is_strict || upstream.is_empty() {
            return Ok(());
        }
        Err(EngineError::StaleUpstream { upstream: upstream.to_vec(), arguments: self.selection.arguments() })
    }
}

/// What the engine needs from the outside world.
#[derive(Clone)]
pub struct Ports {
    /// Finds, fetches or simulates sources.
    pub sources: Arc<dyn SourceResolver>,
    /// Seals finished runs for tracking.
    pub tracker: Arc<dyn Tracker>,
    /// Hears what happens.
    pub sink: Arc<dyn EventSink>,
    /// Where results are shared with other machines, if anywhere.
    pub remote: Option<Arc<Remote>>,
    /// Becomes true when the run is to stop.
    pub is_cancelled: Arc<AtomicBool>,
}

/// How a run ended, with the errors of the stages that failed.
#[derive(Debug)]
pub struct RunReport {
    /// The last event of the run.
    pub finished: RunFinished,
    /// The stages that failed, in the order in which they did.
    pub failures: Vec<Failure>,
    /// How the results differ from pipeline.lock, where that was asked for.
    pub lock_differences: Vec<String>,
}

/// What [`compute`] gives.
#[derive(Debug)]
pub struct Computed {
    /// Every stage, in order. The paths of its outputs are those of objects in the store; that of a directory's is its
    /// tree object.
    pub stages: Vec<FinishedStage>,
    /// The stages that failed, in order.
    pub failures: Vec<Failure>,
    /// Whether it was interrupted.
    pub is_interrupted: bool,
}

/// A stage that failed.
#[derive(Debug)]
pub struct Failure {
    /// Its name.
    pub stage: String,
    /// Why.
    pub error: StageError,
}

/// Why a run could not even begin.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The selection means no stage.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The folder `artifacts` cannot be used, or another run holds the project.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stage that the selection leaves out has no outputs to go on from.
    #[error("`{output}` is not there, and `{stage}` is left out by `{arguments}`")]
    MissingUpstream {
        /// The stage to run first.
        stage: String,
        /// Its output that is needed.
        output: String,
        /// The arguments that leave it out.
        arguments: String,
    },
    /// A frozen stage has no outputs that could be used as they are.
    #[error("`{output}` is not there, and `{stage}` is frozen")]
    MissingFrozen {
        /// The stage.
        stage: String,
        /// Its output that is needed.
        output: String,
    },
    /// Nothing is asked for but what is frozen.
    #[error("`{arguments}` means nothing but what is frozen: {}", stages.join(", "))]
    NothingThawed {
        /// The stages.
        stages: Vec<String>,
        /// The arguments that ask for them.
        arguments: String,
    },
    /// Stages that the selection leaves out, or that are frozen, are not up to date, and that was not to be.
    #[error("{}, and not up to date: {}", left_out(arguments), upstream.join(", "))]
    StaleUpstream {
        /// Which, and why.
        upstream: Vec<String>,
        /// The arguments that leave them out.
        arguments: String,
    },
    /// The plan cannot be made.
    #[error("{}", .0.message)]
    Plan(StageError),
    /// The threads cannot be started.
    #[error("cannot start threads")]
    Threads(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl EngineError {
    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Selection(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::MissingUpstream { stage, .. } => Some(format!("run `segpipe run --to {stage}` first")),
            Self::MissingFrozen { .. } => Some("take `frozen` away and run it once, or put the file there".to_owned()),
            Self::NothingThawed { .. } => {
                Some("a frozen stage never runs, not even by `--force`; take `frozen` away first".to_owned())
            }
            Self::StaleUpstream { .. } => {
                Some("bring it up to date first, or leave `--strict` out to use it as it is".to_owned())
            }
            Self::Plan(error) => error.hint.clone(),
            Self::Threads(_) => None,
        }
    }

    /// The exit code of a process that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Selection(_)
            | Self::MissingUpstream { .. }
            | Self::MissingFrozen { .. }
            | Self::NothingThawed { .. } => 2,
            Self::StaleUpstream { .. } => exit_code(Fault::Stage),
            Self::Store(_) => exit_code(Fault::Disk),
            Self::Plan(error) => exit_code(error.fault),
            Self::Threads(_) => exit_code(Fault::Bug),
        }
    }
}

/// Why stages are not run.
fn left_out(arguments: &str) -> String {
    if arguments.is_empty() { "frozen".to_owned() } else { format!("left out by `{arguments}`") }
}

/// The stages that a selection asks for.
///
/// # Errors
/// Where part of it means no stage, or all that it means is frozen.
fn asked_for<'a>(pipeline: &'a Pipeline, selection: &Selection) -> Result<BTreeSet<&'a str>, EngineError> {
    let selected = selection.stages(pipeline)?;
    let is_frozen = |name: &&str| pipeline.stage(name).is_some_and(|stage| stage.terms.is_frozen);
    if selection.is_everything() || selected.is_empty() || !selected.iter().all(is_frozen) {
        return Ok(selected);
    }
    let stages = selected.iter().map(|name| format!("`{name}`")).collect();
    Err(EngineError::NothingThawed { stages, arguments: selection.arguments() })
}

/// The exit code for a failure that is whose.
pub const fn exit_code(fault: Fault) -> u8 {
    match fault {
        Fault::Stage => 1,
        Fault::Params => 2,
        Fault::Data => 3,
        Fault::Disk => 4,
        Fault::Bug => 70,
        Fault::Cancelled => 130,
    }
}

/// Brings the selected part of `pipeline` up to date. Blocking; starts its own threads.
///
/// # Errors
/// [`EngineError`] where the run cannot begin. Stages that fail are in the report.
pub fn run(pipeline: Pipeline, options: RunOptions, ports: Ports) -> Result<RunReport, EngineError> {
    let session = Arc::new(Session::begin(Reach::Project, pipeline, options, ports)?);
    let results = schedule::run(&session)?;
    Ok(closing::close(&session, results))
}

/// Computes all of `pipeline` in the store alone: no output is placed, no result becomes the current one, pipeline.lock
/// stays as it is and nothing is sealed. What was computed before, by this or by [`run`], is taken from the store; what
/// is computed now is there for the next [`run`]. Stages may be variants of each other under names of their own.
/// Blocking; starts its own threads. The selection and `is_locked` of the options have no meaning here.
///
/// # Errors
/// [`EngineError`] where it cannot begin. Stages that fail are in the report.
pub fn compute(pipeline: Pipeline, options: &RunOptions, ports: Ports) -> Result<Computed, EngineError> {
    let options = RunOptions { selection: Selection::default(), is_locked: false, ..options.clone() };
    let session = Arc::new(Session::begin(Reach::Store, pipeline, options, ports)?);
    let results = schedule::run(&session)?;
    Ok(closing::hand_over(&session, results))
}

/// Runs the stage called `name` twice with the same inputs and compares every byte. What it needs is computed in the store
/// first, as [`compute`] does; outputs, and what is known of the stage, stay as they are. Blocking; starts its own threads.
///
/// # Errors
/// [`EngineError`] where it cannot begin. Stages that fail are in the result.
pub fn run_twice(pipeline: &Pipeline, name: &str, options: &RunOptions, ports: Ports) -> Result<Twice, EngineError> {
    twice::run(pipeline, name, options, ports)
}

/// Why the stage called `name` would run, or would not; touches nothing.
///
/// # Errors
/// [`EngineError`] where there is no such stage or a source is missing for good.
pub fn explain(pipeline: &Pipeline, name: &str, sources: &dyn SourceResolver) -> Result<Explanation, EngineError> {
    let name = graph::find(pipeline, name)?;
    let (store, options) = (Store::new(&pipeline.directory), RunOptions::default());
    let remembered = Remembered::load(&pipeline.directory, store.remembered_path());
    let preview = Preview {
        pipeline,
        selected: &asked_for(pipeline, &options.selection)?,
        selection: &options.selection,
        is_forced: false,
        judge: Judge { store: &store, remembered: &remembered },
        resolver: sources,
    };
    let explained = preview.explain(name).map_err(EngineError::Plan)?;
    explained.ok_or_else(|| EngineError::Plan(StageError::bug(format!("stage `{name}` is not planned"))))
}

/// What [`run`] would do; touches nothing.
///
/// # Errors
/// [`EngineError`] where the selection names an unknown stage or a source is missing for good.
pub fn plan(pipeline: &Pipeline, options: &RunOptions, sources: &dyn SourceResolver) -> Result<Plan, EngineError> {
    let store = Store::new(&pipeline.directory);
    let remembered = Remembered::load(&pipeline.directory, store.remembered_path());
    let selected = asked_for(pipeline, &options.selection)?;
    let preview = Preview {
        pipeline,
        selected: &selected,
        selection: &options.selection,
        is_forced: options.is_forced,
        judge: Judge { store: &store, remembered: &remembered },
        resolver: sources,
    };
    let plan = preview.plan().map_err(EngineError::Plan)?;
    options.check_upstream(&plan.upstream)?;
    Ok(plan)
}
