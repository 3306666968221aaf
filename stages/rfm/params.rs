//! What pipeline.yaml may say about recency, frequency and monetary.
//!
//! For: `rfm`, scoring of transactions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::Params;
use crate::moment::Moment;

/// Params of `rfm`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RfmParams {
    /// The moment from which recency is counted; a day means its first moment. Unset: one day after the last line of
    /// `orders`.
    pub snapshot: Option<Moment>,
}

impl Params for RfmParams {}
