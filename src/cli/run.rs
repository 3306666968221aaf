//! `segpipe run`: brings the pipeline up to date, or shows what that would mean.
//!
//! For: turning arguments into a run, and a run's report into errors and an exit code. Not for: the run itself
//! (`engine`), its lines (`report`), or its delivery (`tracking`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use segpipe_stages::contract::{Fault, StageError};

use super::args::RunArguments;
use super::failure::Failure;
use super::printer::Printer;
use super::project::{self, Surroundings};
use super::tracking::Tracking;
use super::watch::{Seen, Watch};
use super::{Ending, determinism, panic, shared, signals, status, threads};
use crate::engine::{self, Ports, RunOptions, RunReport};
use crate::event::{Event, EventSink, RunFinished};
use crate::graph::Selection;
use crate::report::{Console, Detail, Json, Look, Timeline};
use crate::spec::pipeline::Pipeline;

/// Where the stage `visualize` puts what a reader looks at first: its kind, its output.
const REPORT: (&str, &str) = ("visualize", "report");

/// Runs, or shows the plan.
pub(super) fn run(around: &Surroundings, arguments: &RunArguments) -> Ending {
    let timeline = arguments.trace.as_ref().map(|_| Arc::default());
    if !arguments.json {
        let console = Arc::new(Console::to_stderr(around.printer.look));
        return begin(around, arguments, &Listeners { console, json: None, timeline });
    }
    // With JSON lines on stdout, people are told of warnings alone.
    let console = Arc::new(Console::to_stderr(quiet(around)));
    let listeners = Listeners { console, json: Some(Arc::new(Json::to_stdout())), timeline };
    let ending = begin(around, arguments, &listeners);
    if let Err(failure) = &ending {
        listeners.end(not_begun(failure.exit_code));
    }
    ending
}

/// Warnings and errors alone.
fn quiet(around: &Surroundings) -> Look {
    Look { detail: Detail::Quiet, is_live: false, ..around.printer.look }
}

/// Who hears of the run.
struct Listeners {
    console: Arc<Console>,
    json: Option<Arc<Json>>,
    /// Only where it is to be written.
    timeline: Option<Arc<Timeline>>,
}

impl Listeners {
    /// Everybody hears everything, but programs hear of the end only when the process's exit code is known.
    fn sink(&self) -> Arc<dyn EventSink> {
        let (console, json, timeline) = (Arc::clone(&self.console), self.json.clone(), self.timeline.clone());
        Arc::new(move |event: Event| {
            if let Some(timeline) = timeline.as_ref().filter(|_| !matches!(event, Event::Progress { .. })) {
                timeline.emit(event.clone());
            }
            if let Some(json) = json.as_ref().filter(|_| !matches!(event, Event::RunFinished(_))) {
                json.emit(event.clone());
            }
            console.emit(event);
        })
    }

    fn end(&self, finished: RunFinished) {
        if let Some(json) = &self.json {
            json.emit(Event::RunFinished(finished));
        }
    }
}

/// The last line about a run that could not begin.
fn not_begun(exit_code: u8) -> RunFinished {
    RunFinished { ok: false, seconds: 0.0, outcomes: BTreeMap::new(), outbox: None, exit_code }
}

fn begin(around: &Surroundings, arguments: &RunArguments, listeners: &Listeners) -> Ending {
    let options = options(arguments)?;
    if let Some(stage) = &arguments.check_determinism {
        let pipeline = around.open(&arguments.overriding)?;
        return determinism::check(around, &pipeline, stage, &options, listeners.sink());
    }
    if arguments.dry_run {
        let pipeline = around.open(&arguments.overriding)?;
        return show_plan(around, &pipeline, &options, listeners.json.as_deref());
    }
    if let Some(path) = &arguments.trace {
        // Before anything is run for it.
        write_trace(path, "")?;
    }
    let sink = listeners.sink();
    let (heard, is_idle) = (Arc::clone(&sink), Arc::new(AtomicBool::new(false)));
    let nothing_runs = Arc::clone(&is_idle);
    let is_cancelled = signals::listen(move || {
        if !nothing_runs.load(Ordering::Relaxed) {
            heard.emit(Event::Interrupted);
        }
    });
    let round = Round { around, arguments, listeners, sink, is_cancelled, is_idle };
    if arguments.watch {
        round.again_and_again(options)
    } else {
        round.run(around.open(&arguments.overriding)?, options)
    }
}

/// What every run of one command has in common.
struct Round<'a> {
    around: &'a Surroundings,
    arguments: &'a RunArguments,
    listeners: &'a Listeners,
    sink: Arc<dyn EventSink>,
    is_cancelled: Arc<AtomicBool>,
    /// Whether a saved file is waited for.
    is_idle: Arc<AtomicBool>,
}

