//! The oracle: random pipelines, random edits, and after every step what must be true.
//!
//! After every call the outputs are those of a run from scratch, and exactly those stages were executed whose result
//! nobody had computed before, or whose result was lost by damage. What must be true is said by `memory`, which shares
//! no code with the engine; the stages (`toy`) are pure functions that ignore some of what they are given.
//!
//! `SEGPIPE_ORACLE_ROUNDS=1000` plays more scenarios, `SEGPIPE_ORACLE_SEED=17` that one (and those after it, with both).

mod check;
mod content;
mod edit;
mod memory;
mod random;
mod scenario;
mod toy;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use scenario::Scenario;

/// Scenarios where nothing else is asked for.
const ROUNDS: u64 = 60;
/// Played at once.
const AT_ONCE: usize = 2;

fn wanted(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

#[test]
fn whatever_happens_the_outputs_are_those_of_a_run_from_scratch_and_nothing_fresh_is_run() {
    let seed = wanted("SEGPIPE_ORACLE_SEED");
    let first = seed.unwrap_or(0);
    let end = first + wanted("SEGPIPE_ORACLE_ROUNDS").unwrap_or(if seed.is_some() { 1 } else { ROUNDS });
    let next = AtomicU64::new(first);
    std::thread::scope(|scope| {
        let play = || {
            while let Some(seed) = Some(next.fetch_add(1, Ordering::SeqCst)).filter(|seed| *seed < end) {
                let scenario = Scenario::draw(seed);
                if let Err(wrong) = scenario.play() {
                    next.store(end, Ordering::SeqCst);
                    let (shortest, wrong) = scenario.shorten(wrong);
                    panic!(
                        "SEGPIPE_ORACLE_SEED={seed} goes wrong.\n{wrong}\nin the shortest form found:\n{shortest:#?}"
                    );
                }
            }
        };
        for _ in 0..AT_ONCE {
            scope.spawn(play);
        }
    });
}
