//! Lets the engine do what is asked, and holds everything it did against the forecast.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use segpipe::engine::{self, EngineError, RunOptions};
use segpipe::event::{Event, Outcome, StageFinished};
use segpipe::graph::Selection;
use segpipe::plan::State;
use segpipe_stages::contract::Stage;

use super::memory::{self, Call, Fate, Forecast, Memory, Select};
use super::toy::Key;
use super::world::{World, files_in};

/// What is wrong, in words.
pub(super) type Wrong = String;

/// Does what is asked; the memory afterwards.
pub(super) fn call(world: &mut World, memory: &Memory, call: Call) -> Result<Memory, Wrong> {
    let own = world.nodes.clone();
    if let Call::Compute { stage, a, .. } = call {
        let count = world.nodes.len();
        world.nodes[stage % count].a = a;
    }
    let checked = Check { world, forecast: memory::forecast(world, memory, call), call }.check();
    world.nodes = own;
    checked
}

/// That another project with the same pipeline and sources, where nothing ever ran, comes to the same.
pub(super) fn compare_with_scratch(world: &World) -> Result<(), Wrong> {
    let mut scratch = world.without_past();
    call(&mut scratch, &Memory::default(), PLAIN)?;
    same("from scratch, places", &memory::places(world), &memory::places(&scratch))?;
    same("from scratch, pipeline.lock", &lock(world), &lock(&scratch))
}

/// A plain run of everything.
pub(super) const PLAIN: Call = Call::Run { select: Select::All, is_forced: false, jobs: 2 };

struct Check<'a> {
    world: &'a World,
    forecast: Forecast,
    call: Call,
}

