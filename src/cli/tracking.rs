//! `segpipe push`, and the try to deliver after `segpipe run`.
//!
//! For: what is said of a delivery, and the exit code that it gives. Not for: delivering (`mlflow`).

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use segpipe_stages::contract::Stage;
use segpipe_stages::track::{Track, TrackParams};

use super::args::{Overriding, PushArguments};
use super::failure::Failure;
use super::printer::Printer;
use super::project::{self, Surroundings};
use super::{Ending, signals};
use crate::event::RunFinished;
use crate::mlflow::{self, DeliveryError, Destination, Outbox, Patience, Pushed, Receipt, Scope};
use crate::report::Task;
use crate::spec::pipeline::Pipeline;
use crate::store::ARTIFACTS;

/// Folder of runs that wait for a tracking server, in [`ARTIFACTS`].
const OUTBOX: &str = ".outbox";

/// The exit code where a delivery was demanded and did not succeed.
const UNDELIVERED: u8 = 5;

/// Delivers what waits.
pub(super) fn push(around: &Surroundings, arguments: &PushArguments) -> Ending {
    let tracking = Tracking::of(&around.open(&Overriding::default())?);
    let printer = around.printer;
    let destination = tracking.destination().map_err(|error| failure(&error))?;
    let is_cancelled = signals::listen(move || printer.say(signals::FINISHING));
    let scope = if arguments.verify { Scope::Everything } else { Scope::Waiting };
    let task = Task::new("push", printer.look, is_cancelled);
    let pushed = mlflow::push(&tracking.outbox, &destination, &Patience::of_push(), scope, &task);
    drop(task);
    let pushed = pushed.map_err(|error| failure(&error))?;
    tell(printer, &pushed);
    let Some(error) = pushed.error() else {
        if pushed.tried.is_empty() {
            printer.say(&format!("nothing waits to be delivered to {}", destination.shown()));
        }
        return Ok(0);
    };
    let failure = failure(error);
    let message = format!("{} in `{}`: {}", waiting(pushed.waiting()), tracking.shown().display(), failure.message);
    Err(Failure { message, ..failure })
}

/// A line for every entry that was delivered, and for every one that failed but the first, which ends the command.
fn tell(printer: Printer, pushed: &Pushed) {
    let mut has_failed = false;
    for tried in &pushed.tried {
        let name = tried.path.file_name().unwrap_or_default().to_string_lossy();
        match &tried.result {
            Ok(receipt) => printer.say(&format!("delivered {name}: {}", described(receipt))),
            Err(error) if has_failed => printer.warn(&format!("{name} waits: {}", line(error))),
            Err(_) => has_failed = true,
        }
    }
}

/// What the pipeline says about tracking, and where its runs wait.
pub(super) struct Tracking {
    pub(super) outbox: Outbox,
    directory: PathBuf,
    params: TrackParams,
}

