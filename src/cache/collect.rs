//! Removes what nobody needs any more: old records, then the objects that no record leads to.
//!
//! For: `segpipe cache gc`. Not for: the outputs at their places, or runs in the outbox, which keep their own copies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::census::Census;
use crate::digest::Digest;
use crate::store::census::StoredRecord;
use crate::store::records::Record;
use crate::store::{Store, StoreError, files};

/// What may go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Records that were written longer ago than this.
    pub older_than: Option<Duration>,
    /// The oldest records, until the objects that are left have at most so many bytes.
    pub at_most: Option<u64>,
}

/// What stays in any case, beside the results that the outputs at their places come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pinned {
    /// Records of these fingerprints.
    pub fingerprints: BTreeSet<Digest>,
    /// Outputs of stages, digest by name, with the records of exactly these.
    pub results: Vec<BTreeMap<String, Digest>>,
}

/// What went, or would go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// Files of records, those that are damaged among them.
    pub records: Vec<PathBuf>,
    /// Objects.
    pub objects: Vec<Digest>,
    /// Size of all of them in bytes.
    pub bytes: u64,
    /// Size in bytes of the objects that stay.
    pub bytes_left: u64,
    /// Records that stay.
    pub records_left: usize,
}

/// Finds what may go by `policy`, and removes it unless `is_dry`. The project must be held.
///
/// # Errors
/// Where the store cannot be read, or the disk refuses.
pub fn collect(store: &Store, policy: &Policy, pinned: &Pinned, is_dry: bool) -> Result<Collected, StoreError> {
    let mut selection = Selection::of(store, pinned)?;
    if let Some(age) = policy.older_than {
        let limit = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        selection.drop_while(|stored, _| stored.written < limit);
    }
    if let Some(most) = policy.at_most {
        selection.drop_while(|_, bytes_left| bytes_left > most);
    }
    let collected = selection.finish();
    if !is_dry {
        remove(store, &collected)?;
    }
    Ok(collected)
}

/// Whether these outputs, and perhaps others, are the record's.
fn has(record: &Record, result: &BTreeMap<String, Digest>) -> bool {
    result.iter().all(|(name, digest)| record.outputs.get(name).is_some_and(|output| output.digest == *digest))
}

/// Records before objects: a crash in between leaves objects without records, which the next collection finds.
fn remove(store: &Store, collected: &Collected) -> Result<(), StoreError> {
    for path in &collected.records {
        files::remove(path)?;
        files::pass("record.removed", path)?;
    }
    if let Some(path) = collected.records.first() {
        files::sync_parent(path)?;
    }
    for digest in &collected.objects {
        store.remove_object(*digest)?;
        files::pass("object.removed", &store.object_path(*digest))?;
    }
    Ok(())
}

/// Which records stay so far, and what they need.
struct Selection<'a> {
    census: Census<'a>,
    /// Records that may go, oldest first, with what each needs.
    loose: Vec<(StoredRecord, BTreeSet<Digest>)>,
    fixed: usize,
    dropped: Vec<StoredRecord>,
    /// How many of the records that stay need an object; the pins count as one.
    users: BTreeMap<Digest, usize>,
    bytes_left: u64,
}

impl<'a> Selection<'a> {
    fn of(store: &'a Store, pinned: &Pinned) -> Result<Self, StoreError> {
        let (records, currents) = (store.records()?, store.currents()?);
        let mut census = Census::take(store)?;
        let pins = census.needed_for(pinned.results.iter().flat_map(BTreeMap::values).copied())?;
        let (loose, dropped) = (Vec::new(), Vec::new());
        let mut selection = Self { census, loose, fixed: 0, dropped, users: BTreeMap::new(), bytes_left: 0 };
        selection.use_all(&pins);
        for stored in records {
            let Some(record) = &stored.record else {
                selection.dropped.push(stored);
                continue;
            };
            let needed = selection.census.needed_by(record)?;
            let is_fixed = currents.contains(&record.fingerprint)
                || pinned.fingerprints.contains(&record.fingerprint)
                || pinned.results.iter().any(|result| has(record, result));
            selection.use_all(&needed);
            if is_fixed { selection.fixed += 1 } else { selection.loose.push((stored, needed)) }
        }
        // Stable: of records written at the same moment the one with the lesser name.
        selection.loose.sort_by_key(|(stored, _)| stored.written);
        Ok(selection)
    }

    fn use_all(&mut self, needed: &BTreeSet<Digest>) {
        for digest in needed {
            let users = self.users.entry(*digest).or_default();
            *users += 1;
            if *users == 1 {
                self.bytes_left += self.census.objects.get(digest).copied().unwrap_or_default();
            }
        }
    }

    /// Lets go of the oldest records as long as `may_go` says so of the oldest and of the bytes that are left.
    fn drop_while(&mut self, may_go: impl Fn(&StoredRecord, u64) -> bool) {
        let mut kept = std::mem::take(&mut self.loose).into_iter().peekable();
        while let Some((stored, needed)) = kept.next_if(|(stored, _)| may_go(stored, self.bytes_left)) {
            for digest in &needed {
                let users = self.users.entry(*digest).or_default();
                *users -= 1;
                if *users == 0 {
                    self.bytes_left -= self.census.objects.get(digest).copied().unwrap_or_default();
                }
            }
            self.dropped.push(stored);
        }
        self.loose = kept.collect();
    }

    fn finish(self) -> Collected {
        let is_unused = |digest: &&Digest| self.users.get(*digest).is_none_or(|users| *users == 0);
        let objects: Vec<Digest> = self.census.objects.keys().filter(is_unused).copied().collect();
        let record_bytes: u64 = self.dropped.iter().map(|stored| stored.bytes).sum();
        Collected {
            bytes: record_bytes + self.census.bytes(&objects),
            records: self.dropped.into_iter().map(|stored| stored.path).collect(),
            objects,
            bytes_left: self.bytes_left,
            records_left: self.fixed + self.loose.len(),
        }
    }
}
