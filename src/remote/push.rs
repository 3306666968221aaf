//! Sending results to the shared cache.
//!
//! For: one result's objects and then its record, in the background, and waiting for all of them in the end. Not for:
//! which results. Called by: the engine, `cli`.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use segpipe_stages::contract::{Output, OutputKind};
use tokio::task::JoinHandle;

use super::error::RemoteError;
use super::far::Far;
use super::{AT_ONCE, Direction, Remote, State, envelope, lock};
use crate::digest::Digest;
use crate::signing::PublicKey;
use crate::store::records::Record;
use crate::store::{Store, StoreError};

/// What became of everything that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Results that are there now and were not before.
    pub results: usize,
    /// Bytes that were sent for them.
    pub bytes: u64,
    /// Results that were there already.
    pub known: usize,
    /// Results that are not there.
    pub unsent: usize,
}

/// What became of one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Sent { bytes: u64 },
    Known { bytes: u64 },
    Dropped,
}

/// One result, ready to be sent.
struct Parcel {
    fingerprint: Digest,
    record: Vec<u8>,
    objects: Vec<(Digest, PathBuf)>,
    trust: Vec<PublicKey>,
    /// Whether the objects of a record that is there are looked at too.
    is_thorough: bool,
}

impl Remote {
    /// Why nothing that this process computes is sent, though it may write: its signature would not be believed.
    pub fn silence(&self) -> Option<&'static str> {
        let trust = &self.settings.trust;
        match &self.settings.key {
            _ if trust.is_empty() || !self.settings.may_write => None,
            None => Some("SEGPIPE_CACHE_KEY is not set, and only signed results are believed"),
            Some(key) if !trust.contains(&key.public()) => {
                Some("`cache.trust` does not list the public key of SEGPIPE_CACHE_KEY")
            }
            Some(_) => None,
        }
    }

    /// Whether results are sent.
    pub fn sends(&self) -> bool {
        self.settings.may_write && self.silence().is_none()
    }

    /// Begins to send a result of `store` whose outputs are `outputs`. Where it is there already, its objects are looked
    /// at only if `is_thorough`.
    ///
    /// # Errors
    /// Where the list of a directory's files cannot be read.
    pub fn send(
        &self,
        store: &Store,
        record: &Record,
        outputs: &[Output],
        is_thorough: bool,
    ) -> Result<(), StoreError> {
        if !self.sends() {
            return Ok(());
        }
        let objects = objects(store, record, outputs)?;
        let sealed = envelope::close(record, self.settings.key.as_ref());
        let (Ok(sealed), Some(line)) = (sealed, self.line()) else {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        };
        let trust = self.settings.trust.clone();
        let parcel = Parcel { fingerprint: record.fingerprint, record: sealed, objects, trust, is_thorough };
        let (far, state) = (line.far.clone(), self.state.clone());
        let delivery = async move {
            parcel.deliver(&far, &state).await.unwrap_or_else(|error| {
                state.fail(error, Direction::Writing);
                Delivery::Dropped
            })
        };
        lock(&self.parcels).extend(line.begin(delivery));
        Ok(())
    }

    /// Waits until everything is sent, not longer than `patience`, nor after an interruption. A failure is kept for
    /// [`Remote::take_failure`].
    pub fn finish(&self, patience: Option<Duration>) -> Sent {
        let mut parcels = std::mem::take(&mut *lock(&self.parcels));
        let mut sent = Sent { unsent: self.lost.swap(0, Ordering::Relaxed), ..Sent::default() };
        let Some(line) = self.line.get().and_then(Option::as_ref) else { return sent };
        let is_late = line.wait(&self.is_cancelled, async {
            let all = settle(&mut parcels, &mut sent);
            match patience {
                None => all.await,
                Some(patience) => return tokio::time::timeout(patience, all).await.is_err(),
            }
            false
        });
        if is_late == Some(true) {
            self.state.fail(RemoteError::Late { address: self.address() }, Direction::Writing);
        }
        sent.unsent += parcels.len();
        parcels.iter().for_each(JoinHandle::abort);
        sent
    }
}

