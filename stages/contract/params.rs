//! A stage's params: from raw to checked.
//!
//! For: [`Params`] and [`CheckedParams`], and the way from the one to the other ([`check`]).
//! Not for: the params of any stage in particular.
//! Called by: every stage; whoever reads a pipeline file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A stage's params as a type: everything serde and schemars derive, plus what they cannot know.
pub trait Params: DeserializeOwned + Serialize + JsonSchema {
    /// Names of the top-level params that do not determine the outputs (an address to deliver to, the path of a source
    /// that enters by content): checked and handed to the stage, kept out of the fingerprint.
    const INCIDENTAL: &'static [&'static str] = &[];

    /// Checks ranges and combinations that types cannot say.
    ///
    /// # Errors
    /// The first [`ParamError`] found.
    fn check(&self) -> Result<(), ParamError> {
        Ok(())
    }
}

/// Params with every default filled in and every value in range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CheckedParams {
    /// What determines the outputs, by name; this part is fingerprinted.
    pub determining: BTreeMap<String, Value>,
    /// What does not; see [`Params::INCIDENTAL`].
    pub incidental: BTreeMap<String, Value>,
}

impl CheckedParams {
    /// The params as the type they were checked as.
    ///
    /// # Errors
    /// Only where `P` is not the type that produced them.
    pub fn to<P: Params>(&self) -> Result<P, ParamError> {
        let all = self.determining.iter().chain(&self.incidental);
        let object = all.map(|(name, value)| (name.clone(), value.clone())).collect();
        parse(&object)
    }
}

/// A param that cannot be used: which one, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParamError {
    /// Path of keys from the stage's `params`, e.g. `["columns", "customer"]`; empty for the params as a whole.
    pub path: Vec<String>,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl ParamError {
    /// An error about the param at `path` (keys separated by dots).
    pub fn new(path: &str, message: impl Into<String>) -> Self {
        let path = path.split('.').filter(|key| !key.is_empty()).map(String::from).collect();
        Self { path, message: message.into() }
    }
}

/// Deserializes, checks and splits raw params; what [`Stage::check_params`](super::Stage::check_params) does for
/// a stage whose params are a `P`.
///
/// # Errors
/// A [`ParamError`] with the path of the value that has the wrong type or is out of range.
pub fn check<P: Params>(raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
    let params: P = parse(raw)?;
    params.check()?;
    let value = serde_json::to_value(&params).map_err(|error| ParamError::new("", error.to_string()))?;
    let Value::Object(object) = value else {
        return Err(ParamError::new("", "params must be a mapping"));
    };
    let (incidental, determining) =
        object.into_iter().partition(|(name, _): &(String, Value)| P::INCIDENTAL.contains(&name.as_str()));
    Ok(CheckedParams { determining, incidental })
}

fn parse<P: Params>(raw: &Map<String, Value>) -> Result<P, ParamError> {
    serde_path_to_error::deserialize(Value::Object(raw.clone())).map_err(|error| {
        let path = error.path().iter().map(ToString::to_string).filter(|segment| segment != "?").collect();
        ParamError { path, message: error.into_inner().to_string() }
    })
}

/// JSON Schema of a params type, as a JSON value.
pub fn schema_of<P: Params>() -> Value {
    schemars::schema_for!(P).to_value()
}
