//! The scoring service: which segment is this customer in, over HTTP.
//!
//! For: MLflow's scoring protocol, segment cards, customers and transactions, by a bundle that is swapped when it
//! changes. Not for: making bundles, or asking anybody's permission beyond one token. Called by: `segpipe serve`.
//!
//! `connections` accepts, over `wire`; `routes` lets in and answers, `json` and `delimited` read what is to be scored, `served`
//! scores it; `supply` and `reload` bring the next bundle.

mod body;
mod check;
mod connections;
mod content;
mod delimited;
mod invocations;
mod journal;
mod json;
mod metrics;
mod openapi;
mod options;
mod problem;
mod reload;
mod routes;
mod served;
mod supply;
#[cfg(test)]
mod tests;
mod transactions;
mod wire;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use serde_json::json;
use tokio::runtime::Runtime;
use tokio::sync::watch;

pub use check::is_well;
pub use journal::{Journal, Level};
pub use options::{Options, Token};
pub use supply::{Supply, SupplyError};

use routes::Service;

/// A service that cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is nothing that could be served.
    #[error(transparent)]
    Supply(#[from] SupplyError),
    /// The address cannot be listened at.
    #[error("cannot listen at {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The machine has no threads left.
    #[error("cannot start the threads that serve")]
    Threads(#[source] std::io::Error),
}

impl ServeError {
    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Supply(error) => error.hint(),
            Self::Bind { .. } => Some("name another address with `--bind`".to_owned()),
            Self::Threads(_) => None,
        }
    }
}

/// A service that listens and has a bundle.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<Service>,
    supply: Supply,
    mark: Option<Vec<u8>>,
    stop: watch::Sender<bool>,
}

/// Ends a service.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// The service accepts nothing more, finishes what it began, and ends.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Reads the bundle and listens.
    ///
    /// # Errors
    /// [`ServeError`] where there is no bundle or the address is taken.
    pub fn bind(options: Options, supply: Supply, journal: Journal) -> Result<Self, ServeError> {
        // Looked at before reading, so that a bundle that is replaced meanwhile is read again.
        let mark = supply.mark().ok();
        let served = supply.load()?;
        let bind = |source| ServeError::Bind { address: options.bind, source };
        let listener = TcpListener::bind(options.bind).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let service = Arc::new(Service::new(options, journal, served));
        Ok(Self { listener, address, service, supply, mark, stop: watch::Sender::new(false) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What ends it.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Serves until it is stopped. Blocking.
    ///
    /// # Errors
    /// [`ServeError::Threads`] where no thread can be started.
    pub fn run(self) -> Result<(), ServeError> {
        let Self { listener, address, service, supply, mark, stop } = self;
        let runtime = runtime().map_err(ServeError::Threads)?;
        let (_end, ended) = mpsc::channel();
        let watched = Arc::clone(&service);
        let watcher = thread::Builder::new().name("reload".to_owned());
        watcher.spawn(move || reload::watch(&watched, &supply, mark, &ended)).map_err(ServeError::Threads)?;
        let facts = [("address", json!(address.to_string())), ("model", json!(service.described()))];
        service.journal.tell(Level::Info, "listening", facts);
        let done = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            connections::serve(listener, Arc::clone(&service), stop.subscribe()).await;
            Ok(())
        });
        // Work that nobody waits for must not hold the process.
        runtime.shutdown_background();
        service.journal.tell(Level::Info, "stopped", []);
        done.map_err(ServeError::Threads)
    }
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
