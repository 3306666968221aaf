//! What a stage says while it runs, turned into events and kept for its record.
//!
//! For: the [`Observer`] handed to stages and to the source resolver. Not for: printing. Called by: `update`, `execute`.

use std::sync::{Mutex, PoisonError};

use segpipe_stages::contract::{Note, Observer};

use super::session::Session;
use crate::event::Event;

/// Listens to one stage.
pub(super) struct Listener<'a> {
    session: &'a Session,
    stage: &'a str,
    notes: Mutex<Vec<Note>>,
}

impl<'a> Listener<'a> {
    pub(super) fn new(session: &'a Session, stage: &'a str) -> Self {
        Self { session, stage, notes: Mutex::default() }
    }

    /// Everything noted so far, in order.
    pub(super) fn into_notes(self) -> Vec<Note> {
        self.notes.into_inner().unwrap_or_else(PoisonError::into_inner)
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

    fn is_cancelled(&self) -> bool {
        self.session.is_cancelled()
    }
}
