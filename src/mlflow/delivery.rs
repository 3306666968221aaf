//! Delivers one entry: its run, complete, exactly once, whenever an earlier try may have ended.
//!
//! For: `push`. Not for: the model (`registration`), or what is told (`statement`).
//!
//! Everything that is created is searched first, by the entry's key or by what belongs to its run, and again whenever
//! a request may have been heard without an answer. So a delivery may be broken off anywhere and be begun anew.

use std::path::Path;

use segpipe_stages::track::TrackParams;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::entry::{Entry, FILES, SweepPart};
use super::error::DeliveryError;
use super::receipt::Receipt;
use super::registration::{Known, Registration};
use super::shelf::Shelf;
use super::statement::{self, RUN_KEY, Statement};
use super::wire::{Experiment, Metric, Pair, RunInfo};

/// What became of every stage, as a file of the run.
const STAGES: &str = "segpipe/stages.json";
/// Values that were cut, whole.
const WHOLE: &str = "segpipe/whole_values.json";

/// MLflow's tag of a run that belongs to another.
const PARENT: &str = "mlflow.parentRunId";

/// How often something that the server says is there, and does not show, is looked for.
const LOOKS: u32 = 20;

/// The delivery of one entry.
pub(super) struct Delivery<'a> {
    pub(super) client: &'a Client,
    pub(super) entry: &'a Entry,
    /// What is told of it.
    pub(super) statement: &'a Statement,
    /// The entry's folder.
    pub(super) folder: &'a Path,
    /// Whether a later entry decided about the aliases before.
    pub(super) is_superseded: bool,
    /// Told of every file's bytes when they are sent.
    pub(super) advance: &'a dyn Fn(u64),
}

impl Delivery<'_> {
    /// Delivers the entry; the receipt is not written yet.
    pub(super) async fn deliver(&self) -> Result<Receipt, DeliveryError> {
        let params = params(self.entry);
        let registration = Registration {
            client: self.client,
            entry: self.entry,
            folder: self.folder,
            params: &params,
            is_superseded: self.is_superseded,
            advance: self.advance,
        };
        if self.entry.is_return {
            return registration.return_to().await;
        }
        let name = self.experiment_name(&params);
        let experiment = self.experiment(&name).await?;
        let parent = self.parent(&experiment, &name).await?;
        let run = self.run(&experiment, parent.as_ref()).await?;
        let shelf = self.shelf(&run.artifact_uri, &name)?;
        self.begin_files(&shelf, &run, &name).await?;
        let known = registration.log(&run).await?;
        self.log(&run, known.as_ref(), parent).await?;
        self.send_files(&shelf).await?;
        let model = match &known {
            Some(known) => Some(registration.register(&run, known).await?),
            None => None,
        };
        if let Some(model) = &model {
            let tag = Pair::new("segpipe.promotion", &model.decision);
            let version = Pair::new("segpipe.model_version", format!("{} {}", model.name, model.version));
            self.client.log_batch(&run.run_id, &[], &[], &[tag, version]).await?;
        }
        self.client.end_run(&run.run_id, self.statement.status, self.entry.ended_ms).await?;
        self.remove_second_runs(&experiment, &run.run_id).await?;
        Ok(Receipt { url: url(self.client, &run), run_id: run.run_id, model })
    }

    /// Of the pipeline file, else of the environment, else the pipeline's name.
    fn experiment_name(&self, params: &TrackParams) -> String {
        let of_environment = || self.client.transport().destination().experiment.clone();
        params.experiment.clone().or_else(of_environment).unwrap_or_else(|| self.entry.pipeline.clone())
    }

    async fn experiment(&self, name: &str) -> Result<Experiment, DeliveryError> {
        let note = format!("Customer segments by segpipe, pipeline `{}`.", self.entry.pipeline);
        let tags = [Pair::new("mlflow.note.content", note)];
        let find = async || self.client.experiment(name).await;
        let create = async || self.client.create_experiment(name, &tags).await.map(|()| None);
        let experiment = found_or_created(self.client, find, create).await?;
        let server = || self.client.transport().destination().shown();
        if experiment.lifecycle_stage == "deleted" {
            let (name, id) = (name.to_owned(), experiment.id);
            return Err(DeliveryError::DeletedExperiment { server: server(), name, id });
        }
        // Before there is a run that would stay without its files.
        self.shelf(&experiment.artifact_location, name)?;
        Ok(experiment)
    }

    /// The tag that makes a run the child of its sweep's, which is searched by its key like any other.
    async fn parent(&self, experiment: &Experiment, name: &str) -> Result<Option<Pair>, DeliveryError> {
        let Some(SweepPart::Child { parent, .. }) = &self.entry.sweep else { return Ok(None) };
        let missing = || DeliveryError::NoParent { key: parent.clone(), experiment: name.to_owned() };
        let found = self.find_run(&experiment.id, parent).await?.ok_or_else(missing)?;
        Ok(Some(Pair::new(PARENT, found.run_id)))
    }

    async fn run(&self, experiment: &Experiment, parent: Option<&Pair>) -> Result<RunInfo, DeliveryError> {
        let (id, name) = (&experiment.id, &self.statement.run_name);
        let mut tags = Statement::birth_tags(self.entry);
        tags.extend(parent.cloned());
        let find = async || self.find_run(id, &self.entry.key).await;
        let create = async || self.client.create_run(id, name, self.entry.started_ms, &tags).await.map(Some);
        found_or_created(self.client, find, create).await
    }

    /// The run of an entry; of several, which only a lost answer can leave, the one that is complete.
    async fn find_run(&self, experiment_id: &str, key: &str) -> Result<Option<RunInfo>, DeliveryError> {
        let mut runs = self.client.runs_with(experiment_id, RUN_KEY, key).await?;
        runs.sort_by(|a, b| (a.status == "RUNNING", &a.run_id).cmp(&(b.status == "RUNNING", &b.run_id)));
        let found = runs.into_iter().next();
        if let Some(found) = &found {
            tracing::debug!(run = found.run_id, status = found.status, "the run is there");
        }
        Ok(found)
    }

    /// A request whose answer was lost, even by a process that died since, may have been heard late.
    async fn remove_second_runs(&self, experiment: &Experiment, kept: &str) -> Result<(), DeliveryError> {
        let runs = self.client.runs_with(&experiment.id, RUN_KEY, &self.entry.key).await?;
        for run in runs.iter().filter(|run| run.run_id != kept) {
            self.client.delete_run(&run.run_id).await?;
        }
        Ok(())
    }

    fn shelf(&self, uri: &str, experiment: &str) -> Result<Shelf, DeliveryError> {
        Shelf::of(uri, self.client.transport().destination().is_local(), experiment)
    }

    /// Sends the first file and sees that it arrives; else there is to be no run.
    async fn begin_files(&self, shelf: &Shelf, run: &RunInfo, experiment: &str) -> Result<(), DeliveryError> {
        shelf.put_bytes(self.client, STAGES, stages(self.entry)).await?;
        let confirmed = shelf.confirm(self.client, &run.run_id, STAGES, experiment).await;
        if let Err(DeliveryError::Elsewhere { .. }) = &confirmed {
            self.client.delete_run(&run.run_id).await?;
        }
        confirmed
    }

    /// Params, metrics, tags, dataset. The figures of quality are also those of the model.
    async fn log(&self, run: &RunInfo, known: Option<&Known>, parent: Option<Pair>) -> Result<(), DeliveryError> {
        let Statement { params, tags, dataset, .. } = self.statement;
        // Once more, because a parent that was delivered anew is another run.
        let tags: Vec<Pair> = tags.iter().cloned().chain(parent).collect();
        let mut metrics = self.statement.metrics.clone();
        if let Some((dataset, context)) = dataset {
            self.client.log_input(&run.run_id, dataset, context).await?;
        }
        if let Some(known) = known.filter(|known| known.is_of_run) {
            let is_quality = |metric: &&mut Metric| QUALITY.contains(&metric.key.as_str());
            for metric in metrics.iter_mut().filter(is_quality) {
                metric.model_id = Some(known.model_id.clone());
                metric.dataset_name = dataset.as_ref().map(|(dataset, _)| dataset.name.clone());
                metric.dataset_digest = dataset.as_ref().map(|(dataset, _)| dataset.digest.clone());
            }
        }
        for batch in statement::batches(params, &metrics, &tags) {
            self.client.log_batch(&run.run_id, batch.params, batch.metrics, batch.tags).await?;
        }
        Ok(())
    }

    async fn send_files(&self, shelf: &Shelf) -> Result<(), DeliveryError> {
        let whole = &self.statement.whole;
        if !whole.is_empty() {
            shelf.put_bytes(self.client, WHOLE, json!(whole).to_string().into_bytes()).await?;
        }
        for artifact in &self.entry.artifacts {
            let from = self.folder.join(FILES).join(&artifact.path);
            shelf.put_file(self.client, &artifact.path, &from, artifact.bytes).await?;
            (self.advance)(artifact.bytes);
        }
        Ok(())
    }
}

