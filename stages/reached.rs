//! How many distinct things got how far: customers or invoices that are still there after each of a series of steps.
//!
//! For: distinct counts in bounded memory. A thing that some row takes beyond step `n` is there after steps 0 to `n`,
//! so one number per thing is enough: the farthest level any of its rows reached. Not for: finding the things again.
//! Called by: `validate`, `preprocess`.

use std::path::Path;

use crate::key::{Key, KeyMap};
use crate::spill::{Entry, Spill, SpillError};

/// The levels that things have reached.
#[derive(Debug)]
pub struct Reached(Spill);

impl Reached {
    /// Nothing has reached anything yet. `scratch` is where a file is made if there are too many.
    pub fn new(scratch: &Path) -> Self {
        Self(Spill::new(scratch))
    }

    /// Adds things with the level that one of their rows reached.
    ///
    /// # Errors
    /// [`SpillError`] where the disk refuses.
    pub fn extend(&mut self, things: &[(Key, u8)]) -> Result<(), SpillError> {
        things.iter().try_for_each(|(key, level)| self.0.push(Entry::new(*key, u64::from(*level))))
    }

    /// Element `n`: how many distinct things reached level `n` or a higher one.
    ///
    /// # Errors
    /// [`SpillError`] where the scratch file cannot be read back.
    pub fn counts(self, levels: usize) -> Result<Vec<u64>, SpillError> {
        let parts = self.0.map_parts(|entries| farthest(&entries, levels))?;
        let mut counts = vec![0; levels];
        for part in parts {
            counts.iter_mut().zip(part).for_each(|(count, more)| *count += more);
        }
        for level in (1..levels).rev() {
            counts[level - 1] += counts[level];
        }
        Ok(counts)
    }
}

/// How many things of one part got to each level and not farther.
fn farthest(entries: &[Entry], levels: usize) -> Vec<u64> {
    let mut reached: KeyMap<u64> = KeyMap::default();
    for entry in entries {
        let level = reached.entry(entry.key()).or_default();
        *level = entry.value.max(*level);
    }
    let mut counts = vec![0; levels];
    reached.values().filter_map(|level| usize::try_from(*level).ok()).for_each(|level| {
        if let Some(count) = counts.get_mut(level) {
            *count += 1;
        }
    });
    counts
}

/// Adds `thing` to a list of things unless it repeats the one before, as the lines of one invoice do.
pub fn add(things: &mut Vec<(Key, u8)>, thing: (Key, u8)) {
    if things.last() != Some(&thing) {
        things.push(thing);
    }
}

#[cfg(test)]
mod tests {
    use crate::key::of_text;

    use super::*;

    #[test]
    fn a_thing_counts_once_at_every_level_up_to_its_farthest() {
        let folder = tempfile::tempdir().unwrap();
        let mut reached = Reached::new(folder.path());
        let things = [("a", 0), ("b", 2), ("a", 1), ("b", 0), ("c", 0), ("a", 1)];
        reached.extend(&things.map(|(name, level)| (of_text(name), level))).unwrap();
        // Farthest: a 1, b 2, c 0.
        assert_eq!(reached.counts(4).unwrap(), [3, 2, 1, 0]);
    }

    #[test]
    fn repeats_in_a_row_are_left_out() {
        let mut things = Vec::new();
        for thing in [(1, 0), (1, 0), (1, 1), (2, 1), (1, 1)] {
            add(&mut things, thing);
        }
        assert_eq!(things, [(1, 0), (1, 1), (2, 1), (1, 1)]);
    }
}
