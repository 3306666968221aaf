//! Why a stage failed, and whose fault it is.
//!
//! For: [`StageError`], and what an error type of a stage's own has to say to become one ([`StageFault`]).
//! Not for: exit codes and how errors are printed; the command line decides those from the [`Fault`].
//! Called by: every stage; the orchestrator.

use std::error::Error;
use std::fmt;
use std::path::Path;

/// Whose fault a failure is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The data cannot be used: missing, unreadable, rejected (exit code 3).
    Data,
    /// The params fit each other but not this data or this stage (exit code 2).
    Params,
    /// Reading or writing segpipe's own files failed (exit code 4).
    Disk,
    /// The stage could not do its work for a reason of its own (exit code 1).
    Stage,
    /// The run was interrupted (exit code 130).
    Cancelled,
    /// Something that cannot happen did (exit code 70).
    Bug,
}

/// Why a stage failed: one sentence fragment, what to do about it, and details worth a table.
#[derive(Debug)]
pub struct StageError {
    /// Whose fault it is.
    pub fault: Fault,
    /// Lower-case fragment with backticked names and the path where there is one.
    pub message: String,
    /// What the reader can do about it.
    pub hint: Option<String>,
    /// Several lines to print below, e.g. a table of broken rules.
    pub details: Option<String>,
    /// What caused it.
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl StageError {
    /// An error with nothing but a fault and a message.
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into(), hint: None, details: None, cause: None }
    }

    /// Something that cannot happen.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Fault::Bug, message)
    }

    /// The run was interrupted.
    pub fn cancelled() -> Self {
        Self::new(Fault::Cancelled, "interrupted")
    }

    /// Reading or writing `path` failed.
    pub fn disk(action: &str, path: &Path, cause: std::io::Error) -> Self {
        let message = format!("cannot {action} `{}`", path.display());
        Self { cause: Some(Box::new(cause)), ..Self::new(Fault::Disk, message) }
    }

    /// The same error with a hint.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for StageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

// `StageError` is deliberately not an `Error` itself, so that every stage's own error type converts into it below.

/// A stage's own error type: says whose fault each of its cases is, and what to do about it.
pub trait StageFault: Error + Send + Sync + 'static {
    /// Whose fault it is.
    fn fault(&self) -> Fault;

    /// What the reader can do about it.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Several lines to print below the message.
    fn details(&self) -> Option<String> {
        None
    }
}

impl<E: StageFault> From<E> for StageError {
    fn from(error: E) -> Self {
        let (fault, hint, details) = (error.fault(), error.hint(), error.details());
        let cause = error.source().map(|source| source.to_string().into());
        Self { fault, message: error.to_string(), hint, details, cause }
    }
}
