//! MLflow's REST API, one method per call: experiments, runs, files. Models are in `registry`.
//!
//! For: `delivery` and what belongs to it. Not for: in which order to call. A thing that is not there is `None`, not
//! an error. Calls that create are sent once; whoever creates searches first, and again where one is uncertain.

use std::fmt::Write;
use std::path::Path;

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::DeliveryError;
use super::transport::{Body, Call, Transport};
use super::wire::{Dataset, Experiment, ListedFile, Metric, Pair, Run, RunInfo};

pub(super) const API: &str = "api/2.0/mlflow";
const FILES: &str = "api/2.0/mlflow-artifacts/artifacts";

/// Most runs or versions that are looked at where there should be one.
pub(super) const FEW: u32 = 20;

/// A server's API.
pub(super) struct Client {
    transport: Transport,
}

impl Client {
    pub(super) fn new(transport: Transport) -> Self {
        Self { transport }
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(super) async fn experiment(&self, name: &str) -> Result<Option<Experiment>, DeliveryError> {
        #[derive(Deserialize)]
        struct Answer {
            experiment: Experiment,
        }
        let path = format!("{API}/experiments/get-by-name?experiment_name={}", encoded(name));
        let answer: Option<Answer> = present(self.get("find the experiment", path).await)?;
        Ok(answer.map(|answer| answer.experiment))
    }

    pub(super) async fn create_experiment(&self, name: &str, tags: &[Pair]) -> Result<(), DeliveryError> {
        self.create("create the experiment", "experiments/create", json!({ "name": name, "tags": tags }))
            .await
            .map(ignore)
    }

    /// Runs that have this tag and are not deleted.
    pub(super) async fn runs_with(
        &self,
        experiment_id: &str,
        tag: &str,
        value: &str,
    ) -> Result<Vec<RunInfo>, DeliveryError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            runs: Vec<Run>,
        }
        let body = json!({
            "experiment_ids": [experiment_id], "filter": format!("tags.`{tag}` = '{value}'"),
            "run_view_type": "ACTIVE_ONLY", "max_results": FEW,
        });
        let answer: Answer = self.post("search the run", "runs/search", body).await?;
        Ok(answer.runs.into_iter().map(|run| run.info).collect())
    }

    pub(super) async fn create_run(
        &self,
        experiment_id: &str,
        name: &str,
        start_time: i64,
        tags: &[Pair],
    ) -> Result<RunInfo, DeliveryError> {
        #[derive(Deserialize)]
        struct Answer {
            run: Run,
        }
        let body = json!({ "experiment_id": experiment_id, "run_name": name, "start_time": start_time, "tags": tags });
        let answer: Answer = self.create("create the run", "runs/create", body).await?;
        Ok(answer.run.info)
    }

    pub(super) async fn run(&self, run_id: &str) -> Result<Option<Run>, DeliveryError> {
        #[derive(Deserialize)]
        struct Answer {
            run: Run,
        }
        let answer: Option<Answer> =
            present(self.get("read the run", format!("{API}/runs/get?run_id={}", encoded(run_id))).await)?;
        Ok(answer.map(|answer| answer.run))
    }

    pub(super) async fn delete_run(&self, run_id: &str) -> Result<(), DeliveryError> {
        self.post("delete a second run", "runs/delete", json!({ "run_id": run_id })).await.map(ignore)
    }

    pub(super) async fn log_batch(
        &self,
        run_id: &str,
        params: &[Pair],
        metrics: &[Metric],
        tags: &[Pair],
    ) -> Result<(), DeliveryError> {
        let body = json!({ "run_id": run_id, "params": params, "metrics": metrics, "tags": tags });
        self.post("log params, metrics and tags", "runs/log-batch", body).await.map(ignore)
    }

    pub(super) async fn log_input(&self, run_id: &str, dataset: &Dataset, context: &str) -> Result<(), DeliveryError> {
        let tags = [Pair::new("mlflow.data.context", context)];
        let body = json!({ "run_id": run_id, "datasets": [{ "tags": tags, "dataset": dataset }] });
        self.post("log the dataset", "runs/log-inputs", body).await.map(ignore)
    }

    pub(super) async fn end_run(&self, run_id: &str, status: &str, end_time: i64) -> Result<(), DeliveryError> {
        let body = json!({ "run_id": run_id, "status": status, "end_time": end_time });
        self.post("end the run", "runs/update", body).await.map(ignore)
    }

    /// Files of a run, as the server sees them.
    pub(super) async fn files(&self, run_id: &str, folder: &str) -> Result<Vec<ListedFile>, DeliveryError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            files: Vec<ListedFile>,
        }
        let path = format!("{API}/artifacts/list?run_id={}&path={}", encoded(run_id), encoded(folder));
        let answer: Answer = self.get("list the files", path).await?;
        Ok(answer.files)
    }

    /// Sends a file to where the server hands files on; `path` is below its root.
    pub(super) async fn put_file(&self, path: &str, from: &Path, bytes: u64) -> Result<(), DeliveryError> {
        self.put(path, Body::File(from.to_owned(), bytes)).await
    }

    /// The same with what is in memory.
    pub(super) async fn put_bytes(&self, path: &str, bytes: Vec<u8>) -> Result<(), DeliveryError> {
        self.put(path, Body::Bytes(bytes)).await
    }

    /// What the server hands on at `path` below its root; none where nothing is.
    pub(super) async fn get_file(&self, path: &str) -> Result<Option<Vec<u8>>, DeliveryError> {
        let path = below_files(path);
        let call = Call { name: "fetch a file", method: Method::GET, path, body: Body::Empty, is_repeatable: true };
        present(self.transport.fetch(call).await)
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, name: &'static str, path: String) -> Result<T, DeliveryError> {
        let call = Call { name, method: Method::GET, path, body: Body::Empty, is_repeatable: true };
        self.transport.ask(call).await
    }

    /// A call that may be repeated.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        name: &'static str,
        path: &str,
        body: Value,
    ) -> Result<T, DeliveryError> {
        self.call(name, Method::POST, path, body, true).await
    }

    /// A call that may not.
    pub(super) async fn create<T: DeserializeOwned>(
        &self,
        name: &'static str,
        path: &str,
        body: Value,
    ) -> Result<T, DeliveryError> {
        self.call(name, Method::POST, path, body, false).await
    }

    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        name: &'static str,
        method: Method,
        path: &str,
        body: Value,
        is_repeatable: bool,
    ) -> Result<T, DeliveryError> {
        let path = format!("{API}/{path}");
        self.transport.ask(Call { name, method, path, body: Body::Json(body), is_repeatable }).await
    }

    async fn put(&self, path: &str, body: Body) -> Result<(), DeliveryError> {
        let path = below_files(path);
        self.transport.tell(Call { name: "send a file", method: Method::PUT, path, body, is_repeatable: true }).await
    }
}

/// The address of a file that the server hands on.
fn below_files(path: &str) -> String {
    format!("{FILES}/{}", path.split('/').map(encoded).collect::<Vec<_>>().join("/"))
}

/// What is not there is none.
pub(super) fn present<T>(result: Result<T, DeliveryError>) -> Result<Option<T>, DeliveryError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_absence() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Answers of which nothing is needed.
pub(super) fn ignore(_answer: Value) {}

/// Percent-encoded for any place in an address.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_in_a_name_survives_the_address() {
        assert_eq!(encoded("a-b_c.d~0"), "a-b_c.d~0");
        assert_eq!(encoded("tags.`x` = 'ä/ß'"), "tags.%60x%60%20%3D%20%27%C3%A4%2F%C3%9F%27");
    }
}
