//! The outside files of a stage: their digests, and proof that they did not change while they were read.
//!
//! For: turning what a [`SourceResolver`] found into what a fingerprint needs. Not for: finding, fetching or
//! simulating files, which is the resolver's work. Called by: `preview`, the engine.

use std::path::Path;

use segpipe_stages::contract::{Fault, ResolvedSource, Source, SourceResolver, StageError};

use crate::spec::pipeline::PipelineStage;
use crate::store::remembered::{Remembered, Witness};

/// The sources of a stage as they were when their digests were taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WitnessedSources {
    /// What the stage is handed.
    pub sources: Vec<Source>,
    witnesses: Vec<Witness>,
}

impl WitnessedSources {
    /// Takes the digests of `resolved`, each certain to belong to the content that its witness vouches for.
    ///
    /// # Errors
    /// [`Fault::Data`] where a file cannot be read.
    pub fn take(resolved: Vec<ResolvedSource>, remembered: &Remembered) -> Result<Self, StageError> {
        let mut taken = Self::default();
        for ResolvedSource { path, origin } in resolved {
            let (digest, witness) = remembered.settled_digest(&path).map_err(|cause| unreadable(&path, cause))?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            taken.sources.push(Source { path, name, digest: digest.to_string(), origin });
            taken.witnesses.push(witness);
        }
        Ok(taken)
    }

    /// The first source that is no longer the file whose digest was taken, even if its content should be the same.
    pub fn changed(&self) -> Option<&Source> {
        let mut pairs = self.sources.iter().zip(&self.witnesses);
        let found = pairs.find(|(source, witness)| Witness::of(&source.path).ok().as_ref() != Some(*witness));
        found.map(|(source, _)| source)
    }
}

/// The sources of `stage` that are there now; none where it reads none, or where they would have to be fetched or
/// simulated first (`Some(Err(..))` carries why they cannot be had).
///
/// # Errors
/// Where they are missing and may be neither fetched nor simulated, or cannot be read.
pub fn peek(
    stage: &PipelineStage,
    resolver: &dyn SourceResolver,
    remembered: &Remembered,
) -> Result<Peeked, StageError> {
    let request = stage.stage.sources(&stage.params).map_err(|error| StageError::new(Fault::Params, error.message))?;
    let Some(request) = request else { return Ok(Peeked::Known(WitnessedSources::default())) };
    match resolver.peek(&request)? {
        Some(resolved) => WitnessedSources::take(resolved, remembered).map(Peeked::Known),
        None => Ok(Peeked::ToBeFetched),
    }
}

/// What [`peek`] saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peeked {
    /// The sources, none for a stage that reads none.
    Known(WitnessedSources),
    /// They would have to be fetched or simulated first.
    ToBeFetched,
}

fn unreadable(path: &Path, cause: std::io::Error) -> StageError {
    let message = format!("source `{}` cannot be read", path.display());
    StageError { cause: Some(Box::new(cause)), ..StageError::new(Fault::Data, message) }
}
