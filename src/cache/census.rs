//! Which objects the records need.
//!
//! For: following records to objects, and lists of directories to their files. Not for: deciding which records stay.
//! Called by: the other files of `cache`.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::store::records::Record;
use crate::store::{Store, StoreError};

/// What leads where in a store.
pub(super) struct Census<'a> {
    store: &'a Store,
    /// Sizes of all objects.
    pub(super) objects: BTreeMap<Digest, u64>,
    /// What was found of objects that were looked into already.
    listed: BTreeMap<Digest, Vec<Digest>>,
}

impl<'a> Census<'a> {
    /// The objects of `store`.
    pub(super) fn take(store: &'a Store) -> Result<Self, StoreError> {
        Ok(Self { store, objects: store.objects()?, listed: BTreeMap::new() })
    }

    /// Every object that `record` needs, whether it is there or not.
    pub(super) fn needed_by(&mut self, record: &Record) -> Result<BTreeSet<Digest>, StoreError> {
        self.needed_for(record.outputs.values().map(|output| output.digest))
    }

    /// Every object that outputs with these digests need, themselves included.
    pub(super) fn needed_for(
        &mut self,
        outputs: impl IntoIterator<Item = Digest>,
    ) -> Result<BTreeSet<Digest>, StoreError> {
        let mut needed = BTreeSet::new();
        for output in outputs {
            needed.insert(output);
            if !self.listed.contains_key(&output) {
                let files = self.store.listed(output)?.unwrap_or_default();
                self.listed.insert(output, files);
            }
            needed.extend(&self.listed[&output]);
        }
        Ok(needed)
    }

    /// The size of those of the objects that are there.
    pub(super) fn bytes<'d>(&self, digests: impl IntoIterator<Item = &'d Digest>) -> u64 {
        digests.into_iter().filter_map(|digest| self.objects.get(digest)).sum()
    }
}
