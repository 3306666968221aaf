//! What segpipe keeps under `artifacts/`: objects by content, records by fingerprint, outputs at their places.
//!
//! For: writing so that a crash leaves the old state or the new one; verifying what is read back. Not for: deciding
//! what is stale (`plan`) or running anything. Called by: `plan` (reads), `engine` (writes), `lock`.
//!
//! Layout: `artifacts/.segpipe/objects/ab/cdef…`, `records/<fingerprint>`, `current/<stage>`, `temporary/`, `lock`,
//! `remembered.json`, and `pipeline`, which belongs to `spec`.

pub mod census;
pub mod files;
pub mod holder;
pub mod objects;
pub mod placement;
pub mod records;
pub mod remembered;
pub mod tree;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use segpipe_stages::contract::{Fault, StageFault};

use crate::digest::Digest;
use remembered::Witness;

/// Folder of everything a run writes, in the pipeline file's folder.
pub const ARTIFACTS: &str = "artifacts";
/// Folder of the store's own files, in [`ARTIFACTS`].
pub const STATE: &str = ".segpipe";
/// Folder of what programs said when they last ran, in [`ARTIFACTS`].
pub const LOGS: &str = ".logs";

/// Where a run keeps what reading the pipeline file `file` brought.
pub fn kept_pipeline(file: &Path) -> PathBuf {
    file.with_file_name(ARTIFACTS).join(STATE).join("pipeline")
}

/// Something under `artifacts/` could not be read or written, or is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An operation on a file failed.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// What was tried: `read`, `write`, `create`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Something stands where segpipe needs a folder.
    #[error("`{}` is not a folder", path.display())]
    NotADirectory {
        /// Where.
        path: PathBuf,
    },
    /// An output contains something that is neither file nor folder.
    #[error("`{}` is neither a file nor a folder, so it cannot be kept", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
    },
    /// An object's content is not what its name says, or it is gone.
    #[error("object {digest} is {problem}")]
    Damaged {
        /// The object.
        digest: Digest,
        /// `missing` or `damaged`.
        problem: &'static str,
    },
    /// Another run holds the project.
    #[error("another run holds this project (process {pid}, since {since})")]
    Held {
        /// Its process id, or `unknown`.
        pid: String,
        /// When it began, or `unknown`.
        since: String,
    },
}

impl StoreError {
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}

impl StageFault for StoreError {
    fn fault(&self) -> Fault {
        Fault::Disk
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::File { source, .. } => hint_for(source.kind()),
            Self::NotADirectory { .. } => Some("move it away: segpipe keeps its results in that folder"),
            Self::Held { .. } => Some("leave out `--no-wait` to wait for it"),
            Self::NotAFile { .. } | Self::Damaged { .. } => None,
        };
        hint.map(String::from)
    }
}

fn hint_for(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded => {
            Some("make room and run again; nothing of the last complete state was lost")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("segpipe must be able to write there, and everywhere in the folder `artifacts`")
        }
        _ => None,
    }
}

/// How outputs get to their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placement {
    /// As copies that share their blocks with the objects where the file system can, and may be edited.
    #[default]
    Copy,
    /// As further names of the objects, read-only, where the file system can; as copies elsewhere.
    Link,
}

/// The store of one project.
#[derive(Debug)]
pub struct Store {
    project: PathBuf,
    state: PathBuf,
    placement: Placement,
    counter: AtomicU64,
    /// Objects that this process moved in, as they were then.
    own: Mutex<HashMap<Digest, Witness>>,
}

impl Store {
    /// The store of the project in folder `project`. Touches nothing.
    pub fn new(project: &Path) -> Self {
        let state = project.join(ARTIFACTS).join(STATE);
        let (placement, counter) = (Placement::default(), AtomicU64::new(0));
        Self { project: project.to_owned(), state, placement, counter, own: Mutex::default() }
    }

    /// The same, placing outputs in this way.
    #[must_use]
    pub fn placing(self, placement: Placement) -> Self {
        Self { placement, ..self }
    }

    /// Makes the folders that are missing.
    ///
    /// # Errors
    /// Where something else stands in their place or the disk refuses.
    pub fn prepare(&self) -> Result<(), StoreError> {
        let artifacts = self.project.join(ARTIFACTS);
        if artifacts.exists() && !artifacts.is_dir() {
            return Err(StoreError::NotADirectory { path: artifacts });
        }
        for folder in ["objects", "records", "current", "temporary"] {
            files::create_directory(&self.state.join(folder))?;
        }
        Ok(())
    }

    /// Removes what dead runs left behind. Call it only while holding the project.
    ///
    /// # Errors
    /// Where something cannot be removed.
    pub fn clean(&self) -> Result<(), StoreError> {
        let temporary = self.state.join("temporary");
        let entries = std::fs::read_dir(&temporary).map_err(StoreError::file("read", &temporary))?;
        for entry in entries {
            let path = entry.map_err(StoreError::file("read", &temporary))?.path();
            files::remove(&path)?;
        }
        Ok(())
    }

    /// The project's folder.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// The folder of the store's own files.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Where remembered digests are kept.
    pub fn remembered_path(&self) -> PathBuf {
        self.state.join("remembered.json")
    }

    /// Where what the program of a stage said is kept, relative to the project.
    pub fn log_path(stage: &str) -> PathBuf {
        Path::new(ARTIFACTS).join(LOGS).join(format!("{stage}.log"))
    }

    /// A path in the store's temporary folder that nothing has used before.
    pub fn temporary_path(&self, label: &str) -> PathBuf {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        self.state.join("temporary").join(format!("{}-{number}-{label}", std::process::id()))
    }

    /// A new empty folder that is never reused.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn private_directory(&self, label: &str) -> Result<PathBuf, StoreError> {
        let path = self.temporary_path(label);
        files::create_directory(&path)?;
        Ok(path)
    }
}
