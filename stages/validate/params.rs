//! What pipeline.yaml may say about validation.
//!
//! For: severities and thresholds of the rules of [`super::rules`], and the latest date that is believed.
//! Called by: `validate`, scoring of transactions.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::contract::{ParamError, Params};
use crate::moment::Moment;

use super::rules::{self, COUNT, RULES, Scope, Severity};

/// Params of `validate`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ValidateParams {
    /// Severity and threshold of single rules, by name; what is left out keeps its default.
    pub rules: Settings,
    /// Rows after this day or time are quarantined. Unset: every date is believed.
    pub latest_date: Option<Moment>,
}

/// How one rule is applied.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Setting {
    /// What becomes of data that break it.
    pub severity: Severity,
    /// From where on it speaks up; see [`Scope`].
    pub threshold: f64,
}

/// How every rule is applied, in the order of [`RULES`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings(pub [Setting; COUNT]);

impl Default for Settings {
    fn default() -> Self {
        Self(RULES.map(|rule| Setting { severity: rule.severity, threshold: rule.threshold }))
    }
}

impl ValidateParams {
    /// The same params for scoring: what is wrong with the data set as a whole is said and stops nothing, because a
    /// single customer may be scored.
    #[must_use]
    pub fn for_scoring(mut self) -> Self {
        for (rule, setting) in RULES.iter().zip(&mut self.rules.0) {
            if matches!(rule.scope, Scope::Share | Scope::AtLeast) {
                setting.severity = Severity::Warn;
            }
        }
        self
    }
}

impl Params for ValidateParams {
    fn check(&self) -> Result<(), ParamError> {
        let mut rules = RULES.iter().zip(&self.rules.0);
        rules.find_map(|(rule, setting)| fault(rule, *setting)).map_or(Ok(()), Err)
    }
}

/// What is wrong with the setting of a rule.
fn fault(rule: &rules::Rule, setting: Setting) -> Option<ParamError> {
    let error = |key: &str, text: &str| Some(ParamError::new(&format!("rules.{}.{key}", rule.name), text));
    let is_whole = matches!(rule.scope, Scope::Share | Scope::AtLeast);
    let most = if rule.scope == Scope::AtLeast { f64::MAX } else { 1.0 };
    match setting.severity {
        Severity::Quarantine if is_whole => {
            error("severity", "this rule is about all rows together; choose `warn` or `error`")
        }
        Severity::Warn if rule.scope == Scope::Essential => {
            error("severity", "later stages cannot do with such rows; choose `quarantine` or `error`")
        }
        Severity::Quarantine if setting.threshold != 0.0 => {
            error("threshold", "such rows are quarantined one by one; a threshold goes with `warn` and `error`")
        }
        _ if !(0.0..=most).contains(&setting.threshold) => {
            error("threshold", if is_whole && most > 1.0 { "must not be negative" } else { "is a share from 0 to 1" })
        }
        _ => None,
    }
}

impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(COUNT))?;
        for (rule, setting) in RULES.iter().zip(&self.0) {
            map.serialize_entry(rule.name, setting)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName)
    }
}

/// What pipeline.yaml says of one rule.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Override {
    severity: Option<Severity>,
    threshold: Option<f64>,
}

struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = Settings;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("rules by name, each with `severity` or `threshold`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Settings, A::Error> {
        let mut settings = Settings::default();
        while let Some(name) = map.next_key::<String>()? {
            // The seed sees the value, so that an error about the name points at its place in the file.
            let (position, changes) = map.next_value_seed(OfRule(&name))?;
            let setting = &mut settings.0[position];
            setting.severity = changes.severity.unwrap_or(setting.severity);
            setting.threshold = changes.threshold.unwrap_or(setting.threshold);
        }
        Ok(settings)
    }
}

struct OfRule<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for OfRule<'_> {
    type Value = (usize, Override);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let Some(position) = rules::find(self.0) else {
            IgnoredAny::deserialize(deserializer)?;
            let names = RULES.map(|rule| rule.name).join("`, `");
            return Err(D::Error::custom(format!("no rule is called `{}`; the rules are `{names}`", self.0)));
        };
        Ok((position, Override::deserialize(deserializer)?))
    }
}

impl JsonSchema for Settings {
    fn schema_name() -> Cow<'static, str> {
        "Rules".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let severity = generator.subschema_for::<Severity>();
        let of_rule = |rule: &rules::Rule| {
            json!({
                "type": "object",
                "description": rule.meaning,
                "default": { "severity": rule.severity, "threshold": rule.threshold },
                "properties": { "severity": severity, "threshold": { "type": "number" } },
                "additionalProperties": false,
            })
        };
        let properties: BTreeMap<&str, _> = RULES.iter().map(|rule| (rule.name, of_rule(rule))).collect();
        schemars::json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::Value;

    use crate::contract::{self, CheckedParams};

    use super::super::rules::position::{FEW_CUSTOMERS, MISSING_CUSTOMER};
    use super::*;

    fn check(params: &Value) -> Result<CheckedParams, ParamError> {
        contract::check::<ValidateParams>(params.as_object().unwrap())
    }

    #[test]
    fn a_rule_keeps_the_defaults_that_are_not_named() {
        let checked = check(&json!({ "rules": { "few_customers": { "threshold": 100 } } })).unwrap();
        let params: ValidateParams = checked.to().unwrap();
        let few = params.rules.0[FEW_CUSTOMERS];
        assert_eq!((few.severity, few.threshold.to_bits()), (Severity::Warn, 100.0_f64.to_bits()));
        assert_eq!(params.rules.0[MISSING_CUSTOMER], Settings::default().0[MISSING_CUSTOMER]);
    }

    #[test]
    fn a_default_written_out_changes_nothing() {
        let written = json!({ "rules": { "missing_customer": { "severity": "quarantine", "threshold": 0 } } });
        assert_eq!(check(&written).unwrap(), check(&json!({})).unwrap());
        let all = json!(check(&json!({})).unwrap().determining);
        assert_eq!(check(&all).unwrap(), check(&json!({})).unwrap());
    }

    #[test]
    fn an_unknown_rule_is_refused_at_its_place_with_the_known_ones() {
        let error = check(&json!({ "rules": { "missing_custmer": { "severity": "warn" } } })).unwrap_err();
        assert_eq!(error.path, ["rules", "missing_custmer"]);
        assert!(error.message.starts_with("no rule is called `missing_custmer`; the rules are `ragged_row`, `"));
    }

    #[rstest]
    #[case("missing_customer", json!({ "severity": "warn" }), "severity")]
    #[case("missing_customer", json!({ "threshold": 0.5 }), "threshold")]
    #[case("many_quarantined", json!({ "severity": "quarantine" }), "severity")]
    #[case("many_quarantined", json!({ "threshold": 1.5 }), "threshold")]
    #[case("few_customers", json!({ "threshold": -1 }), "threshold")]
    #[case("exact_duplicate", json!({ "severity": "fatal" }), "severity")]
    fn what_makes_no_sense_is_refused(#[case] rule: &str, #[case] setting: Value, #[case] key: &str) {
        let error = check(&json!({ "rules": { rule: setting } })).unwrap_err();
        assert_eq!(error.path, ["rules", rule, key], "{error}");
    }

    #[test]
    fn scoring_is_not_stopped_by_the_size_of_the_data_set() {
        let params = ValidateParams::default().for_scoring();
        let errors = params.rules.0.iter().filter(|setting| setting.severity == Severity::Error).count();
        assert_eq!(errors, 0);
        params.check().unwrap();
    }
}
