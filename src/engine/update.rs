//! Brings one stage up to date: cached, restored or run, whichever is enough.
//!
//! For: judging with the sources as they are now, and falling back from restoring to the shared cache, and from there to
//! running, where a cache has nothing or is damaged. Not for: running itself (`execute`). Called by: `schedule`, off the async threads.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use segpipe_stages::contract::{Fault, NoteLevel, Output, OutputKind, ResolvedSource, SourceOrigin, StageError};

use super::execute::{self, Outputs};
use super::listener::Listener;
use super::session::{Reach, Session};
use super::shared;
use crate::digest::Digest;
use crate::event::{Event, Outcome, OutputFact, StageFinished};
use crate::fingerprint::Document;
use crate::plan::judge::{Judgement, Present};
use crate::plan::sources::WitnessedSources;
use crate::spec::pipeline::PipelineStage;
use crate::store::records::{Record, RecordedOutput};
use crate::store::{StoreError, files};

/// How often a stage is run again because a source changed under it.
const ATTEMPTS: usize = 3;

/// What became of a stage.
#[derive(Debug)]
pub(super) struct StageResult {
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
    pub(super) headline: Option<String>,
    pub(super) seconds: f64,
    pub(super) fingerprint: Option<Digest>,
    /// Empty where the stage has no result.
    pub(super) outputs: Outputs,
    /// Name, digest and origin of its sources.
    pub(super) sources: Vec<(String, Digest, SourceOrigin)>,
    pub(super) error: Option<StageError>,
}

impl StageResult {
    /// A stage that was not looked at.
    pub(super) fn skipped(reason: String) -> Self {
        Self { reason: Some(reason), ..Self::empty(Outcome::Skipped) }
    }

    /// A stage that is not run, but whose outputs others use.
    pub(super) fn left_out(reason: String, outputs: Outputs) -> Self {
        Self { outputs, ..Self::skipped(reason) }
    }

    fn failed(error: StageError) -> Self {
        let reason = Some(error.message.clone());
        Self { reason, error: Some(error), ..Self::empty(Outcome::Failed) }
    }

    fn of_record(outcome: Outcome, reason: Option<String>, record: Record) -> Self {
        Self {
            reason,
            headline: Some(record.headline),
            fingerprint: Some(record.fingerprint),
            outputs: record.outputs,
            ..Self::empty(outcome)
        }
    }

    fn empty(outcome: Outcome) -> Self {
        Self {
            outcome,
            reason: None,
            headline: None,
            seconds: 0.0,
            fingerprint: None,
            outputs: BTreeMap::new(),
            sources: Vec::new(),
            error: None,
        }
    }

    /// The event that tells of it.
    pub(super) fn to_event(&self, stage: &PipelineStage) -> StageFinished {
        let fact = |(output, recorded): (&String, &RecordedOutput)| {
            let path = stage.outputs.get(output.as_str())?.clone();
            let fact = OutputFact { path, digest: recorded.digest.to_string(), rows: recorded.rows };
            Some((output.clone(), fact))
        };
        StageFinished {
            stage: stage.name.clone(),
            outcome: self.outcome,
            seconds: self.seconds,
            reason: self.reason.clone(),
            headline: self.headline.clone(),
            outputs: self.outputs.iter().filter_map(fact).collect(),
        }
    }
}

/// Brings `stage` up to date for these inputs. What it computes is told to `announce` as soon as it is in the store.
/// Never panics, whatever the stage does.
pub(super) fn bring_up_to_date(
    session: &Session,
    stage: &PipelineStage,
    inputs: BTreeMap<String, Digest>,
    announce: &dyn Fn(&Outputs),
) -> StageResult {
    let began = Instant::now();
    let update = Update { session, stage, inputs, announce };
    let guarded = catch_unwind(AssertUnwindSafe(|| update.attempt_until_settled()));
    let attempted = guarded.unwrap_or_else(|panic| Err(panicked(stage, panic.as_ref())));
    let mut result = attempted.unwrap_or_else(StageResult::failed);
    result.seconds = began.elapsed().as_secs_f64();
    result
}

