//! policy.json: by which rules transactions became customers, so that a bundle alone can score transactions alike.
//!
//! For: the facts that came with `rfm.customers`. Not for: applying them. Called by: `deploy`, `bundle::open`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::results::Results;

/// Version of policy.json that this segpipe writes.
pub const VERSION: u32 = 1;

/// Everything in policy.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Format of the file.
    pub version: u32,
    /// `file` or `simulated`.
    pub data_source: String,
    /// What one unit of frequency is: `invoices` or `purchase_days`.
    pub frequency_unit: String,
    /// What happened to returns: `gross`, `net` or `matched`; null where the table did not say.
    pub returns: Option<String>,
    /// The moment from which recency was counted.
    pub snapshot: String,
    /// First purchase that counted.
    pub period_start: Option<String>,
    /// Last purchase that counted.
    pub period_end: Option<String>,
    /// The checked params of `preprocess`; null where the table did not say.
    pub preprocess: Option<Value>,
}

impl Policy {
    /// The policy of a result.
    pub fn of(results: &Results) -> Self {
        let fact = |name: &str| results.fact(name).map(String::from);
        Self {
            version: VERSION,
            data_source: if results.is_simulated() { "simulated" } else { "file" }.to_owned(),
            frequency_unit: results.model.frequency_unit.clone(),
            returns: fact("returns"),
            snapshot: results.model.snapshot.clone(),
            period_start: fact("period_start"),
            period_end: fact("period_end"),
            preprocess: results.fact("policy").and_then(|policy| serde_json::from_str(policy).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::results_fixture::{Fixture, Setup};

    #[test]
    fn the_policy_is_what_the_customers_table_says() {
        let mut results = Fixture::new(Setup::default()).results();
        let policy = Policy::of(&results);
        assert_eq!(policy.returns.as_deref(), Some("gross"));
        assert_eq!(policy.preprocess, Some(json!({ "duplicates": "keep", "returns": "gross" })));
        results.facts.clear();
        let policy = Policy::of(&results);
        assert_eq!((policy.returns, policy.preprocess), (None, None));
        assert_eq!(policy.snapshot, "2011-12-10T12:50:00");
    }
}
