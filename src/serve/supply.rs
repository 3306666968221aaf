//! Where the bundle that is served comes from, and whether there is a newer one.
//!
//! For: a folder, or a model of an MLflow registry. Not for: what is done with a bundle. Blocking.

use std::path::PathBuf;
use std::time::Duration;

use segpipe_stages::contract::StageFault;
use segpipe_stages::deploy::bundle::{self, Bundle, BundleError};
use segpipe_stages::deploy::manifest;

use super::served::Served;
use crate::mlflow::{self, DeliveryError, Destination, ModelUri, Patience};

/// How often a registry is asked whether an alias has moved.
const REGISTRY_POLL: Duration = Duration::from_secs(30);

/// Where the bundle comes from.
#[derive(Debug, Clone)]
pub enum Supply {
    /// A folder, e.g. `artifacts/deploy/bundle`.
    Folder(PathBuf),
    /// A version of a registered model.
    Registry {
        /// The server.
        destination: Box<Destination>,
        /// The model.
        model: ModelUri,
    },
}

/// A bundle that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SupplyError {
    /// It cannot be opened.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// It cannot be fetched.
    #[error(transparent)]
    Registry(#[from] DeliveryError),
    /// Its table of customers' segments cannot be read.
    #[error("the bundle's table of assignments cannot be read")]
    Assignments(#[source] parquet::errors::ParquetError),
}

impl SupplyError {
    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Bundle(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            Self::Assignments(_) => Some("make the bundle anew with `segpipe run`".to_owned()),
        }
    }
}

impl Supply {
    /// What tells this bundle from the next, as far as can be seen without reading it.
    pub(super) fn mark(&self) -> Result<Vec<u8>, SupplyError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(manifest::NAME);
                std::fs::read(&path).map_err(|source| BundleError::File { path, source }.into())
            }
            Self::Registry { destination, model } => {
                Ok(mlflow::version_of(destination, &Patience::of_push(), model)?.into_bytes())
            }
        }
    }

    /// The bundle, checked and ready.
    pub(super) fn load(&self) -> Result<Served, SupplyError> {
        Served::of(self.bundle()?).map_err(SupplyError::Assignments)
    }

    fn bundle(&self) -> Result<Bundle, SupplyError> {
        match self {
            Self::Folder(folder) => Ok(bundle::open(folder)?),
            Self::Registry { destination, model } => Ok(mlflow::fetch(destination, &Patience::of_push(), model)?),
        }
    }

    /// How often is looked for a newer bundle.
    pub(super) fn poll(&self, wanted: Duration) -> Duration {
        match self {
            Self::Folder(_) => wanted,
            Self::Registry { .. } => wanted.max(REGISTRY_POLL),
        }
    }
}
