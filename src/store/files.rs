//! Small operations on files that say which file failed, and the one way to replace a file.
//!
//! For: temp file + fsync + rename, folders, removal; many files at a time. Not for: knowing what the files mean.
//! Called by: the other modules of the store, `lock`, the outbox.

use std::fs::{self, File};
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::StoreError;
use crate::crash;

/// Files that are worked on at once.
const AT_ONCE: usize = 8;

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

/// Passes a named point after something was done to `path`; see [`crash`].
///
/// # Errors
/// Where a test wants it.
pub fn pass(point: &'static str, path: &Path) -> Result<(), StoreError> {
    crash::point(point).map_err(StoreError::file("write", path))
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

/// Copies a file; the copy shares its blocks where the file system can. One that cannot is not asked for every file.
///
/// # Errors
/// Those of reading and writing.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    static SHARES_BLOCKS: AtomicBool = AtomicBool::new(true);
    if SHARES_BLOCKS.load(Ordering::Relaxed) {
        match reflink_copy::reflink(from, to) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => SHARES_BLOCKS.store(false, Ordering::Relaxed),
            Err(_) => {}
        }
    }
    fs::copy(from, to).map(drop)
}

/// Does `work` for every item, several at a time, because a disk makes many files durable as fast as one. The results
/// are in the order of the items.
///
/// # Errors
/// The first that `work` fails with; what was begun is finished before.
pub fn side_by_side<T: Sync, R: Send, E: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    if items.len() <= 1 {
        return items.iter().map(work).collect();
    }
    let share = items.len().div_ceil(AT_ONCE);
    let work = |items: &[T]| items.iter().map(&work).collect::<Result<Vec<R>, E>>();
    let work = &work;
    let done: Vec<Result<Vec<R>, E>> = thread::scope(|scope| {
        let threads: Vec<_> = items.chunks(share).map(|items| scope.spawn(move || work(items))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    Ok(done.into_iter().collect::<Result<Vec<_>, E>>()?.into_iter().flatten().collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_side_by_side_comes_back_in_the_order_of_the_items() {
        let items: Vec<u32> = (0..100).collect();
        let squares = side_by_side(&items, |item| Ok::<_, ()>(item * item)).unwrap();
        assert!(squares.into_iter().eq((0..100).map(|item| item * item)));
        assert_eq!(side_by_side(&[] as &[u32], |item| Ok::<_, ()>(*item)), Ok(Vec::new()));
    }

    #[test]
    fn of_several_failures_the_first_is_told() {
        let odd = |item: &u32| if item.is_multiple_of(2) { Ok(*item) } else { Err(*item) };
        assert_eq!(side_by_side(&[2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 15], odd), Err(5));
    }
}
