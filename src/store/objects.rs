//! Objects: files kept under the digest of their content.
//!
//! For: taking finished files in, finding and verifying them. Not for: directories (`tree`) or where outputs are
//! shown (`placement`). Called by: `tree`, `placement`, the engine.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::remembered::Remembered;
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
        let file = File::open(path).map_err(StoreError::file("read", path))?;
        let digest = Digest::of_reader(&file).map_err(StoreError::file("read", path))?;
        self.seal(path, &file, digest)?;
        Ok(digest)
    }

    /// Moves a finished file, whose content was seen to have this digest as it was written, into the store.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn keep_verified(&self, path: &Path, digest: Digest) -> Result<(), StoreError> {
        let file = File::open(path).map_err(StoreError::file("read", path))?;
        self.seal(path, &file, digest)
    }

    /// Makes a file durable, and then the object of this digest.
    fn seal(&self, path: &Path, file: &File, digest: Digest) -> Result<(), StoreError> {
        let seal = || {
            file.set_permissions(Permissions::from_mode(READ_ONLY))?;
            file.sync_all()
        };
        seal().map_err(StoreError::file("write", path))?;
        let object = self.object_path(digest);
        files::pass("object.synced", &object)?;
        if let Some(folder) = object.parent() {
            files::create_directory(folder)?;
        }
        files::rename_synced(path, &object)?;
        files::pass("object.stored", &object)
    }

    /// Takes a copy of a file that stays where it is into the store, under the digest of what was copied.
    ///
    /// # Errors
    /// Where it cannot be read or the disk refuses.
    pub fn keep_copy(&self, path: &Path) -> Result<Digest, StoreError> {
        let copy = self.temporary_path("copy");
        copy_file(path, &copy)?;
        self.keep_file(&copy)
    }

    /// Whether the object is there with the content its name says.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn has_intact_object(&self, digest: Digest, remembered: &Remembered) -> Result<bool, StoreError> {
        let object = self.object_path(digest);
        match remembered.digest(&object) {
            Ok(found) => Ok(found == digest),
            Err(error) if files::is_absence(&error) => Ok(false),
            Err(error) => Err(StoreError::file("read", &object)(error)),
        }
    }
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
