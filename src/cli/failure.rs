//! How a command ends badly: an exit code and what the printer says about it.
//!
//! For: the one form into which every part's errors are turned at the edge. Called by: the commands, `printer`.

use std::error::Error;
use std::fmt;
use std::path::Path;

use segpipe_stages::contract::{Fault, StageError, StageFault};

use crate::engine::{self, EngineError};

/// The exit code of wrong usage.
pub(super) const USAGE: u8 = 2;

/// Why a command ends badly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Failure {
    /// The process's exit code.
    pub(super) exit_code: u8,
    /// What went wrong.
    pub(super) message: String,
    /// What caused it, outermost first.
    pub(super) causes: Vec<String>,
    /// Several lines, e.g. a table.
    pub(super) details: Option<String>,
    /// What can be done about it.
    pub(super) hint: Option<String>,
}

impl Failure {
    pub(super) fn new(exit_code: u8, message: impl Into<String>) -> Self {
        Self { exit_code, message: message.into(), ..Self::default() }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, message)
    }

    /// Reading or writing `path` failed.
    pub(super) fn disk(action: &str, path: &Path, cause: &dyn Error) -> Self {
        let message = format!("cannot {action} `{}`", path.display());
        Self::new(engine::exit_code(Fault::Disk), message).caused_by(cause)
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same with `cause` and everything behind it.
    pub(super) fn caused_by(mut self, cause: &dyn Error) -> Self {
        let mut next = Some(cause);
        while let Some(error) = next {
            let text = error.to_string();
            if !self.message.contains(&text) && self.causes.last() != Some(&text) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// The failure of a stage.
    pub(super) fn of_failed(failed: &engine::Failure) -> Self {
        let failure = Self::from(&failed.error);
        Self { message: format!("`{}`: {}", failed.stage, failure.message), ..failure }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<&StageError> for Failure {
    fn from(error: &StageError) -> Self {
        let failure = Self {
            details: error.details.clone(),
            hint: error.hint.clone(),
            ..Self::new(engine::exit_code(error.fault), error.message.as_str())
        };
        match &error.cause {
            Some(cause) => failure.caused_by(cause.as_ref()),
            None => failure,
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let (exit_code, hint) = (error.exit_code(), error.hint());
        let failure = match error {
            EngineError::Plan(error) => Self::from(&error),
            error => match error.source() {
                Some(cause) => Self::new(exit_code, error.to_string()).caused_by(cause),
                None => Self::new(exit_code, error.to_string()),
            },
        };
        Self { exit_code, hint, ..failure }
    }
}

/// The failure of a function of the stages that was called outside a run.
pub(super) fn of_fault(error: &impl StageFault) -> Failure {
    let failure = Failure {
        details: error.details(),
        hint: error.hint(),
        ..Failure::new(engine::exit_code(error.fault()), error.to_string())
    };
    match error.source() {
        Some(cause) => failure.caused_by(cause),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_stages_failure_keeps_its_exit_code_details_and_causes() {
        let cause = io::Error::other("the disk is full");
        let mut error = StageError::disk("write", Path::new("a/b.parquet"), cause).with_hint("make room");
        error.details = Some("rule  rows".to_owned());
        let expected = Failure {
            exit_code: 4,
            message: "`rfm`: cannot write `a/b.parquet`".to_owned(),
            causes: vec!["the disk is full".to_owned()],
            details: Some("rule  rows".to_owned()),
            hint: Some("make room".to_owned()),
        };
        assert_eq!(Failure::of_failed(&engine::Failure { stage: "rfm".to_owned(), error }), expected);
    }

    #[test]
    fn an_unknown_stage_is_wrong_usage_with_the_nearest_name() {
        let (name, nearest) = ("trian".to_owned(), Some("train".to_owned()));
        let unknown = crate::graph::SelectionError::UnknownStage { name, nearest };
        let failure = Failure::from(EngineError::from(unknown));
        assert_eq!((failure.exit_code, failure.message.as_str()), (2, "there is no stage `trian` in this pipeline"));
        assert_eq!(failure.hint.unwrap(), "did you mean `train`?");
        assert!(failure.causes.is_empty());
    }
}
