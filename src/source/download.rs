//! Fetches one file over HTTP: with a limit, resumable, and placed complete or not at all.
//!
//! For: [`super::Sources`]. Not for: talking to tracking servers. Blocking; it brings its own small runtime, so it may
//! be called from any thread that may block.

use std::fs::File;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode, redirect};
use segpipe_stages::contract::{Download, Observer};

use super::Options;
use super::error::FetchError;
use super::part::{Part, disk};
use super::place::place;
use super::unpack::unpack;

/// Fetches `download` to its place below `directory`; returns the placed file's digest (blake3, hexadecimal) and size.
pub(super) fn fetch(
    directory: &Path,
    download: &Download,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(String, u64), FetchError> {
    let target = target(directory, &download.to)?;
    let folder = Folder::create(&target)?;
    let part = Part::of(&target);
    let result =
        transfer(download, &part, options, observer).and_then(|()| complete(download, &part, &target, observer));
    if let Err(error) = &result {
        if error.spoils_what_is_held() {
            part.discard();
        }
        folder.remove_if_empty();
    }
    result
}

/// Where `to` is; it must lie below `directory`.
fn target(directory: &Path, to: &str) -> Result<PathBuf, FetchError> {
    let is_inside = Path::new(to).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if to.is_empty() || !is_inside {
        return Err(FetchError::Target { to: to.to_owned() });
    }
    Ok(directory.join(to))
}

/// The target's folder, made for it where it was not there.
struct Folder {
    path: PathBuf,
    is_new: bool,
}

impl Folder {
    fn create(target: &Path) -> Result<Self, FetchError> {
        let path = target.parent().unwrap_or(Path::new(".")).to_owned();
        let is_new = !path.exists();
        std::fs::create_dir_all(&path).map_err(disk("create", &path))?;
        Ok(Self { path, is_new })
    }

    fn remove_if_empty(&self) {
        if self.is_new {
            // Fails where a part is kept there, as it should.
            let _ = std::fs::remove_dir(&self.path);
        }
    }
}

/// Unpacks or moves what was fetched.
fn complete(
    download: &Download,
    part: &Part,
    target: &Path,
    observer: &dyn Observer,
) -> Result<(String, u64), FetchError> {
    match &download.member {
        Some(member) => unpack(part.path(), member, target, download.max_bytes, observer)?,
        None => place(part.path(), target)?,
    }
    part.discard();
    let mut hasher = blake3::Hasher::new();
    File::open(target).and_then(|file| hasher.update_reader(file).map(drop)).map_err(disk("read", target))?;
    Ok((hasher.finalize().to_hex().to_string(), hasher.count()))
}

fn transfer(download: &Download, part: &Part, options: &Options, observer: &dyn Observer) -> Result<(), FetchError> {
    let setup = |error: std::io::Error| FetchError::Setup { source: error.into() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(setup)?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = with_retries(download, part, options, observer) => result,
            () = cancelled(observer) => Err(FetchError::Cancelled),
        }
    });
    // A name that is still being looked up must not hold the run.
    runtime.shutdown_background();
    result
}

