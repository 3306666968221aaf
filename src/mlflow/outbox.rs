//! The outbox: one folder per finished run, complete or not there, until a tracking server has it.
//!
//! For: sealing runs and listing the entries that wait. Not for: sending them.
//! Called by: the engine (through the contract's `Tracker`), and the delivery.
//!
//! An entry is written under a temporary name, made durable and renamed. Sealing takes turns by a file lock that dies
//! with its process, so whatever still has a temporary name when the lock is held was left behind by a crash.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use segpipe_stages::contract::{FinishedRun, FinishedStage, StageError, Tracker};
use segpipe_stages::track::Record;
use serde_json::Value;

use crate::address;
use crate::store::StoreError;
use crate::store::files::{create_directory, pass, rename_synced, side_by_side};

use super::artifacts::{self, Kept, Missing};
use super::entry::{ENTRY, Entry, EntryStage, FILES, FORMAT, Fact, RECEIPT};
use super::{origin, secrets};

const TEMPORARY: &str = ".sealing-";
const LOCK: &str = ".sealing.lock";

/// The entries of one project.
#[derive(Debug, Clone)]
pub struct Outbox {
    directory: PathBuf,
}

/// An entry that no server has yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The entry's folder; [`Entry::read`] reads it.
    pub path: PathBuf,
    /// Size of everything in it.
    pub bytes: u64,
}

impl Outbox {
    /// The outbox in folder `directory` (`artifacts/.outbox`), which is made when the first run is sealed.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The entries that wait, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] where the folder cannot be read.
    pub fn entries(&self) -> Result<Vec<Waiting>, StoreError> {
        let waiting = self.sealed()?.into_iter().filter(|path| !path.join(RECEIPT).exists());
        let sized = |path: PathBuf| {
            let bytes = size(&path).map_err(StoreError::file("read", &path))?;
            Ok(Waiting { path, bytes })
        };
        waiting.map(sized).collect()
    }

    /// The folders of all entries, oldest first, delivered or not.
    ///
    /// # Errors
    /// [`StoreError`] where the folder cannot be read.
    pub fn sealed(&self) -> Result<Vec<PathBuf>, StoreError> {
        let entries = match self.directory.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::file("read", &self.directory)(error)),
        };
        let mut sealed = Vec::new();
        for entry in entries {
            let path = entry.map_err(StoreError::file("read", &self.directory))?.path();
            if path.join(ENTRY).is_file() && !is_temporary(&path) {
                sealed.push(path);
            }
        }
        sealed.sort();
        Ok(sealed)
    }

    /// The folder with the entries.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Waits for other sealing processes to finish; the turn ends when the file is dropped.
    fn take_turn(&self) -> Result<File, StoreError> {
        let path = self.directory.join(LOCK);
        let lock = || {
            let file = File::create(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(StoreError::file("lock", &path))
    }

    /// Removes what crashes left behind. Only in one's turn.
    fn remove_leftovers(&self) -> Result<(), StoreError> {
        for entry in self.directory.read_dir().map_err(StoreError::file("read", &self.directory))?.flatten() {
            let path = entry.path();
            if is_temporary(&path) {
                std::fs::remove_dir_all(&path).map_err(StoreError::file("remove", &path))?;
            }
        }
        Ok(())
    }
}

impl Tracker for Outbox {
    fn seal(&self, run: &FinishedRun) -> Result<PathBuf, StageError> {
        let _turn = self.begin()?;
        self.place_run(run, false)
    }

    fn seal_return(&self, run: &FinishedRun) -> Result<Option<PathBuf>, StageError> {
        let _turn = self.begin()?;
        let back_to = identity(run);
        if back_to.is_none() || self.last_identity()? == back_to {
            return Ok(None);
        }
        self.place_run(run, true).map(Some)
    }
}

impl Outbox {
    /// One's turn, with nothing left behind by others.
    pub(super) fn begin(&self) -> Result<File, StageError> {
        create_directory(&self.directory)?;
        let turn = self.take_turn()?;
        self.remove_leftovers()?;
        Ok(turn)
    }

    fn place_run(&self, run: &FinishedRun, is_return: bool) -> Result<PathBuf, StageError> {
        let key = new_key(run);
        self.place(run.started_ms, &key, |files| {
            // A return sends no files: those of the result went with the run that made it.
            let keep = || if is_return { Kept::default() } else { artifacts::keep(run, files) };
            let (origin, kept) = rayon::join(|| (origin::user(), origin::git(&run.directory)), keep);
            Ok(Entry { is_return, ..entry(run, &key, origin, kept) })
        })
    }

    /// Makes an entry's folder: `fill` writes its files into the folder that it is given. Only in one's turn.
    pub(super) fn place(
        &self,
        started_ms: i64,
        key: &str,
        fill: impl FnOnce(&Path) -> Result<Entry, StageError>,
    ) -> Result<PathBuf, StageError> {
        let folder = self.directory.join(format!("{TEMPORARY}{}", &key[..8]));
        let sealed = self.directory.join(format!("{}-{}", time_name(started_ms), &key[..8]));
        let placed = write(&folder, fill).and_then(|()| {
            pass("entry.written", &folder)?;
            rename_synced(&folder, &sealed)?;
            Ok(pass("entry.stored", &sealed)?)
        });
        if let Err(error) = placed {
            let _ = std::fs::remove_dir_all(&folder);
            return Err(error);
        }
        Ok(sealed)
    }

    /// The model of the newest run of the project that has one; entries that cannot be read have none.
    fn last_identity(&self) -> Result<Option<String>, StoreError> {
        let entries = self.sealed()?.into_iter().rev().filter_map(|path| Entry::read(&path).ok());
        let entries = entries.filter(|entry| entry.sweep.is_none());
        let mut identities = entries.filter_map(|entry| entry.model_identity().map(String::from));
        Ok(identities.next())
    }
}

/// The model of a run's record.
fn identity(run: &FinishedRun) -> Option<String> {
    let rows = record(run, &mut Vec::new())?;
    rows.into_iter().find(|fact| fact.kind == "model" && fact.key == "identity")?.text
}

/// Writes an entry, whose files `fill` writes, into the new folder `folder` and makes it durable.
fn write(folder: &Path, fill: impl FnOnce(&Path) -> Result<Entry, StageError>) -> Result<(), StageError> {
    let files = folder.join(FILES);
    create_directory(&files)?;
    let entry = fill(&files)?;
    let json = serde_json::to_string_pretty(&entry)
        .map_err(|error| StageError::bug(format!("the outbox entry cannot be written as JSON: {error}")))?;
    // Params and paths were cleaned one by one; this is for what stands in reasons and notes.
    let path = folder.join(ENTRY);
    let json = address::without_user_info(&json);
    std::fs::write(&path, json).map_err(|error| StageError::disk("write", &path, error))?;
    sync(folder).map_err(|error| StageError::disk("sync", folder, error))
}

fn is_temporary(path: &Path) -> bool {
    path.is_dir() && path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes()))
}

