//! Small operations on files that say which file failed, and the one way to replace a file.
//!
//! For: temp file + fsync + rename, folders, removal. Not for: knowing what the files mean.
//! Called by: the other modules of the store, `lock`, the outbox.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::StoreError;

/// Makes a folder and its parents, where they are missing.
///
/// # Errors
/// Where something else stands there or the disk refuses.
pub fn create_directory(path: &Path) -> Result<(), StoreError> {
    match fs::create_dir_all(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory) => {
            Err(StoreError::NotADirectory { path: path.to_owned() })
        }
        other => other.map_err(StoreError::file("create", path)),
    }
}

/// Writes a file completely and makes it durable; the folder's entry is not yet durable then.
///
/// # Errors
/// Where the disk refuses.
pub fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(StoreError::file("write", path))
}

/// Moves `from` over `to` and makes the move durable. Both must be on one file system.
///
/// # Errors
/// Where the disk refuses.
pub fn rename_synced(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(StoreError::file("place", to))?;
    sync_parent(to)
}

/// Makes the entries of the folder that `path` is in durable.
///
/// # Errors
/// Where the disk refuses.
pub fn sync_parent(path: &Path) -> Result<(), StoreError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(StoreError::file("sync", parent))
}

/// Reads a whole file; none where it does not exist.
///
/// # Errors
/// Where it exists and cannot be read.
pub fn read_if_present(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(StoreError::file("read", path)(error)),
    }
}

/// Whether an error means that there is no such file.
pub fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Removes a file or a folder with everything in it; nothing there is fine.
///
/// # Errors
/// Where the disk refuses.
pub fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if !is_absence(&error) => Err(StoreError::file("remove", path)(error)),
        _ => Ok(()),
    }
}
