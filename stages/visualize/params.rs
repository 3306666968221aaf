//! Params of `visualize`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{ParamError, Params};

/// How much is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VisualizeParams {
    /// Customers on the map; more are sampled, with at least 30 of every segment.
    pub map_points: usize,
}

impl Default for VisualizeParams {
    fn default() -> Self {
        Self { map_points: 3_000 }
    }
}

impl Params for VisualizeParams {
    fn check(&self) -> Result<(), ParamError> {
        if !(100..=20_000).contains(&self.map_points) {
            return Err(ParamError::new("map_points", "must be between 100 and 20000"));
        }
        Ok(())
    }
}
