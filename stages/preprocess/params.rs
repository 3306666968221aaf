//! What pipeline.yaml may say about which lines count.
//!
//! For: the policy for returns and duplicates, and the filters. Called by: `preprocess`, scoring of transactions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{ParamError, Params};
use crate::moment::Moment;

/// Params of `preprocess`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PreprocessParams {
    /// What becomes of cancellations and other returns.
    pub returns: Returns,
    /// What becomes of rows that repeat an earlier one exactly.
    pub duplicates: Repeats,
    /// Product codes whose lines are left out, e.g. postage: exact, or with `*` and `?`; case does not matter.
    pub exclude_codes: Vec<String>,
    /// Only lines of these countries count; case does not matter. Empty: all.
    pub countries: Vec<String>,
    /// Only lines from this day or time on count.
    pub from: Option<Moment>,
    /// Only lines up to this day (the whole of it) or time count.
    pub until: Option<Moment>,
}

/// What becomes of returns: cancellations, quantities of nothing or less, and negative amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Returns {
    /// They are dropped: what was bought counts, whatever came back.
    #[default]
    Gross,
    /// They are kept and reduce what a customer spent.
    Net,
    /// They are paired with the purchases they take back, and both are dropped.
    Matched,
}

impl Returns {
    /// The word used in facts and in pipeline.yaml.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gross => "gross",
            Self::Net => "net",
            Self::Matched => "matched",
        }
    }
}

/// What becomes of rows that repeat an earlier one exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// They count: the same thing may well be sold twice on one invoice.
    #[default]
    Keep,
    /// The first one counts.
    Drop,
}

impl Params for PreprocessParams {
    fn check(&self) -> Result<(), ParamError> {
        let is_blank = |text: &String| text.trim().is_empty();
        if self.exclude_codes.iter().any(is_blank) {
            return Err(ParamError::new("exclude_codes", "a code is empty"));
        }
        if self.exclude_codes.iter().any(|code| code.chars().all(|character| character == '*')) {
            return Err(ParamError::new("exclude_codes", "`*` would leave out every line"));
        }
        if self.countries.iter().any(is_blank) {
            return Err(ParamError::new("countries", "a country is empty; leave the list out to keep all countries"));
        }
        match self.from.zip(self.until) {
            Some((from, until)) if from.start() > until.end() => {
                Err(ParamError::new("until", format!("`until` ({until}) is before `from` ({from})")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use crate::contract;

    use super::*;

    fn check(params: &Value) -> Result<PreprocessParams, ParamError> {
        contract::check::<PreprocessParams>(params.as_object().unwrap()).map(|checked| checked.to().unwrap())
    }

    #[test]
    fn by_default_returns_are_dropped_and_nothing_else() {
        let params = check(&json!({})).unwrap();
        assert_eq!(params, PreprocessParams::default());
        let text =
            r#"{"returns":"gross","duplicates":"keep","exclude_codes":[],"countries":[],"from":null,"until":null}"#;
        assert_eq!(serde_json::to_string(&params).unwrap(), text);
    }

    #[rstest]
    #[case(json!({ "returns": "some" }), "returns")]
    #[case(json!({ "exclude_codes": ["POST", " "] }), "exclude_codes")]
    #[case(json!({ "exclude_codes": ["**"] }), "exclude_codes")]
    #[case(json!({ "countries": [""] }), "countries")]
    #[case(json!({ "from": "tomorrow" }), "from")]
    #[case(json!({ "from": "2011-02-01", "until": "2011-01-31" }), "until")]
    fn what_makes_no_sense_is_refused(#[case] params: Value, #[case] key: &str) {
        assert_eq!(check(&params).unwrap_err().path, [key]);
    }

    #[test]
    fn one_day_is_a_window() {
        check(&json!({ "from": "2011-02-01", "until": "2011-02-01" })).unwrap();
    }
}
