//! Records: what a fingerprint produced; and which fingerprint each stage's placed outputs belong to.
//!
//! For: remembering results across runs. Not for: the content of outputs (`objects`). Called by: `plan`, the engine.
//!
//! A record is written after its objects are durable, so whoever finds a record finds the objects or proof of damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use segpipe_stages::contract::Note;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Store, StoreError, files};
use crate::digest::Digest;

/// One result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The fingerprint that determined it.
    pub fingerprint: Digest,
    /// The printable document whose digest the fingerprint is.
    pub document: String,
    /// The result in a few words.
    pub headline: String,
    /// What the stage remarked.
    pub notes: Vec<Note>,
    /// Wall-clock seconds the stage took.
    pub seconds: f64,
    /// The outputs by name.
    pub outputs: BTreeMap<String, RecordedOutput>,
}

/// One output of a [`Record`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedOutput {
    /// Digest of the file, or of the tree object for a directory.
    pub digest: Digest,
    /// Rows, for tables.
    pub rows: Option<u64>,
}

impl Store {
    /// The record of a fingerprint; none where there is none or it is damaged.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn record(&self, fingerprint: Digest) -> Result<Option<Record>, StoreError> {
        let record: Option<Record> = read_sealed(&self.record_path(fingerprint))?;
        Ok(record.filter(|record| record.fingerprint == fingerprint))
    }

    /// Whether there is a record of a fingerprint, intact or not.
    pub fn has_record(&self, fingerprint: Digest) -> bool {
        self.record_path(fingerprint).exists()
    }

    /// Keeps a record, replacing an older one of the same fingerprint.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn keep_record(&self, record: &Record) -> Result<(), StoreError> {
        let path = self.record_path(record.fingerprint);
        let temporary = self.temporary_path("record");
        files::write_synced(&temporary, text(record, &path)?.as_bytes())?;
        files::pass("record.written", &path)?;
        files::rename_synced(&temporary, &path)?;
        files::pass("record.stored", &path)
    }

    /// Forgets a record whose objects turned out to be damaged.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn forget_record(&self, fingerprint: Digest) -> Result<(), StoreError> {
        files::remove(&self.record_path(fingerprint))
    }

    /// The result that `stage`'s outputs were last brought to, if any is known.
    ///
    /// # Errors
    /// Where the note is there and cannot be read.
    pub fn current(&self, stage: &str) -> Result<Option<Record>, StoreError> {
        read_sealed(&self.current_path(stage))
    }

    /// Notes which result `stage`'s outputs were brought to. The note is the whole record, so that whoever finds the
    /// outputs unchanged needs no more than it. It need not survive a failing machine: without it the records are asked.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn set_current(&self, stage: &str, record: &Record) -> Result<(), StoreError> {
        let path = self.current_path(stage);
        let temporary = self.temporary_path("current");
        fs::write(&temporary, text(record, &path)?).map_err(StoreError::file("write", &temporary))?;
        files::pass("current.written", &path)?;
        fs::rename(&temporary, &path).map_err(StoreError::file("place", &path))
    }

    /// When the record of a fingerprint was written; none where that is not known.
    pub fn recorded_at(&self, fingerprint: Digest) -> Option<SystemTime> {
        self.record_path(fingerprint).metadata().ok()?.modified().ok()
    }

    /// Since when `stage`'s outputs are those of the result they were last brought to.
    pub fn current_since(&self, stage: &str) -> Option<SystemTime> {
        self.current_path(stage).metadata().ok()?.modified().ok()
    }

    fn record_path(&self, fingerprint: Digest) -> PathBuf {
        self.state().join("records").join(fingerprint.to_string())
    }

    fn current_path(&self, stage: &str) -> PathBuf {
        self.state().join("current").join(stage)
    }
}

/// The text of a record that is to be at `path`.
fn text(record: &Record, path: &Path) -> Result<String, StoreError> {
    let body = serde_json::to_string_pretty(record).map_err(std::io::Error::from);
    Ok(sealed(&body.map_err(StoreError::file("write", path))?))
}

/// What a file holds whose first line is the digest of the rest.
pub(super) fn sealed(body: &str) -> String {
    format!("{}\n{body}\n", Digest::of_bytes(body.as_bytes()))
}

/// Reads a file whose first line is the digest of the rest; none where it is missing or damaged.
pub(super) fn read_sealed<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let Some(bytes) = files::read_if_present(path)? else { return Ok(None) };
    let parsed = std::str::from_utf8(&bytes).ok().and_then(|text| {
        let (seal, body) = text.split_once('\n')?;
        let body = body.strip_suffix('\n')?;
        let is_intact = seal == Digest::of_bytes(body.as_bytes()).to_string();
        is_intact.then(|| serde_json::from_str(body).ok()).flatten()
    });
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let output = RecordedOutput { digest: Digest::of_bytes(b"table"), rows: Some(4338) };
        Record {
            fingerprint: Digest::of_bytes(b"document"),
            document: "document".to_owned(),
            headline: "4 338 customers".to_owned(),
            notes: Vec::new(),
            seconds: 0.25,
            outputs: [("customers".to_owned(), output)].into(),
        }
    }

    fn store(folder: &tempfile::TempDir) -> Store {
        let store = Store::new(folder.path());
        store.prepare().unwrap();
        store
    }

    #[test]
    fn a_record_is_found_by_its_fingerprint_and_through_the_stage_it_is_current_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let record = record();
        assert_eq!(store.record(record.fingerprint).unwrap(), None);
        store.keep_record(&record).unwrap();
        store.set_current("rfm", &record).unwrap();
        assert_eq!(store.record(record.fingerprint).unwrap(), Some(record.clone()));
        assert_eq!(store.current("rfm").unwrap(), Some(record));
        assert_eq!(store.current("train").unwrap(), None);
    }

    #[test]
    fn every_flipped_bit_of_a_record_makes_it_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let record = record();
        store.keep_record(&record).unwrap();
        let path = store.record_path(record.fingerprint);
        let intact = fs::read(&path).unwrap();
        for bit in 0..8 * intact.len() {
            let mut damaged = intact.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &damaged).unwrap();
            assert_eq!(store.record(record.fingerprint).unwrap(), None, "bit {bit}");
        }
    }

    #[test]
    fn a_record_under_the_name_of_another_fingerprint_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let record = record();
        store.keep_record(&record).unwrap();
        let other = Digest::of_bytes(b"other");
        fs::copy(store.record_path(record.fingerprint), store.record_path(other)).unwrap();
        assert_eq!(store.record(other).unwrap(), None);
    }
}
