//! A row of edits and calls, drawn from a seed, tried out, and made shorter where it goes wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::check::{self, PLAIN, Wrong};
use super::edit::{Damaged, Edit};
use super::memory::{Call, Memory, Select};
use super::random::Random;
use super::world::World;

/// How often a scenario that goes wrong is tried out again in a shorter form.
const SHORTENINGS: usize = 200;

/// What happens before a call, and the call.
#[derive(Debug, Clone)]
struct Step {
    edits: Vec<Edit>,
    call: Call,
}

/// A project by its seed, and what becomes of it.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    seed: u64,
    steps: Vec<Step>,
}

impl Scenario {
    pub(super) fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let has_twins = World::draw(&mut random.clone()).has_twins;
        let steps = (0..3 + random.below(6)).map(|_| Step {
            edits: (0..random.below(5)).map(|_| Edit::draw(&mut random, has_twins)).collect(),
            call: draw_call(&mut random),
        });
        Self { seed, steps: steps.collect() }
    }

    /// Tries it out.
    pub(super) fn play(&self) -> Result<(), Wrong> {
        let played = catch_unwind(AssertUnwindSafe(|| self.play_on()));
        played.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            Err(text.unwrap_or_else(|| "it panics".to_owned()))
        })
    }

    fn play_on(&self) -> Result<(), Wrong> {
        let mut world = World::draw(&mut Random::new(self.seed));
        let (mut memory, mut damaged) = (Memory::default(), Damaged::new());
        for (number, step) in self.steps.iter().enumerate() {
            for edit in &step.edits {
                edit.happen(&mut world, &mut memory, &mut damaged);
            }
            let call = step.call.within(world.nodes.len());
            memory = check::call(&mut world, &memory, call).map_err(|wrong| format!("step {number}: {wrong}"))?;
        }
        world.nodes.iter_mut().for_each(|node| node.is_frozen = false);
        memory = check::call(&mut world, &memory, PLAIN).map_err(|wrong| format!("in the end: {wrong}"))?;
        check::call(&mut world, &memory, PLAIN).map_err(|wrong| format!("once more: {wrong}"))?;
        check::compare_with_scratch(&world)
    }

    /// The shortest row found that goes wrong as well, and how.
    pub(super) fn shorten(self, wrong: Wrong) -> (Self, Wrong) {
        let (mut shortest, mut budget) = ((self, wrong), SHORTENINGS);
        while let Some(shorter) = shortest.0.shorter().into_iter().find_map(|shorter| {
            budget = budget.checked_sub(1)?;
            let wrong = shorter.play().err()?;
            Some((shorter, wrong))
        }) {
            shortest = shorter;
        }
        shortest
    }

    /// The same without one of its steps, or without one of their edits.
    fn shorter(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for step in 0..self.steps.len() {
            let mut shorter = self.clone();
            shorter.steps.remove(step);
            all.push(shorter);
        }
        for step in 0..self.steps.len() {
            for edit in 0..self.steps[step].edits.len() {
                let mut shorter = self.clone();
                shorter.steps[step].edits.remove(edit);
                all.push(shorter);
            }
        }
        all
    }
}

fn draw_call(random: &mut Random) -> Call {
    let (stage, jobs) = (random.below(8), 1 + random.below(8));
    let select = match random.below(12) {
        0 => Select::Only(stage),
        1 => Select::From(stage),
        2 => Select::To(stage),
        3 => Select::Two(stage, random.below(8)),
        4 => return Call::Compute { stage, a: random.below(4) as u64, jobs },
        _ => Select::All,
    };
    Call::Run { select, is_forced: random.once_in(10), jobs }
}

impl Call {
    /// The same in a pipeline of so many stages.
    fn within(self, count: usize) -> Self {
        let Self::Run { select, is_forced, jobs } = self else { return self };
        let select = match select {
            Select::All => Select::All,
            Select::Only(stage) => Select::Only(stage % count),
            Select::From(stage) => Select::From(stage % count),
            Select::To(stage) => Select::To(stage % count),
            Select::Two(one, other) => Select::Two(one % count, other % count),
        };
        Self::Run { select, is_forced, jobs }
    }
}
