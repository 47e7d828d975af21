//! The listeners on loopback and on a unix socket: bounded connections, heads, bodies and times.

mod admin;
mod answer;
mod egress;
mod ingest;
mod page;
mod socket;
mod token;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use modelstat_door::{
    BodyBudget, Limits, Listener, RefusalCode, RefusalCounts, Stop, refuse, serve,
};
use modelstat_engine::Secret;
use modelstat_wire::{BatchFloor, Clock};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

use crate::keys::KeyRing;
use crate::spool::Writer;
use crate::status::Status;

pub(crate) use admin::Reports;
pub(crate) use page::Kept;
pub use socket::{SocketError, is_socket_path};
pub(crate) use socket::{SocketFile, bind};

/// What requests are handled with.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) floor: BatchFloor,
    pub(crate) admin_token: Secret,
    /// The secret of `daemon.token`.
    pub(crate) token: Option<Secret>,
    pub(crate) requires_token: bool,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) writer: Writer,
    pub(crate) reports: Reports,
    pub(crate) page: Kept,
    pub(crate) refused: Arc<RefusalCounts>,
    /// Bytes of bodies in memory.
    pub(crate) budget: BodyBudget,
    /// Bodies that are parsed at the same time.
    pub(crate) workers: Arc<Semaphore>,
}

/// Asks for a fresh [`Status`].
pub(crate) type StatusSource =
    dyn Fn() -> Result<Status, crate::database::DatabaseError> + Send + Sync;

/// What is listened on.
pub(crate) struct Listeners {
    pub(crate) tcp: TcpListener,
    pub(crate) unix: Option<(UnixListener, SocketFile)>,
}

/// The thread that serves.
pub(crate) struct Server {
    stop: watch::Sender<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on listeners that are bound already.
    pub(crate) fn start(listeners: Listeners, app: App) -> io::Result<Self> {
        listeners.tcp.set_nonblocking(true)?;
        if let Some((listener, _)) = &listeners.unix {
            listener.set_nonblocking(true)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(app.limits.workers + 2)
            .thread_name("modelstat-http")
            .enable_all()
            .build()?;
        let (stop, stopped) = watch::channel(None);
        let thread =
            std::thread::Builder::new().name("modelstat-listen".to_owned()).spawn(move || {
                runtime.block_on(listen(listeners, Arc::new(app), stopped));
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

async fn listen(listeners: Listeners, app: Arc<App>, stopped: watch::Receiver<Stop>) {
    let Listeners { tcp, unix } = listeners;
    let tcp = tokio::net::TcpListener::from_std(tcp).map(Listener::Tcp);
    let serving = on(tcp, &app, stopped.clone());
    let Some((socket, file)) = unix else { return serving.await };
    let unix = tokio::net::UnixListener::from_std(socket).map(Listener::Unix);
    tokio::join!(serving, on(unix, &app, stopped));
    drop(file);
}

async fn on(listener: io::Result<Listener>, app: &Arc<App>, stopped: watch::Receiver<Stop>) {
    let (router, counts) = (router(Arc::clone(app)), Arc::clone(&app.refused));
    match listener {
        Ok(listener) => serve(listener, router, app.limits, counts, stopped).await,
        Err(error) => tracing::error!(kind = %error.kind(), "a listener cannot be used"),
    }
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/status.css", get(page::style))
        .route("/healthz", get(admin::healthz))
        .route("/v1/status", get(admin::status))
        .route("/v1/egress", get(egress::entries))
        .route("/v1/egress/receipts", get(egress::receipts))
        .route("/v1/ingest", post(ingest::ingest))
        .route("/v1/ingest/raw", post(ingest::ingest_raw))
        .fallback(admin::not_found)
        .method_not_allowed_fallback(admin::wrong_method)
        .layer(from_fn_with_state(Arc::clone(&app), guarded))
        .with_state(app)
}

/// Guards every request and counts refusals.
async fn guarded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    // Beyond loopback any name may be ours, so that a page's origin proves nothing (DNS rebinding).
    let is_page = request.headers().contains_key(header::ORIGIN);
    let response = if is_page && !app.address.ip().is_loopback() {
        refuse::CROSS_ORIGIN.into_response()
    } else {
        modelstat_door::around(app.address, request, next).await
    };
    if let Some(RefusalCode(code)) = response.extensions().get() {
        app.refused.count(code);
    }
    response
}
