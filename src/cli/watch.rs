//! `segpipe run --watch`: runs again whenever a file is saved that the pipeline reads.
//!
//! For: knowing which files those are, and waiting for one of them to change. Not for: the runs (`run`), or which
//! stages they make stale (the engine). Called by: `run`.
//!
//! What is compared is what the file system says of the files, so that a save while a run goes on is not missed: it is
//! looked at once the run is over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use segpipe_stages::contract::{Fault, SourceRequest, SourceResolver};

use super::failure::Failure;
use super::project;
use crate::engine::exit_code;
use crate::source::{self, Place};
use crate::spec::pipeline::Pipeline;
use crate::store::remembered::Witness;

/// How long no further file must be saved before a run begins: editors and exports write in several steps.
const QUIET: Duration = Duration::from_millis(100);
/// How often an interruption is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How often a pipeline that cannot be opened is tried again: what it lacks may come where nobody listens.
const AGAIN: Duration = Duration::from_secs(1);

/// Hears of files that are saved.
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    saved: Receiver<()>,
    watched: BTreeSet<Place>,
}

/// What the files that a pipeline reads were like at one time.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    files: BTreeMap<PathBuf, Option<Witness>>,
    /// Whether the pipeline could be opened.
    is_open: bool,
}

impl Watch {
    /// Begins to listen, in the folder of the pipeline file `file`.
    pub(super) fn begin(file: &Path) -> Result<Self, Failure> {
        let (told, saved) = mpsc::channel();
        // An event that was lost by the system is one more reason to look.
        let tell = move |event: notify::Result<notify::Event>| {
            if !event.is_ok_and(|event| event.kind.is_access() && !is_written(&event)) {
                let _ = told.send(());
            }
        };
        let watcher = notify::recommended_watcher(tell).map_err(|error| refused(&error))?;
        let mut watch = Self { watcher, saved, watched: BTreeSet::new() };
        let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
        watch.listen_at(BTreeSet::from([Place { folder, is_deep: false }]))?;
        Ok(watch)
    }

    /// Listens where the files of `pipeline` are, or may come to be; nowhere else from now on.
    pub(super) fn listen_for(&mut self, pipeline: &Pipeline) -> Result<(), Failure> {
        loop {
            // Folders may have come while it was not listened where they came.
            let wanted = places(pipeline);
            if wanted == self.watched {
                return Ok(());
            }
            self.listen_at(wanted)?;
        }
    }

    fn listen_at(&mut self, wanted: BTreeSet<Place>) -> Result<(), Failure> {
        for place in self.watched.difference(&wanted) {
            // It may be gone, and with it the listening.
            let _ = self.watcher.unwatch(&place.folder);
        }
        for place in wanted.difference(&self.watched) {
            let depth = if place.is_deep { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            self.watcher.watch(&place.folder, depth).map_err(|error| refused(&error))?;
        }
        self.watched = wanted;
        Ok(())
    }

    /// Waits until something was saved and a moment has passed without more, or something may have changed that nobody
    /// hears of since it was `seen`; false where it is interrupted.
    pub(super) fn wait(&self, seen: &Seen, is_cancelled: &AtomicBool) -> bool {
        let began = Instant::now();
        while !is_cancelled.load(Ordering::Relaxed) {
            match self.saved.recv_timeout(TICK) {
                Ok(()) => {
                    while self.saved.recv_timeout(QUIET).is_ok() {}
                    return true;
                }
                Err(RecvTimeoutError::Timeout) if seen.is_open || began.elapsed() < AGAIN => {}
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        false
    }
}

impl Seen {
    /// What there is to see now: `file`, and what the pipeline reads that `open` makes of it.
    pub(super) fn now<E>(file: &Path, open: impl FnOnce() -> Result<Pipeline, E>) -> (Self, Result<Pipeline, E>) {
        // The file first: what is saved after that is seen to differ, and not taken for what was opened.
        let mut files = BTreeMap::from([(file.to_owned(), Witness::of(file).ok())]);
        let pipeline = open();
        if let Ok(pipeline) = &pipeline {
            let resolver = project::sources(pipeline);
            let found = requests(pipeline).filter_map(|request| resolver.peek(&request).ok().flatten()).flatten();
            files.extend(found.map(|source| (source.path.clone(), Witness::of(&source.path).ok())));
        }
        (Self { files, is_open: pipeline.is_ok() }, pipeline)
    }
}

/// A file that was open for writing is closed.
fn is_written(event: &notify::Event) -> bool {
    use notify::event::{AccessKind, AccessMode, EventKind};
    matches!(event.kind, EventKind::Access(AccessKind::Close(AccessMode::Write)))
}

/// What the stages read from outside.
fn requests(pipeline: &Pipeline) -> impl Iterator<Item = SourceRequest> {
    pipeline.stages.iter().filter_map(|stage| stage.stage.sources(&stage.params).ok().flatten())
}

/// The folders of what `pipeline` reads that exist, or the nearest above that do.
fn places(pipeline: &Pipeline) -> BTreeSet<Place> {
    let own = Place { folder: pipeline.directory.clone(), is_deep: false };
    let of_sources = requests(pipeline).flat_map(|request| source::places(&pipeline.directory, &request.selection));
    let mut places: BTreeSet<Place> = of_sources.chain([own]).filter_map(existing).collect();
    let deep: BTreeSet<PathBuf> =
        places.iter().filter(|place| place.is_deep).map(|place| place.folder.clone()).collect();
    places.retain(|place| place.is_deep || !deep.contains(&place.folder));
    places
}

fn existing(place: Place) -> Option<Place> {
    if place.folder.is_dir() {
        return Some(place);
    }
    let folder = place.folder.ancestors().find(|folder| folder.is_dir())?.to_owned();
    Some(Place { folder, is_deep: false })
}

fn refused(error: &notify::Error) -> Failure {
    let hint = "the system may allow more of it: see fs.inotify.max_user_watches";
    Failure::new(exit_code(Fault::Disk), "cannot listen for saved files").caused_by(error).with_hint(hint)
}
