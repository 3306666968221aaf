//! Named places at which a test may let the process die, as a power cut would.
//!
//! For: the crash tests, which set `SEGPIPE_CRASH_AT` to one of the points listed here. Not for: anything else; unset, a
//! point costs one comparison. Called by: whatever writes something that the next run will read.

use std::sync::OnceLock;

/// The environment variable that names the point to die at.
pub const VARIABLE: &str = "SEGPIPE_CRASH_AT";

/// Every point that a run passes, in the order in which an executed stage passes them.
pub const POINTS: &[&str] = &[
    "stage.began",
    "stage.computed",
    "object.synced",
    "object.stored",
    "record.written",
    "record.stored",
    "output.copied",
    "output.placed",
    "directory.copied",
    "directory.exchanged",
    "current.written",
    "lock.written",
    "lock.stored",
    "entry.written",
    "entry.stored",
    "run.sealed",
];

/// Every point that a collection of old results passes.
pub const POINTS_OF_COLLECTION: &[&str] = &["record.removed", "object.removed"];

/// Ends the process at once, without unwinding or flushing, where the environment asks for it.
pub fn point(name: &'static str) {
    static WANTED: OnceLock<Option<String>> = OnceLock::new();
    let is_listed = POINTS.contains(&name) || POINTS_OF_COLLECTION.contains(&name);
    debug_assert!(is_listed, "{name} is in no list that the tests walk through");
    if WANTED.get_or_init(|| std::env::var(VARIABLE).ok()).as_deref() == Some(name) {
        std::process::abort();
    }
}
