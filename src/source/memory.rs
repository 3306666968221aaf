//! What is remembered of downloads: the ones made, and the ones that failed lately.
//!
//! For: not waiting for a dead network run after run, and knowing later where a file came from. Not for: deciding what
//! a run reads: deleting the file costs nothing but a wait. Called by: [`super::Sources`].
//!
//! Nothing here fails: what cannot be read is forgotten, what cannot be written is not remembered.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A download that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Downloaded {
    /// The address as it may be shown.
    pub(super) url: String,
    /// Licence of the data.
    pub(super) licence: Option<String>,
    /// blake3 of the placed file, hexadecimal.
    pub(super) digest: String,
    /// Its size.
    pub(super) bytes: u64,
    /// When, ISO 8601 in UTC.
    pub(super) at: String,
}

/// A download that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Failure {
    at_ms: u64,
    reason: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    /// By the path at which the file was placed.
    #[serde(default)]
    downloads: BTreeMap<String, Downloaded>,
    /// By the digest of the address, which may hold a secret.
    #[serde(default)]
    failures: BTreeMap<String, Failure>,
}

/// The file that remembers.
#[derive(Debug)]
pub(super) struct Memory {
    path: PathBuf,
}

impl Memory {
    /// The memory kept in `state_directory`.
    pub(super) fn new(state_directory: &Path) -> Self {
        Self { path: state_directory.join("downloads.json") }
    }

    /// The file; deleting it forgets everything.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Why fetching `url` failed, where it did less than `patience` ago.
    pub(super) fn recent_failure(&self, url: &str, patience: Duration) -> Option<String> {
        let failure = self.read().failures.remove(&key(url))?;
        // A clock that was set back makes the failure lie in the future; then it is forgotten.
        let age = now_ms().checked_sub(failure.at_ms)?;
        (u128::from(age) < patience.as_millis()).then(|| format!("{} minutes ago: {}", age / 60_000, failure.reason))
    }

    /// Remembers that fetching `url` failed now.
    pub(super) fn remember_failure(&self, url: &str, reason: &str) {
        let mut content = self.read();
        content.failures.insert(key(url), Failure { at_ms: now_ms(), reason: reason.to_owned() });
        self.write(&content);
    }

    /// Remembers a download and forgets failures.
    pub(super) fn remember(&self, to: &str, downloaded: Downloaded) {
        let mut content = self.read();
        content.failures.clear();
        content.downloads.insert(to.to_owned(), downloaded);
        self.write(&content);
    }

    fn read(&self) -> Content {
        let bytes = std::fs::read(&self.path).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    fn write(&self, content: &Content) {
        let attempt = || -> std::io::Result<()> {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&serde_json::to_vec_pretty(content)?)?;
            file.persist(&self.path)?;
            Ok(())
        };
        if let Err(error) = attempt() {
            tracing::debug!(path = %self.path.display(), %error, "what happened to a download is not remembered");
        }
    }
}

fn key(url: &str) -> String {
    blake3::hash(url.as_bytes()).to_hex()[..16].to_owned()
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://ana:pw@host/x.zip";

    #[test]
    fn a_failure_is_remembered_for_a_while_and_forgotten_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::new(&folder.path().join("state"));
        assert_eq!(memory.recent_failure(URL, Duration::from_mins(10)), None);
        memory.remember_failure(URL, "no route");
        let reason = memory.recent_failure(URL, Duration::from_mins(10));
        assert_eq!(reason.as_deref(), Some("0 minutes ago: no route"));
        assert_eq!(memory.recent_failure("https://elsewhere/", Duration::from_mins(10)), None);
        assert_eq!(memory.recent_failure(URL, Duration::ZERO), None);
        assert!(!std::fs::read_to_string(memory.path()).unwrap().contains("pw"));
        std::fs::remove_file(memory.path()).unwrap();
        assert_eq!(memory.recent_failure(URL, Duration::from_mins(10)), None);
    }

    #[test]
    fn a_failure_in_the_future_or_a_damaged_file_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::new(folder.path());
        let failure = Failure { at_ms: now_ms() + 3_600_000, reason: "later".into() };
        memory.write(&Content { failures: [(key(URL), failure)].into(), ..Content::default() });
        assert_eq!(memory.recent_failure(URL, Duration::from_mins(10)), None);
        std::fs::write(memory.path(), "{ not json").unwrap();
        assert_eq!(memory.recent_failure(URL, Duration::from_mins(10)), None);
    }

    #[test]
    fn a_download_is_remembered_and_ends_the_failures() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::new(folder.path());
        memory.remember_failure(URL, "no route");
        let (url, digest, at) = ("https://host/x.zip".to_owned(), "ab".to_owned(), "2026-01-01T00:00:00Z".to_owned());
        memory.remember("data/x.xlsx", Downloaded { url, licence: None, digest, bytes: 3, at });
        assert_eq!(memory.recent_failure(URL, Duration::from_mins(10)), None);
        assert_eq!(memory.read().downloads["data/x.xlsx"].bytes, 3);
    }
}
