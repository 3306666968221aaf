//! manifest.json: the digest of every other file of a bundle, by which a bundle is known to be whole.
//!
//! For: making it from the files, and reading it. Called by: `deploy`, `bundle::open`.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{model, schema};

/// Version of manifest.json that this segpipe writes.
pub const VERSION: u32 = 1;

/// Its name in the bundle.
pub const NAME: &str = "manifest.json";

/// Everything in manifest.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of the file.
    pub version: u32,
    /// What tells the bundle's model from all others, as a tracking server is told.
    pub model_identity: String,
    /// Every other file, sorted by path.
    pub files: Vec<ManifestFile>,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Path from the bundle, with `/`.
    pub path: String,
    /// blake3 of its content, hexadecimal.
    pub digest: String,
    /// SHA-256 of it, for readers without blake3: the app, `sha256sum`.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

impl ManifestFile {
    /// The entry of a file with this content.
    pub fn of(path: &str, content: &[u8]) -> Self {
        let digest = blake3::hash(content).to_hex().to_string();
        let sha256 = hexadecimal(&Sha256::digest(content));
        Self { path: path.to_owned(), digest, sha256, bytes: content.len() as u64 }
    }

    /// Whether its path stays within the bundle.
    pub fn is_inside(&self) -> bool {
        let is_plain = |component: Component<'_>| matches!(component, Component::Normal(_));
        !self.path.is_empty() && !self.path.contains('\\') && Path::new(&self.path).components().all(is_plain)
    }
}

impl Manifest {
    /// The manifest of these files, of which the model is known by `model_digests`: model.json's and model.onnx's.
    pub fn of(files: &BTreeMap<String, Vec<u8>>, model_digests: [&str; 2]) -> Self {
        let files = files.iter().map(|(path, content)| ManifestFile::of(path, content)).collect();
        Self { version: VERSION, model_identity: model::identity(model_digests), files }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// The table `deploy.manifest`.
pub(super) fn batch(files: &[ManifestFile]) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(files.iter().map(|file| file.path.as_str()))),
        Arc::new(StringArray::from_iter_values(files.iter().map(|file| file.digest.as_str()))),
        Arc::new(Int64Array::from_iter_values(files.iter().map(|file| file.bytes as i64))),
    ];
    RecordBatch::try_new(schema::manifest(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_bundle_are_recognised() {
        let file = |path: &str| ManifestFile::of(path, b"");
        assert!(["model.json", "plots/a.png"].into_iter().all(|path| file(path).is_inside()));
        let outside = ["", "/etc/passwd", "../model.json", "plots/../../x", "./a", "a\\..\\b"];
        assert_eq!(outside.into_iter().filter(|path| file(path).is_inside()).collect::<Vec<_>>(), Vec::<&str>::new());
    }

    #[test]
    fn a_digest_is_the_contents() {
        let file = ManifestFile::of("empty", b"");
        assert_eq!(file.digest, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
        assert_eq!(file.sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
