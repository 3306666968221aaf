//! `load`: reads the sources, finds their columns, and writes one exact, typed row per source row; drops nothing.
//!
//! For: the stage, and reading transactions from files outside of a run ([`load_files`], [`detect`], [`headers`]).
//! Not for: judging rows (`validate`), or finding, fetching and simulating files (the resolver of the contract).
//! Called by: the orchestrator; `segpipe predict` and `segpipe init`.
//!
//! What is not said in the params is found in the data: format, encoding, delimiter, decimal mark and the order of day
//! and month, the last three from every cell of a file. What the data cannot settle is an error that asks.

mod cell;
mod columns;
mod content;
mod dates;
mod delimited;
mod detection;
mod dialect;
mod ends;
mod error;
mod files;
mod guard;
mod names;
mod numbers;
mod opened;
mod overlap;
mod params;
mod parquet;
mod records;
mod rows;
mod summary;
#[cfg(test)]
mod tests;
mod xlsx;

use serde_json::{Map, Value};

use crate::contract::{
    self, CheckedParams, Input, Output, ParamError, SourceRequest, Stage, StageContext, StageError, StageReport,
};
use crate::numerals::counted;
use crate::{implementation, table};

pub use columns::is_rfm_table;
pub use content::Format;
pub use detection::{Detection, Headers, detect, headers};
pub use error::{Lacking, LoadError};
pub use files::load_files;
pub use names::Column;
pub use params::{ColumnHeaders, DecimalMark, DownloadParam, Fallback, LoadParams, SourceChoice, SourceParam};
pub use summary::{LoadSummary, SourceSummary};

static OUTPUTS: [Output; 2] =
    [Output::table("transactions", "transactions.parquet"), Output::table("sources", "sources.parquet")];

/// The stage.
pub struct Load;

impl Stage for Load {
    fn name(&self) -> &'static str {
        "load"
    }

    fn summary(&self) -> &'static str {
        "reads transactions from CSV, XLSX or Parquet, with exact numbers and real dates"
    }

    fn inputs(&self) -> &'static [Input] {
        &[]
    }

    fn outputs(&self) -> &'static [Output] {
        &OUTPUTS
    }

    fn implementation(&self) -> &'static str {
        implementation::of("load")
    }

    fn params_schema(&self) -> Value {
        contract::schema_of::<LoadParams>()
    }

    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
        contract::check::<LoadParams>(raw)
    }

    fn sources(&self, params: &CheckedParams) -> Result<Option<SourceRequest>, ParamError> {
        params.to::<LoadParams>()?.request().map(Some)
    }

    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
        ctx.check_cancelled()?;
        let summary = load_files(&ctx.sources, &ctx.params()?, &ctx.output("transactions")?, ctx.observer)?;
        ctx.set_rows("transactions", summary.rows())?;
        let sources = summary.to_batch().map_err(|error| StageError::bug(error.to_string()))?;
        table::write_output(ctx, "sources", &sources, &summary.facts)?;
        let files = summary.sources.len();
        let from = if files == 1 { String::new() } else { format!(" from {files} files") };
        Ok(StageReport { headline: format!("{}{from}", counted(summary.rows(), "row")) })
    }
}
