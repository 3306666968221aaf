//! The data set that stands in where the real one is missing.
//!
//! For: [`super::Sources`], as the last resort. Written once and used again while the generator is the same.

use std::path::{Path, PathBuf};

use segpipe_stages::contract::{Observer, StageError};
use segpipe_stages::simulate;

const SEED: u64 = 42;
const FOLDER: &str = "simulated";
const PREFIX: &str = "online_retail_simulated_";

/// The simulated data set, generated where it is not there yet.
pub(super) fn ready(state_directory: &Path, observer: &dyn Observer) -> Result<PathBuf, StageError> {
    if let Some(path) = present(state_directory) {
        return Ok(path);
    }
    let folder = state_directory.join(FOLDER);
    let path = folder.join(name());
    std::fs::create_dir_all(&folder).map_err(|error| StageError::disk("create", &folder, error))?;
    remove_old(&folder);
    simulate::write(&path, simulate::REAL_CUSTOMERS, SEED, observer)?;
    Ok(path)
}

/// The simulated data set, where it was generated before.
pub(super) fn present(state_directory: &Path) -> Option<PathBuf> {
    Some(state_directory.join(FOLDER).join(name())).filter(|path| path.is_file())
}

/// Changes with everything that changes the rows, so that an old file is never taken for a new one.
fn name() -> String {
    let what = format!("simulate {} {} {SEED}", simulate::VERSION, simulate::REAL_CUSTOMERS);
    format!("{PREFIX}{}.csv", &blake3::hash(what.as_bytes()).to_hex()[..8])
}

/// Other generators' files are of no use to anybody.
fn remove_old(folder: &Path) {
    let Ok(entries) = folder.read_dir() else { return };
    let old = entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()));
    old.for_each(|entry| drop(std::fs::remove_file(entry.path())));
}
