//! The model of an entry: logged, registered as a version once, and given its aliases.
//!
//! For: `delivery`. Not for: whether a model is the champion (`promotion`).
//!
//! A version is found again by a tag with the model's identity, which it is born with. So an equal model never becomes
//! a second version, whichever run it comes from; a later run links the logged model that is there.

use std::path::Path;

use segpipe_stages::contract::RunStatus;
use segpipe_stages::track::TrackParams;

use super::client::Client;
use super::delivery::{found_or_created, url};
use super::entry::{Entry, FILES};
use super::error::DeliveryError;
use super::model_files::{Described, MODEL_JSON, ONNX};
use super::promotion::{self, COMPARED, Champion, Decision};
use super::receipt::{ModelReceipt, Receipt};
use super::registry::{NewModel, NewVersion};
use super::shelf::Shelf;
use super::statement::{self, RUN_KEY};
use super::wire::{LoggedModel, Pair, RunInfo, Version, value_of};

/// The tag of a version that tells its model from all others.
pub(super) const IDENTITY: &str = "segpipe.model_identity";

const CHAMPION: &str = "champion";
const CHALLENGER: &str = "challenger";

/// The model's description in the entry.
const CARD: &str = "bundle/model_card.md";
/// Characters of a version's description that every database of MLflow takes.
const DESCRIPTION_CHARS: usize = 5000;

/// What is known of a model on the server.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) model_id: String,
    /// Whether it was logged by this run, and not by an earlier one with an equal model.
    pub(super) is_of_run: bool,
    version: Option<Version>,
}

/// The registration of the model of one entry.
pub(super) struct Registration<'a> {
    pub(super) client: &'a Client,
    pub(super) entry: &'a Entry,
    pub(super) folder: &'a Path,
    pub(super) params: &'a TrackParams,
    pub(super) is_superseded: bool,
    pub(super) advance: &'a dyn Fn(u64),
}

