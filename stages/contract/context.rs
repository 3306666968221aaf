//! Everything a stage has while it runs, and what it hands back.
//!
//! For: [`StageContext`] and [`StageReport`]. Not for: what a stage declares before it runs (`ports`, `params`).
//! Called by: every stage; the orchestrator, which makes one for each run of a stage.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::StageError;
use super::observer::{Note, NoteLevel, Observer};
use super::params::{CheckedParams, Params};
use super::parts::{Forgetful, Keeper, Part};
use super::ports::{InputFile, Output};
use super::sources::Source;

/// Everything a stage has while it runs.
pub struct StageContext<'a> {
    /// The checked params.
    pub params: &'a CheckedParams,
    /// The inputs by port name.
    pub inputs: BTreeMap<String, InputFile>,
    /// File names of the inputs where their ending matters, by port name; as [`Output::path`] of whoever wrote them.
    pub names: BTreeMap<String, String>,
    /// The outside files, in order, for a stage that has any ([`Stage::sources`](super::Stage::sources)).
    pub sources: Vec<Source>,
    /// An empty directory of its own; output `o` is written to `directory.join(o.path)`.
    pub directory: PathBuf,
    /// The stage's output ports.
    pub outputs: &'a [Output],
    /// Who listens.
    pub observer: &'a dyn Observer,
    /// Who remembers parts of the stage's work for its later runs; [`Forgetful`] unless set.
    pub keeper: &'a dyn Keeper,
    rows: Mutex<BTreeMap<String, u64>>,
}

impl<'a> StageContext<'a> {
    /// A context that writes the output ports `outputs` into `directory`.
    pub fn new(
        outputs: &'a [Output],
        params: &'a CheckedParams,
        inputs: BTreeMap<String, InputFile>,
        sources: Vec<Source>,
        directory: PathBuf,
        observer: &'a dyn Observer,
    ) -> Self {
        let names = BTreeMap::new();
        let (keeper, rows) = (&Forgetful, Mutex::default());
        Self { params, inputs, names, sources, directory, outputs, observer, keeper, rows }
    }

    /// The params as the stage's own type.
    ///
    /// # Errors
    /// Only where `P` is not the type the stage checks its params with.
    pub fn params<P: Params>(&self) -> Result<P, StageError> {
        self.params.to().map_err(|error| StageError::bug(format!("params changed their shape: {error}")))
    }

    /// The input connected to port `name`.
    ///
    /// # Errors
    /// [`Fault::Bug`](super::Fault::Bug) where the stage asks for a port it did not declare.
    pub fn input(&self, name: &str) -> Result<&InputFile, StageError> {
        self.inputs.get(name).ok_or_else(|| StageError::bug(format!("no input `{name}` was declared")))
    }

    /// Where output `name` is to be written.
    ///
    /// # Errors
    /// [`Fault::Bug`](super::Fault::Bug) where the stage asks for an output it did not declare.
    pub fn output(&self, name: &str) -> Result<PathBuf, StageError> {
        Ok(self.directory.join(&*self.port(name)?.path))
    }

    /// Notes how many rows output `name` has, for reports.
    ///
    /// # Errors
    /// [`Fault::Bug`](super::Fault::Bug) where the output is not declared.
    pub fn set_rows(&self, name: &str, rows: u64) -> Result<(), StageError> {
        let port = self.port(name)?;
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).insert(port.name.to_string(), rows);
        Ok(())
    }

    /// The rows noted so far, by output.
    pub fn rows(&self) -> BTreeMap<String, u64> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What an earlier run kept as `part`, where its inputs, its implementation and the part's facts were the same.
    pub fn recall<T: DeserializeOwned>(&self, part: &Part<'_>) -> Option<T> {
        serde_json::from_slice(&self.keeper.recall(part)?).ok()
    }

    /// Keeps `value` as `part` for later runs. Whatever determines it beside the stage's inputs must be among the
    /// part's facts.
    pub fn keep<T: Serialize>(&self, part: &Part<'_>, value: &T) {
        if let Ok(bytes) = serde_json::to_vec(value) {
            self.keeper.keep(part, &bytes);
        }
    }

    /// Says something a reader of the run should know.
    pub fn info(&self, text: impl Into<String>) {
        self.observer.note(Note { level: NoteLevel::Info, text: text.into() });
    }

    /// Says something that would mislead a reader who does not know it.
    pub fn warn(&self, text: impl Into<String>) {
        self.observer.note(Note { level: NoteLevel::Warning, text: text.into() });
    }

    /// Stops a stage whose run was interrupted; long loops call it now and then.
    ///
    /// # Errors
    /// [`Fault::Cancelled`](super::Fault::Cancelled) after an interruption.
    pub fn check_cancelled(&self) -> Result<(), StageError> {
        if self.observer.is_cancelled() { Err(StageError::cancelled()) } else { Ok(()) }
    }

    fn port(&self, name: &str) -> Result<&'a Output, StageError> {
        let found = self.outputs.iter().find(|output| output.name == name);
        found.ok_or_else(|| StageError::bug(format!("no output `{name}` was declared")))
    }
}

/// What a stage hands back besides its files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StageReport {
    /// The result in a few words, e.g. `k=5, 4 338 customers`. Shown for cached results too.
    pub headline: String,
}
