//! Everything one run shares: the pipeline, the options, the store, the threads, who listens.
//!
//! For: beginning a run (folders, the project's lock, the selection). Not for: what happens in it.
//! Called by: the other modules of the engine.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Instant;

use jiff::Timestamp;
use rayon::ThreadPool;
use segpipe_stages::contract::{Note, NoteLevel, StageError};

use super::{EngineError, Ports, RunOptions, asked_for};
use crate::event::Event;
use crate::plan::judge::Judge;
use crate::plan::preview::Preview;
use crate::spec::pipeline::{Pipeline, PipelineStage};
use crate::store::holder::Holding;
use crate::store::remembered::Remembered;
use crate::store::{Placement, Store};

/// How far the results of a run reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// To the outputs' places, and on to pipeline.lock and the tracker.
    Project,
    /// Into the store and no further.
    Store,
}

/// One run.
pub(super) struct Session {
    pub(super) reach: Reach,
    pub(super) pipeline: Pipeline,
    pub(super) options: RunOptions,
    pub(super) ports: Ports,
    pub(super) store: Store,
    pub(super) remembered: Remembered,
    /// Names of the stages that are asked for; those among them that are frozen are not brought up to date.
    pub(super) selected: BTreeSet<String>,
    /// Whether stages that are left out, and read from, are not up to date.
    pub(super) has_stale_upstream: bool,
    pub(super) began: Instant,
    pub(super) began_at: Timestamp,
    threads: OnceLock<ThreadPool>,
    _holding: Holding,
}

impl Session {
    /// Checks the selection, takes the project and clears away what dead runs left.
    pub(super) fn begin(
        reach: Reach,
        pipeline: Pipeline,
        options: RunOptions,
        ports: Ports,
    ) -> Result<Self, EngineError> {
        let (began, began_at) = (Instant::now(), Timestamp::now());
        let selected = asked_for(&pipeline, &options.selection)?.into_iter().map(String::from).collect();
        let placement = if pipeline.cache.links_outputs { Placement::Link } else { Placement::Copy };
        let store = Store::new(&pipeline.directory).placing(placement);
        store.prepare()?;
        let holding = store.hold(!options.refuses_to_wait, |holder| {
            ports.sink.emit(Event::Waiting { pid: holder.pid, since: holder.since.clone() });
        })?;
        store.clean()?;
        let remembered = Remembered::load(&pipeline.directory, store.remembered_path());
        let threads = OnceLock::new();
        let has_stale_upstream = false;
        let mut session = Self {
            reach,
            pipeline,
            options,
            ports,
            store,
            remembered,
            selected,
            has_stale_upstream,
            began,
            began_at,
            threads,
            _holding: holding,
        };
        session.has_stale_upstream = session.announce()?;
        Ok(session)
    }

    /// Says that the run begins; returns whether it goes on from something that is not up to date.
    fn announce(&self) -> Result<bool, EngineError> {
        let upstream = self.stale_upstream().map_err(EngineError::Plan)?;
        self.options.check_upstream(&upstream)?;
        let stages = self.pipeline.stages.iter().map(|stage| stage.name.clone()).collect();
        self.emit(Event::RunStarted { stages });
        if !upstream.is_empty() {
            let text = format!("used as it is although not up to date: {}", upstream.join(", "));
            self.note(None, NoteLevel::Warning, text);
        }
        Ok(!upstream.is_empty())
    }

    fn stale_upstream(&self) -> Result<Vec<String>, StageError> {
        let selected = self.selected.iter().map(String::as_str).collect();
        let preview = Preview {
            pipeline: &self.pipeline,
            selected: &selected,
            selection: &self.options.selection,
            is_forced: self.options.is_forced,
            judge: self.judge(),
            resolver: self.ports.sources.as_ref(),
        };
        preview.stale_upstream()
    }

    pub(super) fn judge(&self) -> Judge<'_> {
        Judge { store: &self.store, remembered: &self.remembered }
    }

    /// Whether a stage is to be brought up to date.
    pub(super) fn is_selected(&self, stage: &PipelineStage) -> bool {
        self.is_asked_for(stage) && !stage.terms.is_frozen
    }

    pub(super) fn is_asked_for(&self, stage: &PipelineStage) -> bool {
        self.selected.contains(&stage.name)
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.ports.is_cancelled.load(Ordering::Relaxed)
    }

    pub(super) fn emit(&self, event: Event) {
        self.ports.sink.emit(event);
    }

    pub(super) fn note(&self, stage: Option<&str>, level: NoteLevel, text: String) {
        self.emit(Event::Noted { stage: stage.map(String::from), note: Note { level, text } });
    }

    /// The threads stages compute with, started when the first stage runs.
    pub(super) fn threads(&self) -> Result<&ThreadPool, StageError> {
        if self.threads.get().is_none() {
            let wanted = self.options.threads.map_or(0, std::num::NonZeroUsize::get);
            let built = rayon::ThreadPoolBuilder::new().num_threads(wanted).build();
            let pool = built.map_err(|error| StageError::bug(format!("cannot start computing threads: {error}")))?;
            let _ = self.threads.set(pool);
        }
        self.threads.get().ok_or_else(|| StageError::bug("computing threads vanished"))
    }
}
