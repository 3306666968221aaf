//! The stream under hyper: a reader who takes nothing is given up, and hyper's own refusals are held back.
//!
//! For: what hyper leaves out. It waits for a reader without end, and what is no HTTP gets a status without a reason
//! from it; `connections` says the reason instead. Not for: reading, which hyper's own time-out covers.

use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// Bytes that a slow reader must take before its time begins anew. Without them, a byte now and then would do.
const PIECE: usize = 64 << 10;

/// How a head ends, and what hyper's refusals have in it. Ours always have a body.
const END: &[u8] = b"\r\n\r\n";
const BEGIN: &[u8] = b"HTTP/1.1 4";
const BODILESS: &[u8] = b"content-length: 0\r\n";

/// A head of hyper's own is shorter.
const LONGEST: usize = 256;

/// A connection as hyper sees it.
pub(super) struct Wire {
    stream: TcpStream,
    patience: Duration,
    /// Ends when the reader is given up; none while nothing waits for it.
    waiting: Option<Pin<Box<Sleep>>>,
    /// Bytes taken since `waiting` began.
    taken: usize,
    is_refused: bool,
}

impl Wire {
    /// A stream whose reader may take nothing for `patience`.
    pub(super) fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, waiting: None, taken: 0, is_refused: false }
    }

    /// The stream. It can still be written to where hyper refused what it read.
    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }

    fn send(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let Poll::Ready(sent) = Pin::new(&mut self.stream).poll_write_vectored(cx, slices) else {
            return self.wait(cx);
        };
        self.taken += *sent.as_ref().unwrap_or(&0);
        if self.taken >= PIECE {
            self.rest();
        }
        Poll::Ready(sent)
    }

    /// Pending until the reader has had its time.
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(waiting.as_mut().poll(cx));
        // What the system still keeps for it is thrown away as well.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the reader takes nothing")))
    }

    /// Nothing waits for the reader.
    fn rest(&mut self) {
        self.waiting = None;
        self.taken = 0;
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let wire = self.get_mut();
        let found = slices.iter().enumerate().find_map(|(index, slice)| Some((index, refusal(slice)?)));
        match found {
            None => wire.send(cx, slices),
            Some((0, 0)) => {
                wire.is_refused = true;
                Poll::Ready(Ok(slices[0].len()))
            }
            // What was to be sent before it goes first, and hyper comes again with the rest.
            Some((index, 0)) => wire.send(cx, &slices[..index]),
            Some((index, begin)) => {
                let slices: Vec<_> =
                    slices[..index].iter().map(|slice| &**slice).chain([&slices[index][..begin]]).collect();
                wire.send(cx, &slices.into_iter().map(IoSlice::new).collect::<Vec<_>>())
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let wire = self.get_mut();
        ready!(Pin::new(&mut wire.stream).poll_flush(cx))?;
        wire.rest();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let wire = self.get_mut();
        // The reason is still to come.
        if wire.is_refused { Poll::Ready(Ok(())) } else { Pin::new(&mut wire.stream).poll_shutdown(cx) }
    }
}

/// Where hyper's own refusal begins, with which `bytes` end.
fn refusal(bytes: &[u8]) -> Option<usize> {
    if !bytes.ends_with(END) {
        return None;
    }
    let from = bytes.len().saturating_sub(LONGEST);
    let begin = from + bytes[from..].windows(BEGIN.len()).rposition(|window| window == BEGIN)?;
    let head = &bytes[begin..];
    let has = |bytes: &[u8], wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    let is_last = !has(&head[..head.len() - 1], END);
    (is_last && has(head, BODILESS)).then_some(begin)
}

#[cfg(test)]
mod tests {
    use super::refusal;

    const HYPERS: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n";

    #[test]
    fn only_refusals_without_a_body_are_held_back() {
        assert_eq!(refusal(HYPERS.as_bytes()), Some(0));
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(refusal(format!("{ok}{HYPERS}").as_bytes()), Some(ok.len()));
        for other in [
            ok,
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 10\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "\r\n\r\n",
            "",
        ] {
            assert_eq!(refusal(other.as_bytes()), None, "{other:?}");
        }
        assert_eq!(refusal(format!("{HYPERS}{ok}").as_bytes()), None);
    }
}
