//! Runs one stage and keeps its result: private folder, declared outputs, objects, record.
//!
//! For: everything between "it is stale" and "its record is durable". Not for: placing outputs (`update`).
//! Called by: `update`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use segpipe_stages::contract::{InputFile, Output, OutputKind, StageContext, StageError};

use super::listener::Listener;
use super::session::Session;
use crate::crash;
use crate::digest::Digest;
use crate::event::Event;
use crate::fingerprint::Document;
use crate::plan::sources::WitnessedSources;
use crate::spec::pipeline::PipelineStage;
use crate::store::records::{Record, RecordedOutput};
use crate::store::{StoreError, files};

/// Runs `stage` for `reason` and keeps the result. None where a source changed meanwhile: then nothing is kept.
///
/// # Errors
/// Those of the stage, and of the disk. Nothing is kept then.
pub(super) fn execute(
    session: &Session,
    stage: &PipelineStage,
    inputs: &BTreeMap<&'static str, Digest>,
    document: &Document,
    sources: &WitnessedSources,
    reason: &str,
) -> Result<Option<Record>, StageError> {
    session.emit(Event::StageStarted { stage: stage.name.clone(), reason: reason.to_owned() });
    let began = Instant::now();
    let directory = session.store.private_directory(&stage.name)?;
    crash::point("stage.began");
    let inputs = readable_inputs(session, stage, inputs)?;
    let listener = Listener::new(session, &stage.name);
    let sources_given = sources.sources.clone();
    let ctx = StageContext::new(stage.stage, &stage.params, inputs, sources_given, directory.clone(), &listener);
    let report = session.threads()?.install(|| stage.stage.run(&ctx))?;
    let rows = ctx.rows();
    drop(ctx);
    crash::point("stage.computed");
    if sources.changed().is_some() {
        files::remove(&directory)?;
        return Ok(None);
    }
    let record = Record {
        fingerprint: document.fingerprint(),
        document: document.text().to_owned(),
        headline: report.headline,
        notes: listener.into_notes(),
        seconds: began.elapsed().as_secs_f64(),
        outputs: keep_outputs(session, stage, &directory, &rows)?,
    };
    session.store.keep_record(&record)?;
    files::remove(&directory)?;
    Ok(Some(record))
}

/// Where the stage can read each input: the store's own copies, which nobody edits.
fn readable_inputs(
    session: &Session,
    stage: &PipelineStage,
    inputs: &BTreeMap<&'static str, Digest>,
) -> Result<BTreeMap<&'static str, InputFile>, StageError> {
    let mut readable = BTreeMap::new();
    for (port, digest) in inputs {
        let reference = &stage.inputs[port];
        let from = session.pipeline.stage(&reference.stage);
        let output = from.and_then(|from| from.stage.outputs().iter().find(|output| output.name == reference.output));
        let (Some(from), Some(output)) = (from, output) else {
            return Err(StageError::bug(format!("input `{port}` is connected to nothing")));
        };
        heal(session, *digest, output, &from.outputs[output.name])?;
        let path = session.store.readable_path(*digest, output.kind)?;
        readable.insert(*port, InputFile { path, digest: digest.to_string() });
    }
    Ok(readable)
}

/// Takes an output that the store lost, or whose copy is damaged, from its place, where it is known to be right.
fn heal(session: &Session, digest: Digest, output: &Output, place: &Path) -> Result<(), StoreError> {
    if session.store.has_intact(digest, output.kind, &session.remembered)? {
        return Ok(());
    }
    let place = session.store.project().join(place);
    if session.store.adopt(&place, output.kind)? == digest {
        Ok(())
    } else {
        Err(StoreError::Damaged { digest, problem: "damaged, and so is the output at its place" })
    }
}

/// Moves the declared outputs from the stage's private folder into the store.
fn keep_outputs(
    session: &Session,
    stage: &PipelineStage,
    directory: &Path,
    rows: &BTreeMap<&'static str, u64>,
) -> Result<BTreeMap<String, RecordedOutput>, StageError> {
    let keep = |output: &Output| {
        let path = directory.join(output.path);
        let is_there = if output.kind == OutputKind::Directory { path.is_dir() } else { path.is_file() };
        if !is_there {
            return Err(StageError::bug(format!("stage `{}` did not write its output `{}`", stage.name, output.name)));
        }
        let digest = session.store.keep(&path, output.kind)?;
        Ok((output.name.to_owned(), RecordedOutput { digest, rows: rows.get(output.name).copied() }))
    };
    Ok(files::side_by_side(stage.stage.outputs(), keep)?.into_iter().collect())
}
