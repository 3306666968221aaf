//! `segpipe sweep`: every combination of some params, ranked.
//!
//! For: turning arguments into a sweep, and what came of it into a table, an exit code and a delivery. Not for: the
//! sweep itself (`sweep`), or its delivery (`tracking`).

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use segpipe_stages::contract::{Fault, Note, NoteLevel, Observer, RunStatus};
use segpipe_stages::numerals::{aligned, counted};
use serde_json::{Map, Value, json};

use super::args::SweepArguments;
use super::failure::Failure;
use super::printer::Printer;
use super::project::{self, Surroundings};
use super::tracking::Tracking;
use super::{Ending, diff, place, shared, signals, threads};
use crate::engine::{self, Ports, RunOptions};
use crate::event::{Event, EventSink, StageFinished};
use crate::mlflow::Receipt;
use crate::report::Task;
use crate::sweep::{Combination, Grid, SCALINGS, Study, Sweep, SweepError, Table};

/// Columns of the table that the terminal does without: combination, reason.
const UNSHOWN: usize = 2;

/// Computes, ranks, seals and tries to deliver.
pub(super) fn sweep(around: &Surroundings, arguments: &SweepArguments) -> Ending {
    check_output(arguments.output.as_deref())?;
    let grid = Grid::parse(&arguments.sets).map_err(|error| refused(SweepError::from(error)))?;
    let sweep = Sweep::read(&around.file, around.stages, arguments.profile.as_ref(), grid).map_err(refused)?;
    let sweep = Arc::new(sweep);
    let tracking = Tracking::of(sweep.pipeline());
    let printer = around.printer;
    let is_cancelled = signals::listen(move || printer.say(signals::FINISHING));
    let study = compute(around, arguments, &sweep, &tracking, &is_cancelled)?;
    if study.is_interrupted {
        let hint = "what was done is kept; the same command goes on with the rest";
        return Err(Failure::new(engine::exit_code(Fault::Cancelled), "interrupted").with_hint(hint));
    }
    if let Some(failed) = &study.failure {
        return Err(Failure::of_failed(failed));
    }
    check_metric(&study, &arguments.by)?;
    show(around, arguments, &study)?;
    let exit_code = tell_failures(printer, &study);
    let (entry, sealed) = sweep.seal(&study, &arguments.by, &tracking.outbox).map_err(|error| Failure::from(&error))?;
    if sealed == 0 {
        return Ok(tell_known(printer, &entry, exit_code));
    }
    Ok(tracking.after_sealing(&entry, exit_code, printer, &is_cancelled))
}

fn check_output(output: Option<&Path>) -> Result<(), Failure> {
    let is_csv = |path: &Path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    match output {
        Some(path) if !is_csv(path) => {
            let text = format!("`{}` does not end in `.csv`, and the table is written as CSV", path.display());
            Err(Failure::usage(text).with_hint("name a file that ends in `.csv`"))
        }
        _ => Ok(()),
    }
}

fn refused(error: SweepError) -> Failure {
    match error {
        SweepError::Spec(error) => project::of_spec(&error),
        SweepError::Engine(error) => Failure::from(error),
        SweepError::Grid(_) => {
            Failure::usage(error.to_string()).with_hint("e.g. `--set train.k=2..10 --set train.scaling=standard,log`")
        }
        SweepError::Frozen { .. } => {
            Failure::usage(error.to_string()).with_hint("take `frozen` away, or sweep what comes after the stage")
        }
        SweepError::NothingToRank | SweepError::Tracking { .. } => Failure::usage(error.to_string()),
    }
}

fn compute(
    around: &Surroundings,
    arguments: &SweepArguments,
    sweep: &Arc<Sweep>,
    tracking: &Tracking,
    is_cancelled: &Arc<AtomicBool>,
) -> Result<Study, Failure> {
    let options = RunOptions {
        jobs: arguments.jobs,
        threads: threads::wanted(arguments.threads)?,
        refuses_to_wait: arguments.no_wait,
        ..RunOptions::default()
    };
    let task = Task::new("sweep", around.printer.look, Arc::clone(is_cancelled));
    let listener = Listener { task, sweep: Arc::clone(sweep), heard: Mutex::default() };
    let ports = Ports {
        sources: project::sources(sweep.pipeline()),
        tracker: Arc::new(tracking.outbox.clone()),
        sink: Arc::new(listener),
        remote: shared::remote(sweep.pipeline(), is_cancelled)?,
        is_cancelled: Arc::clone(is_cancelled),
    };
    sweep.compute(options, ports).map_err(refused)
}

/// Counts the stages that are done, and hands on the warnings of those that every combination has.
struct Listener {
    task: Task,
    sweep: Arc<Sweep>,
    heard: Mutex<(u64, BTreeSet<String>)>,
}

