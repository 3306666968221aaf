//! `segpipe run --check-determinism`: a stage run twice, and whether it wrote the same.
//!
//! For: turning what was compared into a remark or an error. Not for: running or comparing (`engine::twice`).

use std::sync::Arc;

use segpipe_stages::contract::{FinishedRun, StageError, Tracker};
use segpipe_stages::numerals::counted;

use super::failure::Failure;
use super::project::{self, Surroundings};
use super::{Ending, panic, signals};
use crate::engine::twice::{Against, Differs, Twice};
use crate::engine::{self, Ports, RunOptions};
use crate::event::{Event, EventSink};
use crate::spec::pipeline::Pipeline;

/// Runs the stage twice and says what came of it.
pub(super) fn check(
    around: &Surroundings,
    pipeline: &Pipeline,
    stage: &str,
    options: &RunOptions,
    sink: Arc<dyn EventSink>,
) -> Ending {
    let heard = Arc::clone(&sink);
    let is_cancelled = signals::listen(move || heard.emit(Event::Interrupted));
    let ports =
        Ports { sources: project::sources(pipeline), tracker: Arc::new(Nobody), sink, remote: None, is_cancelled };
    let twice = engine::run_twice(pipeline, stage, options, ports)?;
    let mut failures = twice.failures.iter();
    if let Some(last) = failures.next_back() {
        failures.for_each(|failure| around.printer.failure(&panic::explain(Failure::of_failed(failure))));
        return Err(Failure::of_failed(last));
    }
    if twice.differences.is_empty() {
        around.printer.say(&agreement(&twice));
        return Ok(0);
    }
    Err(disagreement(&twice))
}

fn agreement(twice: &Twice) -> String {
    let outputs = counted(twice.outputs as u64, "output");
    let threads = twice.threads.map(|[one, other]| format!(" with {one} and {other} threads")).unwrap_or_default();
    let known = if twice.has_known { ", as in the result that is known" } else { "" };
    format!("`{}` was run twice{threads}: every byte of {outputs} is the same{known}", twice.stage)
}

fn disagreement(twice: &Twice) -> Failure {
    let lines: Vec<String> = twice.differences.iter().map(line).collect();
    let is_program = twice.threads.is_none();
    let hint = if is_program {
        "the usual causes are a clock, a random number without a seed, and an order that is left to chance"
    } else {
        "this is a bug in segpipe, or in the memory of this machine: please report it"
    };
    let text = format!("`{}` does not give the same result every time", twice.stage);
    Failure { details: Some(lines.join("\n")), ..Failure::new(1, text).with_hint(hint) }
}

fn line(differs: &Differs) -> String {
    let output = &differs.output;
    match &differs.against {
        Against::Run(difference) => format!("  output `{output}` of the two runs: {difference}"),
        Against::Known { known, found } => format!(
            "  output `{output}` of both runs has the digest {found}, and that of the result that is known is {known}"
        ),
    }
}

/// Nobody is told of such runs.
struct Nobody;

impl Tracker for Nobody {
    fn seal(&self, _run: &FinishedRun) -> Result<std::path::PathBuf, StageError> {
        Err(StageError::bug("a run that keeps nothing is not sealed"))
    }

    fn seal_return(&self, _run: &FinishedRun) -> Result<Option<std::path::PathBuf>, StageError> {
        Ok(None)
    }
}
