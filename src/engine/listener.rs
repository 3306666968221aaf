//! What a stage says while it runs, turned into events and kept: remarks for its record, a program's words in a file.
//!
//! For: the [`Observer`] handed to stages and to the source resolver. Not for: printing. Called by: `update`, `execute`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use segpipe_stages::contract::{Note, Observer, Stream};

use super::session::Session;
use crate::event::Event;
use crate::store::{Store, files};

/// Listens to one stage.
pub(super) struct Listener<'a> {
    session: &'a Session,
    stage: &'a str,
    notes: Mutex<Vec<Note>>,
    log: Mutex<Option<File>>,
    /// Whether what a program says is kept in a file.
    has_file: bool,
}

impl<'a> Listener<'a> {
    pub(super) fn new(session: &'a Session, stage: &'a str) -> Self {
        Self { session, stage, notes: Mutex::default(), log: Mutex::default(), has_file: true }
    }

    /// Keeps nothing in a file.
    pub(super) fn silent(session: &'a Session, stage: &'a str) -> Self {
        Self { has_file: false, ..Self::new(session, stage) }
    }

    /// Everything noted so far, in order.
    pub(super) fn into_notes(self) -> Vec<Note> {
        self.notes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a program said anything.
    pub(super) fn has_log(&self) -> bool {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Keeps a line of a program. Where the disk refuses, the line was shown all the same.
    fn keep(&self, line: &str) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.is_none() {
            *log = self.open();
        }
        if let Some(log) = log.as_mut() {
            let _ = log.write_all(format!("{line}\n").as_bytes());
        }
    }

    fn open(&self) -> Option<File> {
        if !self.has_file {
            return None;
        }
        let path = self.session.store.project().join(Store::log_path(self.stage));
        files::create_directory(path.parent()?).ok()?;
        OpenOptions::new().create(true).append(true).open(path).ok()
    }
}

impl Observer for Listener<'_> {
    fn progress(&self, done: u64, total: u64) {
        self.session.emit(Event::Progress { stage: self.stage.to_owned(), done, total });
    }

    fn note(&self, note: Note) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note.clone());
        self.session.emit(Event::Noted { stage: Some(self.stage.to_owned()), note });
    }

    fn said(&self, stream: Stream, line: &str) {
        self.keep(line);
        self.session.emit(Event::Said { stage: self.stage.to_owned(), stream, line: line.to_owned() });
    }

    fn is_cancelled(&self) -> bool {
        self.session.is_cancelled()
    }
}
