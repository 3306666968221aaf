//! Puts a complete file where it belongs: fsync, rename, fsync of the folder.
//!
//! For: `download` and `unpack`. A target that appeared meanwhile is its owner's and stays.

use std::fs::File;
use std::io;
use std::path::Path;

use super::error::FetchError;
use super::part::disk;

/// Moves the complete file `from` to `target` in the same folder.
pub(super) fn place(from: &Path, target: &Path) -> Result<(), FetchError> {
    File::open(from).and_then(|file| file.sync_all()).map_err(disk("write", from))?;
    if target.symlink_metadata().is_ok() {
        let taken = io::Error::new(io::ErrorKind::AlreadyExists, "it appeared while it was being fetched");
        return Err(disk("place", target)(taken));
    }
    std::fs::rename(from, target).map_err(disk("place", target))?;
    let folder = target.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk("write", folder))
}
