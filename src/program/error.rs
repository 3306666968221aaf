//! Why a program's stage failed, in words.
//!
//! For: everything of this module that goes wrong. Not for: an interruption, which is nobody's fault.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use segpipe_stages::contract::{Fault, StageFault};

/// Why a program's stage failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProgramError {
    #[error("cannot {action} `{}`", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("`{command}` cannot be started")]
    Start { command: String, source: io::Error },
    #[error("the program of `{command}` was not found (exit status 127)")]
    NotFound { command: String, is_shell: bool, tail: Vec<String> },
    #[error("the program of `{command}` cannot be executed (exit status 126)")]
    NotExecutable { command: String, tail: Vec<String> },
    #[error("`{command}` ended with exit status {status}")]
    Exited { command: String, status: i32, tail: Vec<String> },
    #[error("`{command}` was ended by {signal}")]
    Killed { command: String, signal: String, tail: Vec<String> },
    #[error("`{command}` took longer than its timeout of {} and was ended", seconds(*timeout))]
    TimedOut { command: String, timeout: Duration, tail: Vec<String> },
    #[error("the process that guards `{command}` was ended from outside")]
    Unguarded { command: String, tail: Vec<String> },
    #[error("`{command}` did not write its output `{output}`")]
    Missing { command: String, output: String, variable: String },
    #[error("output `{output}` is {found}, not {expected}")]
    Kind { output: String, found: &'static str, expected: &'static str },
    #[error("output `{output}` is no Parquet file that can be read: {reason}")]
    Table { output: String, reason: String },
    #[error("output `{output}` is not what pipeline.yaml promises of it")]
    Promise { output: String, broken: Vec<String> },
}

impl ProgramError {
    fn tail(&self) -> &[String] {
        match self {
            Self::NotFound { tail, .. }
            | Self::NotExecutable { tail, .. }
            | Self::Exited { tail, .. }
            | Self::Killed { tail, .. }
            | Self::TimedOut { tail, .. }
            | Self::Unguarded { tail, .. } => tail,
            _ => &[],
        }
    }
}

impl StageFault for ProgramError {
    fn fault(&self) -> Fault {
        match self {
            Self::File { .. } => Fault::Disk,
            _ => Fault::Stage,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotFound { is_shell: true, .. } => {
                "it is looked for in PATH, and where it is named with a `/` from the folder of the pipeline file on"
            }
            Self::NotFound { .. } => "it is looked for in PATH; for a shell's words write `run` as one text",
            Self::NotExecutable { .. } => "is it a program, and may it be executed (`chmod +x`)?",
            Self::Missing { variable, .. } => {
                return Some(format!("the variable {variable} says where it is to be written"));
            }
            Self::Kind { expected: "a file of its own", .. } => "write a copy of what it points to",
            Self::Kind { .. } => "a folder is declared with a `/` at the end, a table with `.parquet`",
            Self::Table { .. } => "an output whose name ends in `.parquet` is a Parquet table",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    fn details(&self) -> Option<String> {
        let lines: Vec<String> = match self {
            Self::Promise { broken, .. } => broken.iter().map(|line| format!("  {line}")).collect(),
            _ => self.tail().iter().map(|line| format!("  | {line}")).collect(),
        };
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
