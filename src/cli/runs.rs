//! `segpipe runs`: the local runs, newest first.
//!
//! For: a table for people, an object for programs. Not for: finding or reading runs (`history`).

use jiff::Timestamp;
use segpipe_stages::contract::RunStatus;
use segpipe_stages::numerals::aligned;
use serde_json::{Value, json};

use super::Ending;
use super::args::{Overriding, RunsArguments};
use super::failure::Failure;
use super::printer::Printer;
use super::project::Surroundings;
use super::tracking::Tracking;
use crate::history::{History, LocalRun};
use crate::mlflow::{Receipt, SweepPart};
use crate::store::StoreError;

const HEAD: [&str; 9] = ["run", "when (UTC)", "outcome", "took", "k", "silhouette", "what", "", "delivered"];
const IS_RIGHT: [bool; 9] = [false, false, false, true, true, true, false, false, false];

/// Lists the runs.
pub(super) fn runs(around: &Surroundings, arguments: &RunsArguments) -> Ending {
    let pipeline = around.open(&Overriding::default())?;
    let history = read(&Tracking::of(&pipeline))?;
    if arguments.json {
        let runs: Vec<Value> = history.runs.iter().map(object).collect();
        let unreadable = history.unreadable.iter().map(|(path, problem)| json!({ "path": path, "problem": problem }));
        let unreadable: Vec<Value> = unreadable.collect();
        Printer::lines(&[json!({ "pipeline": pipeline.name, "runs": runs, "unreadable": unreadable }).to_string()])?;
        return Ok(0);
    }
    for (_, problem) in &history.unreadable {
        around.printer.warn(problem);
    }
    if history.runs.is_empty() {
        around.printer.say("no run is kept here yet; `segpipe run` keeps every run that executes something");
        return Ok(0);
    }
    Printer::lines(&[table(&history.runs)])?;
    Ok(0)
}

/// The runs of a project's outbox.
pub(super) fn read(tracking: &Tracking) -> Result<History, Failure> {
    History::read(&tracking.outbox).map_err(|error: StoreError| super::failure::of_fault(&error))
}

fn table(runs: &[LocalRun]) -> String {
    let rows = runs.iter().map(|run| {
        let (what, note) = (what(run), note(run));
        let number = |text: Option<String>| text.unwrap_or_default();
        vec![
            run.short_key().to_owned(),
            when(run.entry.started_ms),
            outcome(run.entry.status).to_owned(),
            format!("{:.1}s", run.seconds()),
            number(run.entry.text_of("model", "k").map(String::from)),
            number(run.entry.metric("silhouette").map(|value| format!("{value:.4}"))),
            what,
            note,
            delivered(run.receipt.as_ref()),
        ]
    });
    let head = HEAD.map(String::from).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    aligned(&rows, &IS_RIGHT)
}

fn outcome(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Finished => "FINISHED",
        RunStatus::Failed => "FAILED",
        RunStatus::Killed => "KILLED",
    }
}

/// To the second.
pub(super) fn when(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default().strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `ran 5, cached 4`.
fn what(run: &LocalRun) -> String {
    if let Some(SweepPart::Parent { combinations, .. }) = &run.entry.sweep {
        return format!("sweep of {combinations}");
    }
    let counts = run.outcomes().into_iter().map(|(outcome, count)| format!("{outcome} {count}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// What is not to be seen from the outcomes.
fn note(run: &LocalRun) -> String {
    match &run.entry.sweep {
        Some(SweepPart::Child { parent, combination, .. }) => {
            format!("{combination} of {}", parent.get(..8).unwrap_or(parent))
        }
        _ if run.entry.is_return => "went back".to_owned(),
        _ => String::new(),
    }
}

fn delivered(receipt: Option<&Receipt>) -> String {
    match receipt {
        None => "waiting".to_owned(),
        Some(receipt) if receipt.run_id.is_empty() => "nothing to tell".to_owned(),
        Some(receipt) => receipt.url.clone(),
    }
}

fn object(run: &LocalRun) -> Value {
    let entry = &run.entry;
    let outcomes: serde_json::Map<String, Value> =
        run.outcomes().into_iter().map(|(outcome, count)| (outcome.to_owned(), count.into())).collect();
    json!({
        "key": entry.key, "name": run.name(), "status": entry.status,
        "started": Timestamp::from_millisecond(entry.started_ms).unwrap_or_default().to_string(),
        "seconds": run.seconds(), "outcomes": outcomes, "went_back": entry.is_return, "sweep": entry.sweep,
        "k": entry.text_of("model", "k").and_then(|k| k.parse::<u64>().ok()),
        "scaling": entry.text_of("model", "scaling"), "silhouette": entry.metric("silhouette"),
        "delivered": run.receipt,
    })
}
