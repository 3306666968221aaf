//! The shared cache as pipeline.yaml and the environment name it: where it is, what may be done with it, whom it trusts.
//!
//! For: `cache` of the pipeline; addresses and modes, wherever they are written. Not for: reaching it (`remote`).
//! Nothing of this determines a result. Called by: `raw`, `check`; `cli`, for what the environment says instead.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::Value;

use super::error::{Refusal, Refused};
use super::node::{Content, Entry, Node};
use super::raw::{known_keys, mapping, text};
use crate::address;
use crate::signing::{KeyError, PublicKey};

const KEYS: [&str; 4] = ["remote", "mode", "trust", "outputs"];
/// Ways in which outputs are placed, as they are written.
pub(super) const PLACEMENTS: [&str; 2] = ["copy", "link"];
/// What [`Mode`] can be.
pub const MODES: [&str; 3] = ["read-write", "read", "off"];
/// Kinds of storage by the scheme of their addresses.
const SCHEMES: [(&str, Storage); 3] = [("s3", Storage::S3), ("gs", Storage::Gcs), ("az", Storage::Azure)];

/// Where results are shared with other machines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SharedCache {
    /// Where it is; none where nothing is shared.
    pub remote: Option<RemoteAddress>,
    /// What may be done with it.
    pub mode: Mode,
    /// Whose records are believed; everybody's where it is empty.
    pub trust: Vec<PublicKey>,
    /// Whether outputs are further names of the files in this machine's cache, read-only, instead of copies.
    pub links_outputs: bool,
}

/// What may be done with the shared cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Results are taken from it and sent to it.
    #[default]
    ReadWrite,
    /// Results are taken from it.
    Read,
    /// Nothing.
    Off,
}

impl FromStr for Mode {
    type Err = SharedCacheError;

    fn from_str(text: &str) -> Result<Self, SharedCacheError> {
        match text {
            "read-write" => Ok(Self::ReadWrite),
            "read" => Ok(Self::Read),
            "off" => Ok(Self::Off),
            _ => Err(SharedCacheError::Mode { mode: text.to_owned() }),
        }
    }
}

/// A kind of storage on other machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// Amazon S3, or anything that speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

/// Where a shared cache is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteAddress {
    /// In a bucket, or a container.
    Bucket {
        /// Of this kind of storage.
        storage: Storage,
        /// Its name.
        bucket: String,
        /// What the names of all objects begin with; may be empty.
        prefix: String,
    },
    /// In a folder.
    Folder(PathBuf),
}

/// Text that names no shared cache, or nothing that can be done with one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SharedCacheError {
    /// No kind of storage that is known.
    #[error("`{scheme}://` is no storage that results can be shared on")]
    Scheme {
        /// What the address begins with.
        scheme: String,
    },
    /// No bucket.
    #[error("names no bucket")]
    NoBucket,
    /// A user, a password, a query.
    #[error("holds more than a bucket and a prefix")]
    More,
    /// Nothing at all.
    #[error("is empty")]
    Empty,
    /// No mode.
    #[error("`{mode}` is none of `read-write`, `read`, `off`")]
    Mode {
        /// What is written.
        mode: String,
    },
}

impl SharedCacheError {
    /// What the reader can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Scheme { .. } | Self::NoBucket | Self::Empty => {
                Some("write `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` or a folder")
            }
            Self::More => Some("credentials and settings come from the environment, e.g. AWS_ACCESS_KEY_ID"),
            Self::Mode { .. } => None,
        }
    }
}

impl RemoteAddress {
    /// Reads an address; a folder is relative to `directory`.
    ///
    /// # Errors
    /// [`SharedCacheError`] for what names no shared cache.
    pub fn parse(text: &str, directory: &Path) -> Result<Self, SharedCacheError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(SharedCacheError::Empty);
        }
        if !address::is_address(text) {
            return Ok(Self::Folder(directory.join(text)));
        }
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let known = SCHEMES.iter().find(|(known, _)| *known == scheme);
        let (_, storage) = known.ok_or_else(|| SharedCacheError::Scheme { scheme: scheme.to_owned() })?;
        if rest.contains(['@', '?', '#', ':', '%']) || rest.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(SharedCacheError::More);
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let parts: Vec<&str> = prefix.split('/').filter(|part| !part.is_empty()).collect();
        if bucket.is_empty() {
            return Err(SharedCacheError::NoBucket);
        }
        if parts.iter().any(|part| matches!(*part, "." | "..")) {
            return Err(SharedCacheError::More);
        }
        Ok(Self::Bucket { storage: *storage, bucket: bucket.to_owned(), prefix: parts.join("/") })
    }
}

