//! What a command finds around it: the pipeline file, the stages, the printer.
//!
//! For: opening the pipeline with its overrides, and the paths beside it. Called by: the commands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use segpipe_stages::contract::Stage;

use super::args::Overriding;
use super::failure::{Failure, USAGE};
use super::printer::Printer;
use crate::source::{Options, Sources};
use crate::spec::pipeline::Pipeline;
use crate::spec::{self, Overrides, SpecError};
use crate::store::{ARTIFACTS, STATE, kept_pipeline};

/// What every command is given.
pub(super) struct Surroundings {
    /// The pipeline file, as the command line says it.
    pub(super) file: PathBuf,
    /// Who prints.
    pub(super) printer: Printer,
    /// Every kind of stage.
    pub(super) stages: &'static [&'static dyn Stage],
}

impl Surroundings {
    /// The checked pipeline.
    pub(super) fn open(&self, overriding: &Overriding) -> Result<Pipeline, Failure> {
        let overrides = Overrides { profile: overriding.profile.clone(), sets: overriding.sets.clone() };
        spec::read(&self.file, self.stages, &overrides, &kept_pipeline(&self.file)).map_err(|error| of_spec(&error))
    }

    /// Keeps what the next command would have to read anew of a long pipeline file, once there is a folder for it.
    pub(super) fn keep(&self) {
        spec::keep(&self.file, &kept_pipeline(&self.file));
    }

    /// The folder of the pipeline file.
    pub(super) fn directory(&self) -> &Path {
        match self.file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }
}

/// Who finds, fetches or simulates the sources of `pipeline`.
pub(super) fn sources(pipeline: &Pipeline) -> Arc<Sources> {
    let state = pipeline.directory.join(ARTIFACTS).join(STATE);
    Arc::new(Sources::new(pipeline.directory.clone(), state, Options::default()))
}

/// Where the output of the first stage of a kind is, as a reader in the current directory would write it.
pub(super) fn output(pipeline: &Pipeline, kind: &str, output: &str) -> Option<PathBuf> {
    let stage = pipeline.stages.iter().find(|stage| stage.stage.name() == kind)?;
    Some(shown(&pipeline.directory.join(stage.outputs.get(output)?)))
}

/// `path` as a reader in the current directory would write it.
pub(super) fn shown(path: &Path) -> PathBuf {
    let current = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(current).unwrap_or(path).to_owned()
}

/// The failure of a pipeline file that cannot be used.
pub(super) fn of_spec(error: &SpecError) -> Failure {
    let failure = Failure { hint: error.hint(), ..Failure::new(USAGE, error.to_string()) };
    match std::error::Error::source(error) {
        Some(cause) => failure.caused_by(cause),
        None => failure,
    }
}
