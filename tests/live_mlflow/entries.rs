//! Small handmade entries of an outbox: complete for MLflow, made in no time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use segpipe::mlflow::{Artifact, ENTRY, Entry, EntryStage, FILES, FORMAT, Fact, Outbox, SweepPart};
use segpipe_stages::contract::RunStatus;
use serde_json::{Value, json};

/// An outbox in a folder of its own.
pub(crate) struct Entries {
    folder: tempfile::TempDir,
}

impl Entries {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pipeline.yaml"), "stages:\n  load:\n    params: {source: none.csv}\n")
            .unwrap();
        Self { folder }
    }

    /// The binary in the project, ready to start.
    pub(crate) fn segpipe(&self, url: &str, arguments: &[&str]) -> Command {
        let binary = std::env::var_os("SEGPIPE_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_segpipe").into());
        let mut command = Command::new(binary);
        command.current_dir(self.folder.path()).args(arguments).env("MLFLOW_TRACKING_URI", url);
        command.env_remove("MLFLOW_EXPERIMENT_NAME");
        command
    }

    pub(crate) fn outbox(&self) -> Outbox {
        Outbox::new(self.directory())
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("artifacts/.outbox")
    }

    /// Seals the run `number` of an experiment with a model of its own; `files` are added to the model's.
    pub(crate) fn seal(&self, number: usize, experiment: &str, files: &[(&str, u64)]) -> PathBuf {
        let folder = self.directory().join(format!("20240101T000000.{number:03}Z-{number:08}"));
        let files = [&[("model/model.onnx", 4), ("model/model.json", 2), ("plots/a.svg", 30)], files].concat();
        let mut artifacts = Vec::new();
        for (path, bytes) in files {
            let file = folder.join(FILES).join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::File::create(file).unwrap().set_len(bytes).unwrap();
            artifacts.push(Artifact { path: path.to_owned(), digest: String::new(), bytes });
        }
        let entry = entry(number, experiment, artifacts);
        std::fs::write(folder.join(ENTRY), serde_json::to_vec(&entry).unwrap()).unwrap();
        folder
    }

    /// Seals a sweep with so many combinations, without files but one.
    pub(crate) fn seal_sweep(&self, experiment: &str, combinations: usize) {
        let parent =
            self.seal_part(0, experiment, |_| SweepPart::Parent { identity: experiment.to_owned(), combinations });
        for combination in 1..=combinations {
            let (parent, sets) = (parent.clone(), vec![format!("train.k={combination}")]);
            self.seal_part(combination, experiment, |_| SweepPart::Child { parent, combination, sets });
        }
    }

    /// A run without a model; its key.
    fn seal_part(&self, number: usize, experiment: &str, part: impl FnOnce(&Entry) -> SweepPart) -> String {
        let folder = self.seal(number, experiment, &[]);
        let mut entry = Entry::read(&folder).unwrap();
        entry.sweep = Some(part(&entry));
        if let Some(facts) = entry.record.as_mut().filter(|_| number == 0) {
            facts.retain(|fact| fact.kind == "tag");
        }
        std::fs::write(folder.join(ENTRY), serde_json::to_vec(&entry).unwrap()).unwrap();
        entry.key
    }
}

fn entry(number: usize, experiment: &str, artifacts: Vec<Artifact>) -> Entry {
    let started_ms = 1_704_067_200_000 + number as i64;
    let key = blake3_of(&format!("{experiment} {number}"));
    let params = [("experiment", json!(experiment)), ("registered_model", json!(experiment))];
    Entry {
        format: FORMAT,
        status: RunStatus::Finished,
        is_return: false,
        sweep: None,
        has_stale_upstream: false,
        started_ms,
        ended_ms: started_ms + 1500,
        pipeline: "handmade".to_owned(),
        file: "pipeline.yaml".to_owned(),
        segpipe_version: "0.1.0".to_owned(),
        user: Some("ana".to_owned()),
        git: None,
        stages: vec![stage(params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())],
        record: Some(record(&key)),
        key,
        artifacts,
        missing: Vec::new(),
    }
}

fn stage(params: BTreeMap<String, Value>) -> EntryStage {
    EntryStage {
        name: "track".to_owned(),
        kind: "track".to_owned(),
        outcome: "ran".to_owned(),
        reason: None,
        seconds: 0.5,
        fingerprint: None,
        params,
        outputs: BTreeMap::new(),
    }
}

fn record(identity: &str) -> Vec<Fact> {
    let text = |kind: &str, key: &str, text: &str| Fact {
        kind: kind.to_owned(),
        key: key.to_owned(),
        text: Some(text.to_owned()),
        value: None,
        step: None,
    };
    let silhouette =
        Fact { kind: "metric".to_owned(), key: "silhouette".to_owned(), text: None, value: Some(0.5), step: None };
    vec![
        silhouette,
        text("param", "k", "4"),
        text("dataset", "name", "handmade"),
        text("dataset", "digest", "0123456789abcdef"),
        text("dataset", "source", "{}"),
        text("model", "identity", identity),
        text("model", "k", "4"),
        text("model", "scaling", "standard"),
        text("model", "data_policy", "{}"),
        text("model", "data_source", "file"),
    ]
}

/// 32 hexadecimal digits of a text.
fn blake3_of(text: &str) -> String {
    segpipe::digest::Digest::of_bytes(text.as_bytes()).to_string()[..32].to_owned()
}
