//! The results that the record is made of, in one piece.
//!
//! For: `track`. Not for: reading the single tables (see [`crate::results`]), or computing any of them.

use crate::contract::{StageContext, StageError};
use crate::customers::Customers;
use crate::model::Model;
use crate::results::{self, RuleFact, SegmentFact, SourceFact, StudyFact, WaterfallFact};
use crate::table::Facts;

/// Everything the record is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// The source files.
    pub sources: Vec<SourceFact>,
    /// The rules of `validate`.
    pub rules: Vec<RuleFact>,
    /// The waterfall.
    pub waterfall: Vec<WaterfallFact>,
    /// The customers.
    pub customers: Customers,
    /// The facts of the customers' table.
    pub facts: Facts,
    /// The model.
    pub model: Model,
    /// Digests of model.json and model.onnx.
    pub model_digests: [String; 2],
    /// The study of k.
    pub study: Vec<StudyFact>,
    /// Metrics by name.
    pub metrics: Vec<(String, f64)>,
    /// The segments.
    pub segments: Vec<SegmentFact>,
    /// Codes and messages of the warnings.
    pub warnings: Vec<(String, String)>,
}

impl Results {
    /// Reads every input of `track`.
    ///
    /// # Errors
    /// Where a table cannot be read or is another one.
    pub fn read(ctx: &StageContext<'_>) -> Result<Self, StageError> {
        let (customers, facts) = Customers::read(&ctx.input("customers")?.path)?;
        let (model_json, onnx) = (ctx.input("model_json")?, ctx.input("onnx")?);
        Ok(Self {
            sources: results::sources(ctx)?,
            rules: results::rules(ctx)?,
            waterfall: results::waterfall(ctx)?,
            customers,
            facts,
            model: Model::read(&model_json.path)?,
            model_digests: [model_json.digest.clone(), onnx.digest.clone()],
            study: results::study(ctx)?,
            metrics: results::metrics(ctx)?,
            segments: results::segments(ctx)?,
            warnings: results::warnings(ctx)?,
        })
    }
}
