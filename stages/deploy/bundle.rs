//! Opening a bundle: every file read once, checked against the manifest, and understood.
//!
//! For: whoever scores customers with what `deploy` made. Not for: making it. Called by: scoring and the service.
//!
//! What is returned was parsed from the very bytes whose digests were checked, so nobody sees half a bundle, even
//! where it is replaced meanwhile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::cards::{self, Cards, SegmentCard};
use super::manifest::{self, Manifest, ManifestFile};
use super::policy::{self, Policy};
use crate::contract::{Fault, StageFault};
use crate::model::{Model, ModelError};

/// A bundle that is whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// Where it lies.
    pub directory: PathBuf,
    /// blake3 of manifest.json, and by it of everything in the bundle.
    pub digest: String,
    /// The model.
    pub model: Model,
    /// Everything in segments.json.
    pub cards: Cards,
    /// By which rules transactions become customers.
    pub policy: Policy,
    files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// The content of a file of the bundle, as it was checked.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// Paths of all files but the manifest, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The card of a segment of the model.
    pub fn card(&self, segment: usize) -> Option<&SegmentCard> {
        self.cards.segments.get(segment)
    }
}

/// A folder that is no bundle that can be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not the JSON it should be.
    #[error("`{}` cannot be understood", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A later segpipe made it.
    #[error("`{}` has version {found}, and this segpipe reads versions up to {known}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it says.
        found: u64,
        /// The latest one known.
        known: u32,
    },
    /// A file is not the one that was bundled.
    #[error("`{}` has changed since the bundle was made", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The manifest names a file outside the bundle.
    #[error("`{}` names `{named}`, which is not in the bundle", path.display())]
    Outside {
        /// The manifest.
        path: PathBuf,
        /// What it names.
        named: String,
    },
    /// A file that every bundle has is not listed.
    #[error("the bundle `{}` has no `{file}`", path.display())]
    Missing {
        /// The bundle.
        path: PathBuf,
        /// The file.
        file: &'static str,
    },
    /// The model cannot be used.
    #[error("the bundle's model cannot be used")]
    Model(#[source] ModelError),
    /// The segments described are not those of the model.
    #[error("`{}` describes other segments than the model has", path.display())]
    Segments {
        /// segments.json.
        path: PathBuf,
    },
}

impl StageFault for BundleError {
    fn fault(&self) -> Fault {
        match self {
            Self::File { source, .. } if source.kind() != std::io::ErrorKind::NotFound => Fault::Disk,
            _ => Fault::Data,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Version { .. } => Some("update segpipe, or make the bundle anew".to_owned()),
            Self::File { source, .. } if source.kind() != std::io::ErrorKind::NotFound => None,
            _ => Some("make the bundle anew with `segpipe run`".to_owned()),
        }
    }
}

/// Reads the bundle in `directory` and checks every file against its manifest.
///
/// # Errors
/// [`BundleError`] where a file is missing, changed or not understood.
pub fn open(directory: &Path) -> Result<Bundle, BundleError> {
    let path = directory.join(manifest::NAME);
    let bytes = read(&path)?;
    let mut files = BTreeMap::new();
    for file in listed(&path, &bytes)? {
        let content = read(&directory.join(&file.path))?;
        files.insert(file.path, content);
    }
    of_files(directory, &bytes, files)
}

/// The bundle that consists of a manifest.json and `files` with their contents, wherever they were fetched from;
/// `directory` is only what errors call it. Every file is checked against the manifest.
///
/// # Errors
/// [`BundleError`] where a file is missing, changed or not understood.
pub fn of_files(
    directory: &Path,
    manifest: &[u8],
    mut files: BTreeMap<String, Vec<u8>>,
) -> Result<Bundle, BundleError> {
    let path = directory.join(manifest::NAME);
    let mut checked = BTreeMap::new();
    for file in listed(&path, manifest)? {
        let path = directory.join(&file.path);
        match files.remove(&file.path) {
            Some(content) if ManifestFile::of(&file.path, &content) == file => drop(checked.insert(file.path, content)),
            _ => return Err(BundleError::Changed { path }),
        }
    }
    understand(directory, blake3::hash(manifest).to_hex().to_string(), checked)
}

/// The files that a manifest.json names, all of them in the bundle. `path` is only what errors call it.
///
/// # Errors
/// [`BundleError`] where it cannot be understood or names a file elsewhere.
pub fn listed(path: &Path, bytes: &[u8]) -> Result<Vec<ManifestFile>, BundleError> {
    let manifest: Manifest = json(path, bytes, manifest::VERSION)?;
    match manifest.files.iter().find(|file| !file.is_inside()) {
        Some(file) => Err(BundleError::Outside { path: path.to_owned(), named: file.path.clone() }),
        None => Ok(manifest.files),
    }
}

fn understand(directory: &Path, digest: String, files: BTreeMap<String, Vec<u8>>) -> Result<Bundle, BundleError> {
    let find = |file: &'static str| {
        let missing = || BundleError::Missing { path: directory.to_owned(), file };
        Ok((directory.join(file), files.get(file).ok_or_else(missing)?))
    };
    find("model.onnx")?;
    let (path, bytes) = find("model.json")?;
    let model = Model::from_json(bytes, &path).map_err(BundleError::Model)?;
    let (path, bytes) = find("policy.json")?;
    let policy: Policy = json(&path, bytes, policy::VERSION)?;
    let (path, bytes) = find("segments.json")?;
    let cards: Cards = json(&path, bytes, cards::VERSION)?;
    let is_same = |(card, segment): (&SegmentCard, &crate::model::ModelSegment)| {
        card.segment == segment.segment && card.name == segment.name
    };
    if cards.segments.len() != model.segments.len() || !cards.segments.iter().zip(&model.segments).all(is_same) {
        return Err(BundleError::Segments { path });
    }
    Ok(Bundle { directory: directory.to_owned(), digest, model, cards, policy, files })
}

fn read(path: &Path) -> Result<Vec<u8>, BundleError> {
    std::fs::read(path).map_err(|source| BundleError::File { path: path.to_owned(), source })
}

/// What every file says of itself, whatever else a later version may have in it.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// Reads a file up to version `known`. The version is looked at first: a later one need not be understood otherwise.
fn json<T: DeserializeOwned>(path: &Path, bytes: &[u8], known: u32) -> Result<T, BundleError> {
    if let Ok(Versioned { version: found }) = serde_json::from_slice(bytes)
        && found > u64::from(known)
    {
        return Err(BundleError::Version { path: path.to_owned(), found, known });
    }
    serde_json::from_slice(bytes).map_err(|source| BundleError::Json { path: path.to_owned(), source })
}
