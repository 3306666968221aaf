//! MLflow's REST API, one method per call: logged models, registered models, versions, aliases.
//!
//! For: `registration` and `push`. Not for: in which order to call. See `client` for the rest.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::client::{API, Client, FEW, encoded, ignore, present};
use super::error::DeliveryError;
use super::wire::{LoggedModel, Pair, Version};

/// What a new logged model is.
pub(super) struct NewModel<'a> {
    pub(super) experiment_id: &'a str,
    pub(super) name: &'a str,
    pub(super) run_id: &'a str,
    pub(super) params: &'a [Pair],
    pub(super) tags: &'a [Pair],
}

/// What a new version is.
pub(super) struct NewVersion<'a> {
    pub(super) name: &'a str,
    pub(super) model_id: &'a str,
    pub(super) run_id: &'a str,
    pub(super) description: &'a str,
    pub(super) tags: &'a [Pair],
}

impl Client {
    /// Logged models that came of a run.
    pub(super) async fn models_of(&self, experiment_id: &str, run_id: &str) -> Result<Vec<LoggedModel>, DeliveryError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            models: Vec<LoggedModel>,
        }
        let body = json!({ "experiment_ids": [experiment_id], "filter": format!("source_run_id = '{run_id}'") });
        let answer: Answer = self.post("search the logged model", "logged-models/search", body).await?;
        Ok(answer.models)
    }

    pub(super) async fn create_model(&self, model: &NewModel<'_>) -> Result<LoggedModel, DeliveryError> {
        let body = json!({
            "experiment_id": model.experiment_id, "name": model.name, "model_type": "onnx",
            "source_run_id": model.run_id, "params": model.params, "tags": model.tags,
        });
        let answer: ModelAnswer = self.create("create the logged model", "logged-models", body).await?;
        Ok(answer.model)
    }

    pub(super) async fn model(&self, model_id: &str) -> Result<Option<LoggedModel>, DeliveryError> {
        let path = format!("{API}/logged-models/{}", encoded(model_id));
        let answer: Option<ModelAnswer> = present(self.get("read the logged model", path).await)?;
        Ok(answer.map(|answer| answer.model))
    }

    pub(super) async fn finish_model(&self, model_id: &str) -> Result<(), DeliveryError> {
        let body = json!({ "model_id": model_id, "status": "LOGGED_MODEL_READY" });
        let path = format!("logged-models/{}", encoded(model_id));
        self.call("finish the logged model", Method::PATCH, &path, body, true).await.map(ignore)
    }

    /// Links a model to a run; a second time is refused by the server.
    pub(super) async fn link_model(&self, run_id: &str, model_id: &str) -> Result<(), DeliveryError> {
        let body = json!({ "run_id": run_id, "models": [{ "model_id": model_id, "step": 0 }] });
        self.create("link the model to the run", "runs/outputs", body).await.map(ignore)
    }

    /// May be repeated: a name is taken only once.
    pub(super) async fn create_registered_model(&self, name: &str, description: &str) -> Result<(), DeliveryError> {
        let body = json!({ "name": name, "description": description });
        self.post("register the model", "registered-models/create", body).await.map(ignore)
    }

    /// Versions of a model that have this tag, the first one first.
    pub(super) async fn versions_with(
        &self,
        name: &str,
        tag: &str,
        value: &str,
    ) -> Result<Vec<Version>, DeliveryError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            model_versions: Vec<Version>,
        }
        let filter = format!("name = '{name}' and tags.`{tag}` = '{value}'");
        let path = format!("{API}/model-versions/search?max_results={FEW}&filter={}", encoded(&filter));
        let answer: Answer = self.get("search the version", path).await?;
        let mut versions = answer.model_versions;
        versions.sort_by_key(Version::number);
        Ok(versions)
    }

    pub(super) async fn create_version(&self, version: &NewVersion<'_>) -> Result<Version, DeliveryError> {
        let body = json!({
            "name": version.name, "source": format!("models:/{}", version.model_id), "model_id": version.model_id,
            "run_id": version.run_id, "description": version.description, "tags": version.tags,
        });
        let answer: VersionAnswer = self.create("create the version", "model-versions/create", body).await?;
        Ok(answer.model_version)
    }

    pub(super) async fn version(&self, name: &str, version: &str) -> Result<Option<Version>, DeliveryError> {
        let path = format!("{API}/model-versions/get?name={}&version={}", encoded(name), encoded(version));
        let answer: Option<VersionAnswer> = present(self.get("read the version", path).await)?;
        Ok(answer.map(|answer| answer.model_version))
    }

    pub(super) async fn delete_version(&self, name: &str, version: &str) -> Result<(), DeliveryError> {
        let body = json!({ "name": name, "version": version });
        let call = self.call("delete a second version", Method::DELETE, "model-versions/delete", body, true);
        call.await.map(ignore)
    }

    pub(super) async fn tag_version(&self, name: &str, version: &str, tag: &Pair) -> Result<(), DeliveryError> {
        let body = json!({ "name": name, "version": version, "key": tag.key, "value": tag.value });
        self.post("tag the version", "model-versions/set-tag", body).await.map(ignore)
    }

    /// The version that an alias names.
    pub(super) async fn aliased(&self, name: &str, alias: &str) -> Result<Option<Version>, DeliveryError> {
        let path = format!("{API}/registered-models/alias?name={}&alias={}", encoded(name), encoded(alias));
        let answer: Result<VersionAnswer, DeliveryError> = self.get("read the alias", path).await;
        match answer {
            // What is missing is called invalid here.
            Err(DeliveryError::Refused { status: 400, code, .. }) if code == "INVALID_PARAMETER_VALUE" => Ok(None),
            other => Ok(present(other)?.map(|answer| answer.model_version)),
        }
    }

    pub(super) async fn set_alias(&self, name: &str, alias: &str, version: &str) -> Result<(), DeliveryError> {
        let body = json!({ "name": name, "alias": alias, "version": version });
        self.post("set the alias", "registered-models/alias", body).await.map(ignore)
    }
}

#[derive(Deserialize)]
struct ModelAnswer {
    model: LoggedModel,
}

#[derive(Deserialize)]
struct VersionAnswer {
    model_version: Version,
}
