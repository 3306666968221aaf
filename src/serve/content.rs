//! What the headers of a request say of its body and of the answer wanted.

use axum::http::{HeaderMap, StatusCode, header};

use super::problem::Problem;

/// The content type of a body, without its parameters.
pub(super) fn kind(headers: &HeaderMap) -> Result<&str, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok("") };
    let text = value.to_str().map_err(|_| unsupported("the content type cannot be read"))?;
    let mut parts = text.split(';');
    let kind = parts.next().unwrap_or_default().trim();
    let charset =
        parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    let is_known =
        |charset: &str| ["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known));
    match charset {
        Some((_, charset)) if !is_known(charset.trim().trim_matches('"')) => {
            Err(unsupported("the body must be in UTF-8"))
        }
        _ => Ok(kind),
    }
}

/// A body of a kind that is not read.
pub(super) fn unsupported(message: &'static str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message).last()
}

/// Refuses bodies that are packed in transit, but for the packings in `taken`.
pub(super) fn check_encoding(headers: &HeaderMap, taken: &[&str]) -> Result<(), Problem> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(()) };
    let is_taken =
        |encoding: &str| ["identity", ""].iter().chain(taken).any(|known| encoding.eq_ignore_ascii_case(known));
    if encoding.to_str().is_ok_and(|encoding| is_taken(encoding.trim())) {
        return Ok(());
    }
    Err(unsupported("the body has a content encoding that is not read").with_hint("send it unpacked"))
}

/// Whether CSV is wanted rather than JSON. What is named first is wanted.
pub(super) fn wants_csv(headers: &HeaderMap) -> Result<bool, Problem> {
    let Some(accept) = headers.get(header::ACCEPT) else { return Ok(false) };
    let text = accept.to_str().unwrap_or_default();
    for range in text.split(',') {
        match range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "text/csv" => return Ok(true),
            "application/json" | "application/*" | "*/*" | "" => return Ok(false),
            _ => {}
        }
    }
    let text = "neither `application/json` nor `text/csv` is accepted";
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", text).last())
}
