//! Starts stages as soon as everything they read from is done, as many at once as allowed.
//!
//! For: order, concurrency, stopping after a failure or an interruption. Not for: what is done about one stage
//! (`update`). Called by: the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use segpipe_stages::contract::{Fault, StageError};
use tokio::task::JoinSet;

use super::budget::Budget;
use super::session::Session;
use super::update::{self, StageResult};
use super::{EngineError, upstream};
use crate::event::{Event, Outcome};
use crate::graph;
use crate::spec::pipeline::PipelineStage;

/// What became of every stage so far, by name.
pub(super) type Results = BTreeMap<String, StageResult>;

/// Runs the session's selected stages and returns what became of every stage of the pipeline.
pub(super) fn run(session: &Arc<Session>) -> Result<Results, EngineError> {
    let mut results = upstream::adopt(session)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| EngineError::Threads(Box::new(error)))?;
    runtime.block_on(drive(session, &mut results));
    Ok(results)
}

async fn drive(session: &Arc<Session>, results: &mut Results) {
    let limit = session.options.jobs.or_else(|| std::thread::available_parallelism().ok());
    let limit = limit.map_or(1, std::num::NonZeroUsize::get);
    let mut budget = Budget::new(&session.pipeline.capacity, limit);
    let mut running = JoinSet::new();
    let mut started = BTreeSet::new();
    loop {
        skip_what_cannot_run(session, results, &started);
        for stage in ready(session, results, &started) {
            if running.len() >= limit || !budget.take(&stage.terms.resources) {
                continue;
            }
            started.insert(stage.name.clone());
            start(session, &stage, results, &mut running);
        }
        let Some(joined) = running.join_next().await else { break };
        match joined {
            Ok((name, result)) => {
                if let Some(stage) = session.pipeline.stage(&name) {
                    budget.give_back(&stage.terms.resources);
                }
                record(session, results, name, result);
            }
            Err(error) => session.note(None, segpipe_stages::contract::NoteLevel::Warning, error.to_string()),
        }
    }
}

fn start(
    session: &Arc<Session>,
    stage: &PipelineStage,
    results: &Results,
    running: &mut JoinSet<(String, StageResult)>,
) {
    let inputs = update::inputs(stage, results);
    let (session, stage) = (Arc::clone(session), stage.clone());
    running.spawn_blocking(move || {
        let result = update::bring_up_to_date(&session, &stage, inputs);
        (stage.name.clone(), result)
    });
}

fn record(session: &Session, results: &mut Results, name: String, result: StageResult) {
    session.emit(Event::StageFinished(result.to_event(&session.pipeline, &name)));
    results.insert(name, result);
}

/// Stages whose upstream is done, in order.
fn ready(session: &Session, results: &Results, started: &BTreeSet<String>) -> Vec<PipelineStage> {
    let is_ready = |stage: &&PipelineStage| {
        !results.contains_key(&stage.name)
            && !started.contains(&stage.name)
            && graph::parents(stage).iter().all(|parent| results.contains_key(*parent))
    };
    session.pipeline.stages.iter().filter(is_ready).cloned().collect()
}

/// Gives every stage that can no longer run its reason, in order, so that what hangs on it follows.
fn skip_what_cannot_run(session: &Session, results: &mut Results, started: &BTreeSet<String>) {
    let stop = reason_to_stop(session, results);
    for stage in &session.pipeline.stages {
        if results.contains_key(&stage.name) || started.contains(&stage.name) {
            continue;
        }
        if let Some(reason) = missing_upstream(stage, results).or_else(|| stop.clone()) {
            record(session, results, stage.name.clone(), StageResult::skipped(reason));
        }
    }
}

fn missing_upstream(stage: &PipelineStage, results: &Results) -> Option<String> {
    let lost = stage.inputs.values().find(|reference| {
        let result = results.get(&reference.stage);
        result.is_some_and(|result| !result.outputs.contains_key(&reference.output))
    });
    lost.map(|reference| format!("needs `{}`", reference.stage))
}

fn reason_to_stop(session: &Session, results: &Results) -> Option<String> {
    if session.is_cancelled() {
        return Some("interrupted".to_owned());
    }
    let failed = results.iter().find(|(_, result)| result.outcome == Outcome::Failed);
    let (name, result) = failed?;
    let is_cancelled = matches!(&result.error, Some(StageError { fault: Fault::Cancelled, .. }));
    let stops = is_cancelled || !session.options.keeps_going;
    stops.then(|| format!("stopped after `{name}` failed"))
}
