//! Sealing a sweep: one entry for the whole and one a combination, each once however often the sweep is run.
//!
//! For: `sweep`. The whole comes first, so that it is delivered first; a combination's run names it by its key. A crash
//! in between leaves out combinations, which the next equal sweep adds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use segpipe_stages::contract::{FinishedRun, StageError};

use super::artifacts::{self, Artifact};
use super::entry::{Entry, Fact, SweepPart};
use super::origin::{self, Git};
use super::outbox::{self, Outbox};
use crate::digest::Digest;

/// A sweep that ended.
#[derive(Debug)]
pub struct SweepRun<'a> {
    /// What it computed.
    pub identity: String,
    /// The run that stands for all.
    pub whole: FinishedRun,
    /// What is told of it.
    pub facts: Vec<Fact>,
    /// Its own files: path and text.
    pub files: Vec<(&'static str, String)>,
    /// What was set in every combination, and its run.
    pub children: Vec<(&'a [String], &'a FinishedRun)>,
}

/// What an outbox has of a sweep already.
#[derive(Default)]
struct There {
    parent: Option<(PathBuf, String)>,
    children: BTreeSet<usize>,
}

impl Outbox {
    /// Seals what the outbox does not have yet of a sweep; returns where its own run is, and how many were sealed now.
    ///
    /// # Errors
    /// [`StageError`] where the disk refuses.
    pub fn seal_sweep(&self, sweep: &SweepRun<'_>) -> Result<(PathBuf, usize), StageError> {
        let _turn = self.begin()?;
        let there = self.parts_of(&sweep.identity)?;
        let about = (origin::user(), origin::git(&sweep.whole.directory));
        let mut sealed = 0;
        let (path, parent) = if let Some(found) = there.parent {
            found
        } else {
            sealed += 1;
            self.seal_whole(sweep, &about)?
        };
        for (combination, (sets, run)) in (1..).zip(&sweep.children) {
            if there.children.contains(&combination) {
                continue;
            }
            let part = SweepPart::Child { parent: parent.clone(), combination, sets: sets.to_vec() };
            let key = outbox::new_key(run);
            self.place(run.started_ms, &key, |files| {
                let entry = outbox::entry(run, &key, about.clone(), artifacts::keep_tables(run, files));
                Ok(Entry { sweep: Some(part), ..entry })
            })?;
            sealed += 1;
        }
        Ok((path, sealed))
    }

    fn seal_whole(
        &self,
        sweep: &SweepRun<'_>,
        about: &(Option<String>, Option<Git>),
    ) -> Result<(PathBuf, String), StageError> {
        let run = &sweep.whole;
        let (key, combinations) = (outbox::new_key(run), sweep.children.len());
        let part = SweepPart::Parent { identity: sweep.identity.clone(), combinations };
        let path = self.place(run.started_ms, &key, |files| {
            let mut kept = artifacts::keep_tables(run, files);
            for (path, text) in &sweep.files {
                kept.artifacts.push(write(files, path, text)?);
            }
            let entry = outbox::entry(run, &key, about.clone(), kept);
            Ok(Entry { sweep: Some(part), record: Some(sweep.facts.clone()), ..entry })
        })?;
        Ok((path, key))
    }

    /// Entries that cannot be read are none of it.
    fn parts_of(&self, identity: &str) -> Result<There, StageError> {
        let entries: Vec<_> =
            self.sealed()?.into_iter().filter_map(|path| Some((Entry::read(&path).ok()?, path))).collect();
        let is_whole = |entry: &Entry| matches!(&entry.sweep, Some(SweepPart::Parent { identity: found, .. }) if found == identity);
        let Some((entry, path)) = entries.iter().find(|(entry, _)| is_whole(entry)) else {
            return Ok(There::default());
        };
        let combination = |(part, _): &(Entry, PathBuf)| match &part.sweep {
            Some(SweepPart::Child { parent, combination, .. }) if *parent == entry.key => Some(*combination),
            _ => None,
        };
        let children = entries.iter().filter_map(combination).collect();
        Ok(There { parent: Some((path.clone(), entry.key.clone())), children })
    }
}

fn write(files: &Path, path: &str, text: &str) -> Result<Artifact, StageError> {
    let to = files.join(path);
    let written = std::fs::create_dir_all(to.parent().unwrap_or(files)).and_then(|()| std::fs::write(&to, text));
    written.map_err(|error| StageError::disk("write", &to, error))?;
    let digest = Digest::of_bytes(text.as_bytes()).to_string();
    Ok(Artifact { path: path.to_owned(), digest, bytes: text.len() as u64 })
}
