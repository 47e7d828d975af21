//! A listener that bounds connections, heads and times, and ends in order.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::Service;

use crate::connections::{Connections, Ended, Place, Watched, watch as watch_body};
use crate::framing::Framing;
use crate::guard;
use crate::refusal::{Refusal, RefusalCode, RefusalCounts, refuse};

/// Most header fields of a request.
const MAX_HEADERS: usize = 100;

/// Pause after a failed accept: out of file descriptors, for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the last words to a client may take that we end the connection with.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);

/// The code of connections that made room for others.
const DISPLACED: &str = "connection_displaced";

/// The code of connections on which nothing moved.
const STALLED: &str = "connection_stalled";

const MIB: u64 = 1024 * 1024;

/// What requests may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections of a listener; a further one displaces the one that stood still longest.
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

/// Whether to stop, and how long requests at hand may take.
pub type Stop = Option<Duration>;

/// A socket that listens.
#[derive(Debug)]
pub enum Listener {
    /// On an address.
    Tcp(TcpListener),
    /// In a folder.
    Unix(UnixListener),
}

/// A connection that was taken.
enum Stream {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// How a request came; every request carries it as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Over an address, from this peer.
    Tcp(SocketAddr),
    /// Over a unix socket: from who may open its file.
    Unix,
}

impl Via {
    /// Returns how a request came; one that does not say came from anywhere.
    pub fn of(request: &Request) -> Option<Self> {
        request.extensions().get().copied()
    }

    /// Whether the request was sent on this machine.
    pub fn is_this_machine(self) -> bool {
        match self {
            Self::Tcp(peer) => peer.ip().to_canonical().is_loopback(),
            Self::Unix => true,
        }
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // An answer is one small write; waiting for company only delays it.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream, peer))
            }
            Self::Unix(listener) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}

/// Serves a router until it is told to stop, and returns once the requests at hand are answered or
/// the grace is over. Counts what is refused below the router: heads, and connections.
pub async fn serve(
    listener: Listener,
    router: Router,
    limits: Limits,
    counts: Arc<RefusalCounts>,
    mut stopped: watch::Receiver<Stop>,
) {
    let open = Connections::new(limits.connections);
    let serving = Serving { router, limits, counts, stopped: stopped.clone() };
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = is_stopped(&mut stopped) => break,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            accepted = accept(&listener, &open, &serving.counts) => accepted,
        };
        match accepted {
            Ok((Stream::Tcp(stream, peer), place)) => {
                tasks.spawn(serving.clone().connection(stream, Via::Tcp(peer), place));
            }
            Ok((Stream::Unix(stream), place)) => {
                tasks.spawn(serving.clone().connection(stream, Via::Unix, place));
            }
            Err(error) => {
                tracing::warn!(kind = %error.kind(), "could not accept a connection");
                // Out of file descriptors, mostly; who does nothing gives one back.
                if open.end_stillest() {
                    serving.counts.count(DISPLACED);
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all = async { while tasks.join_next().await.is_some() {} };
    let grace = stopped.borrow().unwrap_or_default();
    if tokio::time::timeout(grace, all).await.is_err() {
        tracing::warn!("connections were cut at shutdown");
    }
}

async fn accept(
    listener: &Listener,
    open: &Arc<Connections>,
    counts: &RefusalCounts,
) -> io::Result<(Stream, Place)> {
    let stream = listener.accept().await?;
    let (place, has_displaced) = open.enter().await;
    if has_displaced {
        counts.count(DISPLACED);
    }
    Ok((stream, place))
}

/// What every connection of a listener is served with.
#[derive(Clone)]
struct Serving {
    router: Router,
    limits: Limits,
    counts: Arc<RefusalCounts>,
    stopped: watch::Receiver<Stop>,
}

impl Serving {
    async fn connection<S>(self, socket: S, via: Via, place: Place)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { router, limits, counts, mut stopped } = self;
        let activity = Arc::clone(&place.activity);
        let (working, refused) = (Arc::clone(&activity), Arc::clone(&counts));
        let service = hyper::service::service_fn(move |request: hyper::Request<_>| {
            let (mut router, activity) = (router.clone(), Arc::clone(&working));
            let framing = activity.next_framing();
            let refusal = refuse_head(&request, framing, limits.head_bytes);
            if let Some(refusal) = &refusal {
                refused.count(refusal.code());
            }
            async move {
                if let Some(refusal) = refusal {
                    return Ok(refusal.into_response());
                }
                let mut request = request.map(|body| watch_body(body, Arc::clone(&activity)));
                request.extensions_mut().insert(via);
                let answered = router.call(request).await;
                activity.answer();
                answered.map(|answer| close_behind(answer, framing))
            }
        });
        let io = TokioIo::new(Watched { socket, activity: Arc::clone(&activity) });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_buf_size(limits.head_bytes)
            .max_headers(MAX_HEADERS)
            .serve_connection(io, service);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = is_stopped(&mut stopped) => {
                Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
            ended = activity.ended(limits.head_time + limits.body_time) => {
                // One that made room was counted by who came.
                if ended == Ended::Stalled {
                    counts.count(STALLED);
                }
                return;
            }
        };
        let Err(error) = ended else { return };
        if note(&error, activity.has_unanswered(), &counts) == Some(refuse::HEAD_TOO_SLOW.code()) {
            let mut socket = connection.into_parts().io.into_inner().socket;
            let words = refuse::HEAD_TOO_SLOW.as_last_words();
            // Who sends slowly may read slowly too.
            let said =
                async { socket.write_all(words.as_bytes()).await.and(socket.shutdown().await) };
            tokio::time::timeout(LAST_WORDS_TIME, said).await.ok();
        }
    }
}

/// Refuses what the HTTP library let pass.
fn refuse_head<B>(
    request: &hyper::Request<B>,
    framing: Option<Framing>,
    head_limit: usize,
) -> Option<Refusal> {
    // What is read ahead may hold more than was allowed.
    if head_bytes(request) > head_limit {
        return Some(refuse::HEAD_TOO_LARGE);
    }
    (framing == Some(Framing::Both)).then_some(refuse::TWO_LENGTHS)
}

/// Nothing follows a body without a length, as its end was not looked for.
fn close_behind(mut answer: Response, framing: Option<Framing>) -> Response {
    if framing == Some(Framing::Coding) {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// About how long a head was, line by line.
fn head_bytes<B>(request: &hyper::Request<B>) -> usize {
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len())
        + uri.authority().map_or(0, |authority| authority.as_str().len());
    let fields =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    target + fields.sum::<usize>()
}

/// Counts a head that was refused before there was a request, and returns as what. hyper has answered what
/// it could not read, but not what it waited for.
fn note(
    error: &hyper::Error,
    has_unanswered: bool,
    counts: &RefusalCounts,
) -> Option<&'static str> {
    let code = if error.is_parse_too_large() {
        refuse::HEAD_TOO_LARGE.code()
    } else if error.is_parse() {
        "head_malformed"
    } else if error.is_timeout() && has_unanswered {
        refuse::HEAD_TOO_SLOW.code()
    } else {
        tracing::debug!(timeout = error.is_timeout(), "a connection ended early");
        return None;
    };
    counts.count(code);
    Some(code)
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
