//! A server at work.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use modelstat_door::{BodyBudget, Limits, Listener, RefusalCounts, Stop, serve};
use modelstat_engine::{EndpointClient, EndpointError, ModelEngineError, ModelEngines, Models};
use modelstat_pricing::PriceBook;
use modelstat_store::{
    Directory, DirectoryError, EmbeddedOptions, EmbeddedStores, LedgerError, NewKey, OpenError,
    Org, Scope,
};
use modelstat_summarize::{Engines, SegmentLimits, content_key, removed_key};
use modelstat_wire::{BatchFloor, Clock, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::abstracts::{Abstracts, KnownContents, Making};
use crate::applier::{Applier, ApplierStores};
use crate::operator::OperatorToken;
use crate::rate::RateLimit;
use crate::routes::router;
use crate::state::{MAX_QUERIES, State};

/// How long requests at hand may take at shutdown.
const REQUEST_GRACE: Duration = Duration::from_secs(5);

/// Who asks an engine over HTTP.
const USER_AGENT: &str = concat!("modelstat-server/", env!("CARGO_PKG_VERSION"));

/// What a server is told at start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its own folder.
    pub data_dir: PathBuf,
    /// What hides secrets and personal data that came through.
    pub floor: BatchFloor,
    /// Lets the operator's verbs in.
    pub operator: OperatorToken,
    /// The daemon's ingest address, shown to those who have no data yet.
    pub daemon_url: Option<String>,
    /// When a segment of turns that came to `/v1/ingest/raw` ends.
    pub segments: SegmentLimits,
    /// What makes the abstracts of such segments.
    pub engines: Engines,
    /// The engines with a model, which are asked after the first of [`Config::engines`].
    pub models: ModelEngines,
    /// How many bytes of one org's turns wait for their abstracts.
    pub text_bytes: u64,
}

/// A server at work, on embedded stores.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<Stop>,
    serving: JoinHandle<()>,
    abstracts: Abstracts,
    applier: Applier,
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("could not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A store does not open.
    #[error("could not open the stores")]
    Stores(#[from] OpenError),
    /// The ledger does not answer.
    #[error("could not read the ledger")]
    Ledger(#[from] LedgerError),
    /// The address of the engine over HTTP cannot be used.
    #[error("the engine cannot be used")]
    Engine(#[source] EndpointError),
    /// A thread cannot be started.
    #[error("could not start a thread")]
    Thread(#[from] std::io::Error),
}

impl From<ModelEngineError> for StartError {
    fn from(error: ModelEngineError) -> Self {
        match error {
            ModelEngineError::Endpoint(error) => Self::Engine(error),
            ModelEngineError::Thread(error) => Self::Thread(error),
        }
    }
}

impl Server {
    /// Opens the stores, resumes what the inbox holds, and listens.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let refused = |source| StartError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let options =
            EmbeddedOptions { text_bytes: config.text_bytes, ..EmbeddedOptions::default() };
        let models =
            Models::start(&config.models, |endpoint| EndpointClient::new(endpoint, USER_AGENT))?;
        if let Some(warning) = models.warning() {
            tracing::warn!("{warning}");
        }
        let models = Arc::new(models);
        let stores = EmbeddedStores::open_with(&config.data_dir, clock.now(), options)?;
        let book = PriceBook::builtin();
        let applier = Applier::start(ApplierStores {
            inbox: Arc::clone(&stores.inbox),
            ledger: Arc::clone(&stores.ledger),
            book,
            clock: Arc::clone(&clock),
        })?;
        let engines = models.after(config.engines);
        let known: Arc<KnownContents> = Arc::default();
        let abstracts = Abstracts::start(Making {
            inbox: Arc::clone(&stores.inbox),
            clock: Arc::clone(&clock),
            engines: engines.clone(),
            models: Arc::clone(&models),
            floor: config.floor.texts().clone(),
            removed_key: removed_key(config.floor.key()),
            content_key: content_key(config.floor.key()),
            known: Arc::clone(&known),
            limits: config.segments,
            applier: applier.handle(),
        })?;
        let directory = Arc::clone(&stores.directory);
        let limits = Limits::default();
        let refused_requests: Arc<RefusalCounts> = Arc::default();
        let state = Arc::new(State {
            directory: stores.directory,
            inbox: stores.inbox,
            ledger: stores.ledger,
            book,
            clock: Arc::clone(&clock),
            floor: config.floor,
            engines,
            models,
            known,
            text_bytes: config.text_bytes,
            operator: config.operator,
            address,
            limits,
            budget: BodyBudget::new(limits.bodies_bytes),
            parsing: Arc::new(Semaphore::new(limits.workers)),
            queries: Arc::new(Semaphore::new(MAX_QUERIES)),
            applier: applier.handle(),
            registrations: RateLimit::of_registrations(),
            claims: RateLimit::of_claims(),
            daemon_url: config.daemon_url,
            refused: Arc::clone(&refused_requests),
        });
        let (stop, stopped) = watch::channel(None);
        let listener = Listener::Tcp(listener);
        let serving = serve(listener, router(state), limits, refused_requests, stopped);
        #[expect(clippy::disallowed_methods, reason = "`stop` joins it")]
        let serving = tokio::spawn(serving);
        Ok(Self { address, stop, serving, abstracts, applier, directory, clock })
    }

    /// Returns the address, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the org of a name, which is made when there is none, and whether it was.
    pub fn ensure_org(&self, name: &str) -> Result<(Org, bool), DirectoryError> {
        if let Some(org) = self.directory.orgs()?.into_iter().find(|org| org.name == name) {
            return Ok((org, false));
        }
        Ok((self.directory.create_org(name, self.clock.now())?, true))
    }

    /// Makes a key and returns its secret.
    pub fn create_key(
        &self,
        org: &Org,
        scope: Scope,
        label: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<String, DirectoryError> {
        let new = NewKey { org_id: org.id.clone(), scope, label: label.to_owned(), expires_at };
        Ok(self.directory.create_key(new, self.clock.now())?.secret)
    }

    /// Stops taking requests, ends the models and waits for the abstracts at hand, drains the inbox into the
    /// ledger, and joins every thread.
    pub async fn stop(self) {
        self.stop.send_replace(Some(REQUEST_GRACE));
        if self.serving.await.is_err() {
            tracing::error!("the listener ended by a panic");
        }
        let (abstracts, applier) = (self.abstracts, self.applier);
        // What the one commits last, the other still applies.
        let stopping = tokio::task::spawn_blocking(move || {
            abstracts.stop();
            applier.stop();
        });
        if stopping.await.is_err() {
            tracing::error!("the applier could not be joined");
        }
    }
}
