//! One entry of the outbox as entry.json holds it.
//!
//! For: the format, its version, reading and writing it. Not for: making one (`outbox`) or sending it.
//!
//! A later segpipe reads the entries of an earlier one; an earlier one refuses those of a later one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use segpipe_stages::contract::RunStatus;
use segpipe_stages::track::RecordRow;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::artifacts::{Artifact, Missing};
use super::origin::Git;

/// Version of the format that this segpipe writes.
pub const FORMAT: u32 = 1;

/// Name of the file that holds an entry, in the entry's folder.
pub const ENTRY: &str = "entry.json";

/// Name of the folder that holds the entry's artifacts.
pub const FILES: &str = "files";

/// Name of the file that says where an entry was delivered to; one without it waits.
pub const RECEIPT: &str = "receipt.json";

/// Everything known of one finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of this format.
    pub format: u32,
    /// Names this run for ever; a server that has a run with this key has this run.
    pub key: String,
    /// How the run ended.
    pub status: RunStatus,
    /// Whether it computed nothing and went back to an earlier result: no run of its own, but the registry may follow.
    #[serde(default)]
    pub is_return: bool,
    /// Whether it went on from stages that were not up to date.
    #[serde(default)]
    pub has_stale_upstream: bool,
    /// When it started, in milliseconds since 1970-01-01 UTC.
    pub started_ms: i64,
    /// When it ended, likewise.
    pub ended_ms: i64,
    /// The pipeline's name.
    pub pipeline: String,
    /// Base name of the pipeline file.
    pub file: String,
    /// Version of the segpipe that ran it.
    pub segpipe_version: String,
    /// Who ran it, where the environment says so.
    pub user: Option<String>,
    /// The state of the project's git repository, where it has one.
    pub git: Option<Git>,
    /// Its place in a sweep; none for a run of the project itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepPart>,
    /// Every planned stage, in order.
    pub stages: Vec<EntryStage>,
    /// The record of the result; none where the run did not get that far.
    pub record: Option<Vec<Fact>>,
    /// The files in [`FILES`], sorted by path.
    pub artifacts: Vec<Artifact>,
    /// What should be there and is not.
    pub missing: Vec<Missing>,
}

/// The place of a run in a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum SweepPart {
    /// It stands for the whole sweep.
    Parent {
        /// What the sweep computed; an equal sweep is not told of twice.
        identity: String,
        /// How many combinations it has.
        combinations: usize,
    },
    /// It is one combination.
    Child {
        /// Key of the run that stands for the whole.
        parent: String,
        /// Its number in the sweep, from 1.
        combination: usize,
        /// What was set, as `STAGE.PARAM=VALUE`.
        sets: Vec<String>,
    },
}

/// One stage of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryStage {
    /// Its name in the pipeline.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// `ran`, `cached`, `restored`, `failed` or `skipped`.
    pub outcome: String,
    /// Why.
    pub reason: Option<String>,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// The fingerprint of its result.
    pub fingerprint: Option<String>,
    /// Its checked params by name, those that determine the result and those that do not.
    pub params: BTreeMap<String, Value>,
    /// Digests of its outputs.
    pub outputs: BTreeMap<String, String>,
}

/// One fact of the record; see `track.record`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// `param`, `metric`, `tag`, `dataset`, `artifact` or `model`.
    pub kind: String,
    /// Its name.
    pub key: String,
    /// Its text, for all kinds but metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A metric's number. JSON has no word for numbers that are not finite, so they stand as text.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "number")]
    pub value: Option<f64>,
    /// A metric's step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<i64>,
}

impl From<RecordRow> for Fact {
    fn from(row: RecordRow) -> Self {
        Self { kind: row.kind, key: row.key, text: row.text, value: row.value, step: row.step }
    }
}

/// An entry that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The file is not there or cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no entry.
    #[error("`{}` is no intact entry of the outbox", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The file was written by a later segpipe.
    #[error("`{}` has format {found}, and this segpipe reads formats up to {FORMAT}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
}

impl Entry {
    /// Reads the entry in folder `directory`.
    ///
    /// # Errors
    /// [`EntryError`] where it is not there, damaged, or of a later format.
    pub fn read(directory: &Path) -> Result<Self, EntryError> {
        let path = directory.join(ENTRY);
        let bytes = std::fs::read(&path).map_err(|source| EntryError::File { path: path.clone(), source })?;
        let json = |source| EntryError::Json { path: path.clone(), source };
        let value: Value = serde_json::from_slice(&bytes).map_err(json)?;
        match value.get("format").and_then(Value::as_u64) {
            Some(found) if found > u64::from(FORMAT) => Err(EntryError::Format { path, found }),
            _ => serde_json::from_value(value).map_err(json),
        }
    }

    /// The facts of one kind in the record.
    pub fn facts<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Fact> {
        self.record.iter().flatten().filter(move |fact| fact.kind == kind)
    }

    /// The text of a fact in the record.
    pub fn text_of(&self, kind: &str, key: &str) -> Option<&str> {
        self.record.iter().flatten().find(|fact| fact.kind == kind && fact.key == key)?.text.as_deref()
    }

    /// What tells the model of the run from all others; none where there is no record.
    pub fn model_identity(&self) -> Option<&str> {
        self.text_of("model", "identity")
    }

    /// Every param as MLflow shows it: the facts, and every checked param of every stage as `stage.param`.
    pub fn params(&self) -> impl Iterator<Item = (String, String)> {
        let facts = self.facts("param").map(|fact| (fact.key.clone(), fact.text.clone().unwrap_or_default()));
        let of_stage = |stage: &EntryStage| {
            let name = stage.name.clone();
            let pair = move |(param, value): (&String, &Value)| (format!("{name}.{param}"), written(value));
            stage.params.iter().map(pair).collect::<Vec<_>>()
        };
        facts.chain(self.stages.iter().flat_map(of_stage))
    }

    /// A metric's number at its first step.
    pub fn metric(&self, key: &str) -> Option<f64> {
        self.facts("metric").find(|fact| fact.key == key)?.value
    }

    /// The kept file that goes to `path`.
    pub fn artifact(&self, path: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|artifact| artifact.path == path)
    }

    /// The stage of a kind; the first where there are several.
    pub fn stage_of_kind(&self, kind: &str) -> Option<&EntryStage> {
        self.stages.iter().find(|stage| stage.kind == kind)
    }
}

/// Text as it is, everything else as JSON.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => text.clone(),
        other => other.to_string(),
    }
}

/// Numbers that need not be finite, in JSON.
mod number {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Text(String),
    }

    // serde hands over what it has, an `&Option`.
    #[expect(clippy::ref_option, reason = "serde's `with` asks for this signature")]
    pub(super) fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        let written = value.map(|value| match value {
            value if value.is_finite() => Written::Number(value),
            value => Written::Text(value.to_string()),
        });
        written.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        match Option::<Written>::deserialize(deserializer)? {
            None => Ok(None),
            Some(Written::Number(value)) => Ok(Some(value)),
            Some(Written::Text(text)) => text.parse().map(Some).map_err(serde::de::Error::custom),
        }
    }
}
