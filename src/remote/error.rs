//! Why the shared cache cannot be used, in words.
//!
//! For: what is told of it, and how much of it is given up because of it. Not for: wrong records and objects, which are
//! misses (`fetch`). Called by: the other modules of `remote`; the engine and `cli` show it.

use std::error::Error;

use object_store::client::{HttpError, HttpErrorKind};

use crate::spec::shared::Storage;
use crate::store::StoreError;

/// The most that is shown of what a server says.
const MESSAGE_CHARS: usize = 200;

/// What lies behind a failure.
type Cause = Box<dyn Error + Send + Sync>;

/// Why something could not be taken from the shared cache or sent to it.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The settings that the environment gives make no client.
    #[error("the shared cache `{address}` cannot be used")]
    Unusable {
        /// Where it is.
        address: String,
        /// What kind of storage it is on.
        storage: Option<Storage>,
        /// Why.
        source: Cause,
    },
    /// Nobody answers.
    #[error("no answer from the shared cache `{address}`")]
    Unreachable {
        /// Where it is.
        address: String,
        /// What kind of storage it is on.
        storage: Option<Storage>,
        /// Why.
        source: Cause,
    },
    /// There is no such bucket or folder.
    #[error("the shared cache `{address}` does not exist")]
    Missing {
        /// Where it should be.
        address: String,
    },
    /// Whoever asks may not.
    #[error("the shared cache `{address}` refuses to {action}")]
    Forbidden {
        /// Where it is.
        address: String,
        /// What it was asked for.
        action: &'static str,
        /// What kind of storage it is on.
        storage: Option<Storage>,
        /// What it says.
        source: Cause,
    },
    /// Anything else.
    #[error("the shared cache `{address}` fails to {action}")]
    Failed {
        /// Where it is.
        address: String,
        /// What it was asked for.
        action: &'static str,
        /// What it says.
        source: Cause,
    },
    /// It takes longer than anybody waits.
    #[error("the shared cache `{address}` takes too long")]
    Late {
        /// Where it is.
        address: String,
    },
    /// A file of the local store could not be read or written.
    #[error(transparent)]
    Disk(#[from] StoreError),
    /// The threads that it takes cannot be started.
    #[error("cannot start threads")]
    Threads(#[source] std::io::Error),
}

impl RemoteError {
    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unusable { storage, .. } | Self::Unreachable { storage, .. } | Self::Forbidden { storage, .. } => {
                storage.map(|storage| variables(storage).to_owned())
            }
            Self::Missing { .. } => Some("make the bucket or the folder first".to_owned()),
            _ => None,
        }
    }

    /// The error on one line: what it is, and what is behind it at the bottom.
    pub fn line(&self) -> String {
        let mut deepest: Option<&dyn Error> = self.source();
        while let Some(next) = deepest.and_then(Error::source) {
            deepest = Some(next);
        }
        match deepest {
            Some(cause) => format!("{self} ({})", short(&cause.to_string())),
            None => self.to_string(),
        }
    }

    /// Whether neither direction works any more.
    pub(super) fn is_of_both_directions(&self) -> bool {
        matches!(self, Self::Unusable { .. } | Self::Unreachable { .. } | Self::Missing { .. } | Self::Threads(_))
    }
}

/// Which variables say who asks, and where.
fn variables(storage: Storage) -> &'static str {
    match storage {
        Storage::S3 => {
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION say who asks, \
             AWS_ENDPOINT_URL where, unless it is Amazon"
        }
        Storage::Gcs => "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT names the file that says who asks",
        Storage::Azure => {
            "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or another credential) say who asks"
        }
    }
}

/// One short line without secrets in addresses.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    crate::address::without_user_info(&line.chars().take(MESSAGE_CHARS).collect::<String>())
}

/// What a failure means that the client reports.
pub(super) fn explain(
    error: object_store::Error,
    action: &'static str,
    address: &str,
    storage: Option<Storage>,
) -> RemoteError {
    let address = address.to_owned();
    if says_no_bucket(&error) {
        return RemoteError::Missing { address };
    }
    if is_unanswered(&error) {
        return RemoteError::Unreachable { address, storage, source: error.into() };
    }
    match error {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            RemoteError::Forbidden { address, action, storage, source: error.into() }
        }
        error => RemoteError::Failed { address, action, source: error.into() },
    }
}

/// The error and everything behind it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

/// Whether a server did not answer, as against one that says no.
fn is_unanswered(error: &object_store::Error) -> bool {
    let kind = chain(error).find_map(|error| error.downcast_ref::<HttpError>()).map(HttpError::kind);
    matches!(kind, Some(HttpErrorKind::Connect | HttpErrorKind::Timeout))
}

/// Whether the answer says one of these. The client gives it as text alone.
fn says(error: &object_store::Error, texts: &[&str]) -> bool {
    let said = error.to_string();
    texts.iter().any(|text| said.contains(text))
}

/// Whether the bucket itself is not there. A missing object is said with the same status.
pub(super) fn says_no_bucket(error: &object_store::Error) -> bool {
    says(error, &["NoSuchBucket", "ContainerNotFound", "specified bucket does not exist"])
}

/// Whether the storage does not know how to put only what is not there yet.
pub(super) fn cannot_create(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. })
        || says(error, &["status code: 501", "<Code>NotImplemented</Code>"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_short_line_with_its_hint() {
        let source = object_store::Error::Generic {
            store: "S3",
            source: Box::new(std::io::Error::other("no\n  route to http://ana:pw@host")),
        };
        let error = RemoteError::Unreachable {
            address: "s3://b".to_owned(),
            storage: Some(Storage::S3),
            source: source.into(),
        };
        assert_eq!(error.line(), "no answer from the shared cache `s3://b` (no route to http://host)");
        assert!(error.hint().unwrap().contains("AWS_ACCESS_KEY_ID"));
        assert!(error.is_of_both_directions());
    }

    #[test]
    fn what_a_storage_says_is_told_apart() {
        let of = |error| explain(error, "keep an object", "s3://b", Some(Storage::S3));
        let source = || Box::new(std::io::Error::other("no"));
        let denied = of(object_store::Error::PermissionDenied { path: "x".to_owned(), source: source() });
        assert_eq!(denied.to_string(), "the shared cache `s3://b` refuses to keep an object");
        assert!(!denied.is_of_both_directions());
        let failed = of(object_store::Error::Generic { store: "S3", source: source() });
        assert_eq!(failed.line(), "the shared cache `s3://b` fails to keep an object (no)");
    }
}
