//! Starts stages as soon as everything they read from is done, as many at once as allowed.
//!
//! For: order, concurrency, stopping after a failure or an interruption. Not for: what is done about one stage
//! (`update`). Called by: the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use segpipe_stages::contract::{Fault, NoteLevel, StageError};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::JoinSet;

use super::execute::Outputs;
use super::session::Session;
use super::update::{self, StageResult};
use super::{EngineError, upstream};
use crate::digest::Digest;
use crate::event::{Event, Outcome};
use crate::graph;
use crate::spec::pipeline::{OutputReference, PipelineStage};

/// What became of every stage so far, by name.
pub(super) type Results = BTreeMap<String, StageResult>;

/// Outputs that the store has, by stage. Those of a stage that is being recorded, and whose outputs are on the way to
/// their places, are among them: what reads them need not wait for that. A crash in between leaves objects without a
/// record, which are made again.
type Known = BTreeMap<String, Outputs>;

/// The digest of every input, by port.
type Inputs = BTreeMap<String, Digest>;

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
    let (announcer, mut announced) = mpsc::unbounded_channel();
    let mut running = JoinSet::new();
    let mut started = BTreeSet::new();
    // Those started of which nothing is known yet: the others compute no more.
    let mut computing = BTreeSet::new();
    let mut known = Known::new();
    let mut done = Vec::new();
    loop {
        skip_what_cannot_run(session, results, &mut started, &mut done);
        for (stage, inputs) in ready(session, results, &known, &started, limit.saturating_sub(computing.len())) {
            started.insert(stage.name.clone());
            computing.insert(stage.name.clone());
            start(session, stage, inputs, announcer.clone(), &mut running);
        }
        tokio::select! {
            Some((name, outputs)) = announced.recv() => {
                computing.remove(&name);
                known.insert(name, outputs);
            }
            joined = running.join_next() => match joined {
                Some(Ok((name, result))) => {
                    computing.remove(&name);
                    done.push((name, result));
                    record_in_order(session, results, &mut done);
                }
                Some(Err(error)) => session.note(None, NoteLevel::Warning, error.to_string()),
                None => break,
            }
        }
    }
}

/// Records what is done with, each stage after those it reads from: with small stages, one may be done before the
/// outputs of another that it read are at their places.
fn record_in_order(session: &Session, results: &mut Results, done: &mut Vec<(String, StageResult)>) {
    let is_next = |results: &Results, name: &str| {
        let parents = session.pipeline.stage(name).map(graph::parents).unwrap_or_default();
        parents.iter().all(|parent| results.contains_key(*parent))
    };
    while let Some(next) = done.iter().position(|(name, _)| is_next(results, name)) {
        let (name, result) = done.remove(next);
        record(session, results, name, result);
    }
}

fn start(
    session: &Arc<Session>,
    stage: PipelineStage,
    inputs: Inputs,
    announcer: UnboundedSender<(String, Outputs)>,
    running: &mut JoinSet<(String, StageResult)>,
) {
    let session = Arc::clone(session);
    running.spawn_blocking(move || {
        // Nobody hears it only where nobody waits for it.
        let announce = |outputs: &Outputs| drop(announcer.send((stage.name.clone(), outputs.clone())));
        let result = update::bring_up_to_date(&session, &stage, inputs, &announce);
        (stage.name, result)
    });
}

fn record(session: &Session, results: &mut Results, name: String, result: StageResult) {
    session.emit(Event::StageFinished(result.to_event(&session.pipeline, &name)));
    results.insert(name, result);
}

/// Stages all of whose inputs are known, in order, with these inputs; at most `room` of them.
fn ready(
    session: &Session,
    results: &Results,
    known: &Known,
    started: &BTreeSet<String>,
    room: usize,
) -> Vec<(PipelineStage, Inputs)> {
    let waiting = session
        .pipeline
        .stages
        .iter()
        .filter(|stage| !results.contains_key(&stage.name) && !started.contains(&stage.name));
    let ready = waiting.filter_map(|stage| Some((stage.clone(), inputs(stage, results, known)?)));
    ready.take(room).collect()
}

/// The inputs of `stage`; none while one of them is not known.
fn inputs(stage: &PipelineStage, results: &Results, known: &Known) -> Option<Inputs> {
    let digest = |reference: &OutputReference| {
        let outputs =
            results.get(&reference.stage).map(|result| &result.outputs).or_else(|| known.get(&reference.stage));
        Some(outputs?.get(&reference.output)?.digest)
    };
    stage.inputs.iter().map(|(port, reference)| Some((port.clone(), digest(reference)?))).collect()
}

/// Gives every stage that can no longer run its reason, in order, so that what hangs on it follows.
fn skip_what_cannot_run(
    session: &Session,
    results: &mut Results,
    started: &mut BTreeSet<String>,
    done: &mut Vec<(String, StageResult)>,
) {
    let stop = reason_to_stop(session, results, done);
    for stage in &session.pipeline.stages {
        if results.contains_key(&stage.name) || started.contains(&stage.name) {
            continue;
        }
        if let Some(reason) = missing_upstream(stage, results, done).or_else(|| stop.clone()) {
            started.insert(stage.name.clone());
            done.push((stage.name.clone(), StageResult::skipped(reason)));
            record_in_order(session, results, done);
        }
    }
}

fn missing_upstream(stage: &PipelineStage, results: &Results, done: &[(String, StageResult)]) -> Option<String> {
    let result_of = |name: &String| {
        let held = || done.iter().find(|(held, _)| held == name).map(|(_, result)| result);
        results.get(name).or_else(held)
    };
    let lost = stage.inputs.values().find(|reference| {
        result_of(&reference.stage).is_some_and(|result| !result.outputs.contains_key(&reference.output))
    });
    lost.map(|reference| format!("needs `{}`", reference.stage))
}

fn reason_to_stop(session: &Session, results: &Results, done: &[(String, StageResult)]) -> Option<String> {
    if session.is_cancelled() {
        return Some("interrupted".to_owned());
    }
    let held = done.iter().map(|(name, result)| (name, result));
    let (name, result) = results.iter().chain(held).find(|(_, result)| result.outcome == Outcome::Failed)?;
    let is_cancelled = matches!(&result.error, Some(StageError { fault: Fault::Cancelled, .. }));
    let stops = is_cancelled || !session.options.keeps_going;
    stops.then(|| format!("stopped after `{name}` failed"))
}
