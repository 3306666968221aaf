//! What an output holds, and the digests that it ought to be kept under, said independently of the store.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use segpipe::digest::Digest;

/// The content of an output or of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    File(Vec<u8>),
    /// Bytes by relative path.
    Directory(BTreeMap<String, Vec<u8>>),
}

impl Content {
    /// What is at `path`; none where nothing is.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(path).ok()?;
        if metadata.is_file() {
            return Some(Self::File(fs::read(path).unwrap()));
        }
        let mut files = BTreeMap::new();
        collect(path, path, &mut files);
        Some(Self::Directory(files))
    }

    /// Writes it to `path`, where nothing is.
    pub(super) fn write(&self, path: &Path) {
        match self {
            Self::File(bytes) => fs::write(path, bytes).unwrap(),
            Self::Directory(files) => {
                fs::create_dir_all(path).unwrap();
                for (name, bytes) in files {
                    let file = path.join(name);
                    fs::create_dir_all(file.parent().unwrap()).unwrap();
                    fs::write(file, bytes).unwrap();
                }
            }
        }
    }

    pub(super) fn is_directory(&self) -> bool {
        matches!(self, Self::Directory(_))
    }

    /// The digest by which others know it.
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::File(bytes) => Digest::of_bytes(bytes),
            Self::Directory(files) => Digest::of_bytes(list(files).as_bytes()),
        }
    }

    /// Every object that the store needs to put it back.
    pub(super) fn objects(&self) -> BTreeSet<Digest> {
        let files = match self {
            Self::File(_) => None,
            Self::Directory(files) => Some(files.values().map(|bytes| Digest::of_bytes(bytes))),
        };
        files.into_iter().flatten().chain([self.digest()]).collect()
    }
}

/// The object that stands for a directory, as `store::tree` describes it.
fn list(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut text = "segpipe-tree 1\n".to_owned();
    for (name, bytes) in files {
        writeln!(text, "{} {name}", Digest::of_bytes(bytes)).unwrap();
    }
    text
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, fs::read(path).unwrap());
        }
    }
}
