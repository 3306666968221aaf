//! One HTTP exchange with a tracking server, repeated where that is harmless.
//!
//! For: `client`. Not for: what the calls mean. An answer that is no success becomes an error that says what to do;
//! no answer is assumed to be JSON. Nothing is ever redirected: a `POST` that is becomes a `GET`, and credentials
//! would go along.

use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::destination::{Credentials, Destination};
use super::error::DeliveryError;
use super::patience::Patience;

/// The most that is shown of what a server says.
const MESSAGE_CHARS: usize = 300;

/// A request.
#[derive(Debug)]
pub(super) struct Call {
    /// What it is, for people.
    pub(super) name: &'static str,
    pub(super) method: Method,
    /// Below the server's address.
    pub(super) path: String,
    pub(super) body: Body,
    /// Whether sending it twice is the same as sending it once.
    pub(super) is_repeatable: bool,
}

/// What a request carries.
#[derive(Debug)]
pub(super) enum Body {
    Empty,
    Json(Value),
    Bytes(Vec<u8>),
    /// A file of this size, sent as it is read.
    File(PathBuf, u64),
}

/// The way to one server.
pub(super) struct Transport {
    http: Client,
    destination: Destination,
    patience: Patience,
    /// Whether the server has answered before.
    has_answered: AtomicBool,
}

impl Transport {
    pub(super) fn new(destination: &Destination, patience: &Patience) -> Result<Self, DeliveryError> {
        // Fails only where a provider is installed already, which will do as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let patience = patience.adapted_to(destination);
        let builder = Client::builder()
            .user_agent(concat!("segpipe/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(patience.connect)
            .redirect(redirect::Policy::none());
        let http = destination.secure(builder)?.build().map_err(|error| unreachable(destination, error))?;
        Ok(Self { http, destination: destination.clone(), patience, has_answered: AtomicBool::new(false) })
    }

    pub(super) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Sends `call` and reads the JSON answer.
    pub(super) async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, DeliveryError> {
        let bytes = self.send(&call).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let problem = format!("its answer to `{}` is not the JSON that was expected ({error})", call.name);
            DeliveryError::NotMlflow { server: self.destination.shown(), problem }
        })
    }

    /// Sends `call`; the answer as it is.
    pub(super) async fn fetch(&self, call: Call) -> Result<Vec<u8>, DeliveryError> {
        self.send(&call).await
    }

    /// Sends `call`; whatever is answered is fine, as long as it is a success.
    pub(super) async fn tell(&self, call: Call) -> Result<(), DeliveryError> {
        self.send(&call).await.map(drop)
    }

    /// Waits before another try of something that failed, where another is due.
    pub(super) async fn wait_after(&self, error: &DeliveryError, attempt: u32) -> bool {
        let is_hopeless = error.is_refused_connection() && !self.has_answered.load(Ordering::Relaxed);
        if !error.is_passing() || is_hopeless || attempt + 1 >= self.patience.tries {
            return false;
        }
        let pause = self.patience.pause_after(attempt, error.retry_after());
        tracing::debug!(error = %error, attempt, pause = pause.as_secs_f64(), "tried again");
        tokio::time::sleep(pause).await;
        true
    }

    async fn send(&self, call: &Call) -> Result<Vec<u8>, DeliveryError> {
        let mut attempt = 0;
        loop {
            let sent = self.once(call).await;
            let Err(error) = sent else { return sent };
            if !call.is_repeatable || !self.wait_after(&error, attempt).await {
                return Err(error);
            }
            attempt += 1;
        }
    }

