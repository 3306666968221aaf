//! The tracking record of a result: everything a tracking server will be told, as one table.
//!
//! For: params, metrics, tags, the dataset, the list of artifacts and the model's facts, deterministic and complete
//! before anything is sent. Not for: sending it, or anything that differs between two runs with the same result (clock
//! times, git, user): the runner's outbox adds those. Called by: the orchestrator; the outbox reads the record back.

mod artifacts;
mod facts;
mod note;
mod params;
mod record;
mod results;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::contract::{
    self, CheckedParams, Fault, Input, Output, ParamError, Stage, StageContext, StageError, StageFault, StageReport,
};
use crate::implementation;
use crate::table::{self, Facts};

pub use artifacts::ARTIFACTS;
pub use facts::record;
pub use params::{Promote, TrackParams};
pub use record::{Record, RecordRow};
pub use results::Results;

/// The stage `track`.
#[derive(Debug, Clone, Copy)]
pub struct Track;

/// A record that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    /// The facts do not fit the table, which cannot happen.
    #[error("the record does not fit its table")]
    Batch(#[source] arrow_schema::ArrowError),
}

impl StageFault for TrackError {
    fn fault(&self) -> Fault {
        Fault::Bug
    }
}

static INPUTS: [Input; 11] = [
    Input::new("sources", "load.sources"),
    Input::new("validation", "validate.report"),
    Input::new("waterfall", "preprocess.waterfall"),
    Input::new("customers", "rfm.customers"),
    Input::new("model_json", "train.model_json"),
    Input::new("onnx", "train.onnx"),
    Input::new("k_selection", "train.k_selection"),
    Input::new("metrics", "evaluate.metrics"),
    Input::new("segments", "evaluate.segments"),
    Input::new("warnings", "evaluate.warnings"),
    // Not read: the record of a result is complete when its plots are there too.
    Input::new("plots", "visualize.plots"),
];

static OUTPUTS: [Output; 1] = [Output::table("record", "record.parquet").unlocked()];

impl Stage for Track {
    fn name(&self) -> &'static str {
        "track"
    }

    fn summary(&self) -> &'static str {
        "records what a tracking server is told about the result"
    }

    fn inputs(&self) -> &'static [Input] {
        &INPUTS
    }

    fn outputs(&self) -> &'static [Output] {
        &OUTPUTS
    }

    fn implementation(&self) -> &'static str {
        implementation::of("track")
    }

    fn params_schema(&self) -> Value {
        contract::schema_of::<TrackParams>()
    }

    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
        contract::check::<TrackParams>(raw)
    }

    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
        let results = Results::read(ctx)?;
        let record = record(&results);
        let facts = Facts::from([("data_source".to_owned(), results.model.data_source.clone())]);
        table::write_output(ctx, "record", &record.to_batch().map_err(TrackError::Batch)?, &facts)?;
        let headline = format!("{} params, {} metrics", record.count("param"), record.count("metric"));
        Ok(StageReport { headline })
    }
}
