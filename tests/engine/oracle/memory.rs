//! What must be true: which stages a call has to execute, restore or leave alone, and what is at every place afterwards.
//!
//! This is the same promise as the engine's, kept in the plainest way: a result is known by everything that determines
//! it, and nothing is known that was never computed, or of which every note was damaged. It shares no code with the
//! engine.

use std::collections::{BTreeMap, BTreeSet};

use segpipe::digest::Digest;
use segpipe_stages::contract::{OutputKind, Stage};

use super::content::Content;
use super::toy::Key;
use super::world::{Node, World};

/// Content at the place of every output of every stage; none where nothing is, or something of another kind.
pub(super) type Places = Vec<Vec<Option<Content>>>;

/// What the store has to remember.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// Outputs of every result that was computed and whose record is whole.
    pub(super) known: BTreeMap<Key, Known>,
    /// The result that each stage's outputs were last brought to, by the stage's number; known although its record may
    /// be damaged, to that stage alone, as long as the record is not gone.
    pub(super) current: BTreeMap<usize, (Key, Known)>,
    /// Results that have a record, whole or damaged.
    pub(super) recorded: BTreeSet<Key>,
}

/// A result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) outputs: Vec<Content>,
    /// Base name and content of what it was made from.
    pub(super) sources: Vec<(String, Content)>,
}

/// What somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Run {
        select: Select,
        is_forced: bool,
        jobs: usize,
    },
    /// Every stage, in the store alone, with another `a` for one of them.
    Compute {
        stage: usize,
        a: u64,
        jobs: usize,
    },
}

/// Stages by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Select {
    All,
    Only(usize),
    From(usize),
    To(usize),
    Two(usize, usize),
}

/// What has to become of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Skipped,
    Cached(Key),
    Restored(Key),
    Ran(Key),
    /// At least one of the stages with this result has to run, and any of them may.
    Shared(Key),
    /// Skipped, with the result that its outputs are those of, where they are.
    Frozen(Option<Key>),
}

impl Fate {
    pub(super) fn key(&self) -> Option<&Key> {
        match self {
            Self::Skipped => None,
            Self::Frozen(key) => key.as_ref(),
            Self::Cached(key) | Self::Restored(key) | Self::Ran(key) | Self::Shared(key) => Some(key),
        }
    }
}

/// What a call must lead to.
#[derive(Debug)]
pub(super) struct Forecast {
    /// Whether it is refused, because something that is left out is not there.
    pub(super) is_refused: bool,
    pub(super) fates: Vec<Fate>,
    /// The result of every stage that has one.
    pub(super) results: Vec<Option<Known>>,
    pub(super) places: Places,
    pub(super) memory: Memory,
}

/// The stages that a selection means.
pub(super) fn selected(nodes: &[Node], select: Select) -> BTreeSet<usize> {
    let reads = |reader: usize, from: usize| nodes[reader].inputs.iter().any(|(stage, _)| *stage == from);
    let all = 0..nodes.len();
    match select {
        Select::All => all.collect(),
        Select::Only(stage) => [stage].into(),
        Select::Two(one, other) => [one, other].into(),
        Select::From(stage) => all.fold([stage].into(), |mut found: BTreeSet<usize>, reader| {
            if found.iter().any(|from| reads(reader, *from)) {
                found.insert(reader);
            }
            found
        }),
        Select::To(stage) => all.rev().fold([stage].into(), |mut found: BTreeSet<usize>, from| {
            if found.iter().any(|reader| reads(*reader, from)) {
                found.insert(from);
            }
            found
        }),
    }
}

/// What is at the places now.
pub(super) fn places(world: &World) -> Places {
    let place = |node: &Node| {
        let at = |output: &segpipe_stages::contract::Output| {
            let is_directory = output.kind == OutputKind::Directory;
            Content::at(&world.path(&node.place(output))).filter(|content| content.is_directory() == is_directory)
        };
        node.toy.outputs().iter().map(at).collect()
    };
    world.nodes.iter().map(place).collect()
}

/// What the call must lead to in this world.
pub(super) fn forecast(world: &World, memory: &Memory, call: Call) -> Forecast {
    let (select, is_forced, in_store) = match call {
        Call::Run { select, is_forced, .. } => (select, is_forced, false),
        Call::Compute { .. } => (Select::All, false, true),
    };
    let asked_for = selected(&world.nodes, select);
    let is_thawed = |stage: &usize| !world.nodes[*stage].is_frozen;
    let mut future = Future {
        world,
        is_forced,
        in_store,
        running: asked_for.iter().copied().filter(is_thawed).collect(),
        asked_for,
        intact: world.intact_objects(),
        places: places(world),
        memory: memory.clone(),
        results: vec![None; world.nodes.len()],
        fates: vec![Fate::Skipped; world.nodes.len()],
    };
    let is_refused = !future.begin(select);
    if !is_refused {
        future.running.clone().into_iter().for_each(|stage| future.bring_up_to_date(stage));
        future.share();
    }
    let Future { fates, results, places, memory, .. } = future;
    Forecast { is_refused, fates, results, places, memory }
}

