//! What can be said about tracking in pipeline.yaml. None of it changes the record: it is about delivering it.
//!
//! For: `track` (checks it) and the delivery (follows it).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{ParamError, Params};

/// Params of `track`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrackParams {
    /// Experiment in MLflow. Unset: `MLFLOW_EXPERIMENT_NAME`, else the pipeline's name.
    pub experiment: Option<String>,
    /// Address of the MLflow server, `http://` or `https://`. Unset: `MLFLOW_TRACKING_URI`, else `http://127.0.0.1:5000`.
    /// Keep names and passwords out of it: they come from MLflow's own environment variables.
    pub tracking_uri: Option<String>,
    /// Whether a run that cannot be delivered fails with exit code 5. Otherwise it waits in the outbox.
    pub required: bool,
    /// Name of the registered model that new models become versions of.
    pub registered_model: String,
    /// When a new model becomes `champion`: `always`, `if_better` than the champion, or `never`.
    pub promote: Promote,
    /// The metric that `if_better` compares, e.g. `silhouette`.
    pub promote_metric: String,
    /// By how much it must be better.
    pub promote_margin: f64,
}

/// When a new model becomes the champion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Promote {
    /// Whenever there is a new model.
    #[default]
    Always,
    /// Where the metric is better by the margin, among models of equal data policy, scaling and k.
    IfBetter,
    /// Only by hand.
    Never,
}

impl Default for TrackParams {
    fn default() -> Self {
        Self {
            experiment: None,
            tracking_uri: None,
            required: false,
            registered_model: "customer-segmentation".to_owned(),
            promote: Promote::Always,
            promote_metric: "silhouette".to_owned(),
            promote_margin: 0.0,
        }
    }
}

impl Params for TrackParams {
    const INCIDENTAL: &'static [&'static str] =
        &["experiment", "tracking_uri", "required", "registered_model", "promote", "promote_metric", "promote_margin"];

    fn check(&self) -> Result<(), ParamError> {
        let is_blank = |text: &str| text.trim().is_empty();
        if self.experiment.as_deref().is_some_and(is_blank) {
            return Err(ParamError::new("experiment", "the experiment's name is empty; leave it out for the default"));
        }
        let is_web = |uri: &str| uri.starts_with("http://") || uri.starts_with("https://");
        if self.tracking_uri.as_deref().is_some_and(|uri| !is_web(uri)) {
            return Err(ParamError::new("tracking_uri", "the address must begin with `http://` or `https://`"));
        }
        if is_blank(&self.registered_model) || self.registered_model.contains(['/', ':', '.', '%', '"', '\'']) {
            return Err(ParamError::new(
                "registered_model",
                "a model's name is not empty and has none of / : . % \" '",
            ));
        }
        if is_blank(&self.promote_metric) {
            return Err(ParamError::new("promote_metric", "name a metric, e.g. `silhouette`"));
        }
        if !self.promote_margin.is_finite() || self.promote_margin < 0.0 {
            return Err(ParamError::new("promote_margin", "the margin is a number that is not negative"));
        }
        Ok(())
    }
}
