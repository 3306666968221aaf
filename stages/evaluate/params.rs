//! What can be said about evaluation in pipeline.yaml.
//!
//! For: `evaluate` (follows it), `segpipe schema` (describes it).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{ParamError, Params};

/// Params of `evaluate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateParams {
    /// Customers up to which the silhouette is exact; above it, it is estimated from a stratified sample.
    pub exact_silhouette_up_to: usize,
    /// Customers in that sample. Unset: as many as keep the cost at that of the largest exact silhouette, at least 1000.
    pub sample_size: Option<usize>,
    /// Seed of the sample.
    pub seed: u64,
}

impl Default for EvaluateParams {
    fn default() -> Self {
        Self { exact_silhouette_up_to: 20_000, sample_size: None, seed: 42 }
    }
}

impl Params for EvaluateParams {
    fn check(&self) -> Result<(), ParamError> {
        if self.sample_size == Some(0) {
            return Err(ParamError::new("sample_size", "must be at least 1"));
        }
        Ok(())
    }
}