pub(super) fn entry(
    run: &FinishedRun,
    key: &str,
    (user, git): (Option<String>, Option<origin::Git>),
    Kept { artifacts, mut missing }: Kept,
) -> Entry {
    let record = record(run, &mut missing);
    Entry {
        format: FORMAT,
        key: key.to_owned(),
        status: run.status,
        is_return: false,
        sweep: None,
        has_stale_upstream: run.stale_upstream,
        started_ms: run.started_ms,
        ended_ms: run.ended_ms,
        pipeline: run.pipeline.clone(),
        file: run.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        segpipe_version: env!("CARGO_PKG_VERSION").to_owned(),
        user,
        git,
        stages: run.stages.iter().map(stage).collect(),
        record,
        artifacts,
        missing,
    }
}

/// The record that `track` wrote, where the run got that far.
fn record(run: &FinishedRun, missing: &mut Vec<Missing>) -> Option<Vec<Fact>> {
    let track = run.stages.iter().find(|stage| stage.kind == "track")?;
    let file = track.outputs.get("record")?;
    match Record::read(&file.path) {
        Ok((record, _)) => Some(record.rows.into_iter().map(Fact::from).collect()),
        Err(error) => {
            missing.push(Missing { path: "record".to_owned(), reason: error.to_string() });
            None
        }
    }
}

fn stage(stage: &FinishedStage) -> EntryStage {
    let params = stage.params.determining.iter().chain(&stage.params.incidental);
    let cleaned = |(name, value): (&String, &Value)| (name.clone(), secrets::without_secrets(name, value));
    EntryStage {
        name: stage.name.clone(),
        kind: stage.kind.clone(),
        outcome: stage.outcome.to_owned(),
        reason: stage.reason.clone(),
        seconds: stage.seconds,
        fingerprint: stage.fingerprint.clone(),
        params: params.map(cleaned).collect(),
        outputs: stage
            .outputs
            .iter()
            .map(|(name, file)| (name.clone(), file.digest.clone()))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// A key that no other run has: 32 hexadecimal digits of what the run is and of chance.
pub(super) fn new_key(run: &FinishedRun) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{}\n{}\n{}\n", run.started_ms, run.pipeline, std::process::id()).as_bytes());
    for _ in 0..2 {
        // The standard library seeds every one of these from the system's source of chance.
        let chance = std::hash::RandomState::new().build_hasher().finish();
        hasher.update(&chance.to_le_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// UTC to the millisecond, such that names sort by time: `20111209T125000.000Z`.
fn time_name(milliseconds: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.strftime("%Y%m%dT%H%M%S%.3fZ").to_string()
}

fn size(path: &Path) -> io::Result<u64> {
    let metadata = path.symlink_metadata()?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    path.read_dir()?.map(|entry| size(&entry?.path())).sum()
}

/// Makes a folder and everything in it durable.
fn sync(folder: &Path) -> io::Result<()> {
    let mut paths = Vec::new();
    collect(folder, &mut paths)?;
    side_by_side(&paths, |path| File::open(path)?.sync_all()).map(drop)
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), paths)?;
        } else {
            paths.push(entry.path());
        }
    }
    paths.push(folder.to_owned());
    Ok(())
}
