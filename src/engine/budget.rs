//! What running stages take of the machine, so that no stage starts that there is no room for.
//!
//! For: processors, memory, named resources, and stages that exclude each other. Not for: enforcing any of it on a
//! running stage. Called by: `schedule`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::spec::pipeline::{Capacity, Resources};

/// What there is, and what is taken of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Budget {
    total: Amounts,
    taken: Amounts,
    held: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Amounts {
    cpu: u64,
    memory: u64,
    named: BTreeMap<String, u64>,
}

impl Budget {
    /// Of a pipeline's resources; where it does not say, there are as many processors as `jobs` and as much memory as the
    /// machine has.
    pub(super) fn new(capacity: &Capacity, jobs: usize) -> Self {
        let total = Amounts {
            cpu: capacity.cpu.unwrap_or(jobs as u64),
            memory: capacity.memory.or_else(machine_memory).unwrap_or(u64::MAX),
            named: capacity.named.clone(),
        };
        Self { total, taken: Amounts::default(), held: BTreeSet::new() }
    }

    /// Takes what a stage needs, where it is there. Who needs more than there is gets all of it, alone.
    pub(super) fn take(&mut self, needs: &Resources) -> bool {
        let needed = self.needed(needs);
        let fits = |taken: u64, needed: u64, total: u64| needed == 0 || taken.saturating_add(needed) <= total;
        let is_free = needs.mutexes.is_disjoint(&self.held);
        let has_room = fits(self.taken.cpu, needed.cpu, self.total.cpu)
            && fits(self.taken.memory, needed.memory, self.total.memory)
            && needed.named.iter().all(|(name, needed)| {
                fits(amount(&self.taken.named, name), *needed, amount(&self.total.named, name))
            });
        if !is_free || !has_room {
            return false;
        }
        self.taken.cpu += needed.cpu;
        self.taken.memory += needed.memory;
        for (name, needed) in needed.named {
            *self.taken.named.entry(name).or_default() += needed;
        }
        self.held.extend(needs.mutexes.iter().cloned());
        true
    }

    /// Gives back what [`Budget::take`] took.
    pub(super) fn give_back(&mut self, needs: &Resources) {
        let needed = self.needed(needs);
        self.taken.cpu = self.taken.cpu.saturating_sub(needed.cpu);
        self.taken.memory = self.taken.memory.saturating_sub(needed.memory);
        for (name, needed) in needed.named {
            let taken = self.taken.named.entry(name).or_default();
            *taken = taken.saturating_sub(needed);
        }
        self.held.retain(|mutex| !needs.mutexes.contains(mutex));
    }

    /// What is counted of what a stage needs.
    fn needed(&self, needs: &Resources) -> Amounts {
        let named = needs.named.iter().map(|(name, needed)| (name.clone(), (*needed).min(amount(&self.total.named, name))));
        Amounts {
            cpu: needs.cpu.min(self.total.cpu),
            memory: needs.memory.min(self.total.memory),
            named: named.collect(),
        }
    }
}

fn amount(named: &BTreeMap<String, u64>, name: &str) -> u64 {
    named.get(name).copied().unwrap_or_default()
}

/// Bytes of memory that this process may use: the machine's, or fewer in a container.
fn machine_memory() -> Option<u64> {
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    [limit, machine].into_iter().flatten().min()
}

/// Of the lines of `/proc/meminfo`, the one that counts all of it in KiB.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        let named = BTreeMap::from([("gpu".to_owned(), 1)]);
        Budget::new(&Capacity { cpu: Some(4), memory: Some(100), named }, 2)
    }

    fn cpu(cpu: u64) -> Resources {
        Resources { cpu, ..Resources::default() }
    }

    #[test]
    fn processors_are_shared_and_given_back() {
        let mut budget = budget();
        let empty = budget.clone();
        assert!(budget.take(&cpu(3)) && budget.take(&cpu(1)) && !budget.take(&cpu(1)));
        assert!(budget.take(&cpu(0)), "what takes none is never in the way");
        budget.give_back(&cpu(1));
        assert!(!budget.take(&cpu(2)) && budget.take(&cpu(1)));
        budget.give_back(&cpu(1));
        budget.give_back(&cpu(3));
        assert_eq!(budget, empty);
    }

    #[test]
    fn who_needs_more_than_there_is_runs_alone() {
        let mut budget = budget();
        let large = Resources { memory: 1000, ..cpu(64) };
        assert!(budget.take(&cpu(1)) && !budget.take(&large));
        budget.give_back(&cpu(1));
        assert!(budget.take(&large) && !budget.take(&cpu(1)));
        budget.give_back(&large);
        assert!(budget.take(&cpu(4)));
    }

    #[test]
    fn memory_and_named_resources_are_counted_apart() {
        let mut budget = budget();
        let gpu = Resources { named: [("gpu".to_owned(), 1)].into(), ..cpu(1) };
        let heavy = Resources { memory: 60, ..cpu(1) };
        assert!(budget.take(&gpu) && !budget.take(&gpu) && budget.take(&heavy) && !budget.take(&heavy));
        budget.give_back(&gpu);
        assert!(budget.take(&gpu));
    }

    #[test]
    fn stages_with_a_mutex_in_common_exclude_each_other() {
        let mut budget = budget();
        let with = |names: &[&str]| Resources { mutexes: names.iter().map(ToString::to_string).collect(), ..cpu(0) };
        assert!(budget.take(&with(&["database", "disk"])) && !budget.take(&with(&["disk"])));
        assert!(budget.take(&with(&["printer"])));
        budget.give_back(&with(&["database", "disk"]));
        assert!(budget.take(&with(&["disk"])) && !budget.take(&with(&["printer"])));
    }

    #[test]
    fn without_a_word_there_are_as_many_processors_as_jobs_and_the_machines_memory() {
        let budget = Budget::new(&Capacity::default(), 7);
        assert_eq!(budget.total.cpu, 7);
        assert!(budget.total.memory > 1 << 20);
        assert_eq!(total("MemFree: 1 kB\nMemTotal:       16 kB\n"), Some(16_384));
    }
}
