//! Everything the store holds, as it lies on the disk.
//!
//! For: looking at the store as a whole. Not for: judging, verifying or removing what is found (`cache`).
//! Called by: `cache`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirEntry, File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::records::{Record, read_sealed};
use super::{Store, StoreError, files, tree};
use crate::digest::Digest;

/// A record's file.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRecord {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was written.
    pub written: SystemTime,
    /// What it says; none where it is damaged.
    pub record: Option<Record>,
}

impl Store {
    /// Sizes of all objects. Files whose names are no digests are not among them.
    ///
    /// # Errors
    /// Where a folder cannot be read.
    pub fn objects(&self) -> Result<BTreeMap<Digest, u64>, StoreError> {
        let mut objects = BTreeMap::new();
        for (head, _) in list(&self.state().join("objects"))? {
            let folder = self.state().join("objects").join(&head);
            for (tail, metadata) in list(&folder)? {
                if let Ok(digest) = format!("{head}{tail}").parse() {
                    objects.insert(digest, metadata.len());
                }
            }
        }
        Ok(objects)
    }

    /// All records, by file name.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn records(&self) -> Result<Vec<StoredRecord>, StoreError> {
        let folder = self.state().join("records");
        let read = |(name, metadata): (String, Metadata)| {
            let path = folder.join(&name);
            let record: Option<Record> = read_sealed(&path)?;
            let record = record.filter(|record| name == record.fingerprint.to_string());
            let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            Ok(StoredRecord { path, bytes: metadata.len(), written, record })
        };
        list(&folder)?.into_iter().map(read).collect()
    }

    /// Fingerprints of the results that the outputs at their places belong to.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn currents(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let folder = self.state().join("current");
        let read = |(name, _)| Ok(read_sealed(&folder.join(name))?.map(|record: Record| record.fingerprint));
        let currents: Result<Vec<Option<Digest>>, StoreError> = list(&folder)?.into_iter().map(read).collect();
        Ok(currents?.into_iter().flatten().collect())
    }

    /// The files that an object lists, where it is the list of a directory's files.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn listed(&self, digest: Digest) -> Result<Option<Vec<Digest>>, StoreError> {
        if !begins_like_a_tree(&self.object_path(digest))? {
            return Ok(None);
        }
        match self.tree(digest) {
            Ok(tree) => Ok(Some(tree.files.into_iter().map(|(_, file)| file).collect())),
            Err(StoreError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes an object.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn remove_object(&self, digest: Digest) -> Result<(), StoreError> {
        files::remove(&self.object_path(digest))
    }
}

fn begins_like_a_tree(path: &Path) -> Result<bool, StoreError> {
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(tree::HEADER.len() as u64).read_to_end(&mut beginning));
    match read {
        Ok(_) => Ok(beginning == tree::HEADER.as_bytes()),
        Err(error) if files::is_absence(&error) => Ok(false),
        Err(error) => Err(StoreError::file("read", path)(error)),
    }
}

/// Names and metadata of what is in a folder, sorted; nothing where there is no folder. What goes away meanwhile is
/// passed over.
fn list(folder: &Path) -> Result<Vec<(String, Metadata)>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if files::is_absence(&error) => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::file("read", folder)(error)),
    };
    let named = |entry: DirEntry| Some((entry.file_name().into_string().ok()?, entry.metadata().ok()?));
    let entries = entries.map(|entry| entry.map_err(StoreError::file("read", folder)).map(named));
    let mut listed: Vec<(String, Metadata)> =
        entries.collect::<Result<Vec<_>, StoreError>>()?.into_iter().flatten().collect();
    listed.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(listed)
}
