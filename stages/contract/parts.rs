//! Parts of a stage's work that several of its results share.
//!
//! For: [`Part`] and the port that remembers it ([`Keeper`]).
//! Not for: outputs, which are remembered whole by whoever runs the stages.
//! Called by: a stage's context.

use serde_json::Value;

/// A part of a stage's work that does not depend on all of its params, so that several of its results share it.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<'a> {
    /// What it is, among the parts of its stage; one word.
    pub name: &'a str,
    /// Everything that determines it beside the stage's implementation and inputs.
    pub facts: Value,
}

/// Remembers parts of a stage's work by what determines them. It may forget any of them at any time.
pub trait Keeper: Send + Sync {
    /// What was kept, for the same stage, implementation and inputs.
    fn recall(&self, part: &Part<'_>) -> Option<Vec<u8>>;

    /// Keeps it, if possible.
    fn keep(&self, part: &Part<'_>, bytes: &[u8]);
}

/// A [`Keeper`] that remembers nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Forgetful;

impl Keeper for Forgetful {
    fn recall(&self, _part: &Part<'_>) -> Option<Vec<u8>> {
        None
    }

    fn keep(&self, _part: &Part<'_>, _bytes: &[u8]) {}
}