/// A call under way.
struct Future<'a> {
    world: &'a World,
    is_forced: bool,
    in_store: bool,
    asked_for: BTreeSet<usize>,
    /// Asked for, and not frozen.
    running: BTreeSet<usize>,
    intact: BTreeSet<Digest>,
    places: Places,
    memory: Memory,
    results: Vec<Option<Known>>,
    fates: Vec<Fate>,
}

impl Future<'_> {
    /// Takes what is not run; returns whether the call may begin.
    fn begin(&mut self, select: Select) -> bool {
        if select != Select::All && self.running.is_empty() {
            return false;
        }
        let skipped: Vec<usize> = (0..self.fates.len()).filter(|stage| !self.running.contains(stage)).collect();
        // All of them are tried before the call is refused.
        let missing = skipped.into_iter().filter(|stage| !self.take(*stage)).count();
        missing == 0
    }

    /// Takes what is read of a stage that is not run, or all of it where it is frozen and asked for: what is there, else
    /// what was there last.
    fn take(&mut self, stage: usize) -> bool {
        let is_frozen = self.world.nodes[stage].is_frozen;
        let is_needed = |output: &usize| {
            let mut readers = self.running.iter().map(|reader| &self.world.nodes[*reader]);
            (is_frozen && self.asked_for.contains(&stage))
                || readers.any(|reader| reader.inputs.contains(&(stage, *output)))
        };
        let needed: Vec<usize> = (0..self.places[stage].len()).filter(is_needed).collect();
        let (key, last) = self.memory.current.get(&stage).cloned().unzip();
        let mut outputs = vec![Content::File(Vec::new()); self.places[stage].len()];
        for output in &needed {
            let known = last.as_ref().map(|last| last.outputs[*output].clone());
            let known = known.filter(|content| content.objects().is_subset(&self.intact));
            let Some(content) = self.places[stage][*output].clone().or(known) else { return false };
            self.intact.extend(content.objects());
            if !self.in_store {
                self.places[stage][*output] = Some(content.clone());
            }
            outputs[*output] = content;
        }
        // Of what nobody reads nothing is asked; a result is known again only by all its outputs.
        let last = last.filter(|last| needed.len() == outputs.len() && last.outputs == outputs);
        self.fates[stage] = if is_frozen { Fate::Frozen(key.filter(|_| last.is_some())) } else { Fate::Skipped };
        let sources = last.map(|last| last.sources).unwrap_or_default();
        self.results[stage] = Some(Known { outputs, sources });
        true
    }

    fn bring_up_to_date(&mut self, stage: usize) {
        let node = &self.world.nodes[stage];
        let read = |(from, output): &(usize, usize)| self.results[*from].as_ref().unwrap().outputs[*output].clone();
        let inputs: Vec<Content> = node.inputs.iter().map(read).collect();
        let facts = self.world.facts(node, inputs.clone());
        let key = node.toy.key(&facts);
        let result = Known { outputs: node.toy.compute(&facts), sources: facts.sources };
        let is_current = !self.in_store
            && self.memory.recorded.contains(&key)
            && self.memory.current.get(&stage).is_some_and(|(current, _)| *current == key);
        let is_known = is_current || self.memory.known.contains_key(&key);
        let is_there = |content: &Content| content.objects().is_subset(&self.intact);
        let pairs = result.outputs.iter().zip(&self.places[stage]);
        let wrong: Vec<_> = pairs.filter(|(right, there)| Some(*right) != there.as_ref()).collect();
        let can_restore = is_known && wrong.iter().all(|(right, _)| is_there(right));
        let is_fresh = is_known && if self.in_store { result.outputs.iter().all(is_there) } else { wrong.is_empty() };
        self.fates[stage] = if is_fresh && !self.is_forced {
            Fate::Cached(key.clone())
        } else if can_restore && !self.is_forced && !self.in_store {
            Fate::Restored(key.clone())
        } else {
            inputs.iter().chain(&result.outputs).for_each(|content| self.intact.extend(content.objects()));
            self.memory.known.insert(key.clone(), result.clone());
            self.memory.recorded.insert(key.clone());
            Fate::Ran(key.clone())
        };
        if !self.in_store {
            self.places[stage] = result.outputs.iter().cloned().map(Some).collect();
            self.memory.current.insert(stage, (key, result.clone()));
        }
        self.results[stage] = Some(result);
    }

    /// Where two stages have one result that nobody knew, either of them may find it done by the other, or not.
    fn share(&mut self) {
        let ran = |fate: &Fate| if let Fate::Ran(key) = fate { Some(key.clone()) } else { None };
        let ran: Vec<Key> = self.fates.iter().filter_map(ran).collect();
        let of_runs = |fate: &&Fate| !matches!(fate, Fate::Frozen(_));
        let count = |key: &Key| self.fates.iter().filter(of_runs).filter(|fate| fate.key() == Some(key)).count();
        let shared: BTreeSet<Key> = ran.into_iter().filter(|key| count(key) > 1 && !self.is_forced).collect();
        for fate in self.fates.iter_mut().filter(|fate| !matches!(fate, Fate::Frozen(_))) {
            if let Some(key) = fate.key().filter(|key| shared.contains(*key)).cloned() {
                *fate = Fate::Shared(key);
            }
        }
    }
}
