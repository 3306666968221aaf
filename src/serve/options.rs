//! How a service is to behave: where it listens, whom it lets in, and how much it takes on.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// How a service is to behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 is any that is free.
    pub bind: SocketAddr,
    /// What a request must show, where anything.
    pub token: Option<Token>,
    /// Bytes that a body to be scored may have.
    pub max_body: u64,
    /// Bytes that transactions may have.
    pub max_upload: u64,
    /// Requests at once; one more is turned away.
    pub concurrency: usize,
    /// How long a request may take to arrive, and to be answered.
    pub time_out: Duration,
    /// How long a request's head may take, and a connection may be idle.
    pub head_time_out: Duration,
    /// How long a reader may take nothing of its answer.
    pub reader_time_out: Duration,
    /// How often is looked whether the bundle has changed.
    pub poll: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            token: None,
            max_body: 8 << 20,
            max_upload: 256 << 20,
            concurrency: 256,
            time_out: Duration::from_secs(30),
            head_time_out: Duration::from_secs(10),
            reader_time_out: Duration::from_secs(30),
            poll: Duration::from_secs(1),
        }
    }
}

/// What a request must show. Only its digest is kept.
#[derive(Clone)]
pub struct Token(blake3::Hash);

impl Token {
    /// The token with this text.
    pub fn new(text: &str) -> Self {
        Self(blake3::hash(text.as_bytes()))
    }

    /// Whether `text` is it. Digests are compared, in constant time.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        self.0 == blake3::hash(text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token")
    }
}
