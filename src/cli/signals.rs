//! Ctrl-C and SIGTERM: the first asks the run to finish up, the second ends the process at once. And the signal that a
//! limit on the size of files sends, which would end the process in the midst of a write.
//!
//! For: setting the flag that runs and long loops ask. Not for: what they do then. Called by: the commands that take
//! their time; the process when it starts.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::Signal as Signum;
use segpipe_stages::contract::Fault;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::engine;

/// What is said of the first signal.
pub(super) const FINISHING: &str = "interrupted: finishing up; once more to stop at once";

/// From now on a file that would grow beyond the process's limit (`ulimit -f`) is an error of the write.
pub(super) fn outlive_file_limit() {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
    // Whoever has listened once no longer dies of it; nobody needs to hear it.
    let _ = runtime.block_on(async { signal(SignalKind::from_raw(Signum::XFSZ.as_raw())).map(drop) });
}

/// Listens from now on; tells `on_first` of the first signal. Returns the flag that it sets.
pub(super) fn listen(on_first: impl FnOnce() + Send + 'static) -> Arc<AtomicBool> {
    let is_interrupted = Arc::new(AtomicBool::new(false));
    // Without a listener, a signal ends the process as it would end any other.
    if let Some(listener) = Listener::begin() {
        let flag = Arc::clone(&is_interrupted);
        let thread = thread::Builder::new().name("signals".to_owned());
        let _ = thread.spawn(move || wait(listener, &flag, on_first));
    }
    is_interrupted
}

/// Both signals, caught from the moment this exists and not only once a thread waits for them.
struct Listener {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Listener {
    fn begin() -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().ok()?;
        let (interrupt, terminate) = runtime.block_on(async { signals() })?;
        Some(Self { runtime, interrupt, terminate })
    }

    /// Blocks until one of them arrives.
    fn next(&mut self) {
        let Self { runtime, interrupt, terminate } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
    }
}

fn wait(mut listener: Listener, flag: &AtomicBool, on_first: impl FnOnce()) {
    listener.next();
    flag.store(true, Ordering::Relaxed);
    on_first();
    listener.next();
    exit();
}

fn signals() -> Option<(Signal, Signal)> {
    Some((signal(SignalKind::interrupt()).ok()?, signal(SignalKind::terminate()).ok()?))
}

#[expect(clippy::exit, reason = "the second signal is to end the process whatever it is doing")]
fn exit() -> ! {
    process::exit(i32::from(engine::exit_code(Fault::Cancelled)))
}
