//! `POST /invocations`: MLflow's scoring protocol.
//!
//! For: recency, frequency and monetary in, segments out, the same bytes for every form of the same rows.

use axum::http::HeaderMap;

use super::json::Rows;
use super::problem::Problem;
use super::{content, delimited, json};

/// How a body writes its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Csv,
}

impl Form {
    /// What the headers say.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        content::check_encoding(headers, &[])?;
        match content::kind(headers)? {
            kind if kind.eq_ignore_ascii_case("application/json") => Ok(Self::Json),
            kind if kind.eq_ignore_ascii_case("text/csv") => Ok(Self::Csv),
            _ => Err(content::unsupported("the body is neither `application/json` nor `text/csv`")
                .with_hint("say which by the header `content-type`")),
        }
    }

    /// The rows of a body.
    pub(super) fn rows(self, body: &[u8]) -> Result<Rows, Problem> {
        match self {
            Self::Json => json::rows(body),
            Self::Csv => delimited::rows(body),
        }
    }
}