impl Tracking {
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let directory = pipeline.directory.join(ARTIFACTS).join(OUTBOX);
        let stage = pipeline.stages.iter().find(|stage| stage.stage.name() == Track.name());
        let params = stage.and_then(|stage| stage.params.to().ok()).unwrap_or_default();
        Self { outbox: Outbox::new(directory.clone()), directory, params }
    }

    fn destination(&self) -> Result<Destination, DeliveryError> {
        Destination::resolve(self.params.tracking_uri.as_deref())
    }

    /// The folder of what waits, as a reader would write it.
    fn shown(&self) -> PathBuf {
        project::shown(&self.directory)
    }

    /// Tries to deliver a run that was sealed; returns the exit code that the process is to have.
    pub(super) fn after(&self, run: &RunFinished, printer: Printer, is_interrupted: &Arc<AtomicBool>) -> u8 {
        match &run.outbox {
            Some(entry) => self.after_sealing(entry, run.exit_code, printer, is_interrupted),
            None => run.exit_code,
        }
    }

    /// The same for an entry, of a process that would end with `exit_code`.
    pub(super) fn after_sealing(
        &self,
        entry: &Path,
        exit_code: u8,
        printer: Printer,
        is_interrupted: &Arc<AtomicBool>,
    ) -> u8 {
        // Whoever interrupted the run meant the run; one more signal ends this too.
        let was_interrupted = is_interrupted.load(Ordering::Relaxed);
        let stop = if was_interrupted { Arc::default() } else { Arc::clone(is_interrupted) };
        let task = Task::new("track", printer.look, stop);
        let (outcome, is_chosen) = self.try_once(&task);
        drop(task);
        let error = match (&outcome, Receipt::read(entry)) {
            (_, Ok(Some(receipt))) => {
                self.tell_delivered(printer, &receipt);
                return exit_code;
            }
            (Err(error), _) => Some(error),
            (Ok(pushed), _) => pushed.error(),
        };
        self.tell_undelivered(printer, error, is_chosen, exit_code, entry)
    }

    /// Whether somebody named the server is known even where it does not answer.
    fn try_once(&self, task: &Task) -> (Result<Pushed, DeliveryError>, bool) {
        match self.destination() {
            Ok(destination) => {
                let pushed = mlflow::push(&self.outbox, &destination, &Patience::of_run(), Scope::Waiting, task);
                (pushed, destination.is_chosen())
            }
            Err(error) => (Err(error), true),
        }
    }

    fn tell_delivered(&self, printer: Printer, receipt: &Receipt) {
        printer.say(&format!("tracked: {}", described(receipt)));
        let others = self.outbox.entries().map_or(0, |waiting| waiting.len());
        if others > 0 {
            printer.say(&format!("{} in `{}`; `segpipe push` delivers", waiting(others), self.shown().display()));
        }
    }

    /// One line, or an error where delivery is demanded.
    fn tell_undelivered(
        &self,
        printer: Printer,
        error: Option<&DeliveryError>,
        is_chosen: bool,
        exit_code: u8,
        entry: &Path,
    ) -> u8 {
        let why = error.map_or_else(|| "no reason is known".to_owned(), line);
        if self.params.required {
            let failure = error.map_or_else(|| Failure::new(UNDELIVERED, why), failure);
            let message = format!("the run could not be delivered, and `track.required` is set: {}", failure.message);
            printer.failure(&Failure { message, ..failure });
            return if exit_code == 0 { UNDELIVERED } else { exit_code };
        }
        let count = self.outbox.entries().map_or(1, |waiting| waiting.len());
        let place = if count > 1 { self.shown() } else { project::shown(entry) };
        let text = format!("not tracked yet: {why}; {} in `{}` for `segpipe push`", waiting(count), place.display());
        // Who named no server need not miss one.
        if is_chosen {
            printer.warn(&text);
        } else {
            printer.say(&text);
        }
        exit_code
    }
}

fn waiting(count: usize) -> String {
    if count == 1 { "1 run waits".to_owned() } else { format!("{count} runs wait") }
}

/// Where a run is, and what became of its model.
fn described(receipt: &Receipt) -> String {
    match &receipt.model {
        // A project that went back to a result of which the server never heard, or has nothing any more.
        None if receipt.run_id.is_empty() => format!("{} has no version with this model to go back to", receipt.url),
        Some(model) => format!("{}, {} version {}, {}", receipt.url, model.name, model.version, model.decision),
        None => receipt.url.clone(),
    }
}

fn failure(error: &DeliveryError) -> Failure {
    let failure = Failure::new(UNDELIVERED, error.to_string());
    let failure = match error.source() {
        Some(cause) => failure.caused_by(cause),
        None => failure,
    };
    Failure { hint: error.hint(), ..failure }
}

/// An error on one line: what it is, and what is behind it at the bottom.
fn line(error: &DeliveryError) -> String {
    let failure = failure(error);
    match failure.causes.last() {
        Some(cause) => format!("{} ({cause})", failure.message),
        None => failure.message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlflow::ModelReceipt;

    #[test]
    fn a_delivered_run_is_one_line_with_its_page_version_and_decision() {
        let mut receipt = Receipt { url: "http://h/#/r".to_owned(), run_id: "r".to_owned(), model: None };
        assert_eq!(described(&receipt), "http://h/#/r");
        receipt.model = Some(ModelReceipt {
            name: "m".to_owned(),
            version: "3".to_owned(),
            is_champion: true,
            decision: "champion: `track.promote` is `always`".to_owned(),
        });
        assert_eq!(described(&receipt), "http://h/#/r, m version 3, champion: `track.promote` is `always`");
    }

    #[test]
    fn an_error_is_one_line_with_what_is_behind_it() {
        let source = std::io::Error::other("full");
        let error = DeliveryError::File { action: "write", path: PathBuf::from("a"), source };
        assert_eq!(line(&error), "cannot write `a` (full)");
        assert_eq!(failure(&error).exit_code, UNDELIVERED);
        assert_eq!((waiting(1), waiting(2)), ("1 run waits".to_owned(), "2 runs wait".to_owned()));
    }
}
