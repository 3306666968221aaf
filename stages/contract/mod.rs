//! What a stage is, and what it may ask of the world: the border between the stages and whoever runs them.
//!
//! For: [`Stage`] and its ports ([`Input`], [`Output`]), its checked params, its context, its errors, and the traits
//! through which the outside world is reached ([`SourceResolver`], [`Observer`], [`Tracker`]).
//! Not for: scheduling, caching, digests of files, terminals, networks. Those belong to the caller.
//! Called by: every stage, and the orchestrator, which takes stages as a list and knows none by name.

mod context;
mod error;
mod observer;
mod params;
mod parts;
mod ports;
mod sources;
mod tracker;

use serde_json::{Map, Value};

pub use context::{StageContext, StageReport};
pub use error::{Fault, StageError, StageFault};
pub use observer::{Note, NoteLevel, Observer, Silent, Stream};
pub use params::{CheckedParams, ParamError, Params, check, schema_of};
pub use parts::{Forgetful, Keeper, Part};
pub use ports::{Asset, Determinant, Input, InputFile, Output, OutputKind};
pub use sources::{Download, ResolvedSource, Source, SourceOrigin, SourceRequest, SourceResolver, SourceSelection};
pub use tracker::{FinishedRun, FinishedStage, RunStatus, Tracker};

/// One kind of stage: a pure function from tables to tables with a name, typed ports and checked params.
///
/// Built-in kinds are written in this crate and answer with what is compiled in; others are made while a pipeline file
/// is read and answer with what they hold.
///
/// # Examples
/// `stages/rfm` is a good one to read first; `stages/README.md` says how to add another.
pub trait Stage: Send + Sync {
    /// The kind's name, as `uses:` in pipeline.yaml says it; also the default name of the stage. Lower case, `a-z0-9_`.
    fn name(&self) -> &str;

    /// What it does, in one line without a full stop.
    fn summary(&self) -> &str;

    /// What it reads, in the order in which errors and documents name them.
    fn inputs(&self) -> &[Input];

    /// What it writes. At least one is a table where the stage is a built-in one.
    fn outputs(&self) -> &[Output];

    /// Digest of everything compiled into this stage that determines its outputs (see `implementation.rs`).
    fn implementation(&self) -> &str;

    /// Files compiled into the binary that end up in the outputs; each enters the fingerprint by name and content.
    fn assets(&self) -> &[Asset] {
        &[]
    }

    /// What else determines the outputs; each is a fact of the fingerprint.
    fn determinants(&self) -> Vec<Determinant> {
        Vec::new()
    }

    /// JSON Schema of the params, for `segpipe schema` and for the names offered when one is mistyped.
    fn params_schema(&self) -> Value;

    /// Fills in defaults and checks ranges. See [`check`], which does it for any [`Params`] type.
    ///
    /// # Errors
    /// A [`ParamError`] that names the offending param.
    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError>;

    /// The files from outside the project's own outputs that this stage reads, where it reads any.
    ///
    /// # Errors
    /// A [`ParamError`] where the params do not name sources.
    fn sources(&self, _params: &CheckedParams) -> Result<Option<SourceRequest>, ParamError> {
        Ok(None)
    }

    /// Whether its work is done on rayon's current pool; a stage that waits for others must not hold one of its threads.
    fn computes(&self) -> bool {
        true
    }

    /// Reads the declared inputs, computes, and writes every declared output. Blocking; may use rayon's current pool.
    ///
    /// # Errors
    /// A [`StageError`] whose [`Fault`] says whose it is. Nothing written is kept then.
    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError>;
}
