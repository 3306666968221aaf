//! What is left of a panic: one clear message where it ends the process, nothing where somebody caught it.
//!
//! For: keeping what the hook saw until it is known whether anybody wants to read it. A reader of damaged files
//! catches the panics of the libraries it uses, and the engine those of stages. Called by: `cli`.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

use segpipe_stages::contract::Fault;

use super::failure::Failure;
use crate::engine;

/// What to do about a bug.
pub(super) const HINT: &str =
    concat!("please report it with the command and segpipe's version, ", env!("CARGO_PKG_VERSION"));

/// A panic as the hook saw it.
struct Seen {
    message: String,
    place: String,
    /// Taken where `RUST_BACKTRACE` asks for it.
    backtrace: Option<String>,
}

/// The latest panics; a few, because the one that matters may not be the last.
static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());
const KEPT: usize = 8;

/// From now on panics are kept instead of printed.
pub(super) fn install_hook() {
    panic::set_hook(Box::new(keep));
}

fn keep(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("no message").to_owned();
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = Backtrace::capture();
    let is_wanted = backtrace.status() == BacktraceStatus::Captured;
    let seen = Seen { message, place, backtrace: is_wanted.then(|| backtrace.to_string()) };
    let mut kept = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() == KEPT {
        kept.remove(0);
    }
    kept.push(seen);
}

/// The failure of a command that panicked.
pub(super) fn failure() -> Failure {
    let failure = Failure::new(engine::exit_code(Fault::Bug), "this is a bug in segpipe");
    let mut kept = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    complete(failure, kept.pop())
}

/// Adds to a failure of exit code 70 where the panic behind it happened, and what to do.
pub(super) fn explain(failure: Failure) -> Failure {
    if failure.exit_code != engine::exit_code(Fault::Bug) {
        return failure;
    }
    let kept = SEEN.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect::<Vec<_>>();
    let behind = kept.into_iter().rev().find(|seen| failure.message.contains(&seen.message));
    let message = format!("this is a bug in segpipe: {}", failure.message);
    match behind {
        Some(seen) => complete(Failure { message, ..failure }, Some(Seen { message: String::new(), ..seen })),
        None => complete(Failure { message, ..failure }, None),
    }
}

fn complete(failure: Failure, seen: Option<Seen>) -> Failure {
    let hint = failure.hint.clone().or_else(|| Some(HINT.to_owned()));
    let Some(seen) = seen else { return Failure { hint, ..failure } };
    let colon = if seen.message.is_empty() { "" } else { ": " };
    let message = format!("{}{colon}{} (at {})", failure.message, seen.message, seen.place);
    Failure { message, details: failure.details.or(seen.backtrace), hint, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_named_with_its_place_and_what_to_do() {
        let seen = Seen { message: "index out of bounds".into(), place: "a.rs:1:2".into(), backtrace: None };
        let failure = complete(Failure::new(70, "this is a bug in segpipe"), Some(seen));
        assert_eq!(failure.message, "this is a bug in segpipe: index out of bounds (at a.rs:1:2)");
        assert!(failure.hint.unwrap().starts_with("please report it"));
    }

    #[test]
    fn other_failures_are_left_alone() {
        let failure = Failure::usage("no");
        assert_eq!(explain(failure.clone()), failure);
    }
}
