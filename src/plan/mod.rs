//! Which stages are fresh, which can be restored, which must run, and why.
//!
//! For: judging one stage from the digests of its inputs ([`judge`]), finding the digests of its sources
//! ([`sources`]), planning a whole pipeline without running anything ([`preview`]), and saying of one stage what was
//! compared with what ([`explain`]).
//! Not for: changing anything. Called by: the engine (stage by stage), `segpipe status`, `segpipe run --dry-run`.

pub mod explain;
pub mod judge;
pub mod preview;
pub mod sources;

use serde::Serialize;

/// Why a frozen stage is skipped.
pub const FROZEN: &str = "frozen";

/// What has to be done about a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing: its outputs are there and right.
    Fresh,
    /// Its result is known; an output is missing, edited or of another result.
    Restore,
    /// It must run.
    Stale,
    /// It depends on what upstream will produce.
    Pending,
    /// It was left out, or is frozen.
    Skipped,
}

impl State {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Restore => "restore",
            Self::Stale => "stale",
            Self::Pending => "pending",
            Self::Skipped => "skipped",
        }
    }
}

/// One stage of a [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedStage {
    /// Its name.
    pub stage: String,
    /// What has to be done about it.
    pub state: State,
    /// Why; none for fresh stages.
    pub reason: Option<String>,
}

/// What a run would do, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Every stage of the pipeline.
    pub stages: Vec<PlannedStage>,
    /// What is used as it is although it is not up to date: what the selection leaves out of upstream, and what is frozen.
    pub upstream: Vec<String>,
}
