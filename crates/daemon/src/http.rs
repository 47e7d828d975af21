//! The loopback listener: bounded connections, heads, bodies and times.

mod admin;
mod answer;
mod body;
mod guard;
mod ingest;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use modelstat_wire::{Clock, IdentifierKey};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::Service;

use crate::config::{HttpLimits, Secret};
use crate::keys::KeyRing;
use crate::spool::Writer;
use crate::status::Status;
use answer::{RefusalCode, refuse};

pub(crate) use admin::Reports;

/// Most header fields of a request.
const MAX_HEADERS: usize = 100;

/// Pause after a failed accept: out of file descriptors, for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What requests are handled with.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    pub(crate) limits: HttpLimits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) identifier_key: IdentifierKey,
    pub(crate) admin_token: Secret,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) writer: Writer,
    pub(crate) reports: Reports,
    pub(crate) refused: Arc<Refused>,
    /// Bytes of bodies in memory, in the unit of [`body::BUDGET_UNIT`].
    pub(crate) budget: Arc<Semaphore>,
    /// Bodies that are parsed at the same time.
    pub(crate) workers: Arc<Semaphore>,
}

impl App {
    pub(crate) fn budget(limits: HttpLimits) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(body::units(limits.bodies_bytes)))
    }
}

/// Requests by what they were refused for.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<BTreeMap<&'static str, u64>>);

impl Refused {
    fn count(&self, code: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Asks for a fresh [`Status`].
pub(crate) type StatusSource =
    dyn Fn() -> Result<Status, crate::database::DatabaseError> + Send + Sync;

/// Whether to stop, and how long requests at hand may take.
type Stop = Option<Duration>;

/// The thread that serves.
pub(crate) struct Server {
    stop: watch::Sender<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on a listener that is bound already.
    pub(crate) fn start(listener: TcpListener, app: App) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(app.limits.workers + 2)
            .thread_name("modelstat-http")
            .enable_all()
            .build()?;
        let (stop, stopped) = watch::channel(None);
        let thread =
            std::thread::Builder::new().name("modelstat-listen".to_owned()).spawn(move || {
                runtime.block_on(serve(listener, Arc::new(app), stopped));
                end(runtime);
            })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Takes no new request, and returns once those at hand are answered or the grace is over.
    pub(crate) fn stop(&mut self, grace: Duration) {
        self.stop.send_replace(Some(grace));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the listener's thread panicked");
        }
    }
}

/// Blocking work ends soon: it is bounded, and the writer still runs.
fn end(runtime: Runtime) {
    runtime.shutdown_timeout(Duration::from_secs(1));
}

async fn serve(listener: TcpListener, app: Arc<App>, mut stopped: watch::Receiver<Stop>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the listener cannot be used");
            return;
        }
    };
    let room = Arc::new(Semaphore::new(app.limits.connections));
    let router = router(Arc::clone(&app));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = is_stopped(&mut stopped) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let connection = connection(stream, router.clone(), app.limits, stopped.clone());
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
    listener: &tokio::net::TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

async fn connection(
    stream: tokio::net::TcpStream,
    router: Router,
    limits: HttpLimits,
    mut stopped: watch::Receiver<Stop>,
) {
    // An answer is one small write; waiting for company only delays it.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = hyper::service::service_fn(move |request: hyper::Request<_>| {
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

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(admin::front))
        .route("/healthz", get(admin::healthz))
        .route("/v1/status", get(admin::status))
        .route("/v1/egress", get(admin::egress))
        .route("/v1/ingest", post(ingest::ingest))
        .route("/v1/ingest/raw", post(ingest::ingest_raw))
        .fallback(admin::not_found)
        .method_not_allowed_fallback(admin::wrong_method)
        .layer(from_fn_with_state(Arc::clone(&app), around))
        .with_state(app)
}

/// Guards every request, turns a panic into an answer, and counts refusals.
async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let response = match guard::check(&request, app.address) {
        Ok(()) => without_panic(next.run(request)).await,
        Err(refusal) => refusal.into_response(),
    };
    if let Some(RefusalCode(code)) = response.extensions().get() {
        app.refused.count(code);
    }
    response
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
