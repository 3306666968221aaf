//! Copies of the files that belong to a run, so that it can be delivered after they have changed.
//!
//! For: `outbox`. A copy that is not what the run made, or cannot be had, is left out and named; it never fails a seal.

use std::io;
use std::path::Path;

use rayon::prelude::*;
use segpipe_stages::contract::{FinishedRun, FinishedStage};
use segpipe_stages::track::ARTIFACTS;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::lock::Lock;
use crate::store::files;
use crate::store::tree::Tree;

use super::secrets;

/// A file of an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Artifact {
    /// Where it goes on the server, and where it lies below the entry's files.
    pub path: String,
    /// blake3 of its content.
    pub digest: String,
    /// Its size.
    pub bytes: u64,
}

/// A file that should be in an entry and is not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Missing {
    /// Where it would go.
    pub path: String,
    /// Why it is not there.
    pub reason: String,
}

/// What was kept of a run.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The files, sorted by path.
    pub(super) artifacts: Vec<Artifact>,
    /// What is not there.
    pub(super) missing: Vec<Missing>,
}

/// Copies everything of `run` that exists into `files`, a new folder. The copies are not yet durable then.
pub(super) fn keep(run: &FinishedRun, files: &Path) -> Kept {
    let mut kept = Kept::default();
    kept.add_outputs(run, files, |_| true);
    for (path, file) in [("pipeline.yaml", run.file.clone()), ("pipeline.lock", Lock::path(&run.file))] {
        if file.is_file() {
            kept.add(path, keep_text(&file, path, files));
        }
    }
    kept.artifacts.sort();
    kept
}

/// The same for a run of a sweep: its tables and its report. It has no files of a model, because it is a study; and
/// pipeline.lock is not its own.
pub(super) fn keep_tables(run: &FinishedRun, files: &Path) -> Kept {
    let mut kept = Kept::default();
    kept.add_outputs(run, files, |path| path.starts_with("tables/") || path == "report.html");
    kept.add("pipeline.yaml", keep_text(&run.file, "pipeline.yaml", files));
    kept.artifacts.sort();
    kept
}

impl Kept {
    fn add_outputs(&mut self, run: &FinishedRun, files: &Path, is_wanted: impl Fn(&str) -> bool) {
        for (path, output) in ARTIFACTS.into_iter().filter(|(path, _)| is_wanted(path)) {
            let Some((stage, output)) = find(run, output) else { continue };
            let Some(file) = stage.outputs.get(output) else { continue };
            self.add(path, keep_output(&file.path, &file.digest, path, files));
        }
    }

    fn add(&mut self, path: &str, result: io::Result<Vec<Artifact>>) {
        match result {
            Ok(artifacts) => self.artifacts.extend(artifacts),
            Err(error) => self.missing.push(Missing { path: path.to_owned(), reason: error.to_string() }),
        }
    }
}

/// The stage that made `kind.output`, and the output's name.
fn find<'a>(run: &'a FinishedRun, output: &'static str) -> Option<(&'a FinishedStage, &'static str)> {
    let (kind, output) = output.split_once('.')?;
    let stage = run.stages.iter().find(|stage| stage.kind == kind)?;
    Some((stage, output))
}

/// Copies one output and verifies that the copy is what the stage made.
fn keep_output(from: &Path, digest: &str, path: &str, files: &Path) -> io::Result<Vec<Artifact>> {
    let mut found = Vec::new();
    collect(from, path, &mut found)?;
    let copies = found.par_iter().map(|(from, path)| copy(from, path, files));
    let copies = copies.collect::<io::Result<Vec<Artifact>>>();
    let made = match &copies {
        Ok(copies) if from.is_dir() => tree_digest(copies, path),
        Ok(copies) => copies.first().map(|copy| copy.digest.clone()),
        Err(_) => None,
    };
    if copies.is_ok() && made.as_deref() == Some(digest) {
        return copies;
    }
    // Half an output, or another one, would be told as this run's.
    let copied = files.join(path);
    let _ = if from.is_dir() { std::fs::remove_dir_all(copied) } else { std::fs::remove_file(copied) };
    copies.and_then(|_| Err(io::Error::other("it was changed after the run")))
}

/// The files at or below `from` with the paths they go to.
fn collect(from: &Path, path: &str, found: &mut Vec<(std::path::PathBuf, String)>) -> io::Result<()> {
    if !from.is_dir() {
        found.push((from.to_owned(), path.to_owned()));
        return Ok(());
    }
    for entry in from.read_dir()? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| io::Error::other("it holds a name that is not UTF-8"))?;
        collect(&entry.path(), &format!("{path}/{name}"), found)?;
    }
    Ok(())
}

fn copy(from: &Path, path: &str, files: &Path) -> io::Result<Artifact> {
    let to = files.join(path);
    std::fs::create_dir_all(to.parent().unwrap_or(files))?;
    files::copy(from, &to)?;
    let file = std::fs::File::open(&to)?;
    let bytes = file.metadata()?.len();
    let digest = Digest::of_open(&file)?;
    Ok(Artifact { path: path.to_owned(), digest: digest.to_string(), bytes })
}

/// The digest that the store gives a directory with these files.
fn tree_digest(copies: &[Artifact], path: &str) -> Option<String> {
    let below = |copy: &Artifact| {
        let relative = copy.path.strip_prefix(path)?.strip_prefix('/')?;
        Some((relative.to_owned(), copy.digest.parse().ok()?))
    };
    let mut files = copies.iter().map(below).collect::<Option<Vec<_>>>()?;
    files.sort();
    Some(Tree { files }.digest().to_string())
}

/// Copies a text file without the secrets that may stand in it.
fn keep_text(from: &Path, path: &str, files: &Path) -> io::Result<Vec<Artifact>> {
    let text = secrets::yaml_without_secrets(&String::from_utf8_lossy(&std::fs::read(from)?));
    let to = files.join(path);
    std::fs::create_dir_all(files)?;
    std::fs::write(&to, &text)?;
    let digest = Digest::of_bytes(text.as_bytes()).to_string();
    Ok(vec![Artifact { path: path.to_owned(), digest, bytes: text.len() as u64 }])
}
