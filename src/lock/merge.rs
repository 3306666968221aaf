//! Merging two pipeline.locks that have an ancestor in common.
//!
//! For: taking what one side changed; telling what both changed differently, because only a run can say what the changes
//! of both together produce. Not for: reading or writing files. Called by: `segpipe lock`.

use std::collections::BTreeSet;

use super::{Lock, Sides};
use crate::digest::Digest;

/// What a side says about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    This(Digest),
    /// It is itself left over from a merge.
    Unsettled,
}

impl Said {
    fn digest(self) -> Option<Digest> {
        match self {
            Self::This(digest) => Some(digest),
            Self::Nothing | Self::Unsettled => None,
        }
    }
}

impl Lock {
    /// What `ours` and `theirs` say together, which both come from `base`. Where both changed a thing in different ways,
    /// it is among the [`Lock::conflicts`].
    #[must_use]
    pub fn merged(base: &Self, ours: &Self, theirs: &Self) -> Self {
        let sides = [base, ours, theirs];
        let all: BTreeSet<&String> =
            sides.iter().flat_map(|lock| lock.facts.keys().chain(lock.conflicts.keys())).collect();
        let mut merged = Self::default();
        for what in all {
            let [base, ours, theirs] = sides.map(|lock| lock.said(what));
            let settled = [(ours, theirs, ours), (ours, base, theirs), (theirs, base, ours)];
            let settled = settled.into_iter().find(|(one, other, _)| one == other).map(|(.., said)| said);
            match settled {
                Some(Said::Nothing) => {}
                Some(Said::This(digest)) => drop(merged.facts.insert(what.clone(), digest)),
                Some(Said::Unsettled) | None => {
                    let sides = Sides { ours: ours.digest(), theirs: theirs.digest() };
                    merged.conflicts.insert(what.clone(), sides);
                }
            }
        }
        merged
    }

    fn said(&self, what: &str) -> Said {
        if self.conflicts.contains_key(what) {
            return Said::Unsettled;
        }
        self.facts.get(what).map_or(Said::Nothing, |digest| Said::This(*digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lock of outputs named by single letters, each with the digest of a letter: `a1 b2`.
    fn lock(facts: &str) -> Lock {
        let mut lock = Lock::default();
        for fact in facts.split_whitespace() {
            let (stage, content) = fact.split_at(1);
            lock.add_output(stage, "x", Digest::of_bytes(content.as_bytes()));
        }
        lock
    }

    #[test]
    fn what_one_side_changed_added_or_removed_is_taken() {
        let merged = |base, ours, theirs| Lock::merged(&lock(base), &lock(ours), &lock(theirs));
        assert_eq!(merged("a1 b1 c1", "a2 b1 c1", "a1 b3 c1"), lock("a2 b3 c1"));
        assert_eq!(merged("a1 b1", "a1", "a1 b1 c1"), lock("a1 c1"));
        assert_eq!(merged("a1", "a2", "a2"), lock("a2"), "both changed it alike");
        assert_eq!(merged("", "a1", "b1"), lock("a1 b1"), "without an ancestor");
    }

    #[test]
    fn what_both_changed_differently_is_a_conflict_and_nothing_else_is_lost() {
        let merged = Lock::merged(&lock("a1 b1 c1"), &lock("a2 b2 c1"), &lock("a3 b1"));
        let conflicts: Vec<String> = merged.conflicts().collect();
        assert_eq!(conflicts.len(), 1);
        assert!(conflicts[0].starts_with("output a.x: ours says "), "{conflicts:?}");
        assert_eq!(merged.facts, lock("b2").facts);
        let gone = Lock::merged(&lock("a1"), &lock(""), &lock("a2"));
        assert!(gone.conflicts().next().is_some_and(|line| line.contains("ours says nothing")));
    }

    #[test]
    fn what_an_earlier_merge_left_stays_unsettled_until_a_side_settles_it() {
        let left = Lock::merged(&lock("a1"), &lock("a2"), &lock("a3"));
        assert_eq!(Lock::merged(&left, &left, &left).conflicts().count(), 1);
        assert_eq!(Lock::merged(&left, &lock("a4"), &left), lock("a4"));
        assert_eq!(Lock::merged(&lock("a1"), &left, &lock("a4")).conflicts().count(), 1);
    }

    #[test]
    fn a_run_differs_from_what_is_not_settled_whatever_it_produces() {
        let left = Lock::merged(&lock("a1 b1"), &lock("a2 b1"), &lock("a3 b1"));
        let differences = lock("a2 b1").differences(&left, |_| true);
        assert_eq!(differences.len(), 1);
        assert!(differences[0].ends_with("a merge that no run has settled"), "{differences:?}");
    }
}
