//! What is told of a finished run, and to whom.
//!
//! For: the port [`Tracker`] and the run as its runner saw it ([`FinishedRun`]).
//! Not for: tracking servers, which are reached on the other side of the port.
//! Called by: the orchestrator at a run's end.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::StageError;
use super::params::CheckedParams;
use super::ports::InputFile;

/// Port: seals what is known of a finished run so that it can be delivered to a tracking server now or later.
pub trait Tracker: Send + Sync {
    /// Writes one complete outbox entry (fsync, rename) and returns where it is.
    ///
    /// # Errors
    /// [`Fault::Disk`](super::Fault::Disk) where it cannot be written.
    fn seal(&self, run: &FinishedRun) -> Result<PathBuf, StageError>;

    /// The same for a run that executed nothing and put an earlier result back. None where that is the result which was
    /// sealed last, so that nothing needs to be told.
    ///
    /// # Errors
    /// [`Fault::Disk`](super::Fault::Disk) where it cannot be written.
    fn seal_return(&self, run: &FinishedRun) -> Result<Option<PathBuf>, StageError>;
}

/// A run that executed or restored something, as its runner saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedRun {
    /// How it ended.
    pub status: RunStatus,
    /// When it started, in milliseconds since 1970-01-01 UTC.
    pub started_ms: i64,
    /// When it ended, likewise.
    pub ended_ms: i64,
    /// The pipeline's name.
    pub pipeline: String,
    /// Folder of the pipeline file.
    pub directory: PathBuf,
    /// The pipeline file.
    pub file: PathBuf,
    /// Whether it went on from stages that were left out and not up to date.
    pub stale_upstream: bool,
    /// Every planned stage, in order.
    pub stages: Vec<FinishedStage>,
}

/// How a run ended, in MLflow's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    /// Well.
    Finished,
    /// A stage failed.
    Failed,
    /// It was interrupted.
    Killed,
}

/// One stage of a [`FinishedRun`].
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedStage {
    /// The stage's name in the pipeline.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// `ran`, `cached`, `restored`, `failed` or `skipped`.
    pub outcome: &'static str,
    /// Why, where there is a reason.
    pub reason: Option<String>,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// The fingerprint of its result, hexadecimal, where known.
    pub fingerprint: Option<String>,
    /// Its checked params, determining and incidental.
    pub params: CheckedParams,
    /// Its outputs' digests and paths (in the project) by name, where it has a result.
    pub outputs: BTreeMap<String, InputFile>,
}
