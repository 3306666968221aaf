//! Objects: files kept under the digest of their content.
//!
//! For: taking finished files in, finding and verifying them. Not for: directories (`tree`) or where outputs are
//! shown (`placement`). Called by: `tree`, `placement`, the engine.

use std::collections::HashMap;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};

use super::remembered::{Remembered, Witness};
use super::{Store, StoreError, files};
use crate::digest::Digest;

const READ_ONLY: u32 = 0o444;

impl Store {
    /// Where the object of this digest is, or would be.
    pub fn object_path(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        let (head, tail) = name.split_at(2);
        self.state().join("objects").join(head).join(tail)
    }

    /// Moves a finished file, which nobody else writes to, into the store. An object that is already there is
    /// replaced, which heals a damaged one.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn keep_file(&self, path: &Path) -> Result<Digest, StoreError> {
        self.move_in_file(path)?.make_durable()
    }

    /// Moves a finished file, whose content was seen to have this digest as it was written, into the store.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn keep_verified(&self, path: &Path, digest: Digest) -> Result<(), StoreError> {
        let file = open_read_only(path)?;
        self.move_in_as(digest, path, &file)?.make_durable().map(drop)
    }

    /// Takes a copy of a file that stays where it is into the store, under the digest of what was copied.
    ///
    /// # Errors
    /// Where it cannot be read or the disk refuses.
    pub fn keep_copy(&self, path: &Path) -> Result<Digest, StoreError> {
        self.move_in_copy(path)?.make_durable()
    }

    /// As [`Store::keep_file`], but for its being durable.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(super) fn move_in_file(&self, path: &Path) -> Result<MovedIn, StoreError> {
        let file = open_read_only(path)?;
        let before = Witness::of_open(&file).map_err(StoreError::file("read", path))?;
        let digest = Digest::of_open(&file).map_err(StoreError::file("read", path))?;
        let moved = self.move_in_as(digest, path, &file)?;
        let object = self.object_path(digest);
        let after = Witness::of(&object).map_err(StoreError::file("read", &object))?;
        if after.shows_the_content_of(&before) {
            self.lock_own().insert(digest, after);
        }
        Ok(moved)
    }

    /// As [`Store::keep_copy`], but for its being durable.
    ///
    /// # Errors
    /// Where it cannot be read or the disk refuses.
    pub(super) fn move_in_copy(&self, path: &Path) -> Result<MovedIn, StoreError> {
        let copy = self.temporary_path("copy");
        copy_file(path, &copy)?;
        self.move_in_file(&copy)
    }

    fn move_in_as(&self, digest: Digest, path: &Path, file: &File) -> Result<MovedIn, StoreError> {
        let object = self.object_path(digest);
        if let Some(folder) = object.parent() {
            files::create_directory(folder)?;
        }
        if object.exists() {
            // What may be durable, and others' result, is not replaced by what is not.
            file.sync_all().map_err(StoreError::file("write", path))?;
        }
        fs::rename(path, &object).map_err(StoreError::file("place", &object))?;
        files::pass("object.stored", &object)?;
        Ok(MovedIn { digest, objects: vec![object] })
    }

    /// Whether the object was moved in by this process, which took its digest, and is still the same file.
    pub(super) fn is_own(&self, digest: Digest) -> bool {
        let own = self.lock_own().get(&digest).copied();
        own.is_some() && Witness::of(&self.object_path(digest)).ok() == own
    }

    fn lock_own(&self) -> MutexGuard<'_, HashMap<Digest, Witness>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the object is there with the content its name says.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn has_intact_object(&self, digest: Digest, remembered: &Remembered) -> Result<bool, StoreError> {
        let object = self.object_path(digest);
        if self.is_own(digest) {
            return Ok(true);
        }
        match remembered.digest(&object) {
            Ok(found) => Ok(found == digest),
            Err(error) if files::is_absence(&error) => Ok(false),
            Err(error) => Err(StoreError::file("read", &object)(error)),
        }
    }
}

/// An output that the store has and everybody can read, and that a crash of the machine may still destroy.
#[must_use]
#[derive(Debug)]
pub struct MovedIn {
    /// Its digest.
    pub digest: Digest,
    /// The objects it consists of. Not open: they may be more than a process may have open.
    pub(super) objects: Vec<PathBuf>,
}

impl MovedIn {
    /// Makes it durable; returns its digest.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn make_durable(&self) -> Result<Digest, StoreError> {
        let sync = |object: &PathBuf| {
            File::open(object).and_then(|file| file.sync_all()).map_err(StoreError::file("write", object))?;
            files::sync_parent(object)?;
            files::pass("object.synced", object)
        };
        files::side_by_side(&self.objects, sync)?;
        Ok(self.digest)
    }
}

/// Opens a finished file, to which nobody is to write any more.
fn open_read_only(path: &Path) -> Result<File, StoreError> {
    let file = File::open(path).map_err(StoreError::file("read", path))?;
    file.set_permissions(Permissions::from_mode(READ_ONLY)).map_err(StoreError::file("write", path))?;
    Ok(file)
}

/// Copies a file, sharing its blocks where the file system can, and leaves the copy writable.
pub(super) fn copy_file(from: &Path, to: &Path) -> Result<(), StoreError> {
    let copy = || {
        files::copy(from, to)?;
        fs::set_permissions(to, Permissions::from_mode(0o644))
    };
    copy().map_err(|error: io::Error| {
        let failed = if error.kind() == io::ErrorKind::NotFound && !from.exists() { from } else { to };
        StoreError::file("copy", failed)(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &Path) -> (Store, Remembered) {
        let store = Store::new(folder);
        store.prepare().unwrap();
        (store, Remembered::load(folder, folder.join("remembered.json")))
    }

    #[test]
    fn a_kept_file_is_found_under_the_digest_of_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let (store, remembered) = store(folder.path());
        let path = store.temporary_path("table");
        fs::write(&path, "content").unwrap();
        let digest = store.keep_file(&path).unwrap();
        assert_eq!(digest, Digest::of_bytes(b"content"));
        assert!(!path.exists());
        assert_eq!(fs::read(store.object_path(digest)).unwrap(), b"content");
        assert!(store.has_intact_object(digest, &remembered).unwrap());
    }

    #[test]
    fn a_flipped_bit_makes_an_object_not_intact_and_keeping_the_file_again_heals_it() {
        let folder = tempfile::tempdir().unwrap();
        let (store, remembered) = store(folder.path());
        let source = folder.path().join("table");
        fs::write(&source, "content").unwrap();
        let digest = store.keep_copy(&source).unwrap();
        let object = store.object_path(digest);
        fs::set_permissions(&object, Permissions::from_mode(0o644)).unwrap();
        fs::write(&object, "cOntent").unwrap();
        assert!(!store.has_intact_object(digest, &remembered).unwrap());
        store.keep_copy(&source).unwrap();
        assert!(store.has_intact_object(digest, &remembered).unwrap());
    }

    #[test]
    fn a_missing_object_is_not_intact() {
        let folder = tempfile::tempdir().unwrap();
        let (store, remembered) = store(folder.path());
        assert!(!store.has_intact_object(Digest::of_bytes(b"never"), &remembered).unwrap());
    }
}
