//! The bundle behind a version of a registered model, fetched from the run that made it.
//!
//! For: whoever serves a model of a registry. Every file is checked against the bundle's manifest, and the model against
//! the identity that the version was tagged with when it was registered. Blocking; brings its own small runtime.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use segpipe_stages::deploy::bundle::{self, Bundle, BundleError};
use segpipe_stages::deploy::manifest;
use segpipe_stages::model::identity;

use super::client::Client;
use super::destination::Destination;
use super::error::DeliveryError;
use super::patience::Patience;
use super::registration::IDENTITY;
use super::shelf::Shelf;
use super::transport::Transport;
use super::wire::{Version, value_of};

/// Where a run keeps its bundle.
const BUNDLE: &str = "bundle";

/// A version of a registered model, as MLflow writes it: `models:/NAME@ALIAS` or `models:/NAME/VERSION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelUri {
    name: String,
    which: Which,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    Alias(String),
    Version(String),
}

impl FromStr for ModelUri {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("models:/").map(|rest| rest.trim_start_matches('/'));
        let alias =
            rest.and_then(|rest| rest.split_once('@')).map(|(name, alias)| (name, Which::Alias(alias.to_owned())));
        let version = || {
            let (name, version) = rest?.split_once('/')?;
            Some((name, Which::Version(version.parse::<u64>().ok()?.to_string())))
        };
        let is_plain = |part: &str| !part.is_empty() && !part.contains(['/', ':', '@', '\'']);
        match alias.or_else(version) {
            Some((name, Which::Alias(alias))) if !is_plain(name) || !is_plain(&alias) => Err(refused(text)),
            Some((name, which)) if is_plain(name) => Ok(Self { name: name.to_owned(), which }),
            _ => Err(refused(text)),
        }
    }
}

fn refused(text: &str) -> String {
    format!("`{text}` is neither `models:/NAME@ALIAS` nor `models:/NAME/VERSION`")
}

impl fmt::Display for ModelUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.which {
            Which::Alias(alias) => write!(formatter, "models:/{}@{alias}", self.name),
            Which::Version(version) => write!(formatter, "models:/{}/{version}", self.name),
        }
    }
}

/// The number of the version that `model` is at the moment.
///
/// # Errors
/// [`DeliveryError`] where the server does not answer or has no such version.
pub fn version_of(destination: &Destination, patience: &Patience, model: &ModelUri) -> Result<String, DeliveryError> {
    let client = Client::new(Transport::new(destination, patience)?);
    blocking(async { Ok(version(&client, model).await?.id) })
}

/// The bundle of `model`.
///
/// # Errors
/// [`DeliveryError`] where the server does not answer, the version has no bundle, or something is not what it was.
pub fn fetch(destination: &Destination, patience: &Patience, model: &ModelUri) -> Result<Bundle, DeliveryError> {
    let client = Client::new(Transport::new(destination, patience)?);
    blocking(async {
        let version = version(&client, model).await?;
        let bundle = bundle_of(&client, model, &version).await?;
        check_identity(&bundle, &version, model)?;
        Ok(bundle)
    })
}

fn blocking<T>(work: impl Future<Output = Result<T, DeliveryError>>) -> Result<T, DeliveryError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|source| DeliveryError::File { action: "start", path: PathBuf::from("runtime"), source })?;
    let result = runtime.block_on(work);
    // A name that is still being looked up must not hold the process.
    runtime.shutdown_background();
    result
}

async fn version(client: &Client, model: &ModelUri) -> Result<Version, DeliveryError> {
    let found = match &model.which {
        Which::Alias(alias) => client.aliased(&model.name, alias).await?,
        Which::Version(version) => client.version(&model.name, version).await?,
    };
    found.ok_or_else(|| unserved(model, "the registry has no such version"))
}

async fn bundle_of(client: &Client, model: &ModelUri, version: &Version) -> Result<Bundle, DeliveryError> {
    let run = if version.run_id.is_empty() { None } else { client.run(&version.run_id).await? };
    let run = run.ok_or_else(|| unserved(model, "the run that made it is gone"))?;
    let is_local = client.transport().destination().is_local();
    let shelf = Shelf::of(&run.info.artifact_uri, is_local, &model.name)?;
    let absent = || unserved(model, "the run that made it has no bundle");
    let manifest = shelf.get(client, &format!("{BUNDLE}/{}", manifest::NAME)).await?.ok_or_else(absent)?;
    let place = PathBuf::from(model.to_string());
    let listed = bundle::listed(&place.join(manifest::NAME), &manifest).map_err(|error| broken(model, error))?;
    let mut files = BTreeMap::new();
    for file in listed {
        if let Some(content) = shelf.get(client, &format!("{BUNDLE}/{}", file.path)).await? {
            files.insert(file.path, content);
        }
    }
    bundle::of_files(&place, &manifest, files).map_err(|error| broken(model, error))
}

/// The version must be of the very model that was registered.
fn check_identity(bundle: &Bundle, version: &Version, model: &ModelUri) -> Result<(), DeliveryError> {
    let digest = |path: &str| bundle.file(path).map(|content| blake3::hash(content).to_hex().to_string());
    let found = digest("model.json").zip(digest("model.onnx")).map(|(json, onnx)| identity([&json, &onnx]));
    let registered = value_of(&version.tags, IDENTITY);
    match registered {
        None => Err(unserved(model, "it was not registered by segpipe")),
        Some(registered) if found.as_deref() == Some(registered) => Ok(()),
        Some(_) => Err(unserved(model, "its files are not those of the model that was registered")),
    }
}

fn unserved(model: &ModelUri, problem: &'static str) -> DeliveryError {
    DeliveryError::Unserved { model: model.to_string(), problem }
}

fn broken(model: &ModelUri, source: BundleError) -> DeliveryError {
    DeliveryError::Bundle { model: model.to_string(), source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_as_mlflow_names_it() {
        for text in ["models:/customer-segmentation@champion", "models:/shop/12"] {
            assert_eq!(text.parse::<ModelUri>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "shop",
            "models:/",
            "models:/shop",
            "models:/shop/",
            "models:/shop/latest",
            "models:/@a",
            "models:/a@",
            "models:/a/b@c",
            "runs:/x/model",
        ] {
            assert!(text.parse::<ModelUri>().unwrap_err().contains("models:/NAME@ALIAS"), "{text}");
        }
    }
}