/// The result of `stage` for these inputs where what is written down shows at once that it is up to date; none where a
/// file would have to be read to know, or something is to be done. Never panics, whatever the stage does.
pub(super) fn settle_at_once(
    session: &Session,
    stage: &PipelineStage,
    inputs: &BTreeMap<String, Digest>,
) -> Option<StageResult> {
    if session.reach != Reach::Project || session.options.is_forced {
        return None;
    }
    let began = Instant::now();
    let update = Update { session, stage, inputs: inputs.clone(), announce: &|_| {} };
    let settled = catch_unwind(AssertUnwindSafe(|| update.settle_at_once())).ok().flatten();
    settled.map(|result| StageResult { seconds: began.elapsed().as_secs_f64(), ..result })
}

fn panicked(stage: &PipelineStage, panic: &(dyn Any + Send)) -> StageError {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    StageError::bug(format!("stage `{}` panicked: {text}", stage.name))
}

/// The sources of `stage` as they are now, fetched or simulated where that is allowed.
pub(super) fn sources(session: &Session, stage: &PipelineStage) -> Result<WitnessedSources, StageError> {
    let request = stage.stage.sources(&stage.params).map_err(|error| StageError::new(Fault::Params, error.message))?;
    let Some(request) = request else { return Ok(WitnessedSources::default()) };
    session.emit(Event::ResolvingSources { stage: stage.name.clone() });
    let listener = Listener::new(session, &stage.name);
    let resolved = session.ports.sources.resolve(&request, &listener)?;
    WitnessedSources::take(resolved, &session.remembered)
}

struct Update<'a> {
    session: &'a Session,
    stage: &'a PipelineStage,
    inputs: BTreeMap<String, Digest>,
    announce: &'a dyn Fn(&Outputs),
}

