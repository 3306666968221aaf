//! Named places at which a test may let the process die, as a power cut would, or the disk refuse, as a full one would.
//!
//! For: the crash tests, which set `SEGPIPE_CRASH_AT` or `SEGPIPE_FAIL_AT` to one of the points listed here. Not for:
//! anything else; unset, a point costs one comparison. Called by: whatever writes something that the next run will read.

use std::io;
use std::sync::OnceLock;

/// The environment variable that names the point to die at.
pub const VARIABLE: &str = "SEGPIPE_CRASH_AT";
/// The environment variable that names the point at which the disk refuses, and how: `POINT=NUMBER`, with the number that
/// the operating system gives the error.
pub const FAILURE: &str = "SEGPIPE_FAIL_AT";

/// Every point that a run passes, in the order in which an executed stage passes them.
pub const POINTS: &[&str] = &[
    "project.held",
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

/// What the environment asks for.
struct Wanted {
    death: Option<String>,
    failure: Option<(String, i32)>,
}

impl Wanted {
    fn read() -> Self {
        let failure = std::env::var(FAILURE).ok().and_then(|text| {
            let (point, number) = text.split_once('=')?;
            Some((point.to_owned(), number.parse().ok()?))
        });
        Self { death: std::env::var(VARIABLE).ok(), failure }
    }
}

/// Ends the process at once, without unwinding or flushing, where the environment asks for it.
///
/// # Errors
/// The one that the environment asks for.
pub fn point(name: &'static str) -> io::Result<()> {
    static WANTED: OnceLock<Wanted> = OnceLock::new();
    let is_listed = POINTS.contains(&name) || POINTS_OF_COLLECTION.contains(&name);
    debug_assert!(is_listed, "{name} is in no list that the tests walk through");
    let Wanted { death, failure } = WANTED.get_or_init(Wanted::read);
    if death.as_deref() == Some(name) {
        std::process::abort();
    }
    match failure {
        Some((point, number)) if point == name => Err(io::Error::from_raw_os_error(*number)),
        _ => Ok(()),
    }
}
