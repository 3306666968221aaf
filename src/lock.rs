//! pipeline.lock: the committed list of what a pipeline produced.
//!
//! For: writing it after a complete run, reading it (`text`), telling how a run differs from it, merging two of them
//! (`merge`). Not for: one run at a time (`store::holder`). Called by: the engine, `history`, `segpipe lock`.
//!
//! One fact a line, sorted, so that it diffs and merges well: `output STAGE.OUTPUT DIGEST`, `source STAGE NAME DIGEST`,
//! and `frozen STAGE.OUTPUT DIGEST` for what no run made, but used as it was.

mod merge;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::digest::Digest;
use crate::store::{Store, StoreError, files};

/// The facts of a pipeline.lock: what a line is about, and its digest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    facts: BTreeMap<String, Digest>,
    /// What two sides of a merge say differently, which only a run can settle.
    conflicts: BTreeMap<String, Sides>,
}

/// What each side of a merge says about one thing; none where it does not speak of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sides {
    ours: Option<Digest>,
    theirs: Option<Digest>,
}

impl Lock {
    /// Adds an output of a stage.
    pub fn add_output(&mut self, stage: &str, output: &str, digest: Digest) {
        self.facts.insert(format!("output {stage}.{output}"), digest);
    }

    /// Adds an output of a frozen stage, which was used as it was.
    pub fn add_frozen(&mut self, stage: &str, output: &str, digest: Digest) {
        self.facts.insert(format!("frozen {stage}.{output}"), digest);
    }

    /// Adds a source of a stage.
    pub fn add_source(&mut self, stage: &str, name: &str, digest: Digest) {
        self.facts.insert(format!("source {stage} {}", Value::from(name)), digest);
    }

    /// Where the lock of the pipeline file `file` is: beside it, with the ending `.lock`.
    pub fn path(file: &Path) -> PathBuf {
        file.with_extension("lock")
    }

    /// Reads the lock at `path`; none where there is none. Lines that are no facts are passed over.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let bytes = files::read_if_present(path)?;
        Ok(bytes.map(|bytes| Self::parse(&String::from_utf8_lossy(&bytes))))
    }

    /// Stage, output and digest of every output that it names; both digests where a merge left two.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, &str, Digest)> {
        let both = |(what, sides): (_, &Sides)| [(what, sides.ours), (what, sides.theirs)];
        let conflicts = self.conflicts.iter().flat_map(both).filter_map(|(what, digest)| Some((what, digest?)));
        let facts = self.facts.iter().map(|(what, digest)| (what, *digest));
        facts.chain(conflicts).filter_map(|(what, digest): (&String, Digest)| {
            let output = what.strip_prefix("output ").or_else(|| what.strip_prefix("frozen "));
            let (stage, output) = output?.split_once('.')?;
            Some((stage, output, digest))
        })
    }

    /// Writes the lock to `path`, unless it says the same already. Returns whether it was written.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn write(&self, path: &Path, store: &Store) -> Result<bool, StoreError> {
        let text = self.to_text();
        if files::read_if_present(path)?.is_some_and(|present| present == text.as_bytes()) {
            return Ok(false);
        }
        let temporary = store.temporary_path("lock");
        files::write_synced(&temporary, text.as_bytes())?;
        files::pass("lock.written", path)?;
        files::rename_synced(&temporary, path)?;
        files::pass("lock.stored", path)?;
        Ok(true)
    }

    /// How `self`, the facts of a run, differs from `locked`, a line a difference; facts of stages for which
    /// `is_covered` is false are left out of the comparison.
    pub fn differences(&self, locked: &Self, is_covered: impl Fn(&str) -> bool) -> Vec<String> {
        let is_settled = |key: &&String| !locked.conflicts.contains_key(*key);
        let keys = self.facts.keys().chain(locked.facts.keys().filter(|key| !self.facts.contains_key(*key)));
        let covered = keys.filter(is_settled).filter(|key| is_covered(stage_of(key)));
        let difference = |key: &String| match (locked.facts.get(key), self.facts.get(key)) {
            (Some(old), Some(new)) if old != new => Some(format!("{key}: locked {}, now {}", short(*old), short(*new))),
            (Some(_), None) => Some(format!("{key}: locked, now missing")),
            (None, Some(_)) => Some(format!("{key}: not locked")),
            _ => None,
        };
        let conflicts = locked.conflicts().map(|conflict| format!("{conflict}, a merge that no run has settled"));
        covered.filter_map(difference).chain(conflicts).collect()
    }

    /// What two sides of a merge say differently, a line each.
    pub fn conflicts(&self) -> impl Iterator<Item = String> {
        let said = |digest: Option<Digest>| digest.map_or("nothing".to_owned(), short);
        self.conflicts.iter().map(move |(key, Sides { ours, theirs })| {
            format!("{key}: ours says {}, theirs {}", said(*ours), said(*theirs))
        })
    }
}

fn stage_of(key: &str) -> &str {
    key.split(' ').nth(1).and_then(|word| word.split('.').next()).unwrap_or_default()
}

fn short(digest: Digest) -> String {
    digest.to_string().chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::of_bytes(text.as_bytes())
    }

    fn lock(customers: &str) -> Lock {
        let mut lock = Lock::default();
        lock.add_source("load", "online retail.csv", digest("source"));
        lock.add_output("rfm", "customers", digest(customers));
        lock.add_output("load", "transactions", digest("transactions"));
        lock
    }

    #[test]
    fn a_lock_is_sorted_survives_its_file_and_is_not_rewritten_without_need() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.prepare().unwrap();
        let path = Lock::path(&folder.path().join("pipeline.yaml"));
        assert_eq!(Lock::read(&path).unwrap(), None);
        assert!(lock("1").write(&path, &store).unwrap());
        assert_eq!(Lock::read(&path).unwrap(), Some(lock("1")));
        assert!(!lock("1").write(&path, &store).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        let facts: Vec<_> = text.lines().skip(3).map(|line| line.rsplit_once(' ').unwrap().0).collect();
        assert_eq!(facts, ["output load.transactions", "output rfm.customers", "source load \"online retail.csv\""]);
    }

    #[test]
    fn differences_name_what_changed_and_leave_out_what_the_run_did_not_cover() {
        let (run, locked) = (lock("2"), lock("1"));
        let all = run.differences(&locked, |_| true);
        assert_eq!(all.len(), 1);
        assert!(all[0].starts_with("output rfm.customers: locked "), "{all:?}");
        assert_eq!(run.differences(&locked, |stage| stage == "load"), Vec::<String>::new());
        assert_eq!(Lock::default().differences(&locked, |_| true).len(), 3);
        assert_eq!(locked.differences(&Lock::default(), |_| true).len(), 3);
    }
}
