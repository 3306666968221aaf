//! Outputs of stages that a selection leaves out: taken as they are.
//!
//! For: `--from` and `--only`, where upstream is not run. Not for: judging whether it is up to date, which is said
//! when the run begins. Called by: `schedule`.

use std::collections::BTreeMap;

use segpipe_stages::contract::Output;

use super::EngineError;
use super::schedule::Results;
use super::session::Session;
use super::update::StageResult;
use crate::digest::Digest;
use crate::event::Event;
use crate::spec::pipeline::PipelineStage;
use crate::store::StoreError;
use crate::store::records::{Record, RecordedOutput};

/// The results of all stages that are left out, with those outputs that selected stages read.
///
/// # Errors
/// [`EngineError::MissingUpstream`] where such an output is neither there nor known.
pub(super) fn adopt(session: &Session) -> Result<Results, EngineError> {
    let mut results = Results::new();
    let mut last_missing = None;
    let reason = format!("left out by `{}`", session.options.selection.arguments());
    for stage in session.pipeline.stages.iter().filter(|stage| !session.is_selected(stage)) {
        let outputs = match needed_outputs(session, stage) {
            // The one furthest down is told: to run up to it is to run the others too.
            Err(missing @ EngineError::MissingUpstream { .. }) => {
                last_missing = Some(missing);
                continue;
            }
            outputs => outputs?,
        };
        let result = StageResult::left_out(reason.clone(), outputs);
        session.emit(Event::StageFinished(result.to_event(&session.pipeline, &stage.name)));
        results.insert(stage.name.clone(), result);
    }
    last_missing.map_or(Ok(results), Err)
}

fn needed_outputs(session: &Session, stage: &PipelineStage) -> Result<BTreeMap<String, RecordedOutput>, EngineError> {
    let selected = session.pipeline.stages.iter().filter(|other| session.is_selected(other));
    let references = selected.flat_map(|other| other.inputs.values());
    let needed: Vec<_> = references.filter(|reference| reference.stage == stage.name).collect();
    let last = session.store.current(&stage.name)?;
    let mut outputs = BTreeMap::new();
    for output in stage.stage.outputs() {
        if needed.iter().any(|reference| reference.output == output.name) {
            let taken = take(session, stage, output, last.as_ref())?;
            let taken = taken.ok_or_else(|| missing(session, stage, output))?;
            outputs.insert(output.name.to_string(), taken);
        }
    }
    Ok(outputs)
}

/// The output at its place under its true digest, edited or not; else the last known one, put back.
fn take(
    session: &Session,
    stage: &PipelineStage,
    output: &Output,
    last: Option<&Record>,
) -> Result<Option<RecordedOutput>, StoreError> {
    let place = session.store.project().join(&stage.outputs[&*output.name]);
    let recorded = last.and_then(|record| record.outputs.get(&*output.name)).copied();
    let present = session.store.present_digest(&place, output.kind, &session.remembered)?;
    if let Some(digest) = present {
        let rows = recorded.filter(|recorded| recorded.digest == digest).and_then(|recorded| recorded.rows);
        let digest = kept(session, digest, output, &place)?;
        return Ok(Some(RecordedOutput { digest, rows }));
    }
    let Some(recorded) = recorded else { return Ok(None) };
    match session.store.place(recorded.digest, output.kind, &place) {
        Ok(()) => Ok(Some(recorded)),
        Err(StoreError::Damaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The digest of what is at the place, after making sure that the store has it.
fn kept(session: &Session, digest: Digest, output: &Output, place: &std::path::Path) -> Result<Digest, StoreError> {
    if session.store.has_intact(digest, output.kind, &session.remembered)? {
        Ok(digest)
    } else {
        session.store.adopt(place, output.kind)
    }
}

fn missing(session: &Session, stage: &PipelineStage, output: &Output) -> EngineError {
    EngineError::MissingUpstream {
        stage: stage.name.clone(),
        output: stage.outputs[&*output.name].display().to_string(),
        arguments: session.options.selection.arguments(),
    }
}
