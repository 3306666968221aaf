//! A bar and remarks for work that is no run of a pipeline: simulating, reading a file to score.
//!
//! For: commands that call a function of the stages which wants an [`Observer`]. Not for: runs (`Console`).

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use segpipe_stages::contract::{Note, NoteLevel, Observer};

use super::live::Live;
use super::{Detail, Look, format};

/// Shows one piece of work on stderr while it lives.
pub struct Task {
    name: &'static str,
    look: Look,
    live: Mutex<Option<Live>>,
    is_cancelled: Arc<AtomicBool>,
}

impl Task {
    /// Work called `name` that stops when `is_cancelled` becomes true.
    pub fn new(name: &'static str, look: Look, is_cancelled: Arc<AtomicBool>) -> Self {
        Self { name, look, live: Mutex::new(look.is_live.then(Live::default)), is_cancelled }
    }
}

impl Observer for Task {
    fn progress(&self, done: u64, total: u64) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = live.as_mut() {
            live.begin(self.name, format::NAME);
            live.advance(self.name, done, total);
        }
    }

    fn note(&self, note: Note) {
        let least = if note.level == NoteLevel::Warning { Detail::Quiet } else { Detail::Normal };
        if self.look.detail >= least {
            let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
            let print = || drop(writeln!(std::io::stderr(), "{}", format::note_line(&note, self.look.paint)));
            live.as_ref().map_or_else(print, |live| live.above(print));
        }
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(live) = self.live.get_mut().unwrap_or_else(PoisonError::into_inner) {
            live.end(self.name);
        }
    }
}
