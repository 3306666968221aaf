//! Why a run could not be delivered, and what can be done about it.
//!
//! For: everything that delivers. Not for: sealing, whose errors are the engine's. No text here holds a secret:
//! addresses come without user info, and sources without addresses.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use crate::store::StoreError;

use super::entry::EntryError;

/// Why something could not be delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The address is none that can be called.
    #[error("`{address}` is not the address of an MLflow server")]
    Address {
        /// The address, without user info.
        address: String,
    },
    /// One of MLflow's environment variables, or the file that it names, cannot be used.
    #[error("`{variable}` cannot be used: {problem}")]
    Setting {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody answers there.
    #[error("no answer from {server}")]
    Unreachable {
        /// The server.
        server: String,
        /// Whether the machine is there and refuses.
        is_refused: bool,
        /// Why.
        source: reqwest::Error,
    },
    /// The connection broke, or what came was cut short.
    #[error("the connection to {server} broke at `{call}`")]
    Broken {
        /// The server.
        server: String,
        /// What was asked.
        call: &'static str,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// It took too long.
    #[error("{server} took longer than {} s at `{call}`", limit.as_secs())]
    TooSlow {
        /// The server.
        server: String,
        /// What was asked.
        call: &'static str,
        /// What was waited for.
        limit: Duration,
    },
    /// The server does not know who asks.
    #[error("{server} wants to know who asks (401)")]
    Unknown {
        /// The server.
        server: String,
        /// Whether credentials were sent.
        has_credentials: bool,
    },
    /// Who asks may not do this.
    #[error("{server} does not permit `{call}` (403): {message}")]
    Forbidden {
        /// The server.
        server: String,
        /// What was asked.
        call: &'static str,
        /// What the server said.
        message: String,
    },
    /// The server does not answer under this name.
    #[error("{server} refuses requests under the name `{host}` (403)")]
    HostRefused {
        /// The server.
        server: String,
        /// The name.
        host: String,
    },
    /// The server sends elsewhere.
    #[error("{server} redirects to {to}")]
    Moved {
        /// The server.
        server: String,
        /// Where to.
        to: String,
    },
    /// The server said no for good.
    #[error("{server} refuses `{call}` ({status} {code}): {message}")]
    Refused {
        /// The server.
        server: String,
        /// What was asked.
        call: &'static str,
        /// The HTTP status.
        status: u16,
        /// MLflow's code of the error, where it gave one.
        code: String,
        /// What the server said.
        message: String,
    },
    /// The server cannot at the moment.
    #[error("{server} fails at `{call}` ({status}): {message}")]
    Failing {
        /// The server.
        server: String,
        /// What was asked.
        call: &'static str,
        /// The HTTP status.
        status: u16,
        /// What the server said.
        message: String,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// Something answers, but not as MLflow does.
    #[error("what answers at {server} is no MLflow server: {problem}")]
    NotMlflow {
        /// The server.
        server: String,
        /// What is strange.
        problem: String,
    },
    /// The experiment was deleted.
    #[error("experiment `{name}` was deleted on {server}")]
    DeletedExperiment {
        /// The server.
        server: String,
        /// Its name.
        name: String,
        /// Its id.
        id: String,
    },
    /// The run that it belongs to is not there.
    #[error("its sweep's run (key {key}) is not in experiment `{experiment}`")]
    NoParent {
        /// The key.
        key: String,
        /// The experiment.
        experiment: String,
    },
    /// Files of this experiment are kept where segpipe does not reach.
    #[error("files of experiment `{experiment}` are kept at `{location}`, {problem}")]
    Elsewhere {
        /// The experiment.
        experiment: String,
        /// Where.
        location: String,
        /// Why that is out of reach.
        problem: String,
    },
    /// A registered model cannot be served.
    #[error("`{model}` cannot be served: {problem}")]
    Unserved {
        /// The model, as MLflow names it.
        model: String,
        /// Why.
        problem: &'static str,
    },
    /// The bundle of a registered model is not whole.
    #[error("the bundle of `{model}` cannot be used")]
    Bundle {
        /// The model, as MLflow names it.
        model: String,
        /// Why.
        source: Box<segpipe_stages::deploy::bundle::BundleError>,
    },
    /// The entry cannot be read.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The outbox cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read or written.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The reader interrupted it.
    #[error("interrupted")]
    Cancelled,
}

impl DeliveryError {
    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Address { .. } => {
                "segpipe talks to a server: start `mlflow server` (with `--backend-store-uri` for a database that is \
                 there) and set `track.tracking_uri` or `MLFLOW_TRACKING_URI` to its http:// or https:// address"
            }
            Self::Unreachable { .. } => {
                "start the server, or name another by `track.tracking_uri` or `MLFLOW_TRACKING_URI`"
            }
            Self::Unknown { has_credentials: true, .. } => {
                "the server does not take these credentials: check `MLFLOW_TRACKING_USERNAME` and \
                 `MLFLOW_TRACKING_PASSWORD`, or `MLFLOW_TRACKING_TOKEN`"
            }
            Self::Unknown { .. } => {
                "set `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, or `MLFLOW_TRACKING_TOKEN`"
            }
            Self::Forbidden { .. } => {
                "ask whoever runs the server for permission to write to this experiment and model"
            }
            Self::HostRefused { host, .. } => {
                return Some(format!(
                    "start the server with this name on its list, e.g. `mlflow server --allowed-hosts \
                     '{host},localhost:*,127.0.0.1:*'`"
                ));
            }
            Self::Moved { .. } => "use the address it redirects to",
            Self::DeletedExperiment { id, .. } => {
                return Some(format!(
                    "`mlflow experiments restore --experiment-id {id}` brings it back; or name another by \
                     `track.experiment` or `MLFLOW_EXPERIMENT_NAME`"
                ));
            }
            Self::Elsewhere { .. } => {
                "name another experiment by `track.experiment` or `MLFLOW_EXPERIMENT_NAME`: one that the server \
                 creates keeps its files where the server hands them on"
            }
            Self::Unserved { .. } | Self::Bundle { .. } => {
                "run the pipeline to its end and deliver it with `segpipe push`; or serve a folder with `--bundle`"
            }
            Self::NoParent { .. } => {
                "a combination is delivered after its sweep: push again once that is there, or with `--verify` where it \
                 was deleted on the server"
            }
            Self::NotMlflow { .. } => "check the address, its port and its path",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether the same might go well a moment later.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Broken { .. } | Self::TooSlow { .. } | Self::Failing { .. })
    }

    /// Whether it is about the server or the way there, so that other entries would fare no better.
    pub(super) fn concerns_all(&self) -> bool {
        matches!(
            self,
            Self::Address { .. }
                | Self::Setting { .. }
                | Self::Unreachable { .. }
                | Self::Unknown { .. }
                | Self::HostRefused { .. }
                | Self::Moved { .. }
                | Self::NotMlflow { .. }
                | Self::Store(_)
                | Self::Cancelled
        )
    }

    /// Whether the server has no such thing.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::Refused { status: 404, code, .. } if code == "RESOURCE_DOES_NOT_EXIST")
    }

    /// Whether the server has such a thing already.
    pub(super) fn is_presence(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "RESOURCE_ALREADY_EXISTS")
    }

    /// Whether nobody listens at the address.
    pub(super) fn is_refused_connection(&self) -> bool {
        matches!(self, Self::Unreachable { is_refused: true, .. })
    }

    /// How long the server asks to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failing { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