/// As people write it.
impl fmt::Display for RemoteAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(formatter, "{}", path.display()),
            Self::Bucket { storage, bucket, prefix } => {
                let scheme = SCHEMES.iter().find(|(_, known)| known == storage).map_or("", |(scheme, _)| scheme);
                write!(formatter, "{scheme}://{bucket}")?;
                if prefix.is_empty() { Ok(()) } else { write!(formatter, "/{prefix}") }
            }
        }
    }
}

/// What `cache` of the pipeline says; a folder is relative to `directory`.
pub(super) fn shared_cache(node: &Node, directory: &Path) -> Result<SharedCache, Refused> {
    let entries = mapping(node, "`cache`")?;
    known_keys(entries, &KEYS, "`cache`")?;
    let mut cache = SharedCache::default();
    for entry in entries.iter().filter(|entry| !entry.value.is_null()) {
        match entry.key.as_str() {
            "remote" => cache.remote = Some(remote(entry, directory)?),
            "mode" => cache.mode = mode(&entry.value)?,
            "outputs" => cache.links_outputs = links_outputs(&entry.value)?,
            _ => cache.trust = trust(entry)?,
        }
    }
    Ok(cache)
}

fn remote(entry: &Entry, directory: &Path) -> Result<RemoteAddress, Refused> {
    let written = text(&entry.value, || "`remote` of `cache`".to_owned())?;
    RemoteAddress::parse(written, directory).map_err(|error| Refusal::Remote(error).at(entry.value.place))
}

fn mode(node: &Node) -> Result<Mode, Refused> {
    // What many readers of YAML take `off` for.
    if node.content == Content::Scalar(Value::Bool(false)) {
        return Ok(Mode::Off);
    }
    let written = text(node, || "`mode` of `cache`".to_owned())?;
    written.parse().map_err(|_| {
        let known = MODES.iter().map(|mode| (*mode).to_owned()).collect();
        Refusal::Choice { what: "`mode` of `cache`".to_owned(), value: written.to_owned(), known }.at(node.place)
    })
}

fn links_outputs(node: &Node) -> Result<bool, Refused> {
    let written = text(node, || "`outputs` of `cache`".to_owned())?;
    let position = PLACEMENTS.iter().position(|known| *known == written);
    position.map(|position| position == 1).ok_or_else(|| {
        let known = PLACEMENTS.map(String::from).to_vec();
        Refusal::Choice { what: "`outputs` of `cache`".to_owned(), value: written.to_owned(), known }.at(node.place)
    })
}

/// One key, or a list of them.
fn trust(entry: &Entry) -> Result<Vec<PublicKey>, Refused> {
    let nodes = match &entry.value.content {
        Content::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(&entry.value),
    };
    let key = |node: &Node| {
        let written = text(node, || "a key in `trust` of `cache`".to_owned())?;
        written.parse().map_err(|error| match error {
            KeyError::Secret => Refusal::SecretKey.at(node.place),
            error => Refusal::Key { what: "a key in `trust` of `cache`", error }.at(node.place),
        })
    };
    let keys = nodes.iter().map(key).collect::<Result<Vec<_>, Refused>>()?;
    if keys.is_empty() {
        // Whoever writes it wants somebody to be trusted and others not.
        return Err(Refusal::shape("`trust` of `cache`", "at least one key", "an empty list").at(entry.value.place));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RemoteAddress, SharedCacheError> {
        RemoteAddress::parse(text, Path::new("/project"))
    }

    #[test]
    fn addresses_are_read_and_shown_as_they_are_written() {
        for text in ["s3://bucket", "s3://bucket/a/b", "gs://bucket/a", "az://container", "/mnt/cache"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse("s3://bucket//a/").unwrap().to_string(), "s3://bucket/a");
        assert_eq!(parse("../cache"), Ok(RemoteAddress::Folder("/project/../cache".into())));
    }

    #[test]
    fn what_names_no_shared_cache_is_refused() {
        assert_eq!(parse("http://host/x"), Err(SharedCacheError::Scheme { scheme: "http".to_owned() }));
        assert_eq!(parse(" "), Err(SharedCacheError::Empty));
        assert_eq!(parse("s3://"), Err(SharedCacheError::NoBucket));
        assert_eq!(parse("s3:///a"), Err(SharedCacheError::NoBucket));
        for more in ["s3://key:secret@bucket", "az://c@account/x", "gs://b/x?token=1", "s3://b/../c", "s3://b/a b"] {
            let error = parse(more).unwrap_err();
            assert!(error == SharedCacheError::More && error.hint().is_some(), "{more}");
        }
    }

    #[test]
    fn modes_are_read_as_they_are_listed() {
        let modes = MODES.map(|text| text.parse::<Mode>().unwrap());
        assert_eq!(modes, [Mode::ReadWrite, Mode::Read, Mode::Off]);
        assert!("rw".parse::<Mode>().is_err());
    }
}
