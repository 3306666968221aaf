//! What the engine says while it works: facts, not text.
//!
//! For: reporters, which turn events into lines, and tests. Not for: deciding anything, printing.
//! Called by: the engine (emits), `report` (consumes).

use std::collections::BTreeMap;
use std::path::PathBuf;

use segpipe_stages::contract::{Note, Stream};
use serde::Serialize;

/// How the warning begins that says that no real customer is described.
pub const SIMULATED: &str = "SIMULATED DATA";

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Another run holds the project; this one waits for it.
    Waiting {
        /// Process id of the holder, where it could be read.
        pid: Option<u32>,
        /// When the holder began, ISO 8601 with zone, where it could be read.
        since: Option<String>,
    },
    /// The run begins; the stages of the pipeline in order.
    RunStarted {
        /// Names of all stages, in the order in which they will be reported at the latest.
        stages: Vec<String>,
    },
    /// The outside files of a stage are being found, fetched or simulated.
    ResolvingSources {
        /// The stage that reads them.
        stage: String,
    },
    /// A stage began to execute.
    StageStarted {
        /// Its name.
        stage: String,
        /// Why.
        reason: String,
    },
    /// A stage (or its download) got further.
    Progress {
        /// Its name.
        stage: String,
        /// Units done.
        done: u64,
        /// Units in all; 0 where unknown.
        total: u64,
    },
    /// A stage or the engine has a remark. Remarks of cached stages are repeated.
    Noted {
        /// The stage's name; none where the remark is about the run.
        stage: Option<String>,
        /// The remark.
        note: Note,
    },
    /// A program that a stage runs said a line.
    Said {
        /// The stage's name.
        stage: String,
        /// Where it said it.
        stream: Stream,
        /// What it said, without the line's end.
        line: String,
    },
    /// The run was asked to stop; it finishes up.
    Interrupted,
    /// A result is not what pipeline.lock says.
    LockDiffers {
        /// Which, and how.
        difference: String,
    },
    /// A stage is done with, one way or another. Every stage of the plan gives exactly one.
    StageFinished(StageFinished),
    /// The run is over; the last event.
    RunFinished(RunFinished),
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was executed.
    Ran,
    /// Its outputs were there and right.
    Cached,
    /// Its result was known; missing or edited files were put back.
    Restored,
    /// It was executed and failed, or its outputs could not be kept.
    Failed,
    /// It was not looked at: left out by the selection, or an upstream stage failed.
    Skipped,
}

impl Outcome {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::Cached => "cached",
            Self::Restored => "restored",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// The end of one stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageFinished {
    /// The stage's name.
    pub stage: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Wall-clock seconds it took.
    pub seconds: f64,
    /// Why it was run, restored, skipped or failed; none for cached stages.
    pub reason: Option<String>,
    /// The result in a few words.
    pub headline: Option<String>,
    /// Its outputs, by name.
    pub outputs: BTreeMap<String, OutputFact>,
}

/// One output of a finished stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutputFact {
    /// Where it is, relative to the pipeline file's folder.
    pub path: PathBuf,
    /// blake3 of its content (of the tree object for a directory), hexadecimal.
    pub digest: String,
    /// Rows, for tables.
    pub rows: Option<u64>,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunFinished {
    /// Whether every stage asked for is up to date now.
    pub ok: bool,
    /// Wall-clock seconds of the whole run.
    pub seconds: f64,
    /// Number of stages per outcome.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// Where the run was sealed for tracking, where something was executed or an earlier result was gone back to.
    pub outbox: Option<PathBuf>,
    /// The exit code that the process will have.
    pub exit_code: u8,
}

/// Hears events. Called from several threads.
pub trait EventSink: Send + Sync {
    /// Takes one event.
    fn emit(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> EventSink for F {
    fn emit(&self, event: Event) {
        self(event);
    }
}
