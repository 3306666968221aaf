//! What is wrong with a request, as the JSON that its sender gets.
//!
//! For: every answer that is no success. A message may repeat a cell of the request, never anything of the server.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

/// Seconds after which somebody who was turned away may come again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why a request is not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    said: Said,
    /// Whether the connection cannot be used any more, because its sender did not finish.
    is_last: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Said {
    code: &'static str,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    /// Counted from 1, without a header.
    row: Option<u64>,
    column: Option<Cow<'static, str>>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: &'a Said,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let said = Said { code, message: message.into(), hint: None, row: None, column: None };
        Self { status, said, is_last: false }
    }

    /// A body that cannot be understood.
    pub(super) fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// A value that cannot be scored.
    pub(super) fn value(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_value", message)
    }

    /// A body that is larger than what is taken.
    pub(super) fn too_large(limit: u64) -> Self {
        let text = format!("the body is larger than {limit} bytes");
        let problem = Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", text).with_hint("send it in pieces");
        Self { is_last: true, ..problem }
    }

    /// A sender who does not finish.
    pub(super) fn too_slow() -> Self {
        let problem = Self::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the request did not arrive in time");
        Self { is_last: true, ..problem }
    }

    /// A head that is no HTTP, or larger than `limit` bytes or than hyper's own limits.
    pub(super) fn unreadable(error: &hyper::Error, limit: usize) -> Self {
        let problem = if !error.is_parse_too_large() {
            let text = format!("this is no request of HTTP/1.1: {error}");
            Self::malformed(text).with_hint("`/openapi.json` describes the requests that are answered")
        } else if error.to_string().starts_with("URI") {
            let status = StatusCode::URI_TOO_LONG;
            Self::new(status, "head_too_large", "the request's address is longer than 65534 bytes")
        } else {
            let text = format!("the request's head is larger than {limit} bytes, or has more than 100 headers");
            Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", text)
        };
        Self { is_last: true, ..problem }
    }

    /// More is asked for at once than can be done.
    pub(super) fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many requests at once")
            .with_hint("try again in a second")
    }

    /// Something that is not the sender's fault.
    pub(super) fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    pub(super) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.said.hint = Some(hint.into());
        self
    }

    /// In which row it is, counted from 1.
    pub(super) fn at_row(mut self, row: u64) -> Self {
        self.said.row = Some(row);
        self
    }

    /// In which column it is.
    pub(super) fn at_column(mut self, column: impl Into<Cow<'static, str>>) -> Self {
        self.said.column = Some(column.into());
        self
    }

    /// The same, after which nothing more is read from the connection.
    pub(super) fn last(self) -> Self {
        Self { is_last: true, ..self }
    }

    /// The body of the answer.
    pub(super) fn json(&self) -> Vec<u8> {
        serde_json::to_vec(&Envelope { error: &self.said }).unwrap_or_default()
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = json(self.status, self.json());
        let headers = response.headers_mut();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.is_last {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// An answer in JSON.
pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    typed(status, HeaderValue::from_static("application/json"), body)
}

/// An answer of a content type.
pub(super) fn typed(status: StatusCode, content_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
