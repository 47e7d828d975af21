//! The loopback listener: bounded connections, heads, bodies and times.

mod admin;
mod answer;
mod ingest;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use modelstat_door::{BodyBudget, Limits, RefusalCode, Stop, serve};
use modelstat_wire::{BatchFloor, Clock};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

use crate::config::Secret;
use crate::keys::KeyRing;
use crate::spool::{Packers, Writer};
use crate::status::Status;

pub(crate) use admin::Reports;

/// What requests are handled with.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) floor: BatchFloor,
    pub(crate) admin_token: Secret,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) writer: Writer,
    pub(crate) packers: Arc<Packers>,
    pub(crate) reports: Reports,
    pub(crate) refused: Arc<Refused>,
    /// Bytes of bodies in memory.
    pub(crate) budget: BodyBudget,
    /// Bodies that are parsed at the same time.
    pub(crate) workers: Arc<Semaphore>,
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
                runtime.block_on(listen(listener, Arc::new(app), stopped));
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

async fn listen(listener: TcpListener, app: Arc<App>, stopped: watch::Receiver<Stop>) {
    match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => serve(listener, router(Arc::clone(&app)), app.limits, stopped).await,
        Err(error) => tracing::error!(kind = %error.kind(), "the listener cannot be used"),
    }
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
        .layer(from_fn_with_state(Arc::clone(&app), guarded))
        .with_state(app)
}

/// Guards every request and counts refusals.
async fn guarded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let response = modelstat_door::around(app.address, request, next).await;
    if let Some(RefusalCode(code)) = response.extensions().get() {
        app.refused.count(code);
    }
    response
}
