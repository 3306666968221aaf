//! Files from outside the project's own outputs: what a stage asks for, and what it is given.
//!
//! For: [`SourceRequest`], [`Source`], and the port that finds them ([`SourceResolver`]).
//! Not for: reading them (`load` does), or fetching them (whoever runs the stages does).
//! Called by: `load`; the orchestrator.

use std::path::PathBuf;

use serde::Serialize;

use super::error::StageError;
use super::observer::Observer;

/// Which outside files a stage reads, and what may be done where they are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRequest {
    /// Which files.
    pub selection: SourceSelection,
    /// Where they may be fetched from when missing.
    pub download: Option<Download>,
    /// Whether simulated data may stand in when they are missing and cannot be fetched.
    pub may_simulate: bool,
}

/// Paths are relative to the pipeline file's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSelection {
    /// All of these paths or glob patterns; each must match something.
    All(Vec<String>),
    /// Exactly one of these paths; two present is an error.
    OneOf(Vec<String>),
}

/// A file on the web that may be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Address of the file or of a zip archive.
    pub url: String,
    /// Name of the one file wanted from the zip archive; none where the address is the file itself.
    pub member: Option<String>,
    /// Where it is placed, relative to the pipeline file's folder.
    pub to: String,
    /// Licence of the data, printed when it is fetched.
    pub licence: Option<String>,
    /// Nothing larger than this is fetched or unpacked, in bytes.
    pub max_bytes: u64,
}

/// Where a source file came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceOrigin {
    /// It was there (downloaded now or earlier, or put there by its owner).
    File,
    /// segpipe generated it.
    Simulated,
}

impl SourceOrigin {
    /// The word used in tables and facts: `file` or `simulated`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Simulated => "simulated",
        }
    }
}

/// A source file that is there now, before its content is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedSource {
    /// Where it is.
    pub path: PathBuf,
    /// Where it came from.
    pub origin: SourceOrigin,
}

/// A source file with its content's digest, as handed to a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where to read it.
    pub path: PathBuf,
    /// Its base name; together with the digest it is all of the file that may influence an output.
    pub name: String,
    /// blake3 of its content, hexadecimal.
    pub digest: String,
    /// Where it came from.
    pub origin: SourceOrigin,
}

/// Port: finds, fetches or simulates the files a [`SourceRequest`] asks for.
pub trait SourceResolver: Send + Sync {
    /// The files, in the order in which they are to be read. Blocking.
    ///
    /// # Errors
    /// A [`StageError`] with [`Fault::Data`](super::Fault::Data) where a file is missing and may be neither fetched nor
    /// simulated.
    fn resolve(&self, request: &SourceRequest, observer: &dyn Observer) -> Result<Vec<ResolvedSource>, StageError>;

    /// The same files where they are there already; none where they would have to be fetched or simulated first.
    /// Touches nothing.
    ///
    /// # Errors
    /// As [`SourceResolver::resolve`], where a file is missing and may be neither fetched nor simulated.
    fn peek(&self, request: &SourceRequest) -> Result<Option<Vec<ResolvedSource>>, StageError>;
}
