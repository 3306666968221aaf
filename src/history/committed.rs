//! The run that pipeline.lock stands for: of the lock in git's HEAD, else of the one in the folder.
//!
//! For: the name `HEAD` of `segpipe diff`. Not for: whether a run may write the lock (`engine`).

use std::fmt;
use std::path::Path;

use crate::lock::Lock;
use crate::mlflow;
use crate::store::StoreError;

use super::{History, HistoryError, LocalRun};

/// Which pipeline.lock was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockOrigin {
    /// The one that git has in the commit checked out.
    Head,
    /// The one in the folder, because git has none.
    Folder,
}

impl fmt::Display for LockOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Head => "the pipeline.lock that is committed in git's HEAD",
            Self::Folder => "the pipeline.lock in the folder (git has none in HEAD)",
        })
    }
}

/// A pipeline.lock and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// What it names.
    pub lock: Lock,
    /// Which it is.
    pub origin: LockOrigin,
}

impl Committed {
    /// The lock beside the pipeline file `file`; none where there is none.
    ///
    /// # Errors
    /// [`StoreError`] where it is there and cannot be read.
    pub fn read(file: &Path) -> Result<Option<Self>, StoreError> {
        let path = Lock::path(file);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(text) = mlflow::committed(folder, &name) {
            return Ok(Some(Self { lock: Lock::parse(&text), origin: LockOrigin::Head }));
        }
        Ok(Lock::read(&path)?.map(|lock| Self { lock, origin: LockOrigin::Folder }))
    }

    /// The newest run, no part of a sweep, that made every output which the lock names.
    ///
    /// # Errors
    /// [`HistoryError::NotOfLock`] where there is none.
    pub fn run<'a>(&self, history: &'a History) -> Result<&'a LocalRun, HistoryError> {
        let own = history.runs.iter().filter(|run| run.entry.sweep.is_none());
        let mut fitting = own.filter(|run| self.fits(run));
        fitting.next().ok_or(HistoryError::NotOfLock { origin: self.origin })
    }

    fn fits(&self, run: &LocalRun) -> bool {
        let mut outputs = self.lock.outputs().peekable();
        outputs.peek().is_some()
            && outputs.all(|(stage, output, digest)| {
                let stage = run.entry.stages.iter().find(|found| found.name == stage);
                stage.and_then(|stage| stage.outputs.get(output)).is_some_and(|found| *found == digest.to_string())
            })
    }
}
