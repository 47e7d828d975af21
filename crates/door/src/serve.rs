//! A listener that bounds connections, heads and times, and ends in order.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::Service;

use crate::guard;
use crate::refusal::{RefusalCode, refuse};

/// Most header fields of a request.
const MAX_HEADERS: usize = 100;

/// Pause after a failed accept: out of file descriptors, for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const MIB: u64 = 1024 * 1024;

/// What requests may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at a time; further ones wait in the listener's backlog.
    pub connections: usize,
    /// Longest head of a request: a long bearer and a browser's usual headers.
    pub head_bytes: usize,
    /// Longest wait for a head, and longest pause between two requests of a connection.
    pub head_time: Duration,
    /// Longest wait for a whole body: 64 MiB from the same machine take far less.
    pub body_time: Duration,
    /// Most bytes of bodies in memory; above it ingest answers 503.
    pub bodies_bytes: u64,
    /// Bodies that are parsed and redacted at the same time.
    pub workers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            head_bytes: 64 * 1024,
            head_time: Duration::from_secs(30),
            body_time: Duration::from_secs(30),
            bodies_bytes: 256 * MIB,
            workers: 4,
        }
    }
}

/// Where a request came from, among its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Whether to stop, and how long requests at hand may take.
pub type Stop = Option<Duration>;

/// Serves a router until it is told to stop, and returns once the requests at hand are answered or
/// the grace is over.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stopped: watch::Receiver<Stop>,
) {
    let room = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = is_stopped(&mut stopped) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                let connection = connection(stream, peer, router.clone(), limits, stopped.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(kind = %error.kind(), "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let grace = stopped.borrow().unwrap_or_default();
    if tokio::time::timeout(grace, all).await.is_err() {
        tracing::warn!("connections were cut at shutdown");
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, Peer, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, Peer(peer), permit))
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    limits: Limits,
    mut stopped: watch::Receiver<Stop>,
) {
    // An answer is one small write; waiting for company only delays it.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = hyper::service::service_fn(move |mut request: hyper::Request<_>| {
        request.extensions_mut().insert(peer);
        router.clone().call(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_bytes)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = is_stopped(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(
            timeout = error.is_timeout(),
            parse = error.is_parse(),
            "a connection ended early"
        );
    }
}

/// Returns once the server is to stop; nobody is left to say so when the sender is gone.
async fn is_stopped(stopped: &mut watch::Receiver<Stop>) {
    drop(stopped.wait_for(Option::is_some).await);
}

/// Guards a request, turns a panic into an answer, and gives every error one shape.
pub async fn around(address: SocketAddr, request: Request, next: Next) -> Response {
    match guard::check(&request, address) {
        Ok(()) => in_our_shape(without_panic(next.run(request)).await),
        Err(refusal) => refusal.into_response(),
    }
}

/// An error of the framework gets our words: its own may quote the request.
fn in_our_shape(response: Response) -> Response {
    let status = response.status();
    let is_ours = response.extensions().get::<RefusalCode>().is_some();
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let refusal = match status {
        StatusCode::PAYLOAD_TOO_LARGE => refuse::TOO_LARGE,
        StatusCode::METHOD_NOT_ALLOWED => refuse::METHOD,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => refuse::CONTENT_TYPE,
        StatusCode::NOT_FOUND if response.headers().contains_key(header::CONTENT_TYPE) => {
            return response;
        }
        StatusCode::NOT_FOUND => refuse::NOT_FOUND,
        _ if status.is_client_error() => refuse::MALFORMED,
        _ => return response,
    };
    refusal.into_response()
}

/// The request's own state is dropped with it; what is shared survives a panic.
async fn without_panic(handled: impl Future<Output = Response>) -> Response {
    let mut handled = Box::pin(handled);
    let outcome = std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| handled.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(response)) => Poll::Ready(Some(response)),
            Err(_) => Poll::Ready(None),
        }
    });
    outcome.await.unwrap_or_else(|| refuse::PANICKED.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_answered() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let panics = async { panic!("as the test wants") };
        let response = runtime.block_on(without_panic(panics));
        assert_eq!(response.status(), 500);
    }
}
