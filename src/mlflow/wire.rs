//! What goes over the wire, as MLflow's REST API names it.
//!
//! For: `client` (reads answers into these) and `statement` (makes requests of these). Fields that nobody here needs
//! are left out; MLflow ignores what it does not know, and so do we.

use serde::{Deserialize, Serialize};

/// A param, a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pair {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

impl Pair {
    pub(super) fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// The value under `key`.
pub(super) fn value_of<'a>(pairs: &'a [Pair], key: &str) -> Option<&'a str> {
    pairs.iter().find(|pair| pair.key == key).map(|pair| pair.value.as_str())
}

/// A metric at a step, and of which model on which dataset it is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Metric {
    pub(super) key: String,
    /// Finite. serde writes other numbers as `null`, which costs the whole batch.
    #[serde(default)]
    pub(super) value: f64,
    pub(super) timestamp: i64,
    #[serde(default)]
    pub(super) step: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) model_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dataset_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dataset_digest: Option<String>,
}

/// An experiment.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Experiment {
    #[serde(rename = "experiment_id")]
    pub(super) id: String,
    #[serde(default)]
    pub(super) artifact_location: String,
    #[serde(default)]
    pub(super) lifecycle_stage: String,
}

/// What is always known of a run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RunInfo {
    pub(super) run_id: String,
    pub(super) experiment_id: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) artifact_uri: String,
    #[serde(default)]
    pub(super) lifecycle_stage: String,
}

/// A run with what was logged.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Run {
    pub(super) info: RunInfo,
    #[serde(default)]
    pub(super) data: RunData,
    #[serde(default)]
    pub(super) outputs: RunOutputs,
}

/// What was logged to a run.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct RunData {
    #[serde(default)]
    pub(super) metrics: Vec<Metric>,
}

/// The models of a run.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct RunOutputs {
    #[serde(default)]
    pub(super) model_outputs: Vec<ModelOutput>,
}

/// A model of a run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ModelOutput {
    pub(super) model_id: String,
}

/// A logged model.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LoggedModel {
    pub(super) info: LoggedModelInfo,
}

/// What is always known of a logged model.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LoggedModelInfo {
    pub(super) model_id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) artifact_uri: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) source_run_id: String,
}

/// A version of a registered model.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Version {
    #[serde(rename = "version")]
    pub(super) id: String,
    #[serde(default)]
    pub(super) run_id: String,
    /// `models:/` and the logged model's id. There is a field for the id too, which no search fills in.
    #[serde(default)]
    pub(super) source: String,
    #[serde(default)]
    pub(super) tags: Vec<Pair>,
}

impl Version {
    /// The logged model that it is a version of, where it is one.
    pub(super) fn model_id(&self) -> Option<&str> {
        self.source.strip_prefix("models:/").filter(|id| id.starts_with("m-"))
    }

    /// For comparing; versions count from 1.
    pub(super) fn number(&self) -> u64 {
        self.id.parse().unwrap_or(u64::MAX)
    }
}

/// A file that a run has.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ListedFile {
    pub(super) path: String,
}

/// A dataset that went into a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Dataset {
    pub(super) name: String,
    pub(super) digest: String,
    pub(super) source_type: String,
    pub(super) source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) profile: Option<String>,
}
