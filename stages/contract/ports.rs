//! What a stage reads and writes, by name: its ports, and what else determines its outputs.
//!
//! For: [`Input`], [`Output`], [`Asset`], [`Determinant`], and the files that stand at the inputs while it runs.
//! Not for: files from outside the project (`sources`).
//! Called by: every stage, where it declares itself; the orchestrator, which connects them.

use std::borrow::Cow;
use std::path::PathBuf;

/// One input port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The port's name.
    pub name: Cow<'static, str>,
    /// The output it is connected to unless pipeline.yaml says otherwise, as `stage.output`; none where it must say.
    pub default: Option<Cow<'static, str>>,
}

impl Input {
    /// A port that is connected to the output `default` unless pipeline.yaml says otherwise.
    pub const fn new(name: &'static str, default: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), default: Some(Cow::Borrowed(default)) }
    }

    /// A port that takes any output, and that pipeline.yaml must connect.
    pub fn open(name: String) -> Self {
        Self { name: Cow::Owned(name), default: None }
    }
}

/// One output port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The port's name, unique within the stage.
    pub name: Cow<'static, str>,
    /// File name below the stage's folder, e.g. `customers.parquet`, `model.onnx`; a folder's name for a directory.
    pub path: Cow<'static, str>,
    /// What is found there.
    pub kind: OutputKind,
    /// Whether pipeline.lock names its digest: true for results, false for records of the delivery of results.
    pub is_locked: bool,
}

/// What an output is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// A Parquet file, written by [`crate::table`].
    Table,
    /// Any other single file.
    File,
    /// A directory of files.
    Directory,
}

impl Output {
    /// A table output; `path` is `<name>.parquet`.
    pub const fn table(name: &'static str, path: &'static str) -> Self {
        Self::fixed(name, path, OutputKind::Table)
    }

    /// A single file that is no table.
    pub const fn file(name: &'static str, path: &'static str) -> Self {
        Self::fixed(name, path, OutputKind::File)
    }

    /// A directory of files.
    pub const fn directory(name: &'static str, path: &'static str) -> Self {
        Self::fixed(name, path, OutputKind::Directory)
    }

    const fn fixed(name: &'static str, path: &'static str, kind: OutputKind) -> Self {
        Self { name: Cow::Borrowed(name), path: Cow::Borrowed(path), kind, is_locked: true }
    }

    /// The same output, left out of pipeline.lock.
    #[must_use]
    pub const fn unlocked(mut self) -> Self {
        self.is_locked = false;
        self
    }
}

/// A file compiled into the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Its name in the fingerprint.
    pub name: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
}

/// A fact that determines a stage's outputs beside its implementation, params, inputs and sources. One line of the
/// fingerprint's document: neither `kind` nor `name` holds a space, and nothing in it a line's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Determinant {
    /// What sort of fact it is, in a word.
    pub kind: &'static str,
    /// What it is about; unique within the kind.
    pub name: String,
    /// The fact.
    pub value: String,
}

/// One file or directory given to a stage as input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Where to read it.
    pub path: PathBuf,
    /// blake3 of its content, hexadecimal.
    pub digest: String,
}
