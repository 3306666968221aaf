//! From an address to a client for what is there.
//!
//! For: credentials and settings of the environment, time-outs, the folder. Not for: asking anything.
//! Called by: `line`.
//!
//! Credentials are those that the storages' own tools read from variables: `AWS_…`, `GOOGLE_…`, `AZURE_…`; on a
//! machine of theirs, those of the machine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Name;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};

use super::error::RemoteError;
use super::far::Far;
use crate::spec::shared::{RemoteAddress, Storage};

/// How long a connection may take, an answer, and a whole transfer.
const TIMES: [(ClientConfigKey, &str); 3] =
    [(ClientConfigKey::ConnectTimeout, "5s"), (ClientConfigKey::ReadTimeout, "30s"), (ClientConfigKey::Timeout, "2h")];
/// How requests introduce themselves.
const AGENT: (ClientConfigKey, &str) = (ClientConfigKey::UserAgent, concat!("segpipe/", env!("CARGO_PKG_VERSION")));

/// The far end of `address`. A folder is made where it is missing and `may_create`.
pub(super) fn open(address: &RemoteAddress, may_create: bool) -> Result<Far, RemoteError> {
    match address {
        RemoteAddress::Folder(path) => open_folder(path, may_create),
        RemoteAddress::Bucket { storage, bucket, prefix } => {
            // Fails only where a provider is installed already, which will do as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let shown = address.to_string();
            let unusable = |source: object_store::Error| RemoteError::Unusable {
                address: shown.clone(),
                storage: Some(*storage),
                source: source.into(),
            };
            let objects = client(*storage, bucket).map_err(unusable)?;
            let prefix = Name::parse(prefix).map_err(|error| unusable(error.into()))?;
            Ok(Far::new(objects, prefix, address.to_string(), Some(*storage)))
        }
    }
}

fn open_folder(path: &Path, may_create: bool) -> Result<Far, RemoteError> {
    let address = path.display().to_string();
    if !path.is_dir() {
        // Only the folder itself: where its parent is missing, something is not mounted.
        let created = if may_create { std::fs::create_dir(path).is_ok() } else { false };
        // Another writer may have made it meanwhile.
        if !created && !path.is_dir() {
            return Err(RemoteError::Missing { address });
        }
    }
    let opened = LocalFileSystem::new_with_prefix(path);
    let unusable = |error: object_store::Error| RemoteError::Unusable {
        address: address.clone(),
        storage: None,
        source: error.into(),
    };
    let objects = Arc::new(opened.map_err(unusable)?.with_fsync(true));
    Ok(Far::new(objects, Name::default(), address, None))
}

fn client(storage: Storage, bucket: &str) -> object_store::Result<Arc<dyn ObjectStore>> {
    let settings = || TIMES.into_iter().chain([AGENT]);
    Ok(match storage {
        Storage::S3 => {
            let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(patience());
            for (key, value) in settings() {
                builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
            }
            // Whoever names an address without TLS means it.
            let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
            let endpoint = endpoint.iter().find_map(|key| builder.get_config_value(key));
            let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
            Arc::new(if is_plain { builder.with_allow_http(true).build()? } else { builder.build()? })
        }
        Storage::Gcs => {
            let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(patience());
            for (key, value) in settings() {
                builder = builder.with_config(GoogleConfigKey::Client(key), value);
            }
            Arc::new(builder.build()?)
        }
        Storage::Azure => {
            let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket).with_retry(patience());
            for (key, value) in settings() {
                builder = builder.with_config(AzureConfigKey::Client(key), value);
            }
            Arc::new(builder.build()?)
        }
    })
}

/// What is tried again, and for how long: who is offline is to know it soon.
fn patience() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(2), base: 2.0 };
    RetryConfig { backoff, max_retries: 2, retry_timeout: Duration::from_secs(10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_only_by_who_may_write_and_only_where_its_parent_is() {
        let place = tempfile::tempdir().unwrap();
        let folder = RemoteAddress::Folder(place.path().join("cache"));
        assert!(matches!(open(&folder, false), Err(RemoteError::Missing { .. })));
        assert!(open(&folder, true).is_ok() && place.path().join("cache").is_dir());
        let unmounted = RemoteAddress::Folder(place.path().join("mount/cache"));
        assert!(matches!(open(&unmounted, true), Err(RemoteError::Missing { .. })));
    }
}
