//! Outputs of stages that are not run: taken as they are.
//!
//! For: `--from` and `--only`, where upstream is not run, and frozen stages. Not for: judging whether it is up to date, which is said
//! when the run begins. Called by: `schedule`.

use segpipe_stages::contract::Output;

use super::EngineError;
use super::execute::Outputs;
use super::progress::Results;
use super::session::{Reach, Session};
use super::update::StageResult;
use crate::digest::Digest;
use crate::event::Event;
use crate::fingerprint;
use crate::plan::FROZEN;
use crate::spec::pipeline::PipelineStage;
use crate::store::StoreError;
use crate::store::records::{Record, RecordedOutput};

/// The results of all stages that are left out or frozen, with those outputs that selected stages read; with all of them
/// where a frozen stage is asked for.
///
/// # Errors
/// [`EngineError::MissingUpstream`] or [`EngineError::MissingFrozen`] where such an output is neither there nor known.
pub(super) fn adopt(session: &Session) -> Result<Results, EngineError> {
    let mut results = Results::new();
    let mut last_missing = None;
    let left_out = format!("left out by `{}`", session.options.selection.arguments());
    for stage in session.pipeline.stages.iter().filter(|stage| !session.is_selected(stage)) {
        let outputs = match needed_outputs(session, stage) {
            // The one furthest down is told: to run up to it is to run the others too.
            Err(missing @ (EngineError::MissingUpstream { .. } | EngineError::MissingFrozen { .. })) => {
                last_missing = Some(missing);
                continue;
            }
            outputs => outputs?,
        };
        let result = if stage.terms.is_frozen {
            frozen(session, stage, outputs)?
        } else {
            StageResult::left_out(left_out.clone(), outputs)
        };
        session.emit(Event::StageFinished(result.to_event(stage)));
        results.insert(stage.name.clone(), result);
    }
    last_missing.map_or(Ok(results), Err)
}

/// A frozen stage: where its outputs are those of its last result, with what is known of that.
fn frozen(session: &Session, stage: &PipelineStage, outputs: Outputs) -> Result<StageResult, StoreError> {
    let last = session.store.current(&stage.name)?.filter(|last| last.outputs == outputs);
    let (headline, fingerprint) = last.as_ref().map(|last| (last.headline.clone(), last.fingerprint)).unzip();
    let sources = last.map(|last| fingerprint::sources(&last.document)).unwrap_or_default();
    Ok(StageResult { headline, fingerprint, sources, ..StageResult::left_out(FROZEN.to_owned(), outputs) })
}

fn needed_outputs(session: &Session, stage: &PipelineStage) -> Result<Outputs, EngineError> {
    let selected = session.pipeline.stages.iter().filter(|other| session.is_selected(other));
    let references = selected.flat_map(|other| other.inputs.values());
    let needed: Vec<_> = references.filter(|reference| reference.stage == stage.name).collect();
    let last = session.store.current(&stage.name)?;
    let are_all_needed = stage.terms.is_frozen && session.is_asked_for(stage);
    let mut outputs = Outputs::new();
    for output in stage.stage.outputs() {
        if are_all_needed || needed.iter().any(|reference| reference.output == output.name) {
            let taken = take(session, stage, output, last.as_ref())?;
            let taken = taken.ok_or_else(|| missing(session, stage, output))?;
            outputs.insert(output.name.to_string(), taken);
        }
    }
    Ok(outputs)
}

/// The output at its place under its true digest, edited or not; else the last known one, put back where the run reaches
/// the places.
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
    if session.reach == Reach::Store {
        let is_intact = session.store.has_intact(recorded.digest, output.kind, &session.remembered)?;
        return Ok(is_intact.then_some(recorded));
    }
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
    let output = stage.outputs[&*output.name].display().to_string();
    if stage.terms.is_frozen {
        return EngineError::MissingFrozen { stage: stage.name.clone(), output };
    }
    let arguments = session.options.selection.arguments();
    EngineError::MissingUpstream { stage: stage.name.clone(), output, arguments }
}
