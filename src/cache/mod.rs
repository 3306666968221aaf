//! The store as a whole: what is in it, whether all of it is intact, and what of it is still needed.
//!
//! For: `segpipe cache stats` ([`stats`]), `verify` ([`verify()`]) and `gc` ([`collect`]). Not for: single results
//! (`store`), or runs. Called by: `cli`.
//!
//! All of it is done while the project is held, so never beside a run.

mod census;
mod collect;
mod stats;
#[cfg(test)]
mod tests;
mod verify;

pub use collect::{Collected, Pinned, Policy, collect};
pub use stats::{Stats, stats};
pub use verify::{Incomplete, Verified, verify};
