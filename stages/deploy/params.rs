//! Params of `deploy`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{ParamError, Params};

/// What goes into the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeployParams {
    /// Whether the customers' ids and segments go into the bundle. They are personal data.
    pub include_assignments: bool,
    /// Customers on the bundle's map, without ids; more are sampled, with at least 30 of every segment.
    pub map_sample: usize,
}

impl Default for DeployParams {
    fn default() -> Self {
        Self { include_assignments: false, map_sample: 2_000 }
    }
}

impl Params for DeployParams {
    fn check(&self) -> Result<(), ParamError> {
        let is_usable = self.map_sample <= 50_000;
        if is_usable { Ok(()) } else { Err(ParamError::new("map_sample", "must be at most 50000")) }
    }
}
