//! Reading a request's body: no more than may come, and no longer than may be waited.
//!
//! For: every route that takes a body.

use std::path::Path;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout_at};

use super::problem::Problem;

/// What may come of one body, and until when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    pub(super) bytes: u64,
    pub(super) until: Instant,
}

impl Allowance {
    pub(super) fn new(bytes: u64, time: Duration) -> Self {
        Self { bytes, until: Instant::now() + time }
    }

    /// Refuses what says itself that it is too large.
    fn check_length(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let said = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if said.is_some_and(|length| length > self.bytes) { Err(Problem::too_large(self.bytes)) } else { Ok(()) }
    }
}

/// The pieces of a body as they come.
struct Pieces {
    body: Body,
    allowance: Allowance,
    taken: u64,
}

impl Pieces {
    fn of(body: Body, headers: &HeaderMap, allowance: Allowance) -> Result<Self, Problem> {
        allowance.check_length(headers)?;
        Ok(Self { body, allowance, taken: 0 })
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            let frame = timeout_at(self.allowance.until, self.body.frame()).await.map_err(|_| Problem::too_slow())?;
            let Some(frame) = frame else { return Ok(None) };
            let frame =
                frame.map_err(|_| Problem::malformed("the body breaks off, or is not chunked as it says").last())?;
            let Ok(piece) = frame.into_data() else { continue };
            self.taken += piece.len() as u64;
            if self.taken > self.allowance.bytes {
                return Err(Problem::too_large(self.allowance.bytes));
            }
            return Ok(Some(piece));
        }
    }
}

/// The whole body in memory.
pub(super) async fn in_memory(body: Body, headers: &HeaderMap, allowance: Allowance) -> Result<Bytes, Problem> {
    let mut pieces = Pieces::of(body, headers, allowance)?;
    let Some(first) = pieces.next().await? else { return Ok(Bytes::new()) };
    // Almost always that is all, and nothing is copied.
    let Some(second) = pieces.next().await? else { return Ok(first) };
    let mut whole = Vec::from(first);
    whole.extend_from_slice(&second);
    while let Some(piece) = pieces.next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(Bytes::from(whole))
}

/// The whole body in a file.
pub(super) async fn in_file(body: Body, headers: &HeaderMap, allowance: Allowance, path: &Path) -> Result<(), Problem> {
    let failed = |_| Problem::internal("the body could not be kept for reading");
    let mut pieces = Pieces::of(body, headers, allowance)?;
    let mut file = File::create(path).await.map_err(failed)?;
    while let Some(piece) = pieces.next().await? {
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)
}
