//! Runs one stage and keeps its result: private folder, declared outputs, objects, record.
//!
//! For: everything between "it is stale" and "its record is durable". Not for: placing outputs (`update`).
//! Called by: `update`; `twice`, which keeps nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use segpipe_stages::contract::{
    Fault, InputFile, NoteLevel, Output, OutputKind, StageContext, StageError, StageReport,
};

use super::listener::Listener;
use super::parts::Parts;
use super::session::Session;
use super::shared;
use crate::digest::Digest;
use crate::event::Event;
use crate::fingerprint::Document;
use crate::plan::sources::WitnessedSources;
use crate::spec::pipeline::{OutputReference, PipelineStage};
use crate::store::objects::MovedIn;
use crate::store::records::{Record, RecordedOutput};
use crate::store::{Store, StoreError, files};

/// How often an interruption is looked at while a retry is waited for.
const TICK: Duration = Duration::from_millis(50);

/// What a stage wrote, by output.
pub(super) type Outputs = BTreeMap<String, RecordedOutput>;

/// Runs `stage` for `reason` and keeps the result; again where it fails and its terms say so. None where a source
/// changed meanwhile: then nothing is kept. `announce` hears of the outputs once the store has them, from when on other
/// stages can read them; they become a result with the record.
///
/// # Errors
/// Those of the stage, and of the disk. Nothing is kept then.
pub(super) fn execute(
    session: &Session,
    stage: &PipelineStage,
    inputs: &BTreeMap<String, Digest>,
    document: &Document,
    sources: &WitnessedSources,
    reason: &str,
    announce: &dyn Fn(&Outputs),
) -> Result<Option<Record>, StageError> {
    session.emit(Event::StageStarted { stage: stage.name.clone(), reason: reason.to_owned() });
    files::remove(&session.store.project().join(Store::log_path(&stage.name)))?;
    let attempt = Attempt { session, stage, inputs, document, sources, announce };
    let retries = stage.terms.retries;
    for retry in 1..=retries.times {
        match attempt.run() {
            Err(error) if error.fault == Fault::Stage => {
                let (delay, of) = (retries.delay_before(retry), retries.times);
                let text = format!("{}; retry {retry} of {of} in {} s", error.message, delay.as_secs_f64());
                session.note(Some(&stage.name), NoteLevel::Warning, text);
                wait(session, delay)?;
            }
            done => return done,
        }
    }
    attempt.run()
}

/// Waits, unless the run is interrupted.
fn wait(session: &Session, delay: Duration) -> Result<(), StageError> {
    let began = Instant::now();
    while !session.is_cancelled() {
        let left = delay.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(TICK));
    }
    Err(StageError::cancelled())
}

/// Everything that one run of a stage is given.
pub(super) struct Attempt<'a> {
    pub(super) session: &'a Session,
    pub(super) stage: &'a PipelineStage,
    pub(super) inputs: &'a BTreeMap<String, Digest>,
    pub(super) document: &'a Document,
    pub(super) sources: &'a WitnessedSources,
    pub(super) announce: &'a dyn Fn(&Outputs),
}

impl Attempt<'_> {
    fn run(&self) -> Result<Option<Record>, StageError> {
        let directory = self.session.store.private_directory(&self.stage.name)?;
        files::pass("stage.began", &directory)?;
        let done = self.run_in(&directory);
        // What a failed attempt wrote is nobody's.
        files::remove(&directory)?;
        done
    }

    fn run_in(&self, directory: &Path) -> Result<Option<Record>, StageError> {
        let Self { session, stage, document, .. } = *self;
        let began = Instant::now();
        let listener = Listener::new(session, &stage.name);
        let (report, rows) = self.compute(directory, &listener, None)?;
        files::pass("stage.computed", directory)?;
        if has_changed_sources(session, stage, self.sources)? {
            return Ok(None);
        }
        let (outputs, moved) = keep_outputs(session, stage, directory, &rows)?;
        (self.announce)(&outputs);
        files::side_by_side(&moved, MovedIn::make_durable)?;
        let record = Record {
            fingerprint: document.fingerprint(),
            document: document.text().to_owned(),
            headline: report.headline,
            notes: listener.into_notes(),
            seconds: began.elapsed().as_secs_f64(),
            outputs,
        };
        session.store.keep_record(&record)?;
        Ok(Some(record))
    }

    /// Lets the stage write into a folder; on this pool, or on that of the whole run.
    pub(super) fn compute(
        &self,
        directory: &Path,
        listener: &Listener<'_>,
        pool: Option<&ThreadPool>,
    ) -> Result<(StageReport, BTreeMap<String, u64>), StageError> {
        let Self { session, stage, sources, .. } = *self;
        let inputs = readable_inputs(session, stage, self.inputs)?;
        let sources = sources.sources.clone();
        let mut ctx =
            StageContext::new(stage.stage.outputs(), &stage.params, inputs, sources, directory.to_owned(), listener);
        ctx.names = names(session, stage);
        let parts = Parts { session, stage, inputs: self.inputs };
        // Sources may change while they are read; and who brings a pool of their own wants all of the work done on it.
        if ctx.sources.is_empty() && pool.is_none() {
            ctx.keeper = &parts;
        }
        let done = if stage.stage.computes() {
            pool.map_or_else(|| session.threads(), Ok)?.install(|| stage.stage.run(&ctx))
        } else {
            stage.stage.run(&ctx)
        };
        let report = done.map_err(|error| self.explain(error, &ctx.inputs, listener))?;
        Ok((report, ctx.rows()))
    }

    /// The error with inputs called as people know them, and where the rest of what a program said can be read.
    fn explain(
        &self,
        mut error: StageError,
        inputs: &BTreeMap<String, InputFile>,
        listener: &Listener<'_>,
    ) -> StageError {
        for (port, input) in inputs {
            let reference = &self.stage.inputs[port];
            let from = self.session.pipeline.stage(&reference.stage);
            if let Some(place) = from.and_then(|from| from.outputs.get(&reference.output)) {
                error.message = error.message.replace(&input.path.display().to_string(), &place.display().to_string());
            }
        }
        if listener.has_log() && error.hint.is_none() {
            let log = Store::log_path(&self.stage.name);
            error.hint = Some(format!("all that it said is in `{}`", log.display()));
        }
        error
    }
}

