//! Reads everything in the store again and compares it with its name.
//!
//! For: `segpipe cache verify`. Not for: outputs at their places, which every run judges.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use segpipe_stages::contract::Observer;

use super::census::Census;
use crate::digest::Digest;
use crate::store::{Store, StoreError, files};

/// A record whose objects are not all there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    /// The record's fingerprint.
    pub fingerprint: Digest,
    /// The stage's kind, as its document says.
    pub kind: String,
    /// Objects that are missing or damaged.
    pub lacking: Vec<Digest>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Objects that were read.
    pub objects: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// Records that were read.
    pub records: usize,
    /// Objects whose content is not what their name says, and what it is.
    pub damaged: Vec<(Digest, Digest)>,
    /// Files of records that are damaged.
    pub damaged_records: Vec<PathBuf>,
    /// Intact records that lead to missing or damaged objects.
    pub incomplete: Vec<Incomplete>,
}

impl Verified {
    /// Whether all is as it should be.
    pub fn is_well(&self) -> bool {
        self.damaged.is_empty() && self.damaged_records.is_empty() && self.incomplete.is_empty()
    }
}

/// Reads every object and record of `store` on all threads and tells `observer` how far it is, in bytes. Nothing that was
/// remembered about files is believed.
///
/// # Errors
/// Where something cannot be read at all.
pub fn verify(store: &Store, observer: &dyn Observer) -> Result<Verified, StoreError> {
    let records = store.records()?;
    let mut census = Census::take(store)?;
    let (done, total) = (AtomicU64::new(0), census.objects.values().sum());
    let look = |(&digest, &bytes): (&Digest, &u64)| {
        let path = store.object_path(digest);
        let found = Digest::of_file(&path).map_err(StoreError::file("read", &path))?;
        observer.progress(done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
        Ok((found != digest).then_some((digest, found)))
    };
    let damaged: Result<Vec<Option<(Digest, Digest)>>, StoreError> = census.objects.par_iter().map(look).collect();
    let mut verified = Verified {
        objects: census.objects.len(),
        bytes: total,
        records: records.len(),
        damaged: damaged?.into_iter().flatten().collect(),
        ..Verified::default()
    };
    for stored in records {
        let Some(record) = &stored.record else {
            verified.damaged_records.push(stored.path);
            continue;
        };
        let is_damaged = |digest: &Digest| verified.damaged.binary_search_by_key(digest, |(name, _)| *name).is_ok();
        let needed = census.needed_by(record)?;
        let lacking = needed.into_iter().filter(|digest| !census.objects.contains_key(digest) || is_damaged(digest));
        let lacking: Vec<Digest> = lacking.collect();
        if !lacking.is_empty() {
            let kind = record.document.lines().find_map(|line| line.strip_prefix("stage kind "));
            let kind = kind.unwrap_or_default().to_owned();
            verified.incomplete.push(Incomplete { fingerprint: record.fingerprint, kind, lacking });
        }
    }
    Ok(verified)
}

impl Verified {
    /// Removes from `store` what is damaged and the records that lead to it, so that the next run makes it anew.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn repair(&self, store: &Store) -> Result<(), StoreError> {
        // Records first: whoever finds a record must find its objects.
        self.damaged_records.iter().try_for_each(|path| files::remove(path))?;
        self.incomplete.iter().try_for_each(|incomplete| store.forget_record(incomplete.fingerprint))?;
        self.damaged.iter().try_for_each(|(digest, _)| store.remove_object(*digest))
    }
}
