//! Delivers what waits in the outbox, oldest first, one pusher at a time.
//!
//! For: `segpipe push`, and the try at the end of a run. Not for: one entry (`delivery`). Blocking; brings its own small
//! runtime, so it may be called from any thread that may block.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use segpipe_stages::contract::{Note, NoteLevel, Observer};

use crate::store::StoreError;

use super::client::Client;
use super::delivery::Delivery;
use super::destination::Destination;
use super::entry::{Entry, SweepPart};
use super::error::DeliveryError;
use super::outbox::{Outbox, Waiting};
use super::patience::Patience;
use super::receipt::Receipt;
use super::statement::Statement;
use super::transport::Transport;

const LOCK: &str = ".pushing.lock";

/// How often is looked whether it is one's turn, or whether to stop.
const GLANCE: Duration = Duration::from_millis(50);

/// After so many entries in a row that failed for what may pass, the others are left for later.
const FAILURES_IN_A_ROW: usize = 3;

/// Which entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those without a receipt.
    Waiting,
    /// Those, and those whose run or version the server has no longer.
    Everything,
}

/// What became of one entry.
#[derive(Debug)]
pub struct Tried {
    /// The entry's folder.
    pub path: PathBuf,
    /// Its receipt, or why it waits on.
    pub result: Result<Receipt, DeliveryError>,
}

/// What became of all.
#[derive(Debug, Default)]
pub struct Pushed {
    /// The entries that were tried, in order.
    pub tried: Vec<Tried>,
    /// How many were not even tried.
    pub untried: usize,
}

impl Pushed {
    /// How many entries wait on.
    pub fn waiting(&self) -> usize {
        self.untried + self.errors().count()
    }

    /// The first error.
    pub fn error(&self) -> Option<&DeliveryError> {
        self.errors().next()
    }

    /// The entries that were delivered now.
    pub fn delivered(&self) -> impl Iterator<Item = &Receipt> {
        self.tried.iter().filter_map(|tried| tried.result.as_ref().ok())
    }

    fn errors(&self) -> impl Iterator<Item = &DeliveryError> {
        self.tried.iter().filter_map(|tried| tried.result.as_ref().err())
    }
}

/// Delivers the entries of `outbox` in `scope` to `destination`.
///
/// # Errors
/// [`DeliveryError`] where nothing could be tried at all. What was tried is in [`Pushed`].
pub fn push(
    outbox: &Outbox,
    destination: &Destination,
    patience: &Patience,
    scope: Scope,
    observer: &dyn Observer,
) -> Result<Pushed, DeliveryError> {
    if outbox.sealed()?.is_empty() {
        return Ok(Pushed::default());
    }
    let limit = Limit { ends: patience.whole.map(|whole| (Instant::now() + whole, whole)), destination, observer };
    let _turn = take_turn(outbox, &limit)?;
    let client = Client::new(Transport::new(destination, patience)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|source| DeliveryError::File { action: "start", path: PathBuf::from("runtime"), source })?;
    let result = runtime.block_on(async {
        if scope == Scope::Everything {
            limit.keep(withdraw_lost(outbox, &client)).await?;
        }
        Pusher { outbox, client: &client, limit: &limit, done: Cell::new(0) }.push().await
    });
    // A name that is still being looked up must not hold the process.
    runtime.shutdown_background();
    result
}

/// When to stop, whatever is going on.
struct Limit<'a> {
    /// When, and how long that is from the beginning.
    ends: Option<(Instant, Duration)>,
    destination: &'a Destination,
    observer: &'a dyn Observer,
}

impl Limit<'_> {
    /// An error where it is time to stop.
    fn check(&self) -> Result<(), DeliveryError> {
        if self.observer.is_cancelled() {
            return Err(DeliveryError::Cancelled);
        }
        match self.ends {
            Some((ends, limit)) if Instant::now() >= ends => {
                Err(DeliveryError::TooSlow { server: self.destination.shown(), call: "deliver the run", limit })
            }
            _ => Ok(()),
        }
    }

    /// What `work` gives, unless it is time to stop before.
    async fn keep<T>(&self, work: impl Future<Output = Result<T, DeliveryError>>) -> Result<T, DeliveryError> {
        let stop = async {
            loop {
                if let Err(error) = self.check() {
                    return error;
                }
                tokio::time::sleep(GLANCE).await;
            }
        };
        tokio::select! {
            result = work => result,
            error = stop => Err(error),
        }
    }
}

