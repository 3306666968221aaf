//! The line to the far end: the threads that transfers run on, and waiting for them no longer than anybody wants.
//!
//! For: blocking calls that an interruption ends at once. Not for: what is transferred. Called by: `remote`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::error::RemoteError;
use super::far::Far;

/// How often an interruption is looked at while something is waited for.
const TICK: Duration = Duration::from_millis(50);
/// Threads that drive transfers; the work is the network's.
const THREADS: usize = 2;

/// A line that is open. Dropped, it leaves whatever is under way.
#[derive(Debug)]
pub(super) struct Line {
    /// None only while it is dropped.
    runtime: Option<Runtime>,
    pub(super) far: Arc<Far>,
}

impl Line {
    pub(super) fn new(far: Far) -> Result<Self, RemoteError> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(THREADS).max_blocking_threads(8).enable_all().thread_name("shared-cache");
        let runtime = builder.build().map_err(RemoteError::Threads)?;
        Ok(Self { runtime: Some(runtime), far: Arc::new(far) })
    }

    /// Waits for `work` on the caller's thread; none where `is_cancelled` becomes true before it is done.
    pub(super) fn wait<T>(&self, is_cancelled: &AtomicBool, work: impl Future<Output = T>) -> Option<T> {
        let interrupted = async {
            while !is_cancelled.load(Ordering::Relaxed) {
                tokio::time::sleep(TICK).await;
            }
        };
        self.runtime.as_ref()?.block_on(async {
            tokio::select! {
                biased;
                done = work => Some(done),
                () = interrupted => None,
            }
        })
    }

    /// Begins `work` and goes on.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        self.runtime.as_ref().map(|runtime| runtime.spawn(work))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // A file system that hangs must not hold up the end of the process.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