impl Registration<'_> {
    /// Logs the model and links it to the run. None where the run did not end well, its model is
    /// incomplete, or it is part of a sweep.
    pub(super) async fn log(&self, run: &RunInfo) -> Result<Option<Known>, DeliveryError> {
        // A sweep is a study: none of its models becomes a version or moves an alias.
        let is_own = self.entry.sweep.is_none();
        let is_complete = is_own && self.entry.artifact(ONNX).is_some() && self.entry.status == RunStatus::Finished;
        let Some(identity) = self.entry.model_identity().filter(|_| is_complete) else { return Ok(None) };
        let known = match self.find_version(identity).await? {
            Some(version) => {
                let (model_id, is_of_run) = (version.model_id().unwrap_or_default(), version.run_id == run.run_id);
                Known { model_id: model_id.to_owned(), is_of_run, version: Some(version) }
            }
            None => Known { model_id: self.logged_model(run).await?, is_of_run: true, version: None },
        };
        let is_linked = async || {
            let there = self.client.run(&run.run_id).await?;
            let mut models = there.iter().flat_map(|run| &run.outputs.model_outputs);
            Ok(models.any(|model| model.model_id == known.model_id).then_some(()))
        };
        let link = async || self.client.link_model(&run.run_id, &known.model_id).await.map(Some);
        found_or_created(self.client, is_linked, link).await?;
        Ok(Some(known))
    }

    /// The version with this model, where its logged model is still there. Of several the first.
    async fn find_version(&self, identity: &str) -> Result<Option<Version>, DeliveryError> {
        let versions = self.client.versions_with(&self.params.registered_model, IDENTITY, identity).await?;
        for version in versions {
            let Some(model_id) = version.model_id() else { continue };
            if self.client.model(model_id).await?.is_some() {
                return Ok(Some(version));
            }
        }
        Ok(None)
    }

    async fn logged_model(&self, run: &RunInfo) -> Result<String, DeliveryError> {
        let name = self.params.registered_model.as_str();
        let mut tags = statement::origin(self.entry);
        let note = self.entry.text_of("tag", "mlflow.note.content");
        tags.extend(
            note.map(|note| Pair::new("mlflow.note.content", note.chars().take(DESCRIPTION_CHARS).collect::<String>())),
        );
        let params: Vec<Pair> =
            ["k", "algorithm", "scaling", "data_source"].iter().filter_map(|key| self.fact(key, "")).collect();
        let model =
            NewModel { experiment_id: &run.experiment_id, name, run_id: &run.run_id, params: &params, tags: &tags };
        let find = async || {
            let models = self.client.models_of(&run.experiment_id, &run.run_id).await?;
            Ok(models.into_iter().find(|model| model.info.name == name && model.info.source_run_id == run.run_id))
        };
        let create = async || self.client.create_model(&model).await.map(Some);
        let logged = found_or_created(self.client, find, create).await?;
        if logged.info.status != "LOGGED_MODEL_READY" {
            self.send_model(&logged, run).await?;
            self.client.finish_model(&logged.info.model_id).await?;
        }
        Ok(logged.info.model_id)
    }

    async fn send_model(&self, model: &LoggedModel, run: &RunInfo) -> Result<(), DeliveryError> {
        let is_local = self.client.transport().destination().is_local();
        let shelf = Shelf::of(&model.info.artifact_uri, is_local, &self.entry.pipeline)?;
        for (path, name) in [(ONNX, "model.onnx"), (MODEL_JSON, "model.json")] {
            let Some(artifact) = self.entry.artifact(path) else { continue };
            let from = self.folder.join(FILES).join(path);
            shelf.put_file(self.client, name, &from, artifact.bytes).await?;
            (self.advance)(0);
        }
        let bytes = self.entry.artifact(ONNX).map_or(0, |artifact| artifact.bytes);
        let (model_id, run_id) = (model.info.model_id.as_str(), run.run_id.as_str());
        for (name, text) in (Described { entry: self.entry, model_id, run_id, bytes }).files() {
            shelf.put_bytes(self.client, name, text.into_bytes()).await?;
        }
        Ok(())
    }

    /// Makes a version of the model where there is none, and decides about the aliases.
    pub(super) async fn register(&self, run: &RunInfo, known: &Known) -> Result<ModelReceipt, DeliveryError> {
        let version = match &known.version {
            Some(version) => version.clone(),
            None => self.new_version(run, known).await?,
        };
        let decision = self.promote(&version).await?;
        Ok(self.receipt(&version, &decision))
    }

    fn receipt(&self, version: &Version, decision: &Decision) -> ModelReceipt {
        ModelReceipt {
            name: self.params.registered_model.clone(),
            version: version.id.clone(),
            is_champion: decision.is_champion,
            decision: decision.text(),
        }
    }

    async fn new_version(&self, run: &RunInfo, known: &Known) -> Result<Version, DeliveryError> {
        let name = self.params.registered_model.as_str();
        let registered = self.client.create_registered_model(name, "Customer segments by segpipe.").await;
        registered.or_else(|error| if error.is_presence() { Ok(()) } else { Err(error) })?;
        let identity = self.entry.model_identity().unwrap_or_default();
        let mut tags = vec![Pair::new(IDENTITY, identity), Pair::new(RUN_KEY, &self.entry.key)];
        let facts = COMPARED.into_iter().chain(["algorithm", "data_source", "data_digest"]);
        tags.extend(facts.filter_map(|key| self.fact(key, "segpipe.")));
        let description = self.description();
        let (model_id, run_id) = (known.model_id.as_str(), run.run_id.as_str());
        let version = NewVersion { name, model_id, run_id, description: &description, tags: &tags };
        let find = async || self.find_version(identity).await;
        let create = async || self.client.create_version(&version).await.map(Some);
        let version = found_or_created(self.client, find, create).await?;
        self.remove_second_versions(&version, identity).await?;
        Ok(version)
    }

    /// A request whose answer was lost may have been heard all the same, and late.
    async fn remove_second_versions(&self, kept: &Version, identity: &str) -> Result<(), DeliveryError> {
        let name = self.params.registered_model.as_str();
        let is_own = |version: &&Version| {
            version.id != kept.id && value_of(&version.tags, RUN_KEY) == Some(self.entry.key.as_str())
        };
        let versions = self.client.versions_with(name, IDENTITY, identity).await?;
        for version in versions.iter().filter(is_own) {
            self.client.delete_version(name, &version.id).await?;
        }
        Ok(())
    }

    /// A fact about the model as a param or a tag.
    fn fact(&self, key: &str, prefix: &str) -> Option<Pair> {
        Some(Pair::new(format!("{prefix}{key}"), self.entry.text_of("model", key)?))
    }

    fn description(&self) -> String {
        let card = self.entry.artifact(CARD).map(|card| self.folder.join(FILES).join(&card.path));
        let card = card.and_then(|path| std::fs::read_to_string(path).ok());
        let text = card.or_else(|| self.entry.text_of("tag", "mlflow.note.content").map(String::from));
        text.unwrap_or_default().chars().take(DESCRIPTION_CHARS).collect()
    }

    /// Moves the aliases that are to be moved and says so on the version.
    async fn promote(&self, version: &Version) -> Result<Decision, DeliveryError> {
        let name = self.params.registered_model.as_str();
        let champion = self.client.aliased(name, CHAMPION).await?;
        let is_champion = champion.as_ref().is_some_and(|champion| champion.id == version.id);
        let decision = match promotion::obstacle(self.entry, self.is_superseded) {
            _ if is_champion => Decision::yes("it is already"),
            Some(obstacle) => Decision::no(obstacle),
            None => self.decide(version, champion).await?,
        };
        self.client.tag_version(name, &version.id, &Pair::new("segpipe.promotion", decision.text())).await?;
        if decision.is_champion && !is_champion {
            self.client.set_alias(name, CHAMPION, &version.id).await?;
        }
        Ok(decision)
    }

    /// A version that this entry made is the challenger; whether it is the champion is for the rules to say.
    async fn decide(&self, version: &Version, champion: Option<Version>) -> Result<Decision, DeliveryError> {
        if value_of(&version.tags, RUN_KEY) == Some(self.entry.key.as_str()) {
            self.client.set_alias(&self.params.registered_model, CHALLENGER, &version.id).await?;
        }
        let champion = match champion {
            Some(champion) => Some(self.champion(champion).await?),
            None => None,
        };
        Ok(promotion::decide(self.entry, self.params, champion.as_ref()))
    }

    async fn champion(&self, version: Version) -> Result<Champion, DeliveryError> {
        let run = if version.run_id.is_empty() { None } else { self.client.run(&version.run_id).await? };
        let metric = self.params.promote_metric.as_str();
        let metrics = run.iter().flat_map(|run| &run.data.metrics);
        let value = metrics.filter(|found| found.key == metric).map(|found| found.value).next();
        let facts = COMPARED.map(|key| value_of(&version.tags, &format!("segpipe.{key}")).map(String::from));
        Ok(Champion { version: version.id, facts, value })
    }

    /// Lets the aliases follow a project that went back to an earlier result, which has its run and version already.
    pub(super) async fn return_to(&self) -> Result<Receipt, DeliveryError> {
        let identity = self.entry.model_identity().unwrap_or_default();
        let Some(version) = self.find_version(identity).await? else {
            // There is nothing to go back to, and nothing that could be told.
            let url = self.client.transport().destination().shown();
            return Ok(Receipt { url, run_id: String::new(), model: None });
        };
        let decision = self.promote(&version).await?;
        let model = Some(self.receipt(&version, &decision));
        let run = self.client.run(&version.run_id).await?;
        let url = run.map(|run| url(self.client, &run.info)).unwrap_or_default();
        Ok(Receipt { url, run_id: version.run_id, model })
    }
}
