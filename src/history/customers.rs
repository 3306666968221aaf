//! Which customers changed their segment between two runs.
//!
//! For: `diff`, which hands over the two tables of assignments. Not for: finding those tables.

use std::collections::BTreeMap;

use segpipe_stages::results::Assignments;
use serde::Serialize;

/// What can be said of the customers of two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "known")]
pub enum Customers {
    /// Both tables of assignments are the same.
    Same {
        /// How many customers there are, where the table could be read.
        customers: Option<usize>,
    },
    /// They were compared customer by customer.
    Compared(Changes),
    /// They could not be compared.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// What changed, counted by customer id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Changes {
    /// Customers of both runs.
    pub in_both: usize,
    /// Of those, how many have another segment's number.
    pub changed_number: usize,
    /// Of those in both, how many have another segment's name.
    pub changed_name: usize,
    /// How many went from which name to which, largest first; those who stayed too.
    pub moves: Vec<Move>,
    /// Customers of the first run alone.
    pub only_in_first: usize,
    /// Customers of the second run alone.
    pub only_in_second: usize,
}

/// Customers who went the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Name of their segment in the first run.
    pub from: String,
    /// Name of their segment in the second.
    pub to: String,
    /// How many they are.
    pub customers: usize,
}

/// Compares two tables of assignments.
pub(super) fn compare(first: &Assignments, second: &Assignments) -> Changes {
    let places: BTreeMap<&str, usize> = second.ids.iter().map(String::as_str).zip(0..).collect();
    let mut changes = Changes::default();
    let mut moves: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (row, id) in first.ids.iter().enumerate() {
        let Some(&other) = places.get(id.as_str()) else {
            changes.only_in_first += 1;
            continue;
        };
        let (from, to) = (first.names[row].as_str(), second.names[other].as_str());
        changes.in_both += 1;
        changes.changed_number += usize::from(first.segments[row] != second.segments[other]);
        changes.changed_name += usize::from(from != to);
        *moves.entry((from, to)).or_default() += 1;
    }
    changes.only_in_second = second.ids.len() - changes.in_both;
    let own = |((from, to), customers): ((&str, &str), usize)| {
        let (from, to) = (from.to_owned(), to.to_owned());
        Move { from, to, customers }
    };
    changes.moves = moves.into_iter().map(own).collect();
    changes.moves.sort_by_key(|way| std::cmp::Reverse(way.customers));
    changes
}
