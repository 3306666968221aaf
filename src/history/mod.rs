//! The runs that a project's outbox holds: which there are, how one is named, how two of them differ.
//!
//! For: `segpipe runs` ([`History`]) and `segpipe diff` ([`diff`]). Not for: printing, delivering or changing anything.
//! Called by: `cli`.

mod committed;
mod customers;
mod diff;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use segpipe_stages::numerals::counted;

use crate::mlflow::{Entry, Outbox, Receipt};
use crate::store::StoreError;

pub use committed::{Committed, LockOrigin};
pub use customers::{Changes, Customers, Move};
pub use diff::{Diff, Fingerprint, SegmentSizes, SideBySide, Sides, StageDiff, diff};

/// Digits of a key that people are shown.
const SHORT: usize = 8;

/// The newest run that is no part of a sweep.
const LATEST: &str = "latest";

/// One run of the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalRun {
    /// Its folder.
    pub path: PathBuf,
    /// What is known of it.
    pub entry: Entry,
    /// Where it was delivered to; none where it waits.
    pub receipt: Option<Receipt>,
}

impl LocalRun {
    /// Its folder's name.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The beginning of its key.
    pub fn short_key(&self) -> &str {
        self.entry.key.get(..SHORT).unwrap_or(&self.entry.key)
    }

    /// How many stages ended how, in the order in which that is told.
    pub fn outcomes(&self) -> Vec<(&'static str, usize)> {
        let count = |outcome| self.entry.stages.iter().filter(|stage| stage.outcome == outcome).count();
        let counts = ["ran", "restored", "cached", "failed", "skipped"].map(|outcome| (outcome, count(outcome)));
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// Seconds from its beginning to its end.
    pub fn seconds(&self) -> f64 {
        (self.entry.ended_ms - self.entry.started_ms) as f64 / 1000.0
    }
}

/// All runs of an outbox.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// Newest first.
    pub runs: Vec<LocalRun>,
    /// Folders of entries that cannot be read, and why.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// A name that stands for no run, or for several.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// There is none.
    #[error("no local run is called `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// There are several.
    #[error("`{name}` may be any of {}", found.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// The keys that begin like this.
        found: Vec<String>,
    },
    /// There are not so many.
    #[error("`{name}` goes further back than the {} that {} no part of a sweep", counted(*count as u64, "local run"), if *count == 1 { "is" } else { "are" })]
    TooFarBack {
        /// The name.
        name: String,
        /// How many there are.
        count: usize,
    },
    /// No run made what the lock names.
    #[error("no local run made what {origin} names")]
    NotOfLock {
        /// Which lock.
        origin: LockOrigin,
    },
    /// There is no lock.
    #[error("`HEAD` is the run of pipeline.lock, and there is none")]
    NoLock,
}

impl History {
    /// The runs of `outbox`.
    ///
    /// # Errors
    /// [`StoreError`] where the outbox cannot be listed. Single entries that cannot be read are listed apart.
    pub fn read(outbox: &Outbox) -> Result<Self, StoreError> {
        let mut history = Self::default();
        for path in outbox.sealed()?.into_iter().rev() {
            match Entry::read(&path) {
                Ok(entry) => {
                    let receipt = Receipt::read(&path)?;
                    history.runs.push(LocalRun { path, entry, receipt });
                }
                Err(error) => history.unreadable.push((path, error.to_string())),
            }
        }
        Ok(history)
    }

    /// The run that `name` stands for: the beginning of its key, its folder's name, `latest` or `latest~N`.
    ///
    /// # Errors
    /// [`HistoryError`] where it stands for none or for several.
    pub fn find(&self, name: &str) -> Result<&LocalRun, HistoryError> {
        if let Some(back) = steps_back(name) {
            let mut own = self.runs.iter().filter(|run| run.entry.sweep.is_none());
            let count = own.clone().count();
            return own.nth(back).ok_or_else(|| HistoryError::TooFarBack { name: name.to_owned(), count });
        }
        if let Some(run) = self.runs.iter().find(|run| run.name() == name) {
            return Ok(run);
        }
        let wanted = name.to_ascii_lowercase();
        let found = self.runs.iter().filter(|run| !wanted.is_empty() && run.entry.key.starts_with(&wanted));
        let found: Vec<&LocalRun> = found.collect();
        match found.as_slice() {
            [run] => Ok(run),
            [] => Err(HistoryError::Unknown { name: name.to_owned() }),
            several => {
                let found = several.iter().map(|run| run.entry.key.clone()).collect();
                Err(HistoryError::Ambiguous { name: name.to_owned(), found })
            }
        }
    }
}

/// `latest` is 0, `latest~2` is 2.
fn steps_back(name: &str) -> Option<usize> {
    let rest = name.strip_prefix(LATEST)?;
    if rest.is_empty() { Some(0) } else { rest.strip_prefix('~')?.parse().ok() }
}
