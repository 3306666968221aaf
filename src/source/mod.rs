//! The outside files of a run: found, else fetched, else simulated, as the contract's [`SourceResolver`].
//!
//! For: turning a [`SourceRequest`] into files that are there. Not for: reading them (stages do), or their digests (the
//! engine's business). Called by: the engine, from a blocking thread, before fingerprints are taken.
//!
//! What it remembers lies in the state folder and may be deleted at any time: the downloads made, the downloads that
//! failed lately, and the simulated data.

mod download;
mod error;
mod memory;
mod part;
mod place;
mod select;
mod simulated;
mod unpack;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use segpipe_stages::contract::{
    Download, Note, NoteLevel, Observer, ResolvedSource, SourceOrigin, SourceRequest, SourceResolver, StageError,
};

use crate::address;
use crate::event::SIMULATED;

pub use select::{Place, places};

use error::{FetchError, SourceError};
use memory::{Downloaded, Memory};

/// How long things may take. The defaults are right for people; tests are less patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// For the next bytes to arrive.
    pub read_timeout: Duration,
    /// How often a transfer that breaks off is continued before giving up.
    pub retries: u32,
    /// Pause before it is continued.
    pub pause: Duration,
    /// For how long a failed download is not tried again where simulated data can stand in.
    pub patience: Duration,
    /// Whether the proxies named in the environment are used.
    pub uses_proxy: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(20),
            retries: 3,
            pause: Duration::from_secs(1),
            patience: Duration::from_mins(10),
            uses_proxy: true,
        }
    }
}

/// Finds, fetches or simulates sources for one pipeline.
#[derive(Debug, Clone)]
pub struct Sources {
    directory: PathBuf,
    state_directory: PathBuf,
    options: Options,
}

impl Sources {
    /// Sources relative to `directory`, the pipeline file's folder; `state_directory` (`artifacts/.segpipe`) is made
    /// when there is something to remember. Patterns never match below the folder that holds `state_directory`.
    pub fn new(directory: PathBuf, state_directory: PathBuf, options: Options) -> Self {
        Self { directory, state_directory, options }
    }

    fn select(&self, request: &SourceRequest) -> Result<Vec<PathBuf>, SourceError> {
        let artifacts = self.state_directory.parent().filter(|folder| *folder != self.directory);
        select::select(&self.directory, artifacts, &request.selection)
    }

    /// Fetches or simulates what is missing.
    fn supply(
        &self,
        request: &SourceRequest,
        missing: SourceError,
        observer: &dyn Observer,
    ) -> Result<Vec<ResolvedSource>, StageError> {
        let Some(download) = &request.download else {
            return if request.may_simulate { self.simulate(&missing, None, observer) } else { Err(missing.into()) };
        };
        match self.fetch(download, request.may_simulate, observer) {
            Ok(()) => Ok(files(self.select(request)?)),
            Err(failure) if failure.is_final() => Err(failure.into()),
            Err(failure) if request.may_simulate => self.simulate(&missing, Some(&failure), observer),
            Err(failure) => Err(SourceError::unfetched(&missing, download, &failure).into()),
        }
    }

    fn fetch(&self, download: &Download, may_simulate: bool, observer: &dyn Observer) -> Result<(), FetchError> {
        let memory = Memory::new(&self.state_directory);
        if may_simulate && let Some(failure) = memory.recent_failure(&download.url, self.options.patience) {
            let memory = memory.path().strip_prefix(&self.directory).unwrap_or(memory.path()).to_owned();
            return Err(FetchError::Remembered { reason: failure, memory });
        }
        let shown = address::shown(&download.url);
        let licence = download.licence.as_ref().map(|licence| format!(", licence {licence}")).unwrap_or_default();
        note(observer, NoteLevel::Info, format!("fetching `{}` from {shown}{licence}", download.to));
        let fetched = download::fetch(&self.directory, download, &self.options, observer);
        match fetched {
            Ok((digest, bytes)) => {
                let text = format!("fetched `{}`: {bytes} bytes, blake3 {digest}", download.to);
                note(observer, NoteLevel::Info, text);
                let licence = download.licence.clone();
                memory.remember(&download.to, Downloaded { url: shown, licence, digest, bytes, at: now() });
                Ok(())
            }
            Err(failure) => {
                if !failure.is_final() {
                    memory.remember_failure(&download.url, &failure.full_text());
                }
                Err(failure)
            }
        }
    }

    fn simulate(
        &self,
        missing: &SourceError,
        failure: Option<&FetchError>,
        observer: &dyn Observer,
    ) -> Result<Vec<ResolvedSource>, StageError> {
        let path = simulated::ready(&self.state_directory, observer)?;
        let cause = failure.map(|failure| format!(" and could not be fetched ({})", failure.full_text()));
        let advice = missing.wanted().map(|wanted| format!("; put the real file at `{wanted}`")).unwrap_or_default();
        let text = format!(
            "{SIMULATED}: {missing}{}; every number from here on describes customers who never existed{advice}",
            cause.unwrap_or_default()
        );
        note(observer, NoteLevel::Warning, text);
        Ok(vec![ResolvedSource { path, origin: SourceOrigin::Simulated }])
    }
}

impl SourceResolver for Sources {
    fn resolve(&self, request: &SourceRequest, observer: &dyn Observer) -> Result<Vec<ResolvedSource>, StageError> {
        match self.select(request) {
            Ok(paths) => Ok(files(paths)),
            Err(error) if error.is_missing() => self.supply(request, error, observer),
            Err(error) => Err(error.into()),
        }
    }

    fn peek(&self, request: &SourceRequest) -> Result<Option<Vec<ResolvedSource>>, StageError> {
        match self.select(request) {
            Ok(paths) => Ok(Some(files(paths))),
            Err(error) if error.is_missing() && request.may_simulate => {
                let simulated = simulated::present(&self.state_directory);
                Ok(simulated.map(|path| vec![ResolvedSource { path, origin: SourceOrigin::Simulated }]))
            }
            Err(error) if error.is_missing() && request.download.is_some() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn files(paths: Vec<PathBuf>) -> Vec<ResolvedSource> {
    paths.into_iter().map(|path| ResolvedSource { path, origin: SourceOrigin::File }).collect()
}

fn note(observer: &dyn Observer, level: NoteLevel, text: String) {
    observer.note(Note { level, text });
}

fn now() -> String {
    jiff::Timestamp::try_from(SystemTime::now()).map(|now| now.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
