//! How much the store holds, and for what.
//!
//! For: `segpipe cache stats`. Not for: changing anything.

use std::collections::BTreeSet;

use super::census::Census;
use crate::digest::Digest;
use crate::store::{Store, StoreError};

/// The store in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Results that are known.
    pub records: usize,
    /// Records that cannot be read.
    pub damaged_records: usize,
    /// Files under their digests.
    pub objects: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// Those that the outputs at their places come from.
    pub current_objects: usize,
    /// Their size in bytes.
    pub current_bytes: u64,
    /// Those that no record leads to.
    pub unreachable_objects: usize,
    /// Their size in bytes.
    pub unreachable_bytes: u64,
}

/// Counts what is in `store`.
///
/// # Errors
/// Where it cannot be read.
pub fn stats(store: &Store) -> Result<Stats, StoreError> {
    let (records, currents) = (store.records()?, store.currents()?);
    let mut census = Census::take(store)?;
    let mut stats = Stats { objects: census.objects.len(), ..Stats::default() };
    let (mut reached, mut current) = (BTreeSet::new(), BTreeSet::new());
    for stored in &records {
        let Some(record) = &stored.record else {
            stats.damaged_records += 1;
            continue;
        };
        stats.records += 1;
        let needed = census.needed_by(record)?;
        if currents.contains(&record.fingerprint) {
            current.extend(&needed);
        }
        reached.extend(needed);
    }
    let unreachable: BTreeSet<Digest> =
        census.objects.keys().filter(|digest| !reached.contains(*digest)).copied().collect();
    stats.bytes = census.objects.values().sum();
    stats.current_objects = current.iter().filter(|digest| census.objects.contains_key(*digest)).count();
    stats.current_bytes = census.bytes(&current);
    stats.unreachable_objects = unreachable.len();
    stats.unreachable_bytes = census.bytes(&unreachable);
    Ok(stats)
}