impl Round<'_> {
    /// Runs once, tells of it, and delivers.
    fn run(&self, pipeline: Pipeline, options: RunOptions) -> Ending {
        let Self { around, arguments, listeners, .. } = *self;
        if let Some(report) = project::output(&pipeline, REPORT.0, REPORT.1) {
            listeners.console.point_to(report);
        }
        let tracking = Tracking::of(&pipeline);
        let ports = Ports {
            sources: project::sources(&pipeline),
            tracker: Arc::new(tracking.outbox.clone()),
            sink: Arc::clone(&self.sink),
            remote: shared::remote(&pipeline, &self.is_cancelled)?,
            is_cancelled: Arc::clone(&self.is_cancelled),
        };
        let report = engine::run(pipeline, options, ports)?;
        around.keep();
        explain(around, &report);
        if let (Some(path), Some(timeline)) = (&arguments.trace, &listeners.timeline) {
            write_trace(path, &timeline.text(path))?;
        }
        let printer = if arguments.json { Printer::new(quiet(around)) } else { around.printer };
        let exit_code = tracking.after(&report.finished, printer, &self.is_cancelled);
        listeners.end(RunFinished { ok: exit_code == 0, exit_code, ..report.finished });
        Ok(exit_code)
    }

    /// Runs, and again whenever a file is saved that the pipeline reads, until it is interrupted; what goes wrong
    /// waits for the save that mends it.
    fn again_and_again(&self, mut options: RunOptions) -> Ending {
        let mut watch = Watch::begin(&self.around.file)?;
        loop {
            let (seen, pipeline) = self.look(&mut watch);
            let ended = pipeline.and_then(|pipeline| self.run(pipeline, options.clone()));
            let exit_code = ended.unwrap_or_else(|failure| self.tell(&failure));
            options.is_forced = false;
            if self.is_cancelled.load(Ordering::Relaxed) {
                return Ok(exit_code);
            }
            self.around.printer.say("watching for saved files; Ctrl-C ends it");
            self.is_idle.store(true, Ordering::Relaxed);
            while self.look(&mut watch).0 == seen {
                if !watch.wait(&seen, &self.is_cancelled) {
                    return Ok(0);
                }
            }
            self.is_idle.store(false, Ordering::Relaxed);
        }
    }

    /// What there is to see. Whatever is saved from now on is heard.
    fn look(&self, watch: &mut Watch) -> (Seen, Result<Pipeline, Failure>) {
        Seen::now(&self.around.file, || {
            let pipeline = self.around.open(&self.arguments.overriding)?;
            watch.listen_for(&pipeline)?;
            Ok(pipeline)
        })
    }

    fn tell(&self, failure: &Failure) -> u8 {
        self.around.printer.failure(failure);
        self.listeners.end(not_begun(failure.exit_code));
        failure.exit_code
    }
}

fn write_trace(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::disk("write", path, &error))
}

fn options(arguments: &RunArguments) -> Result<RunOptions, Failure> {
    let selection = Selection {
        from: arguments.from.clone(),
        to: arguments.to.clone(),
        only: arguments.only.clone(),
        expressions: arguments.select.clone(),
    };
    Ok(RunOptions {
        selection,
        is_forced: arguments.force,
        jobs: arguments.jobs,
        threads: threads::wanted(arguments.threads)?,
        keeps_going: arguments.keep_going,
        refuses_to_wait: arguments.no_wait,
        is_locked: arguments.locked,
        is_strict: arguments.strict,
    })
}

fn show_plan(around: &Surroundings, pipeline: &Pipeline, options: &RunOptions, json: Option<&Json>) -> Ending {
    let plan = engine::plan(pipeline, options, project::sources(pipeline).as_ref())?;
    match json {
        Some(json) => json.plan(&plan),
        None => status::print(around, &plan)?,
    }
    Ok(0)
}

/// Says in full why stages failed, and what `--locked` found.
fn explain(around: &Surroundings, report: &RunReport) {
    for failure in failures(report) {
        around.printer.failure(&panic::explain(failure));
    }
}

fn failures(report: &RunReport) -> Vec<Failure> {
    let code = report.finished.exit_code;
    let is_interruption = |error: &StageError| matches!(error.fault, Fault::Cancelled);
    let mut failures = Vec::new();
    if code == engine::exit_code(Fault::Cancelled) {
        let hint = "the stages that were done are kept; run again to go on";
        failures.push(Failure::new(code, "interrupted").with_hint(hint));
    }
    for failure in report.failures.iter().filter(|failure| !is_interruption(&failure.error)) {
        failures.push(Failure::of_failed(failure));
    }
    if !report.lock_differences.is_empty() {
        let text = "the results are not those of pipeline.lock";
        let hint = "if they are meant to differ, `segpipe run` without `--locked` writes pipeline.lock anew";
        let details = report.lock_differences.iter().map(|difference| format!("  {difference}"));
        let details = details.collect::<Vec<_>>().join("\n");
        failures.push(Failure { details: Some(details), ..Failure::new(1, text).with_hint(hint) });
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Failure as FailedStage;

    fn report(exit_code: u8, failures: Vec<FailedStage>, lock_differences: &[&str]) -> RunReport {
        let lock_differences = lock_differences.iter().map(|text| (*text).to_owned()).collect();
        RunReport { finished: not_begun(exit_code), failures, lock_differences }
    }

    fn failed(stage: &str, error: StageError) -> FailedStage {
        FailedStage { stage: stage.to_owned(), error }
    }

    #[test]
    fn every_failed_stage_is_explained() {
        let failures = failures(&report(
            3,
            vec![
                failed("load", StageError::new(Fault::Data, "no rows").with_hint("look at it")),
                failed("draw", StageError::new(Fault::Stage, "no ink")),
            ],
            &[],
        ));
        let texts: Vec<_> = failures.iter().map(|failure| failure.message.as_str()).collect();
        assert_eq!(texts, ["`load`: no rows", "`draw`: no ink"]);
        assert_eq!(failures[0].hint.as_deref(), Some("look at it"));
    }

    #[test]
    fn an_interruption_is_said_once_however_many_stages_it_stopped() {
        let stopped = || failed("train", StageError::cancelled());
        let failures = failures(&report(130, vec![stopped(), stopped()], &[]));
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].message, "interrupted");
    }

    #[test]
    fn differences_from_the_lock_are_listed() {
        let failures = failures(&report(1, Vec::new(), &["output rfm.customers: locked 1, now 2"]));
        assert_eq!(failures[0].details.as_deref(), Some("  output rfm.customers: locked 1, now 2"));
    }
}
