//! Connections: accepted up to a number, given up where they are slow, finished when the service ends.
//!
//! For: hyper and its time-outs. Not for: what a request means.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::problem::Problem;
use super::routes::Service;
use super::wire::Wire;

/// Bytes that the head of a request may have.
const HEAD: usize = 64 << 10;

/// How long is waited after an accept that failed, e.g. because the process has no more files.
const PAUSE: Duration = Duration::from_millis(50);

/// What is waited at the end beyond the time that a request may take.
const GRACE: Duration = Duration::from_secs(5);

/// How long, and how many bytes, are read on after a last answer. A connection that is closed while something is
/// unread loses the answer on its way to many a reader.
const LINGER: Duration = Duration::from_secs(1);
const LEFT: usize = 16 << 20;

/// Serves until `stopped` says so, then finishes what was begun.
pub(super) async fn serve(listener: TcpListener, service: Arc<Service>, stopped: watch::Receiver<bool>) {
    let router = service.router();
    // More than there are places for requests, because idle ones count.
    let places = Arc::new(Semaphore::new(service.options.concurrency * 2 + 64));
    let mut connections = JoinSet::new();
    let mut end = stopped.clone();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = end.wait_for(|stopped| *stopped) => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            connections.spawn(turn_away(stream, Problem::busy()));
            continue;
        };
        let (router, service, stopped) = (router.clone(), Arc::clone(&service), stopped.clone());
        connections.spawn(async move {
            let _place = place;
            let _present = service.metrics.connection();
            connection(stream, router, &service, stopped).await;
        });
    }
    drop(listener);
    let rest = async { while connections.join_next().await.is_some() {} };
    // Whoever has not finished by then is not going to.
    let _ = timeout(service.options.time_out + GRACE, rest).await;
}

async fn connection(stream: TcpStream, router: Router, service: &Service, mut stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let options = &service.options;
    let wire = Wire::new(stream, options.reader_time_out);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(options.head_time_out).max_buf_size(HEAD);
    let mut connection = builder.serve_connection(TokioIo::new(wire), TowerToHyperService::new(router));
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        _ = stopped.wait_for(|stopped| *stopped) => None,
    };
    let (ended, is_over) = if let Some(ended) = ended {
        (ended, false)
    } else {
        Pin::new(&mut connection).graceful_shutdown();
        ((&mut connection).await, true)
    };
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner().into_inner();
    if let Err(error) = ended {
        let Some(problem) = reason(&error, !parts.read_buf.is_empty()) else { return };
        service.unread(problem.status);
        send(&mut stream, &problem).await;
    }
    if !is_over {
        linger(&mut stream).await;
    }
}

/// Why a request was not even read; none where there was none, or nobody is left to tell.
fn reason(error: &hyper::Error, has_begun: bool) -> Option<Problem> {
    if error.is_parse() {
        return Some(Problem::unreadable(error, HEAD));
    }
    // Who has sent nothing was only idle, and is not owed a word.
    if !has_begun {
        return None;
    }
    if error.is_timeout() {
        return Some(Problem::too_slow());
    }
    error.is_incomplete_message().then(|| Problem::malformed("the request breaks off").last())
}

/// Answers what was not, or not wholly, read.
async fn turn_away(mut stream: TcpStream, problem: Problem) {
    send(&mut stream, &problem).await;
}

async fn send(stream: &mut TcpStream, problem: &Problem) {
    let body = problem.json();
    let status = problem.status;
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{}connection: close\r\n\r\n",
        body.len(),
        if status == StatusCode::SERVICE_UNAVAILABLE { "retry-after: 1\r\n" } else { "" },
    );
    let answer = [head.as_bytes(), &body].concat();
    let _ = timeout(PAUSE, async {
        stream.write_all(&answer).await?;
        stream.shutdown().await
    })
    .await;
}

/// Reads on for a moment, until the other side has closed too.
async fn linger(stream: &mut TcpStream) {
    let rest = async {
        let (mut piece, mut left) = (vec![0; 16 << 10], LEFT);
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            left = left.saturating_sub(read);
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(LINGER, rest).await;
}