    async fn once(&self, call: &Call) -> Result<Vec<u8>, DeliveryError> {
        let (request, limit) = self.request(call).await?;
        let answer = request.timeout(limit).send().await;
        let mut answer = answer.map_err(|error| self.unanswered(call, limit, error))?;
        self.has_answered.store(true, Ordering::Relaxed);
        let mut bytes = Vec::new();
        let expected = answer.content_length();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.unanswered(call, limit, error))? {
            bytes.extend_from_slice(&chunk);
        }
        if expected.is_some_and(|expected| expected != bytes.len() as u64) || is_half_an_object(&bytes, &answer) {
            return Err(self.broken(call, "the answer was cut short"));
        }
        if answer.status().is_success() { Ok(bytes) } else { Err(self.refusal(call, &answer, &bytes)) }
    }

    /// The request and how long it may take.
    async fn request(&self, call: &Call) -> Result<(RequestBuilder, Duration), DeliveryError> {
        let url = format!("{}/{}", self.destination.base(), call.path);
        let request = self.http.request(call.method.clone(), url);
        let request = match self.destination.credentials() {
            Some(Credentials::Basic(name, password)) => request.basic_auth(name, Some(password)),
            Some(Credentials::Bearer(token)) => request.bearer_auth(token),
            None => request,
        };
        let limit = self.patience.request;
        Ok(match &call.body {
            Body::Empty => (request, limit),
            Body::Json(value) => {
                (request.header(header::CONTENT_TYPE, "application/json").body(value.to_string()), limit)
            }
            Body::Bytes(bytes) => (request.body(bytes.clone()), self.patience.request_of(bytes.len() as u64)),
            Body::File(path, bytes) => {
                let file = tokio::fs::File::open(path).await;
                let file = file.map_err(|source| DeliveryError::File { action: "read", path: path.clone(), source })?;
                (request.header(header::CONTENT_LENGTH, *bytes).body(file), self.patience.request_of(*bytes))
            }
        })
    }

    fn unanswered(&self, call: &Call, limit: Duration, error: reqwest::Error) -> DeliveryError {
        if error.is_connect() || error.is_builder() {
            return unreachable(&self.destination, error);
        }
        if error.is_timeout() {
            return DeliveryError::TooSlow { server: self.destination.shown(), call: call.name, limit };
        }
        self.broken(call, error.without_url())
    }

    fn broken(&self, call: &Call, source: impl Into<Box<dyn Error + Send + Sync>>) -> DeliveryError {
        DeliveryError::Broken { server: self.destination.shown(), call: call.name, source: source.into() }
    }

    /// What an answer that is no success means.
    fn refusal(&self, call: &Call, answer: &Response, body: &[u8]) -> DeliveryError {
        let (server, call) = (self.destination.shown(), call.name);
        let status = answer.status();
        let Said { code, message } = said(body);
        match status {
            StatusCode::UNAUTHORIZED => {
                DeliveryError::Unknown { server, has_credentials: self.destination.has_credentials() }
            }
            StatusCode::FORBIDDEN if message.contains("Invalid Host header") => {
                DeliveryError::HostRefused { server, host: self.destination.host() }
            }
            StatusCode::FORBIDDEN => DeliveryError::Forbidden { server, call, message },
            _ if is_passing(status) => {
                let (status, retry_after) = (status.as_u16(), retry_after(answer.headers()));
                DeliveryError::Failing { server, call, status, message, retry_after }
            }
            _ if status.is_redirection() => DeliveryError::Moved { server, to: location(answer.headers()) },
            StatusCode::NOT_FOUND if code.is_empty() => {
                let problem = format!("it does not know `{call}` (404)");
                DeliveryError::NotMlflow { server, problem }
            }
            _ => DeliveryError::Refused { server, call, status: status.as_u16(), code, message },
        }
    }
}

fn unreachable(destination: &Destination, error: reqwest::Error) -> DeliveryError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    let mut is_refused = false;
    while let Some(error) = cause {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        is_refused |= kind == Some(std::io::ErrorKind::ConnectionRefused);
        cause = error.source();
    }
    DeliveryError::Unreachable { server: destination.shown(), is_refused, source: error.without_url() }
}

/// Whether an answer that says it is JSON ends before it is over, as one without a length may.
fn is_half_an_object(bytes: &[u8], answer: &Response) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_json = kind.starts_with("application/json") && !bytes.is_empty();
    is_json && serde_json::from_slice::<Value>(bytes).is_err_and(|error| error.is_eof())
}

/// Whether the same might go well later. What the server has not learnt (501) it will not learn.
fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
        || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

/// What a server says of a failure.
struct Said {
    code: String,
    message: String,
}

/// MLflow's JSON, else the beginning of the text; of a web page only that it is one.
fn said(body: &[u8]) -> Said {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let json: Option<Value> = serde_json::from_str(text).ok();
    let field = |name: &str| Some(json.as_ref()?.get(name)?.as_str()?.to_owned());
    let is_page = text.starts_with('<');
    let message = match field("message") {
        Some(message) => message,
        None if is_page => "the answer is a web page".to_owned(),
        None if text.is_empty() => "no word why".to_owned(),
        None => text.to_owned(),
    };
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = crate::address::without_user_info(&line.chars().take(MESSAGE_CHARS).collect::<String>());
    Said { code: field("error_code").unwrap_or_default(), message }
}

/// In seconds; a date is not understood and left aside.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok())?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

fn location(headers: &HeaderMap) -> String {
    let text = headers.get(header::LOCATION).map(HeaderValue::to_str).and_then(Result::ok);
    text.map_or_else(|| "nowhere".to_owned(), crate::address::shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_one_short_line() {
        let json = said(br#"{"error_code":"INVALID_PARAMETER_VALUE","message":"no\n such  thing at http://a:b@h"}"#);
        assert_eq!(
            (json.code.as_str(), json.message.as_str()),
            ("INVALID_PARAMETER_VALUE", "no such thing at http://h")
        );
        let page = said(b"<!doctype html><title>500</title>");
        assert_eq!(page.message, "the answer is a web page");
        assert_eq!(said(b"Permission denied").message, "Permission denied");
        assert_eq!(said(b" ").message, "no word why");
        assert_eq!(said(&[0xff; 5000]).message.chars().count(), MESSAGE_CHARS);
    }
}