impl Update<'_> {
    /// What goes wrong here goes wrong again, and is told, when the stage is brought up to date.
    fn settle_at_once(&self) -> Option<StageResult> {
        let present = self.known_outputs()?;
        let sources = self.known_sources()?;
        let document = Document::new(self.stage, &self.inputs, &sources.sources);
        match self.session.judge().judge_showing(self.stage, &document, || Ok(present)).ok()? {
            Judgement::Fresh { record, is_current: true } => {
                Some(with_sources(self.finish(Outcome::Cached, None, record), &sources))
            }
            _ => None,
        }
    }

    /// The digests of the outputs, where every one is a file whose digest is known.
    fn known_outputs(&self) -> Option<Present> {
        let known = |output: &Output| {
            let place = self.session.store.project().join(&self.stage.outputs[&*output.name]);
            let is_file = output.kind != OutputKind::Directory;
            let digest = is_file.then(|| self.session.remembered.known_digest(&place)).flatten()?;
            Some((output.name.to_string(), Some(digest)))
        };
        self.stage.stage.outputs().iter().map(known).collect()
    }

    /// The sources, where they are real, there, and their digests known.
    fn known_sources(&self) -> Option<WitnessedSources> {
        let Some(request) = self.stage.stage.sources(&self.stage.params).ok()? else {
            return Some(WitnessedSources::default());
        };
        let remembered = &self.session.remembered;
        let found = self.session.ports.sources.peek(&request).ok()??;
        let is_known = |source: &ResolvedSource| source.origin == SourceOrigin::File && remembered.knows(&source.path);
        if !found.iter().all(is_known) {
            return None;
        }
        WitnessedSources::take(found, remembered).ok()
    }

    fn attempt_until_settled(&self) -> Result<StageResult, StageError> {
        for _ in 0..ATTEMPTS {
            let sources = sources(self.session, self.stage)?;
            if let Some(result) = self.attempt(&sources)? {
                return Ok(with_sources(result, &sources));
            }
        }
        let message = format!("a source of `{}` keeps changing while it is read", self.stage.name);
        Err(StageError::new(Fault::Data, message).with_hint("run again when whoever writes it is done"))
    }

    /// One try; none where a source changed while the stage ran, so that its result belongs to no content known.
    fn attempt(&self, sources: &WitnessedSources) -> Result<Option<StageResult>, StageError> {
        let document = Document::new(self.stage, &self.inputs, &sources.sources);
        let reason = match self.judge(&document)? {
            Judgement::Stale { reason } => reason,
            _ if self.session.options.is_forced => return self.execute(&document, sources, "forced".to_owned()),
            Judgement::Fresh { record, is_current } => {
                if !is_current {
                    self.note_current(&record)?;
                }
                return Ok(Some(self.finish(Outcome::Cached, None, record)));
            }
            Judgement::Restore { record, reason } => match self.restore(&record) {
                Ok(()) => {
                    self.note_current(&record)?;
                    return Ok(Some(self.finish(Outcome::Restored, Some(reason), record)));
                }
                Err(StoreError::Damaged { digest, problem }) => {
                    self.session.store.forget_record(record.fingerprint)?;
                    format!("its cached result is {problem} (object {digest})")
                }
                Err(error) => return Err(error.into()),
            },
        };
        match shared::fetch(self.session, self.stage, &document)? {
            Some(record) => self.take(record, &document, sources, reason),
            None => self.execute(&document, sources, reason),
        }
    }

    /// Goes over to a result that the shared cache had.
    fn take(
        &self,
        record: Record,
        document: &Document,
        sources: &WitnessedSources,
        reason: String,
    ) -> Result<Option<StageResult>, StageError> {
        if execute::has_changed_sources(self.session, self.stage, sources)? {
            let text = "a source changed while its result was fetched; it is looked at again".to_owned();
            self.session.note(Some(&self.stage.name), NoteLevel::Warning, text);
            return Ok(None);
        }
        if self.session.reach == Reach::Project {
            match self.restore(&record) {
                Err(StoreError::Damaged { .. }) => return self.execute(document, sources, reason),
                restored => restored?,
            }
        }
        self.note_current(&record)?;
        let reason = Some(format!("{reason}; taken from the shared cache"));
        Ok(Some(self.finish(Outcome::Restored, reason, record)))
    }

    fn judge(&self, document: &Document) -> Result<Judgement, StoreError> {
        match self.session.reach {
            Reach::Project => self.session.judge().judge(self.stage, document),
            Reach::Store => self.session.judge().judge_kept(self.stage, document),
        }
    }

    fn execute(
        &self,
        document: &Document,
        sources: &WitnessedSources,
        reason: String,
    ) -> Result<Option<StageResult>, StageError> {
        if self.session.is_cancelled() {
            return Err(StageError::cancelled());
        }
        let executed =
            execute::execute(self.session, self.stage, &self.inputs, document, sources, &reason, self.announce)?;
        let Some(record) = executed else {
            let text = "a source changed while the stage ran; it runs again".to_owned();
            self.session.note(Some(&self.stage.name), NoteLevel::Warning, text);
            return Ok(None);
        };
        if self.session.reach == Reach::Project {
            self.restore(&record)?;
        }
        self.note_current(&record)?;
        shared::send(self.session, self.stage, &record);
        Ok(Some(StageResult::of_record(Outcome::Ran, Some(reason), record)))
    }

    /// Notes which result is at the outputs' places, where the run reaches them.
    fn note_current(&self, record: &Record) -> Result<(), StoreError> {
        match self.session.reach {
            Reach::Project => self.session.store.set_current(&self.stage.name, record),
            Reach::Store => Ok(()),
        }
    }

    /// Puts every output whose place shows something else back.
    fn restore(&self, record: &Record) -> Result<(), StoreError> {
        let present = self.session.judge().present(self.stage)?;
        let place = |port: &Output| match record.outputs.get(&*port.name) {
            Some(output) if present[&*port.name] != Some(output.digest) => {
                let place = self.session.store.project().join(&self.stage.outputs[&*port.name]);
                self.session.store.place(output.digest, port.kind, &place)
            }
            _ => Ok(()),
        };
        files::side_by_side(self.stage.stage.outputs(), place).map(drop)
    }

    fn finish(&self, outcome: Outcome, reason: Option<String>, record: Record) -> StageResult {
        for note in &record.notes {
            self.session.emit(Event::Noted { stage: Some(self.stage.name.clone()), note: note.clone() });
        }
        StageResult::of_record(outcome, reason, record)
    }
}

fn with_sources(result: StageResult, sources: &WitnessedSources) -> StageResult {
    let fact = |source: &segpipe_stages::contract::Source| {
        Some((source.name.clone(), source.digest.parse().ok()?, source.origin))
    };
    StageResult { sources: sources.sources.iter().filter_map(fact).collect(), ..result }
}
