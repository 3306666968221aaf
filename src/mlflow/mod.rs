//! Tracking: what is known of finished runs, kept until a tracking server has it, and delivered to an MLflow server.
//!
//! For: sealing every run that executed something as one complete entry of the outbox ([`Outbox`], the contract's
//! `Tracker`), and delivering entries ([`push`]). Not for: what a result is (the stage `track` records that), and never
//! a reason for a run to fail. Called by: the engine at the end of a run; `segpipe run` and `segpipe push`.
//!
//! [`Destination`] says where, [`Patience`] how long. `push` takes entries one by one; `delivery` makes an entry's run
//! with what `statement` says of it, `registration` its model with the files of `model_files` and the aliases that
//! `promotion` decides about; `fetch` brings a registered model's bundle back. `client` and `registry` have one method
//! per call of MLflow's API, `transport` sends it.

mod artifacts;
mod client;
mod delivery;
mod destination;
mod entry;
mod error;
mod fetch;
#[cfg(test)]
mod fixture;
mod model_files;
mod origin;
mod outbox;
mod patience;
mod promotion;
mod push;
#[cfg(test)]
mod push_tests;
mod receipt;
mod registration;
mod registry;
#[cfg(test)]
mod scripted;
mod secrets;
mod shelf;
mod statement;
mod sweeps;
#[cfg(test)]
mod tests;
mod transport;
mod wire;

pub use artifacts::{Artifact, Missing};
pub use destination::Destination;
pub use entry::{ENTRY, Entry, EntryError, EntryStage, FILES, FORMAT, Fact, RECEIPT, SweepPart};
pub use error::DeliveryError;
pub use fetch::{ModelUri, fetch, version_of};
pub use model_files::MLFLOW as VERSION;
pub use origin::{Git, committed};
pub use outbox::{Outbox, Waiting};
pub use patience::Patience;
pub use promotion::LESS_IS_BETTER;
pub use push::{Pushed, Scope, Tried, push};
pub use receipt::{ModelReceipt, Receipt};
pub use sweeps::SweepRun;
