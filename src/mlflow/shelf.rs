//! Where the files of a run or a model are put: handed on by the server, or in a folder of this machine.
//!
//! For: `delivery`, `registration`, `fetch`. Not for: which files. Files are sent as they are read, never held in memory.
//!
//! An experiment that was made beside a server keeps its files in a plain folder, which the server hands nothing on to.
//! They are copied there exactly when the server's address is of this machine (`localhost` or a loopback address) and
//! the folder, or one above it that is not the root, is here; that it is the same folder is then asked of the server
//! with the first file. Whatever else is told clearly.

use std::path::{Path, PathBuf};

use reqwest::Url;

use super::client::Client;
use super::error::DeliveryError;

/// A place for files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shelf {
    /// Below the root of what the server hands on.
    Server(String),
    /// A folder of this machine.
    Folder(PathBuf),
}

impl Shelf {
    /// The shelf that `uri`, an artifact address of the server, names. `experiment` is for the message.
    pub(super) fn of(uri: &str, is_local: bool, experiment: &str) -> Result<Self, DeliveryError> {
        if let Some(path) = uri.strip_prefix("mlflow-artifacts:") {
            return Ok(Self::Server(without_host(path).trim_matches('/').to_owned()));
        }
        let elsewhere = |problem: &str| DeliveryError::Elsewhere {
            experiment: experiment.to_owned(),
            location: crate::address::shown(uri),
            problem: problem.to_owned(),
        };
        let Some(folder) = folder(uri) else {
            return Err(elsewhere("where the server does not hand files on to"));
        };
        if !is_local {
            return Err(elsewhere("a folder of the server's machine"));
        }
        match folder.ancestors().find(|ancestor| ancestor.is_dir()) {
            Some(present) if present.parent().is_some() => Ok(Self::Folder(folder)),
            _ => Err(elsewhere("a folder that this machine does not have")),
        }
    }

    /// Puts the file `from` at `path`, over what is there.
    pub(super) async fn put_file(
        &self,
        client: &Client,
        path: &str,
        from: &Path,
        bytes: u64,
    ) -> Result<(), DeliveryError> {
        match self {
            Self::Server(root) => client.put_file(&format!("{root}/{path}"), from, bytes).await,
            Self::Folder(folder) => {
                let to = made(folder, path).await?;
                tokio::fs::copy(from, &to).await.map(drop).map_err(failed("write", &to))
            }
        }
    }

    /// Puts `bytes` at `path`, over what is there.
    pub(super) async fn put_bytes(&self, client: &Client, path: &str, bytes: Vec<u8>) -> Result<(), DeliveryError> {
        match self {
            Self::Server(root) => client.put_bytes(&format!("{root}/{path}"), bytes).await,
            Self::Folder(folder) => {
                let to = made(folder, path).await?;
                tokio::fs::write(&to, bytes).await.map_err(failed("write", &to))
            }
        }
    }

    /// What is at `path`; none where nothing is.
    pub(super) async fn get(&self, client: &Client, path: &str) -> Result<Option<Vec<u8>>, DeliveryError> {
        let path = match self {
            Self::Server(root) => return client.get_file(&format!("{root}/{path}")).await,
            Self::Folder(folder) => folder.join(path),
        };
        match tokio::fs::read(&path).await {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// Makes sure that the server sees what was put at `path`, a file of a run.
    pub(super) async fn confirm(
        &self,
        client: &Client,
        run_id: &str,
        path: &str,
        experiment: &str,
    ) -> Result<(), DeliveryError> {
        let Self::Folder(folder) = self else { return Ok(()) };
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let files = client.files(run_id, parent).await?;
        if files.iter().any(|file| file.path == path) {
            return Ok(());
        }
        let _ = tokio::fs::remove_file(folder.join(path)).await;
        Err(DeliveryError::Elsewhere {
            experiment: experiment.to_owned(),
            location: folder.display().to_string(),
            problem: "and the server does not see what is put there from here".to_owned(),
        })
    }
}

/// `//host/x` is of the server itself, as `/x` is.
fn without_host(path: &str) -> &str {
    path.strip_prefix("//").map_or(path, |rest| rest.split_once('/').map_or("", |(_, path)| path))
}

/// The folder that an address of a file, or a path, names.
fn folder(uri: &str) -> Option<PathBuf> {
    if uri.starts_with('/') {
        return Some(PathBuf::from(uri));
    }
    let url = Url::parse(uri).ok().filter(|url| url.scheme() == "file")?;
    url.to_file_path().ok()
}

async fn made(folder: &Path, path: &str) -> Result<PathBuf, DeliveryError> {
    let to = folder.join(path);
    let parent = to.parent().unwrap_or(folder);
    tokio::fs::create_dir_all(parent).await.map_err(failed("create", parent))?;
    Ok(to)
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> DeliveryError {
    let path = path.to_owned();
    move |source| DeliveryError::File { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(uri: &str, is_local: bool) -> Result<Shelf, String> {
        Shelf::of(uri, is_local, "shop").map_err(|error| error.to_string())
    }

    #[test]
    fn what_the_server_hands_on_goes_to_the_server() {
        let expected = Ok(Shelf::Server("1/r/artifacts".to_owned()));
        assert_eq!(shelf("mlflow-artifacts:/1/r/artifacts", false), expected);
        assert_eq!(shelf("mlflow-artifacts://host:5000/1/r/artifacts", false), expected);
    }

    #[test]
    fn a_folder_is_used_where_it_is_of_this_machine() {
        let here = tempfile::tempdir().unwrap();
        let folder = here.path().join("mlruns/1/r/artifacts");
        let uri = folder.display().to_string();
        assert_eq!(shelf(&uri, true), Ok(Shelf::Folder(folder.clone())));
        assert_eq!(shelf(&format!("file://{uri}"), true), Ok(Shelf::Folder(folder)));
        assert!(shelf(&uri, false).unwrap_err().ends_with("a folder of the server's machine"));
        assert!(shelf("/nowhere-at-all/x", true).unwrap_err().ends_with("that this machine does not have"));
    }

    #[test]
    fn other_places_are_refused_without_their_secrets() {
        let error = shelf("s3://key:s3cret@bucket/x", true).unwrap_err();
        assert_eq!(
            error,
            "files of experiment `shop` are kept at `s3://bucket/x`, where the server does not hand files on to"
        );
    }
}