impl Check<'_> {
    fn check(self) -> Result<Memory, Wrong> {
        let lock_before = lock(self.world);
        let events = Arc::default();
        let ended = match self.call {
            Call::Run { .. } => {
                self.check_plan()?;
                self.run(&events)
            }
            Call::Compute { jobs, .. } => self.compute(jobs),
        };
        self.check_ending(ended)?;
        self.check_executed()?;
        if !self.forecast.is_refused && matches!(self.call, Call::Run { .. }) {
            self.check_events(&events.lock().unwrap())?;
        }
        same("places", &self.forecast.places, &memory::places(self.world))?;
        same("pipeline.lock", &self.expected_lock(lock_before), &lock(self.world))?;
        same("temporary files", &Vec::new(), &files_in(&self.world.path("artifacts/.segpipe/temporary")))?;
        Ok(self.forecast.memory)
    }

    fn options(&self) -> RunOptions {
        let Call::Run { select, is_forced, jobs } = self.call else { return RunOptions::default() };
        let name = |stage: usize| Some(self.world.nodes[stage].name.clone());
        let mut selection = Selection::default();
        match select {
            Select::All => {}
            Select::Only(stage) => selection.only = name(stage),
            Select::From(stage) => selection.from = name(stage),
            Select::To(stage) => selection.to = name(stage),
            Select::Two(one, other) => selection.expressions = [one, other].into_iter().filter_map(name).collect(),
        }
        RunOptions { selection, is_forced, jobs: NonZeroUsize::new(jobs), ..RunOptions::default() }
    }

    fn run(&self, events: &Arc<Mutex<Vec<Event>>>) -> Result<u8, EngineError> {
        let report = engine::run(self.world.pipeline(), self.options(), self.world.ports(events))?;
        Ok(report.finished.exit_code)
    }

    fn compute(&self, jobs: usize) -> Result<u8, EngineError> {
        let options = RunOptions { jobs: NonZeroUsize::new(jobs), ..RunOptions::default() };
        let computed = engine::compute(self.world.pipeline(), &options, self.world.ports(&Arc::default()))?;
        Ok(u8::from(!computed.failures.is_empty()))
    }

    fn check_ending(&self, ended: Result<u8, EngineError>) -> Result<(), Wrong> {
        match ended {
            Ok(0) if !self.forecast.is_refused => Ok(()),
            Err(
                EngineError::MissingUpstream { .. }
                | EngineError::MissingFrozen { .. }
                | EngineError::NothingThawed { .. },
            ) if self.forecast.is_refused => Ok(()),
            ended => Err(format!("it ends with {ended:?}, and must be refused: {}", self.forecast.is_refused)),
        }
    }

    /// The plan says the same in advance, as far as it can, and touches nothing.
    fn check_plan(&self) -> Result<(), Wrong> {
        let (pipeline, ports) = (self.world.pipeline(), self.world.ports(&Arc::default()));
        let before = witnesses(&self.world.directory);
        let plan = match engine::plan(&pipeline, &self.options(), ports.sources.as_ref()) {
            Err(EngineError::NothingThawed { .. }) if self.forecast.is_refused => return Ok(()),
            plan => plan.map_err(|error| format!("there is no plan: {error}"))?,
        };
        same("what a plan touches", &before, &witnesses(&self.world.directory))?;
        if self.forecast.is_refused {
            return Ok(());
        }
        let states: BTreeMap<&str, State> =
            plan.stages.iter().map(|planned| (planned.stage.as_str(), planned.state)).collect();
        for (node, fate) in self.world.nodes.iter().zip(&self.forecast.fates) {
            let state = states.get(node.name.as_str()).copied();
            let agrees = match state {
                Some(State::Skipped) => matches!(fate, Fate::Skipped | Fate::Frozen(_)),
                Some(State::Fresh) => matches!(fate, Fate::Cached(_)),
                // The object that it would be restored from may turn out to be damaged.
                Some(State::Restore) => matches!(fate, Fate::Restored(_) | Fate::Ran(_)),
                Some(State::Stale) => matches!(fate, Fate::Ran(_) | Fate::Shared(_)),
                Some(State::Pending) => {
                    let waits = |from: &str| matches!(states[from], State::Stale | State::Pending);
                    node.inputs.iter().any(|(from, _)| waits(&self.world.nodes[*from].name))
                }
                None => false,
            };
            if !agrees {
                return Err(format!("`{}` is planned as {state:?}, and must be {fate:?}", node.name));
            }
        }
        Ok(())
    }

    /// The toys themselves say what was executed.
    fn check_executed(&self) -> Result<(), Wrong> {
        let mut executed: Vec<Key> = self.world.nodes.iter().flat_map(|node| node.toy.take_executed()).collect();
        executed.sort();
        let keys = |wanted: fn(&Fate) -> bool| -> Vec<Key> {
            let mut keys: Vec<Key> =
                self.forecast.fates.iter().filter(|fate| wanted(fate)).filter_map(Fate::key).cloned().collect();
            keys.sort();
            keys
        };
        let shared = keys(|fate| matches!(fate, Fate::Shared(_)));
        for key in &shared {
            let count = |keys: &[Key]| keys.iter().filter(|other| *other == key).count();
            if !(1..=count(&shared)).contains(&count(&executed)) {
                return Err(format!("what twins share was executed {} times: {key}", count(&executed)));
            }
        }
        executed.retain(|key| !shared.contains(key));
        same("executed", &keys(|fate| matches!(fate, Fate::Ran(_))), &executed)
            .map_err(|wrong| format!("{wrong}\n{:#?}", self.forecast.fates))
    }

    /// Every stage's outcome, the result that it is said to have, and the digests of its outputs.
    fn check_events(&self, events: &[Event]) -> Result<(), Wrong> {
        let finished: Vec<&StageFinished> = events
            .iter()
            .filter_map(|event| if let Event::StageFinished(finished) = event { Some(finished) } else { None })
            .collect();
        same("stages told of", &self.world.nodes.len(), &finished.len())?;
        for (stage, fate) in self.forecast.fates.iter().enumerate() {
            let name = &self.world.nodes[stage].name;
            let told = finished.iter().find(|finished| finished.stage == *name);
            let told = told.ok_or_else(|| format!("nothing is told of `{name}`"))?;
            let agrees = match fate {
                Fate::Skipped => told.outcome == Outcome::Skipped,
                Fate::Frozen(_) => told.outcome == Outcome::Skipped && told.reason.as_deref() == Some("frozen"),
                Fate::Cached(_) => told.outcome == Outcome::Cached,
                Fate::Restored(_) => told.outcome == Outcome::Restored,
                Fate::Ran(_) => told.outcome == Outcome::Ran,
                Fate::Shared(_) => matches!(told.outcome, Outcome::Ran | Outcome::Cached | Outcome::Restored),
            };
            if !agrees || fate.key() != told.headline.as_ref() {
                return Err(format!("`{name}` is {told:?}, and must be {fate:?}"));
            }
            self.check_digests(stage, told)?;
        }
        Ok(())
    }

    fn check_digests(&self, stage: usize, told: &StageFinished) -> Result<(), Wrong> {
        let contents = self.forecast.results[stage].iter().flat_map(|result| &result.outputs);
        for (output, content) in self.world.nodes[stage].toy.outputs().iter().zip(contents) {
            if let Some(fact) = told.outputs.get(&*output.name) {
                same("digest told", &content.digest().to_string(), &fact.digest)?;
            } else if told.outcome != Outcome::Skipped {
                return Err(format!("nothing is told of output `{}` of `{}`", output.name, told.stage));
            }
        }
        Ok(())
    }

    /// A complete run writes pipeline.lock; nothing else touches it.
    fn expected_lock(&self, before: Option<String>) -> Option<String> {
        let is_complete = matches!(self.call, Call::Run { select: Select::All, .. });
        if !is_complete || self.forecast.is_refused {
            return before;
        }
        Some(self.world.lock(&self.forecast.results))
    }
}

/// The facts of pipeline.lock.
fn lock(world: &World) -> Option<String> {
    let text = fs::read_to_string(world.path("pipeline.lock")).ok()?;
    let is_fact = |line: &&str| ["frozen ", "output ", "source "].iter().any(|word| line.starts_with(word));
    Some(text.lines().filter(is_fact).flat_map(|line| [line, "\n"]).collect())
}

/// Size and times of every file of the project but the pipeline's.
fn witnesses(folder: &Path) -> Vec<(PathBuf, u64, std::time::SystemTime)> {
    let witness = |path: PathBuf| {
        let metadata = fs::metadata(&path).unwrap();
        (path, metadata.len(), metadata.modified().unwrap())
    };
    files_in(folder).into_iter().map(witness).collect()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, found: &T) -> Result<(), Wrong> {
    if expected == found {
        return Ok(());
    }
    Err(format!("{what}:\nexpected {expected:#?}\n   found {found:#?}"))
}
