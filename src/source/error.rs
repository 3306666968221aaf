//! Why a source is not there, and why it could not be fetched.
//!
//! For: the other files of `source`. The faults decide exit codes: missing data is 3, a full disk 4.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use segpipe_stages::contract::{Download, Fault, StageFault};

use crate::address;

/// Why sources are not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    /// A path at which there is nothing.
    #[error("`{wanted}` does not exist")]
    Missing {
        /// The path as written.
        wanted: String,
        /// Names like it that do exist.
        nearest: Vec<String>,
    },
    /// A pattern that matches nothing.
    #[error("no file matches `{pattern}`")]
    NoMatch {
        /// The pattern as written.
        pattern: String,
        /// Names like it that do exist.
        nearest: Vec<String>,
    },
    /// None of several paths is there.
    #[error("none of {} exists", listed(wanted))]
    NoneOf {
        /// The paths as written.
        wanted: Vec<String>,
    },
    /// Two of several paths are there.
    #[error("both `{first}` and `{second}` exist, and only one may")]
    Ambiguous {
        /// The first.
        first: String,
        /// The second.
        second: String,
    },
    /// A request for no file at all.
    #[error("no source is named")]
    Nothing,
    /// A pattern that is not one.
    #[error("`{pattern}` is not a pattern that can be used")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why not.
        source: globset::Error,
    },
    /// Something is there, but no file.
    #[error("`{wanted}` is a directory, not a file")]
    Directory {
        /// The path as written.
        wanted: String,
    },
    /// The file system refuses to say.
    #[error("cannot look at `{}`", path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is missing, and fetching it failed.
    #[error("{missing}, and it could not be fetched from {url}")]
    Unfetched {
        /// What is missing.
        missing: String,
        /// The address, as it may be shown.
        url: String,
        /// Where the file belongs.
        to: String,
        /// Why.
        #[source]
        failure: FullText,
    },
}

/// An error whose text holds its causes too, because only one cause is shown.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct FullText(String);

impl SourceError {
    /// The file is missing and `failure` is why it could not be fetched.
    pub(super) fn unfetched(missing: &Self, download: &Download, failure: &FetchError) -> Self {
        let failure = FullText(failure.full_text());
        let url = address::shown(&download.url);
        Self::Unfetched { missing: missing.to_string(), url, to: download.to.clone(), failure }
    }

    /// Whether a file is missing, which fetching or simulating it can mend.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::NoMatch { .. } | Self::NoneOf { .. })
    }

    /// The first path at which a file would be taken.
    pub(super) fn wanted(&self) -> Option<&str> {
        match self {
            Self::Missing { wanted, .. } => Some(wanted),
            Self::NoneOf { wanted } => wanted.first().map(String::as_str),
            _ => None,
        }
    }
}

impl StageFault for SourceError {
    fn fault(&self) -> Fault {
        match self {
            Self::Nothing | Self::Pattern { .. } => Fault::Params,
            _ => Fault::Data,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { nearest, .. } | Self::NoMatch { nearest, .. } if !nearest.is_empty() => {
                format!("there is {}; paths are relative to the pipeline file's folder", listed(nearest))
            }
            Self::Missing { .. } | Self::NoMatch { .. } => {
                "paths are relative to the pipeline file's folder".to_owned()
            }
            Self::NoneOf { .. } => "put one of them there".to_owned(),
            Self::Ambiguous { .. } => "remove one, or name the other alone as the source".to_owned(),
            Self::Nothing => "name at least one path or pattern".to_owned(),
            Self::Directory { wanted } => {
                format!("name the files in it, e.g. `{}/*.csv`", wanted.trim_end_matches('/'))
            }
            Self::Unfetched { url, to, .. } => format!("fetch {url} by hand and put the file at `{to}`"),
            Self::Pattern { .. } | Self::Unreadable { .. } => return None,
        })
    }
}

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// Where the file is to go is outside the project.
    #[error("a download cannot be placed at `{to}`")]
    Target {
        /// The path as written.
        to: String,
    },
    /// The client cannot be set up, or the address is none.
    #[error("the download cannot be started")]
    Setup {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Nobody answers.
    #[error("the server cannot be reached")]
    Unreachable {
        /// Why.
        source: reqwest::Error,
    },
    /// The answer is not the file.
    #[error("the server answered {status}")]
    Status {
        /// The status.
        status: reqwest::StatusCode,
    },
    /// A log-in or error page came instead of the file.
    #[error("a web page came instead of the file")]
    WebPage,
    /// The transfer broke off.
    #[error("the transfer broke off after {received} bytes")]
    Broken {
        /// Bytes held by now.
        received: u64,
        /// Why, where the reason is known.
        source: Option<reqwest::Error>,
    },
    /// The file is larger than allowed.
    #[error("the file is larger than the {limit} bytes allowed")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// No zip archive, or a damaged one.
    #[error("what was fetched is no intact zip archive")]
    Archive {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The archive holds other files.
    #[error("the zip archive holds no `{member}`, only {}", listed(names))]
    Member {
        /// The name wanted.
        member: String,
        /// The names there.
        names: Vec<String>,
    },
    /// It failed a short while ago, and nothing was tried now.
    #[error("{reason}; it is not tried again so soon, except after `{}` is deleted", memory.display())]
    Remembered {
        /// Why it failed then.
        reason: String,
        /// The file that remembers.
        memory: PathBuf,
    },
    /// The disk refuses.
    #[error("cannot {action} `{}`", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The run was interrupted.
    #[error("interrupted")]
    Cancelled,
}

impl FetchError {
    /// Whether neither waiting nor simulated data would help.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Disk { .. } | Self::Cancelled | Self::Target { .. })
    }

    /// Whether the bytes fetched so far are of no use to a later attempt.
    pub(super) fn spoils_what_is_held(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::Archive { .. } | Self::Member { .. } | Self::Disk { .. })
    }

    /// Whether going on at once may help.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Broken { .. } => true,
            Self::Status { status } => matches!(status.as_u16(), 408 | 416 | 429 | 500 | 502..=504),
            _ => false,
        }
    }

    /// The text with all causes.
    pub(super) fn full_text(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        address::without_user_info(&text)
    }
}

impl StageFault for FetchError {
    fn fault(&self) -> Fault {
        match self {
            Self::Disk { .. } => Fault::Disk,
            Self::Cancelled => Fault::Cancelled,
            Self::Target { .. } => Fault::Params,
            _ => Fault::Data,
        }
    }

    fn hint(&self) -> Option<String> {
        matches!(self, Self::Target { .. }).then(|| "name a path inside the pipeline file's folder".to_owned())
    }
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
