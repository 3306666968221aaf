//! The shared cache: results of other machines in place of running, and one's own for them.
//!
//! For: taking a result by its fingerprint into the local store, and sending results, in the background. Not for:
//! deciding when (the engine), where it is or who is trusted (`spec`), or what is stale (`plan`).
//! Called by: the engine, `cli`.
//!
//! [`Remote`] blocks and touches neither network nor threads before it is first asked. What is taken is believed only
//! where the record's document is the one asked for, its signature is one of somebody trusted (where anybody is), and
//! every object has the digest that the record gives it; anything else is a miss. So a wrong byte in the shared cache
//! costs time and never a result. Fingerprints are by content, so that results of simulated data are shared like any.
//!
//! Objects go first and the record last: who finds a record finds its objects. Several writers do not disturb each
//! other: objects of one name are equal, and the first record stays, unless it turns out to be wrong.
//!
//! A failure of the line is told once and ends what depends on it for the rest of the run; the run goes on.

mod envelope;
mod error;
mod far;
mod fetch;
mod line;
mod open;
mod push;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

pub use error::RemoteError;
pub use fetch::{Fetched, Wanted};
pub use push::Sent;

use crate::digest::Digest;
use crate::signing::{PublicKey, SigningKey};
use crate::spec::shared::RemoteAddress;
use line::Line;

/// Objects that are sent at once.
const AT_ONCE: usize = 4;

/// Which shared cache, and what may be done with it.
#[derive(Debug)]
pub struct Settings {
    /// Where it is.
    pub address: RemoteAddress,
    /// Whether results may be sent there.
    pub may_write: bool,
    /// Whose records are believed; everybody's where it is empty.
    pub trust: Vec<PublicKey>,
    /// What records are signed with.
    pub key: Option<SigningKey>,
}

/// A shared cache.
#[derive(Debug)]
pub struct Remote {
    settings: Settings,
    is_cancelled: Arc<AtomicBool>,
    /// None where it cannot be opened.
    line: OnceLock<Option<Line>>,
    state: Arc<State>,
    parcels: Mutex<Vec<JoinHandle<push::Delivery>>>,
    taken: AtomicUsize,
    taken_bytes: AtomicU64,
    /// Results that were to be sent while there was no line.
    lost: AtomicUsize,
}

/// What one process knows of the shared cache.
#[derive(Debug)]
struct State {
    is_read_off: AtomicBool,
    is_write_off: AtomicBool,
    /// Objects that turned out to be wrong or missing, and fingerprints of such records: who has right ones sends them.
    spoilt: Mutex<BTreeSet<Digest>>,
    /// The first failure, until it is told.
    untold: Mutex<Option<RemoteError>>,
    has_failed: AtomicBool,
    turns: Semaphore,
}

impl State {
    /// Notes a failure: what depends on it is not tried again.
    fn fail(&self, error: RemoteError, direction: Direction) {
        tracing::debug!(error = %error.line(), "the shared cache failed");
        let is_of_both = error.is_of_both_directions();
        if is_of_both || direction == Direction::Reading {
            self.is_read_off.store(true, Ordering::Relaxed);
        }
        if is_of_both || direction == Direction::Writing {
            self.is_write_off.store(true, Ordering::Relaxed);
        }
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            *lock(&self.untold) = Some(error);
        }
    }

    fn spoil(&self, digest: Digest) {
        lock(&self.spoilt).insert(digest);
    }

    fn is_spoilt(&self, digest: Digest) -> bool {
        lock(&self.spoilt).contains(&digest)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Reading,
    Writing,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Remote {
    /// The shared cache of `settings`, whose transfers end when `is_cancelled` becomes true. Touches nothing.
    pub fn new(settings: Settings, is_cancelled: Arc<AtomicBool>) -> Self {
        let state = State {
            is_read_off: AtomicBool::new(false),
            is_write_off: AtomicBool::new(false),
            spoilt: Mutex::default(),
            untold: Mutex::default(),
            has_failed: AtomicBool::new(false),
            turns: Semaphore::new(AT_ONCE),
        };
        Self {
            settings,
            is_cancelled,
            line: OnceLock::new(),
            state: Arc::new(state),
            parcels: Mutex::default(),
            taken: AtomicUsize::new(0),
            taken_bytes: AtomicU64::new(0),
            lost: AtomicUsize::new(0),
        }
    }

    /// The same over storage that is at hand.
    #[cfg(test)]
    fn over(objects: Arc<dyn object_store::ObjectStore>, settings: Settings) -> Self {
        let remote = Self::new(settings, Arc::default());
        let far = far::Far::new(objects, "prefix".into(), "memory".to_owned(), None);
        let _ = remote.line.set(Line::new(far).ok());
        remote
    }

    /// Where it is, as people write it.
    pub fn address(&self) -> String {
        self.settings.address.to_string()
    }

    /// The first failure of the line, where it has not been told yet.
    pub fn take_failure(&self) -> Option<RemoteError> {
        lock(&self.state.untold).take()
    }

    /// How many results were taken, and how many bytes for them.
    pub fn taken(&self) -> (usize, u64) {
        (self.taken.load(Ordering::Relaxed), self.taken_bytes.load(Ordering::Relaxed))
    }

    /// The line, opened where this is the first time; none where it cannot be.
    fn line(&self) -> Option<&Line> {
        let open = || {
            let opened = open::open(&self.settings.address, self.settings.may_write).and_then(Line::new);
            opened.map_err(|error| self.state.fail(error, Direction::Reading)).ok()
        };
        self.line.get_or_init(open).as_ref()
    }
}
