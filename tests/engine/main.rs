//! The orchestrator with fake stages: every way in which a cache can be wrong, as a sentence.

mod fakes;

#[cfg(test)]
mod cache;
mod failures;
#[cfg(test)]
mod in_store;
mod lock;
#[cfg(test)]
mod oracle;
mod partial;
#[cfg(test)]
mod parts;
mod plan;
mod shared;
mod sources;
mod together;