/// Ready when the run is interrupted.
async fn cancelled(observer: &dyn Observer) {
    while !observer.is_cancelled() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn with_retries(
    download: &Download,
    part: &Part,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(), FetchError> {
    let client = client(options)?;
    let mut attempt = 0;
    loop {
        match once(&client, download, part, observer).await {
            Err(error) if error.is_passing() && attempt < options.retries => {
                tracing::debug!(error = error.full_text(), attempt, "the transfer goes on");
                attempt += 1;
                tokio::time::sleep(options.pause).await;
            }
            result => return result,
        }
    }
}

fn client(options: &Options) -> Result<Client, FetchError> {
    // Fails only where a provider is installed already, which will do as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("segpipe/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout)
        .redirect(redirect::Policy::custom(follow));
    let builder = if options.uses_proxy { builder } else { builder.no_proxy() };
    builder.build().map_err(|error| FetchError::Setup { source: error.into() })
}

/// Ten redirects at the most, and never from an encrypted connection to an open one.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let was_encrypted = attempt.previous().last().is_some_and(|previous| previous.scheme() == "https");
    if attempt.previous().len() > 10 {
        attempt.error("too many redirects")
    } else if was_encrypted && attempt.url().scheme() != "https" {
        attempt.error("a redirect from https to an unencrypted address is not followed")
    } else {
        attempt.follow()
    }
}

/// One request, going on where the last one broke off if the file is still the same.
async fn once(client: &Client, download: &Download, part: &Part, observer: &dyn Observer) -> Result<(), FetchError> {
    let held = part.continuation(&download.url);
    let mut request = client.get(&download.url).header(header::ACCEPT_ENCODING, "identity");
    if let Some((bytes, validator)) = &held {
        request = request.header(header::RANGE, format!("bytes={bytes}-")).header(header::IF_RANGE, validator);
    }
    let response = request.send().await.map_err(unanswered)?;
    check(&response, part)?;
    let offset = match held {
        Some((bytes, _)) if continues_at(&response, bytes) => bytes,
        Some(_) if response.status() == StatusCode::PARTIAL_CONTENT => {
            part.discard();
            return Err(FetchError::Broken { received: 0, source: None });
        }
        _ => 0,
    };
    let total = response.content_length().map(|rest| offset + rest);
    if total.is_some_and(|total| total > download.max_bytes) {
        return Err(FetchError::TooLarge { limit: download.max_bytes });
    }
    let file = if offset > 0 { part.append()? } else { part.restart(&download.url, validator(response.headers()))? };
    receive(response, Receiver { file, part, received: offset, total, limit: download.max_bytes }, observer).await
}

fn check(response: &Response, part: &Part) -> Result<(), FetchError> {
    let status = response.status();
    if status == StatusCode::RANGE_NOT_SATISFIABLE {
        part.discard();
    }
    if !matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
        return Err(FetchError::Status { status });
    }
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("text/html") { Err(FetchError::WebPage) } else { Ok(()) }
}

/// Whether a partial answer begins at byte `offset`.
fn continues_at(response: &Response, offset: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    response.status() == StatusCode::PARTIAL_CONTENT
        && range.is_some_and(|range| range.starts_with(&format!("bytes {offset}-")))
}

/// What tells a later request whether the file is still the same: a strong `ETag`, else the time of its last change.
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |value: &HeaderValue| value.to_str().ok().map(String::from);
    let tag = headers.get(header::ETAG).and_then(text).filter(|tag| !tag.starts_with("W/"));
    tag.or_else(|| headers.get(header::LAST_MODIFIED).and_then(text))
}

struct Receiver<'a> {
    file: File,
    part: &'a Part,
    received: u64,
    total: Option<u64>,
    limit: u64,
}

async fn receive(mut response: Response, mut to: Receiver<'_>, observer: &dyn Observer) -> Result<(), FetchError> {
    loop {
        observer.progress(to.received, to.total.unwrap_or_default());
        let chunk = response.chunk().await;
        let received = to.received;
        let broken = |source: reqwest::Error| FetchError::Broken { received, source: Some(source.without_url()) };
        let Some(chunk) = chunk.map_err(broken)? else { break };
        to.received += chunk.len() as u64;
        if to.received > to.limit {
            return Err(FetchError::TooLarge { limit: to.limit });
        }
        to.file.write_all(&chunk).map_err(disk("write", to.part.path()))?;
    }
    to.file.sync_all().map_err(disk("write", to.part.path()))?;
    if to.total.is_some_and(|total| total != to.received) {
        return Err(FetchError::Broken { received: to.received, source: None });
    }
    Ok(())
}

fn unanswered(error: reqwest::Error) -> FetchError {
    let is_setup = error.is_builder() || error.is_redirect();
    let is_made = error.is_request() && !error.is_connect() && !error.is_timeout();
    let source = error.without_url();
    match () {
        () if is_setup => FetchError::Setup { source: source.into() },
        () if is_made => FetchError::Broken { received: 0, source: Some(source) },
        () => FetchError::Unreachable { source },
    }
}