/// Whether a source is another file now than the one that was read, or others are found.
pub(super) fn has_changed_sources(
    session: &Session,
    stage: &PipelineStage,
    sources: &WitnessedSources,
) -> Result<bool, StageError> {
    if sources.changed().is_some() {
        return Ok(true);
    }
    let Ok(Some(request)) = stage.stage.sources(&stage.params) else { return Ok(false) };
    let found = session.ports.sources.peek(&request)?;
    Ok(found.is_some_and(|found| !found.iter().map(|one| &one.path).eq(sources.sources.iter().map(|one| &one.path))))
}

/// The names under which the inputs were written, by port.
fn names(session: &Session, stage: &PipelineStage) -> BTreeMap<String, String> {
    let name = |(port, reference): (&String, &OutputReference)| {
        let from = session.pipeline.stage(&reference.stage)?;
        let output = from.stage.outputs().iter().find(|output| output.name == reference.output)?;
        Some((port.clone(), output.path.to_string()))
    };
    stage.inputs.iter().filter_map(name).collect()
}

/// Where the stage can read each input: the store's own copies, which nobody edits.
fn readable_inputs(
    session: &Session,
    stage: &PipelineStage,
    inputs: &BTreeMap<String, Digest>,
) -> Result<BTreeMap<String, InputFile>, StageError> {
    let mut readable = BTreeMap::new();
    for (port, digest) in inputs {
        let reference = &stage.inputs[port];
        let from = session.pipeline.stage(&reference.stage);
        let output = from.and_then(|from| from.stage.outputs().iter().find(|output| output.name == reference.output));
        let (Some(from), Some(output)) = (from, output) else {
            return Err(StageError::bug(format!("input `{port}` is connected to nothing")));
        };
        heal(session, *digest, from, output)?;
        let path = session.store.readable_path(*digest, output.kind)?;
        readable.insert(port.clone(), InputFile { path, digest: digest.to_string() });
    }
    Ok(readable)
}

/// Takes an output that the store lost, or whose copy is damaged, from its place, where it is known to be right, else
/// from the shared cache.
fn heal(session: &Session, digest: Digest, from: &PipelineStage, output: &Output) -> Result<(), StoreError> {
    if session.store.has_intact(digest, output.kind, &session.remembered)? {
        return Ok(());
    }
    let place = session.store.project().join(&from.outputs[&*output.name]);
    let adopted = session.store.adopt(&place, output.kind);
    if matches!(&adopted, Ok(found) if *found == digest) || shared::fetch_output(session, from, (digest, output.kind))?
    {
        return Ok(());
    }
    adopted?;
    Err(StoreError::Damaged { digest, problem: "damaged, and so is the output at its place" })
}

/// Moves the declared outputs from the stage's private folder into the store, where they are not durable yet.
fn keep_outputs(
    session: &Session,
    stage: &PipelineStage,
    directory: &Path,
    rows: &BTreeMap<String, u64>,
) -> Result<(Outputs, Vec<MovedIn>), StageError> {
    let keep = |output: &Output| {
        let path = written(stage, output, directory)?;
        Ok(session.store.move_in(&path, output.kind)?)
    };
    let moved: Vec<MovedIn> = files::side_by_side::<_, _, StageError>(stage.stage.outputs(), keep)?;
    let recorded = |(output, moved): (&Output, &MovedIn)| {
        (output.name.to_string(), RecordedOutput { digest: moved.digest, rows: rows.get(&*output.name).copied() })
    };
    Ok((stage.stage.outputs().iter().zip(&moved).map(recorded).collect(), moved))
}

/// Where the stage wrote an output.
///
/// # Errors
/// Where it did not.
pub(super) fn written(stage: &PipelineStage, output: &Output, directory: &Path) -> Result<PathBuf, StageError> {
    let path = directory.join(&*output.path);
    let is_there = if output.kind == OutputKind::Directory { path.is_dir() } else { path.is_file() };
    let message = || format!("stage `{}` did not write its output `{}`", stage.name, output.name);
    if is_there { Ok(path) } else { Err(StageError::bug(message())) }
}
