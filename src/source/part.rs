//! A half-fetched file and what is needed to go on with it later.
//!
//! For: `<target>.part`, and beside it `<target>.part.json` with the address and the validator (`ETag` or
//! `Last-Modified`) that tells whether the file on the server is still the same. Called by: `download`.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::FetchError;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    /// Digest of the address, which may hold a secret.
    address: String,
    /// What `If-Range` is asked with.
    validator: String,
}

/// The half-fetched form of one file.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    origin: PathBuf,
}

impl Part {
    /// The part that will become `target`.
    pub(super) fn of(target: &Path) -> Self {
        let with = |ending: &str| {
            let mut name = target.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        Self { path: with(".part"), origin: with(".part.json") }
    }

    /// The bytes so far.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes held and the validator to go on with, where the part came from `url` and can be continued.
    pub(super) fn continuation(&self, url: &str) -> Option<(u64, String)> {
        let origin: Origin = serde_json::from_slice(&std::fs::read(&self.origin).ok()?).ok()?;
        let held = self.path.metadata().ok()?.len();
        (origin.address == digest(url) && held > 0).then_some((held, origin.validator))
    }

    /// Opens the part at its end.
    pub(super) fn append(&self) -> Result<File, FetchError> {
        OpenOptions::new().append(true).open(&self.path).map_err(disk("open", &self.path))
    }

    /// Starts anew. Without a validator the part cannot be continued later.
    pub(super) fn restart(&self, url: &str, validator: Option<String>) -> Result<File, FetchError> {
        self.forget_origin();
        let file = File::create(&self.path).map_err(disk("create", &self.path))?;
        if let Some(validator) = validator {
            let origin = Origin { address: digest(url), validator };
            let json = serde_json::to_vec(&origin).map_err(|error| FetchError::Setup { source: error.into() })?;
            std::fs::write(&self.origin, json).map_err(disk("write", &self.origin))?;
        }
        Ok(file)
    }

    /// Removes what a complete file does not need.
    pub(super) fn forget_origin(&self) {
        let _ = std::fs::remove_file(&self.origin);
    }

    /// Removes everything.
    pub(super) fn discard(&self) {
        self.forget_origin();
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Makes an I/O error on `path` a [`FetchError`].
pub(super) fn disk(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> FetchError + use<> {
    let path = path.to_owned();
    move |source| FetchError::Disk { action, path, source }
}

fn digest(url: &str) -> String {
    blake3::hash(url.as_bytes()).to_hex().to_string()
}
