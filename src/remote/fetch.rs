//! Taking a result out of the shared cache.
//!
//! For: the record of a fingerprint, judged, and its objects, verified as they arrive, into the local store; the record
//! comes last there too. Not for: placing outputs. Called by: the engine.

use std::sync::atomic::Ordering;

use segpipe_stages::contract::{Observer, Output, OutputKind};

use super::error::RemoteError;
use super::far::Arrived;
use super::line::Line;
use super::{Direction, Remote, envelope};
use crate::digest::Digest;
use crate::store::records::Record;
use crate::store::remembered::Remembered;
use crate::store::{Store, StoreError, files};

/// A result that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Its fingerprint.
    pub fingerprint: Digest,
    /// The document whose digest that is.
    pub document: &'a str,
    /// What it must consist of.
    pub outputs: &'a [Output],
}

/// What became of asking for a result.
#[derive(Debug, PartialEq)]
pub enum Fetched {
    /// The record and all it leads to are in the local store.
    Taken(Record),
    /// There is no such result, or nobody is asked any more.
    Nothing,
    /// There is one that cannot be believed, for this reason.
    Refused(String),
}

/// Why a result is not taken.
enum Obstacle {
    Wrong(String),
    Line(RemoteError),
    Disk(StoreError),
    Interrupted,
}

impl From<RemoteError> for Obstacle {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::Disk(error) => Self::Disk(error),
            error => Self::Line(error),
        }
    }
}

impl From<StoreError> for Obstacle {
    fn from(error: StoreError) -> Self {
        Self::Disk(error)
    }
}

impl Remote {
    /// Takes the result that is `wanted` into `store`, where there is one that can be believed. `observer` hears of the
    /// bytes that arrive. Failures of the line are kept for [`Remote::take_failure`].
    ///
    /// # Errors
    /// Where the local disk refuses.
    pub fn fetch(
        &self,
        store: &Store,
        remembered: &Remembered,
        wanted: &Wanted<'_>,
        observer: &dyn Observer,
    ) -> Result<Fetched, StoreError> {
        if self.state.is_read_off.load(Ordering::Relaxed) || self.is_cancelled.load(Ordering::Relaxed) {
            return Ok(Fetched::Nothing);
        }
        let Some(line) = self.line() else { return Ok(Fetched::Nothing) };
        match (Transfer { remote: self, line, store, remembered, observer }).take(wanted) {
            Ok(Some(record)) => {
                self.taken.fetch_add(1, Ordering::Relaxed);
                Ok(Fetched::Taken(record))
            }
            Ok(None) | Err(Obstacle::Interrupted) => Ok(Fetched::Nothing),
            Err(Obstacle::Wrong(problem)) => {
                self.state.spoil(wanted.fingerprint);
                Ok(Fetched::Refused(problem))
            }
            Err(Obstacle::Line(error)) => {
                self.state.fail(error, Direction::Reading);
                Ok(Fetched::Nothing)
            }
            Err(Obstacle::Disk(error)) => Err(error),
        }
    }

    /// Takes one output into `store`, whatever result it belongs to. Says whether it is there now.
    ///
    /// # Errors
    /// As [`Remote::fetch`].
    pub fn fetch_output(
        &self,
        store: &Store,
        remembered: &Remembered,
        (digest, kind): (Digest, OutputKind),
        observer: &dyn Observer,
    ) -> Result<bool, StoreError> {
        if self.state.is_read_off.load(Ordering::Relaxed) || self.is_cancelled.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let Some(line) = self.line() else { return Ok(false) };
        match (Transfer { remote: self, line, store, remembered, observer }).output(digest, kind) {
            Ok(()) => Ok(true),
            Err(Obstacle::Wrong(_) | Obstacle::Interrupted) => Ok(false),
            Err(Obstacle::Line(error)) => {
                self.state.fail(error, Direction::Reading);
                Ok(false)
            }
            Err(Obstacle::Disk(error)) => Err(error),
        }
    }
}

/// One result on its way.
struct Transfer<'a> {
    remote: &'a Remote,
    line: &'a Line,
    store: &'a Store,
    remembered: &'a Remembered,
    observer: &'a dyn Observer,
}

impl Transfer<'_> {
    fn wait<T>(&self, work: impl Future<Output = Result<T, RemoteError>>) -> Result<T, Obstacle> {
        let done = self.line.wait(&self.remote.is_cancelled, work);
        done.ok_or(Obstacle::Interrupted)?.map_err(Obstacle::from)
    }

    fn take(&self, wanted: &Wanted<'_>) -> Result<Option<Record>, Obstacle> {
        let Some(bytes) = self.wait(self.line.far.record(wanted.fingerprint))? else { return Ok(None) };
        let record = envelope::open(&bytes, &self.remote.settings.trust);
        let record = record.map_err(|problem| Obstacle::Wrong(format!("its record there is {problem}")))?;
        if !is_wanted(&record, wanted) {
            return Err(Obstacle::Wrong("its record there is of something else".to_owned()));
        }
        for output in wanted.outputs {
            self.output(record.outputs[&*output.name].digest, output.kind)?;
        }
        self.store.keep_record(&record)?;
        Ok(Some(record))
    }

    fn output(&self, digest: Digest, kind: OutputKind) -> Result<(), Obstacle> {
        self.object(digest)?;
        if kind != OutputKind::Directory {
            return Ok(());
        }
        let tree = match self.store.tree(digest) {
            Err(StoreError::Damaged { .. }) => {
                return Err(Obstacle::Wrong(format!("object {digest} there is no list of files")));
            }
            tree => tree?,
        };
        files::side_by_side(&tree.files, |(_, file)| self.object(*file)).map(drop)
    }

    /// Takes an object that the local store does not have.
    fn object(&self, digest: Digest) -> Result<(), Obstacle> {
        if self.store.has_intact_object(digest, self.remembered)? {
            return Ok(());
        }
        let path = self.store.temporary_path("fetched");
        let arrived = self.wait(self.line.far.download(digest, &path, &|bytes| self.count(bytes)));
        match arrived {
            Ok(Arrived::Content(found)) if found == digest => Ok(self.store.keep_verified(&path, digest)?),
            other => {
                files::remove(&path)?;
                let problem = if other? == Arrived::Missing { "missing" } else { "damaged" };
                self.remote.state.spoil(digest);
                Err(Obstacle::Wrong(format!("object {digest} there is {problem}")))
            }
        }
    }

    fn count(&self, bytes: u64) {
        let before = self.remote.taken_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.observer.progress(before + bytes, 0);
    }
}

/// Whether a record is of the result asked for and names all of its outputs.
fn is_wanted(record: &Record, wanted: &Wanted<'_>) -> bool {
    let has = |output: &Output| record.outputs.contains_key(&*output.name);
    record.fingerprint == wanted.fingerprint
        && record.document == wanted.document
        && record.outputs.len() == wanted.outputs.len()
        && wanted.outputs.iter().all(has)
}
