//! Starts stages as soon as everything they read from is done, as many at once as allowed.
//!
//! For: order, concurrency, stopping after a failure or an interruption. Not for: what is done about one stage
//! (`update`). Called by: the engine.

use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use rayon::prelude::*;
use segpipe_stages::contract::{Fault, NoteLevel};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

use super::budget::Budget;
use super::execute::Outputs;
use super::progress::{Inputs, Progress, Results};
use super::session::Session;
use super::update::{self, StageResult};
use super::{EngineError, upstream};
use crate::event::{Event, Outcome};

/// Stages that are looked at on all threads; for fewer, handing them over takes longer.
const MANY: usize = 16;

/// Runs the session's selected stages and returns what became of every stage of the pipeline.
pub(super) fn run(session: &Arc<Session>) -> Result<Results, EngineError> {
    let left_out = upstream::adopt(session)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| EngineError::Threads(Box::new(error)))?;
    Ok(runtime.block_on(Schedule::new(session, left_out).drive()))
}

/// A run under way.
struct Schedule<'a> {
    session: &'a Arc<Session>,
    progress: Progress<'a>,
    /// Stages that may compute at once.
    limit: usize,
    budget: Budget,
    /// Those started of which nothing is known yet: the others compute no more.
    computing: BTreeSet<usize>,
    /// Those that were ready, and held against what is written down.
    looked_at: HashSet<usize>,
    running: JoinSet<(usize, StageResult)>,
    announcer: UnboundedSender<(usize, Outputs)>,
    announced: UnboundedReceiver<(usize, Outputs)>,
}

impl<'a> Schedule<'a> {
    fn new(session: &'a Arc<Session>, left_out: Results) -> Self {
        let limit = session.options.jobs.or_else(|| std::thread::available_parallelism().ok());
        let limit = limit.map_or(1, NonZeroUsize::get);
        let (announcer, announced) = mpsc::unbounded_channel();
        Self {
            session,
            progress: Progress::new(&session.pipeline, left_out),
            limit,
            budget: Budget::new(&session.pipeline.capacity, limit),
            computing: BTreeSet::new(),
            looked_at: HashSet::new(),
            running: JoinSet::new(),
            announcer,
            announced,
        }
    }

    async fn drive(mut self) -> Results {
        loop {
            if self.session.is_cancelled() {
                self.progress.give_up("interrupted");
            }
            self.tell();
            self.start_ready();
            tokio::select! {
                Some((position, outputs)) = self.announced.recv() => {
                    self.end_computing(position);
                    self.progress.know(position, &outputs);
                }
                joined = self.running.join_next() => match joined {
                    Some(Ok((position, result))) => self.finish(position, result),
                    Some(Err(error)) => self.session.note(None, NoteLevel::Warning, error.to_string()),
                    // Interrupted between two looks, with stages left that are to be given up.
                    None if self.session.is_cancelled() && !self.progress.has_begun_all() => {}
                    None => break,
                }
            }
        }
        self.progress.into_results()
    }

    /// Starts what may begin, in order, as long as there is room; what needs more than is left lets others go first.
    /// What is seen at once to be up to date needs no room.
    fn start_ready(&mut self) {
        let mut last = None;
        while self.computing.len() < self.limit
            && !self.session.is_cancelled()
            && let Some(position) = self.progress.ready_after(last)
        {
            self.look_at(last);
            last = Some(position);
            if self.progress.is_ready(position)
                && self.budget.take(&self.session.pipeline.stages[position].terms.resources)
            {
                self.computing.insert(position);
                let inputs = self.progress.inputs(position);
                self.progress.start(position);
                self.start(position, inputs);
            }
        }
    }

    /// Looks at the first of those ready behind a position, unless it was looked at; where many are new, at all of them.
    fn look_at(&mut self, behind: Option<usize>) {
        let new = || self.progress.all_ready_after(behind).filter(|position| !self.looked_at.contains(position));
        let first = self.progress.ready_after(behind);
        if first.is_none_or(|first| self.looked_at.contains(&first)) {
            return;
        }
        let count = if new().nth(MANY - 1).is_some() { usize::MAX } else { 1 };
        let new: Vec<usize> = new().take(count).collect();
        let settled = self.settle_at_once(&new);
        self.looked_at.extend(new);
        for (position, result) in settled {
            self.progress.finish(position, result);
        }
        self.tell();
    }

    /// The results of those that are seen at once to be up to date.
    fn settle_at_once(&self, positions: &[usize]) -> Vec<(usize, StageResult)> {
        let settle = |position: &usize| {
            let (stage, inputs) = (&self.session.pipeline.stages[*position], self.progress.inputs(*position));
            Some((*position, update::settle_at_once(self.session, stage, &inputs)?))
        };
        // Not on the threads that stages compute with, which are not there yet where nothing has to be computed.
        if positions.len() < MANY {
            positions.iter().filter_map(settle).collect()
        } else {
            positions.par_iter().filter_map(settle).collect()
        }
    }

    fn start(&mut self, position: usize, inputs: Inputs) {
        let (session, announcer) = (Arc::clone(self.session), self.announcer.clone());
        self.running.spawn_blocking(move || {
            // Nobody hears it only where nobody waits for it.
            let announce = |outputs: &Outputs| drop(announcer.send((position, outputs.clone())));
            let stage = &session.pipeline.stages[position];
            (position, update::bring_up_to_date(&session, stage, inputs, &announce))
        });
    }

    fn finish(&mut self, position: usize, result: StageResult) {
        self.end_computing(position);
        let stop = self.reason_to_stop(position, &result);
        self.progress.finish(position, result);
        if let Some(reason) = stop {
            self.progress.give_up(&reason);
        }
    }

    /// Notes that a stage computes no more, and gives back what it took for it.
    fn end_computing(&mut self, position: usize) {
        if self.computing.remove(&position) {
            self.budget.give_back(&self.session.pipeline.stages[position].terms.resources);
        }
    }

    fn reason_to_stop(&self, position: usize, result: &StageResult) -> Option<String> {
        if result.outcome != Outcome::Failed {
            return None;
        }
        let is_cancelled = result.error.as_ref().is_some_and(|error| error.fault == Fault::Cancelled);
        let name = &self.session.pipeline.stages[position].name;
        let stops = is_cancelled || !self.session.options.keeps_going;
        stops.then(|| format!("stopped after `{name}` failed"))
    }

    /// Tells what was recorded.
    fn tell(&mut self) {
        for position in self.progress.take_recorded() {
            if let Some(result) = self.progress.result(position) {
                let stage = &self.session.pipeline.stages[position];
                self.session.emit(Event::StageFinished(result.to_event(stage)));
            }
        }
    }
}