impl EventSink for Listener {
    fn emit(&self, event: Event) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::StageFinished(StageFinished { .. }) => {
                heard.0 += 1;
                self.task.progress(heard.0, self.sweep.stages() as u64);
            }
            Event::Noted { stage, note } if note.level == NoteLevel::Warning => {
                let is_of_all = stage.as_deref().is_none_or(|stage| self.sweep.is_shared(stage));
                if is_of_all && heard.1.insert(note.text.clone()) {
                    self.task.note(note);
                }
            }
            Event::Waiting { pid, .. } => {
                let holder = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
                let text = format!("another run holds this project{holder}; waiting for it");
                self.task.note(Note { level: NoteLevel::Info, text });
            }
            _ => {}
        }
    }
}

/// Whether any combination has the metric, where any has come to its end.
fn check_metric(study: &Study, by: &str) -> Result<(), Failure> {
    let known = study.metrics();
    if known.is_empty() || study.combinations.iter().any(|combination| combination.metric(by).is_some()) {
        return Ok(());
    }
    let whole: Vec<&str> = known.into_iter().filter(|name| !name.contains('/')).collect();
    let text = format!("no combination has a number for the metric `{by}`");
    Err(Failure::usage(text).with_hint(format!("metrics are: {}", whole.join(", "))))
}

fn show(around: &Surroundings, arguments: &SweepArguments, study: &Study) -> Result<(), Failure> {
    let table = study.table(&arguments.by);
    if arguments.json {
        Printer::lines(&[object(study, &arguments.by)])?;
    } else {
        Printer::lines(&[text(&table, study.targets.len())])?;
    }
    if let Some(path) = &arguments.output {
        place::write(path, |out| out.write_all(table.to_csv().as_bytes()).map_err(place::failed(path)))?;
        let rows = counted(table.rows.len() as u64, "combination");
        around.printer.say(&format!("wrote `{}`: {rows}", path.display()));
    }
    if study.has_several_scalings() {
        around.printer.say(&format!("mind: {SCALINGS}"));
    }
    Ok(())
}

/// The table with numbers as people read them.
fn text(table: &Table, targets: usize) -> String {
    let width = table.columns.len() - UNSHOWN;
    let metrics = targets + 1..width - 1;
    let shown = |row: &Vec<String>| -> Vec<String> {
        let cell = |(column, cell): (usize, &String)| match cell.parse() {
            Ok(value) if metrics.contains(&column) => diff::number(value),
            _ => cell.clone(),
        };
        row.iter().take(width).enumerate().map(cell).collect()
    };
    let is_right: Vec<bool> = (0..width).map(|column| column == 0 || metrics.contains(&column)).collect();
    let head = table.columns[..width].to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(table.rows.iter().map(shown)).collect();
    aligned(&rows, &is_right)
}

fn object(study: &Study, by: &str) -> String {
    let ranked = (1..).zip(study.ranked(by));
    let combinations: Vec<Value> = ranked.map(|(rank, combination)| one(study, combination, rank, by)).collect();
    let scalings = study.has_several_scalings();
    json!({ "by": by, "has_several_scalings": scalings, "combinations": combinations }).to_string()
}

fn one(study: &Study, combination: &Combination, rank: usize, by: &str) -> Value {
    let params: Map<String, Value> =
        study.targets.iter().cloned().zip(combination.values.iter().map(|value| Value::from(value.as_str()))).collect();
    let rows = combination.record.rows.iter().filter(|row| row.kind == "metric" && row.step.is_none());
    let metrics: Map<String, Value> = rows.map(|row| (row.key.clone(), row.value.into())).collect();
    json!({
        "rank": combination.metric(by).map(|_| rank), "combination": combination.number, "params": params,
        "status": combination.run.status, "reason": combination.failure, "metrics": metrics,
    })
}

/// A line for every combination that failed; the exit code.
fn tell_failures(printer: Printer, study: &Study) -> u8 {
    let failed = study.combinations.iter().filter(|one| one.run.status != RunStatus::Finished);
    let mut count = 0;
    for combination in failed {
        count += 1;
        let reason = combination.failure.as_deref().unwrap_or("no reason is known");
        printer.warn(&format!("`{}` failed: {reason}", combination.sets.join(" ")));
    }
    u8::from(count > 0)
}

/// An equal sweep was sealed before: nothing new is told to anybody.
fn tell_known(printer: Printer, entry: &Path, exit_code: u8) -> u8 {
    match Receipt::read(entry) {
        Ok(Some(receipt)) => printer.say(&format!("this sweep was tracked before: {}", receipt.url)),
        _ => printer.say("this sweep waits already to be delivered; `segpipe push` delivers"),
    }
    exit_code
}
