//! What a stage says while it works, and who hears it.
//!
//! For: the port [`Observer`] and the remarks it takes ([`Note`]).
//! Not for: results, which are outputs.
//! Called by: every stage, mostly through its context; reporters, by way of the orchestrator.

use serde::{Deserialize, Serialize};

/// Port: hears what a stage has to say while it works.
pub trait Observer: Send + Sync {
    /// `done` of `total` units are finished (`total` 0: unknown).
    fn progress(&self, done: u64, total: u64);

    /// Something a reader of the run should know, once.
    fn note(&self, note: Note);

    /// A line that a program said which the stage runs.
    fn said(&self, _stream: Stream, _line: &str) {}

    /// Whether the run was interrupted; long loops ask now and then and stop with
    /// [`StageError::cancelled`](super::StageError::cancelled).
    fn is_cancelled(&self) -> bool;
}

/// Where a program said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

/// An [`Observer`] that hears nothing, for tests and for callers with nobody to tell.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn progress(&self, _done: u64, _total: u64) {}
    fn note(&self, _note: Note) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// One remark of a stage. Remarks are stored with the result and repeated when it comes from the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// How much it matters.
    pub level: NoteLevel,
    /// One sentence fragment, lower case.
    pub text: String,
}

/// How much a [`Note`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteLevel {
    /// A decision that was taken, e.g. the detected date format.
    Info,
    /// Something that would mislead a reader who does not know it.
    Warning,
}
