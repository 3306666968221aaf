//! Tracking: what is known of finished runs, kept until a tracking server has it.
//!
//! For: sealing every run that executed something as one complete entry of the outbox ([`Outbox`], the contract's
//! `Tracker`). Not for: what a result is (the stage `track` records that), and never a reason for a run to fail.
//! Called by: the engine at the end of a run; the delivery, which reads entries back.

mod artifacts;
mod entry;
mod origin;
mod outbox;
mod secrets;
#[cfg(test)]
mod tests;

pub use artifacts::{Artifact, Missing};
pub use entry::{ENTRY, Entry, EntryError, EntryStage, FILES, FORMAT, Fact, RECEIPT};
pub use origin::Git;
pub use outbox::{Outbox, Waiting};