/// Metrics that tell how good a model is.
const QUALITY: [&str; 5] = ["silhouette", "calinski_harabasz", "davies_bouldin", "inertia", "name_stability"];

/// The page of a run.
pub(super) fn url(client: &Client, run: &RunInfo) -> String {
    let server = client.transport().destination().shown();
    format!("{server}/#/experiments/{}/runs/{}", run.experiment_id, run.run_id)
}

/// What was said about tracking when the entry was sealed. What cannot be read any more is left to the defaults.
fn params(entry: &Entry) -> TrackParams {
    let Some(stage) = entry.stage_of_kind("track") else { return TrackParams::default() };
    let object: Map<String, Value> = stage.params.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    serde_json::from_value(Value::Object(object)).unwrap_or_default()
}

fn stages(entry: &Entry) -> Vec<u8> {
    serde_json::to_vec_pretty(&entry.stages).unwrap_or_default()
}

/// What `find` finds; where it finds nothing, what `create` creates. After a request whose answer was lost, and after
/// one that was too late, it is searched again. `create` may leave the result to the search.
pub(super) async fn found_or_created<T>(
    client: &Client,
    find: impl AsyncFn() -> Result<Option<T>, DeliveryError>,
    create: impl AsyncFn() -> Result<Option<T>, DeliveryError>,
) -> Result<T, DeliveryError> {
    let mut attempt = 0;
    loop {
        if let Some(found) = find().await? {
            return Ok(found);
        }
        match create().await {
            Ok(Some(created)) => return Ok(created),
            Ok(None) => {}
            Err(error) if error.is_presence() && attempt < LOOKS => {}
            Err(error) if client.transport().wait_after(&error, attempt).await => {}
            Err(error) => return Err(error),
        }
        attempt += 1;
        if attempt > LOOKS {
            let server = client.transport().destination().shown();
            return Err(DeliveryError::NotMlflow { server, problem: "what was created is not found".to_owned() });
        }
    }
}