/// Waits for other pushers; the turn ends when the file is dropped, or with the process.
fn take_turn(outbox: &Outbox, limit: &Limit<'_>) -> Result<File, DeliveryError> {
    let path = outbox.directory().join(LOCK);
    let file = File::create(&path).map_err(StoreError::file("lock", &path))?;
    let mut has_told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(StoreError::file("lock", &path)(error).into()),
            Err(TryLockError::WouldBlock) => {}
        }
        if !std::mem::replace(&mut has_told, true) {
            let text = "another process is delivering; waiting for it".to_owned();
            limit.observer.note(Note { level: NoteLevel::Info, text });
        }
        limit.check()?;
        std::thread::sleep(GLANCE);
    }
}

/// Takes the receipts of entries away whose run, or version, the server does not have.
async fn withdraw_lost(outbox: &Outbox, client: &Client) -> Result<(), DeliveryError> {
    let mut lost_sweeps = BTreeSet::new();
    for path in outbox.sealed()? {
        let Some(receipt) = Receipt::read(&path)? else { continue };
        let sweep = Entry::read(&path).ok().and_then(|entry| Some((entry.key, entry.sweep?)));
        // The run of a sweep will be another one, and its combinations are to belong to that.
        let is_orphan = matches!(&sweep, Some((_, SweepPart::Child { parent, .. })) if lost_sweeps.contains(parent));
        if is_orphan || !is_there(client, &receipt).await? {
            Receipt::withdraw(&path)?;
            lost_sweeps.extend(sweep.map(|(key, _)| key));
        }
    }
    Ok(())
}

async fn is_there(client: &Client, receipt: &Receipt) -> Result<bool, DeliveryError> {
    if receipt.run_id.is_empty() {
        return Ok(true);
    }
    let run = client.run(&receipt.run_id).await?;
    let has_run = run.is_some_and(|run| run.info.lifecycle_stage != "deleted");
    match &receipt.model {
        Some(model) if has_run => Ok(client.version(&model.name, &model.version).await?.is_some()),
        _ => Ok(has_run),
    }
}

struct Pusher<'a> {
    outbox: &'a Outbox,
    client: &'a Client,
    limit: &'a Limit<'a>,
    /// Bytes sent of all that wait.
    done: Cell<u64>,
}

impl Pusher<'_> {
    async fn push(&self) -> Result<Pushed, DeliveryError> {
        let waiting = self.outbox.entries()?;
        let total = waiting.iter().map(|entry| entry.bytes).sum();
        let mut pushed = Pushed::default();
        let mut failures = 0;
        for (index, Waiting { path, bytes }) in waiting.iter().enumerate() {
            let before = self.done.get();
            let result = self.limit.keep(self.deliver(path, total)).await;
            self.done.set(before + bytes);
            failures = if result.as_ref().is_err_and(DeliveryError::is_passing) { failures + 1 } else { 0 };
            let is_hopeless = failures >= FAILURES_IN_A_ROW || result.as_ref().is_err_and(DeliveryError::concerns_all);
            let ends = is_hopeless || self.limit.check().is_err();
            pushed.tried.push(Tried { path: path.clone(), result });
            if ends {
                pushed.untried = waiting.len() - index - 1;
                break;
            }
        }
        Ok(pushed)
    }

    async fn deliver(&self, path: &Path, total: u64) -> Result<Receipt, DeliveryError> {
        let entry = Entry::read(path)?;
        let advance = |bytes: u64| {
            self.done.set(self.done.get() + bytes);
            self.limit.observer.progress(self.done.get().min(total), total);
        };
        advance(0);
        let is_superseded = self.is_superseded(path)?;
        let delivery = Delivery {
            client: self.client,
            entry: &entry,
            statement: &Statement::of(&entry),
            folder: path,
            is_superseded,
            advance: &advance,
        };
        let receipt = delivery.deliver().await?;
        receipt.write(path)?;
        Ok(receipt)
    }

    /// Whether a later result is the champion already: then this one comes too late to change that.
    fn is_superseded(&self, path: &Path) -> Result<bool, DeliveryError> {
        for later in self.outbox.sealed()?.into_iter().filter(|other| other.as_path() > path) {
            let receipt = Receipt::read(&later)?;
            if receipt.and_then(|receipt| receipt.model).is_some_and(|model| model.is_champion) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