/// Takes the results off `parcels` as they are done.
async fn settle(parcels: &mut Vec<JoinHandle<Delivery>>, sent: &mut Sent) {
    while let Some(parcel) = parcels.last_mut() {
        let delivery = parcel.await;
        parcels.pop();
        match delivery {
            Ok(Delivery::Sent { bytes }) => {
                sent.results += 1;
                sent.bytes += bytes;
            }
            Ok(Delivery::Known { bytes }) => {
                sent.known += 1;
                sent.bytes += bytes;
            }
            Ok(Delivery::Dropped) | Err(_) => sent.unsent += 1,
        }
    }
}

/// Every object that a result leads to, with where it is.
fn objects(store: &Store, record: &Record, outputs: &[Output]) -> Result<Vec<(Digest, PathBuf)>, StoreError> {
    let mut digests = Vec::new();
    for output in outputs {
        let Some(recorded) = record.outputs.get(&*output.name) else { continue };
        if output.kind == OutputKind::Directory {
            digests.extend(store.tree(recorded.digest)?.files.into_iter().map(|(_, file)| file));
        }
        digests.push(recorded.digest);
    }
    digests.sort_unstable();
    digests.dedup();
    Ok(digests.into_iter().map(|digest| (digest, store.object_path(digest))).collect())
}

impl Parcel {
    /// Sends what is not there: objects first, the record last.
    async fn deliver(self, far: &Far, state: &State) -> Result<Delivery, RemoteError> {
        if state.is_write_off.load(Ordering::Relaxed) {
            return Ok(Delivery::Dropped);
        }
        let there = far.record(self.fingerprint).await?.map(|bytes| envelope::open(&bytes, &self.trust));
        let is_good = |record: &Record| record.fingerprint == self.fingerprint;
        let is_known = there.as_ref().is_some_and(|opened| opened.as_ref().is_ok_and(is_good));
        // What leads to a wrong object is no better than a wrong record.
        let is_known = is_known && !state.is_spoilt(self.fingerprint);
        if is_known && !self.is_thorough {
            return Ok(Delivery::Known { bytes: 0 });
        }
        let bytes = self.send_objects(far, state).await?;
        if state.is_write_off.load(Ordering::Relaxed) {
            // Perhaps not all of them are there, and whoever finds a record finds its objects.
            return Ok(Delivery::Dropped);
        }
        if is_known {
            return Ok(Delivery::Known { bytes });
        }
        let is_new = far.put_record(self.fingerprint, &self.record, there.is_some()).await?;
        Ok(if is_new { Delivery::Sent { bytes } } else { Delivery::Known { bytes } })
    }

    /// Returns how many bytes were sent.
    async fn send_objects(&self, far: &Far, state: &State) -> Result<u64, RemoteError> {
        let send = |(digest, path): &(Digest, PathBuf)| {
            let (digest, path) = (*digest, path.clone());
            async move { send_object(far, state, digest, &path).await }
        };
        stream::iter(self.objects.iter().map(send))
            .buffer_unordered(AT_ONCE)
            .try_fold(0, |sum, bytes| std::future::ready(Ok(sum + bytes)))
            .await
    }
}

/// Sends an object where it is not there in its full size, or was seen to be wrong.
async fn send_object(far: &Far, state: &State, digest: Digest, path: &std::path::Path) -> Result<u64, RemoteError> {
    // Closed only with the process.
    let _turn = state.turns.acquire().await;
    if state.is_write_off.load(Ordering::Relaxed) {
        return Ok(0);
    }
    let size = tokio::fs::metadata(path).await.map_err(StoreError::file("read", path))?.len();
    if !state.is_spoilt(digest) && far.size(digest).await? == Some(size) {
        return Ok(0);
    }
    far.upload(digest, path).await
}
