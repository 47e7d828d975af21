//! The daemon: starts the threads, and ends them in order.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use modelstat_door::{BodyBudget, RefusalCounts};
use modelstat_engine::{EndpointError, ModelEngineError, Models};
use modelstat_summarize::{Engines, content_key, removed_key};
use modelstat_wire::egress::EgressPolicy;
use modelstat_wire::{Clock, FloorAdditions, Timestamp};
use tokio::sync::Semaphore;

use crate::config::{Config, Hashes};
use crate::database::{self, DatabaseError};
use crate::device::{Device, DeviceParts, DeviceStatus};
use crate::egress::{DeviceKey, DeviceKeyError, Door, DoorError, EngineDoor, LEDGER_FILE, Ledger};
use crate::files::{self, FileError};
use crate::http::{App, Kept, Listeners, Reports, Server, SocketError, bind};
use crate::keys::{KeyRing, KeysError};
use crate::pipeline::{Abstracts, Pipeline, Sessions};
use crate::reach::Reach;
use crate::shipper::{Shipper, Shown};
use crate::spool::{Kind, Spool, Writer};
use crate::status::{SpoolStatus, Status};
use crate::wake::{Phase, Wake};

/// How often the end of a thread is looked for at shutdown.
const JOIN_STEP: Duration = Duration::from_millis(5);

/// How long requests at hand may take at shutdown, as a share of the deadline: the rest is for shipping.
const REQUEST_SHARE: u32 = 4;

/// The longest of these shares: a request at hand needs a commit and no more.
const MAX_REQUEST_GRACE: Duration = Duration::from_secs(2);

/// How long drafts at hand may take then, as a share of the deadline; the template makes their abstracts
/// after it.
const DRAFT_SHARE: u32 = 2;

/// Why a daemon could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The folder cannot be used.
    #[error("the data directory cannot be used")]
    Folder(#[source] FileError),
    /// The spool cannot be used.
    #[error("the spool cannot be used")]
    Spool(#[source] DatabaseError),
    /// The egress ledger cannot be used.
    #[error("the egress ledger cannot be used")]
    Ledger(#[source] DatabaseError),
    /// The key that vouches for the egress ledger cannot be used.
    #[error("the device key cannot be used")]
    DeviceKey(#[source] DeviceKeyError),
    /// The keys cannot be used.
    #[error("the keys cannot be used")]
    Keys(#[source] KeysError),
    /// The server's address cannot be used.
    #[error("the server's address cannot be used")]
    Server(#[source] DoorError),
    /// The address of the engine over HTTP cannot be used.
    #[error("the engine cannot be used")]
    Engine(#[source] EndpointError),
    /// What the server gave this device cannot be used.
    #[error("the registration of this device cannot be used")]
    Device(#[source] FileError),
    /// Somebody else listens there.
    #[error("{address} is taken")]
    PortTaken {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("could not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Other machines could reach the address, and nobody said that they may.
    #[error("{address} can be reached by other machines")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The unix socket cannot be listened on.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The system gives no thread.
    #[error("could not start a thread")]
    Thread(#[source] io::Error),
}

impl From<ModelEngineError> for StartError {
    fn from(error: ModelEngineError) -> Self {
        match error {
            ModelEngineError::Endpoint(error) => Self::Engine(error),
            ModelEngineError::Thread(error) => Self::Thread(error),
        }
    }
}

/// A running daemon. Dropping it ends it without waiting for the server.
pub struct Daemon {
    shared: Arc<Shared>,
    server: Server,
    writer: Writer,
    threads: Threads,
}

struct Threads {
    writer: Option<JoinHandle<()>>,
    pipeline: Option<JoinHandle<()>>,
    abstracts: Option<JoinHandle<()>>,
    shipper: Option<JoinHandle<()>>,
    device: Option<JoinHandle<()>>,
}

/// What the threads share, and what `status` reads.
struct Shared {
    address: SocketAddr,
    reach: Reach,
    started_at: Timestamp,
    clock: Arc<dyn Clock>,
    redaction: FloorAdditions,
    engines: Engines,
    models: Models,
    spool: Arc<Spool>,
    ledger: Arc<Ledger>,
    door: Arc<Door>,
    shown: Arc<Mutex<Shown>>,
    refused: Arc<RefusalCounts>,
    sessions: Arc<Sessions>,
    pipeline: Arc<Wake>,
    abstracts: Arc<Wake>,
    shipper: Arc<Wake>,
    device_wake: Arc<Wake>,
    /// What the device's thread shows, where there is one.
    device: Option<Arc<Mutex<DeviceStatus>>>,
}

impl Daemon {
    /// Opens the files, listens and starts the threads.
    pub fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        files::private_folder(&config.data_dir).map_err(StartError::Folder)?;
        // Before anything is written: most often the port is taken by a daemon that runs already.
        let listeners = listen(&config)?;
        let address =
            listeners.tcp.local_addr().map_err(|source| listen_failed(config.listen, source))?;
        let keys = KeyRing::open(&config.data_dir.join("keys"), config.own_key.clone());
        let keys = keys.map_err(StartError::Keys)?;
        let keys = Arc::new(if config.register.is_some() { keys.for_device() } else { keys });
        let path = config.data_dir.join("spool.db");
        let spool = Spool::open(&path, config.spool, keys.has_own(), clock.now());
        let spool = Arc::new(spool.map_err(StartError::Spool)?);
        spool.follow_clock(clock.as_ref()).map_err(StartError::Spool)?;
        let signing = DeviceKey::open(&config.data_dir).map_err(StartError::DeviceKey)?;
        let ledger = open_ledger(&config, &Arc::new(signing), clock.as_ref());
        let ledger = Arc::new(ledger.map_err(StartError::Ledger)?);
        let door = Door::new(&config, Arc::clone(&ledger), Arc::clone(&clock));
        let models = Models::start(&config.models, |endpoint| {
            EngineDoor::new(endpoint, Arc::clone(&ledger), Arc::clone(&clock))
        })?;
        let mut shared = Shared {
            address,
            reach: config.reach.clone(),
            started_at: clock.now(),
            clock,
            redaction: config.floor.additions(),
            engines: models.after(config.engines.clone()),
            models,
            spool,
            ledger,
            door: Arc::new(door.map_err(StartError::Server)?),
            shown: Arc::default(),
            refused: Arc::default(),
            sessions: Arc::default(),
            pipeline: Arc::default(),
            abstracts: Arc::default(),
            shipper: Arc::default(),
            device_wake: Arc::default(),
            device: None,
        };
        let device = shared.device(&config, &keys).map_err(StartError::Device)?;
        shared.device = device.as_ref().map(Device::shown);
        Self::run(config, Arc::new(shared), keys, device, listeners).map_err(StartError::Thread)
    }

    fn run(
        config: Config,
        shared: Arc<Shared>,
        keys: Arc<KeyRing>,
        device: Option<Device>,
        listeners: Listeners,
    ) -> io::Result<Self> {
        let (writer, writer_thread) =
            Writer::start(Arc::clone(&shared.spool), Arc::clone(&shared.pipeline))?;
        let mut threads = Threads {
            writer: Some(writer_thread),
            pipeline: None,
            abstracts: None,
            shipper: None,
            device: None,
        };
        let pipeline = shared.pipeline(&config);
        threads.pipeline = Some(named("modelstat-pipeline", move || pipeline.run())?);
        let abstracts = shared.abstracts(&config);
        threads.abstracts = Some(named("modelstat-abstracts", move || abstracts.run())?);
        let shipper = shared.shipper(&config, Arc::clone(&keys));
        threads.shipper = Some(named("modelstat-shipper", move || shipper.run())?);
        if let Some(device) = device {
            threads.device = Some(named("modelstat-device", move || device.run())?);
        }
        let source = Arc::clone(&shared);
        let app = App {
            address: shared.address,
            limits: config.http,
            clock: Arc::clone(&shared.clock),
            floor: config.floor,
            admin_token: config.admin_token,
            token: config.reach.token,
            requires_token: config.reach.requires_token,
            keys,
            writer: writer.clone(),
            reports: Reports {
                status: Arc::new(move || source.status()),
                ledger: Arc::clone(&shared.ledger),
                door: Arc::clone(&shared.door),
            },
            page: Kept::default(),
            refused: Arc::clone(&shared.refused),
            budget: BodyBudget::new(config.http.bodies_bytes),
            workers: Arc::new(Semaphore::new(config.http.workers)),
        };
        let server = Server::start(listeners, app)?;
        for warning in shared.warnings() {
            tracing::warn!("{warning}");
        }
        tracing::info!(address = %shared.address, destination = shared.door.destination(), "daemon started");
        Ok(Self { shared, server, writer, threads })
    }

    /// Returns where it listens; with port 0 in the configuration, this is how the port is found.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Returns the unix socket that it listens on too.
    pub fn socket(&self) -> Option<&Path> {
        self.shared.reach.socket.as_deref()
    }

    /// Says how it is doing.
    pub fn status(&self) -> Result<Status, DatabaseError> {
        self.shared.status()
    }

    /// Says how it does as a device; `None` where it was not told to register.
    pub fn device(&self) -> Option<DeviceStatus> {
        self.shared.device_status()
    }

    /// Ends the daemon: intake stops, what is there is shipped for at most the deadline, every thread is
    /// joined. What is left stays on disk. Blocks, so from async code it belongs on a blocking thread.
    pub fn shutdown(mut self, deadline: Duration) {
        self.end(deadline);
    }

    fn end(&mut self, deadline: Duration) {
        if self.threads.writer.is_none() {
            return;
        }
        let until = Instant::now() + deadline;
        self.server.stop((deadline / REQUEST_SHARE).min(MAX_REQUEST_GRACE));
        // An abstract that is not begun can wait for the next start.
        self.shared.abstracts.advance(Phase::Ending);
        self.writer.stop();
        join("spool", self.threads.writer.take());
        self.shared.pipeline.advance(Phase::Finishing);
        if !has_ended(self.threads.pipeline.as_ref(), until) {
            self.shared.pipeline.advance(Phase::Ending);
        }
        join("pipeline", self.threads.pipeline.take());
        has_ended(self.threads.abstracts.as_ref(), Instant::now() + deadline / DRAFT_SHARE);
        self.shared.models.shut();
        join("abstracts", self.threads.abstracts.take());
        self.shared.shipper.advance(Phase::Finishing);
        if !has_ended(self.threads.shipper.as_ref(), until) {
            self.shared.shipper.advance(Phase::Ending);
            self.shared.door.shut();
        }
        join("shipper", self.threads.shipper.take());
        self.shared.device_wake.advance(Phase::Finishing);
        if !has_ended(self.threads.device.as_ref(), until) {
            self.shared.device_wake.advance(Phase::Ending);
            self.shared.door.shut();
        }
        join("device", self.threads.device.take());
        let emptied = self.shared.spool.checkpoint_dropped_text();
        if let Err(error) = emptied.and_then(|()| self.shared.ledger.checkpoint()) {
            tracing::warn!(%error, "a log could not be emptied at shutdown");
        }
        tracing::info!("daemon stopped");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

impl Shared {
    fn policy(config: &Config) -> EgressPolicy {
        let hash_key = match config.hashes {
            Hashes::Keyed => Some(config.floor.key().clone()),
            Hashes::Published => None,
        };
        EgressPolicy { excerpt: config.excerpt, hash_key }
    }

    fn pipeline(&self, config: &Config) -> Pipeline {
        Pipeline {
            spool: Arc::clone(&self.spool),
            clock: Arc::clone(&self.clock),
            policy: Self::policy(config),
            pace: config.pace,
            sessions: Arc::clone(&self.sessions),
            wake: Arc::clone(&self.pipeline),
            abstracts: Arc::clone(&self.abstracts),
            shipper: Arc::clone(&self.shipper),
        }
    }

    fn abstracts(&self, config: &Config) -> Abstracts {
        Abstracts {
            spool: Arc::clone(&self.spool),
            clock: Arc::clone(&self.clock),
            engines: self.engines.clone(),
            floor: config.floor.texts().clone(),
            removed_key: removed_key(config.floor.key()),
            content_key: content_key(config.floor.key()),
            model_queue: config.model_queue,
            policy: Self::policy(config),
            limits: config.segments,
            pace: config.pace,
            sessions: Arc::clone(&self.sessions),
            wake: Arc::clone(&self.abstracts),
            shipper: Arc::clone(&self.shipper),
        }
    }

    fn shipper(&self, config: &Config, keys: Arc<KeyRing>) -> Shipper {
        Shipper {
            spool: Arc::clone(&self.spool),
            door: Arc::clone(&self.door),
            keys,
            clock: Arc::clone(&self.clock),
            pace: config.pace,
            wake: Arc::clone(&self.shipper),
            shown: Arc::clone(&self.shown),
        }
    }

    fn device_status(&self) -> Option<DeviceStatus> {
        let device = self.device.as_ref()?;
        Some(device.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn device(&self, config: &Config, keys: &Arc<KeyRing>) -> Result<Option<Device>, FileError> {
        let Some(registration) = config.register.clone() else { return Ok(None) };
        let parts = DeviceParts {
            registration,
            door: Arc::clone(&self.door),
            spool: Arc::clone(&self.spool),
            keys: Arc::clone(keys),
            clock: Arc::clone(&self.clock),
            pace: config.pace,
            shown: Arc::clone(&self.shown),
            shipper: Arc::clone(&self.shipper),
            wake: Arc::clone(&self.device_wake),
        };
        Device::open(&config.data_dir, parts).map(Some)
    }

    fn warnings(&self) -> Vec<String> {
        self.reach.warnings(self.address).into_iter().chain(self.models.warning()).collect()
    }

    fn status(&self) -> Result<Status, DatabaseError> {
        let (used_bytes, limit_bytes) = self.spool.used();
        let limits = self.spool.limits();
        let [incoming, outbox, turns, quarantine, closed, known] = self.spool.depths()?;
        let waiting = self.spool.waiting();
        let (keys, last_ship, last_failure) = {
            let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            (shown.keys(&waiting), shown.last_ship, shown.last_failure.clone())
        };
        Ok(Status {
            version: env!("CARGO_PKG_VERSION"),
            floor_version: modelstat_redact::FLOOR_VERSION,
            redaction: self.redaction,
            address: self.address.to_string(),
            socket: self.reach.socket.as_ref().map(|path| path.display().to_string()),
            requires_token: self.reach.requires_token,
            warnings: self.warnings(),
            destination: self.door.destination(),
            started_at: self.started_at,
            now: self.clock.now(),
            device: self.device_status(),
            spool: SpoolStatus {
                used_bytes,
                limit_bytes,
                max_age_seconds: limits.age.map(|age| age.as_secs()),
                reserve_bytes: self.spool.reserve_bytes(),
                incoming,
                outbox,
                turns,
                quarantine,
                closed,
                known,
                damaged_files: self.spool.damaged_files(),
            },
            keys,
            last_ship,
            last_failure,
            outcomes: self.spool.counters(Kind::Outcome)?,
            rejected: self.spool.counters(Kind::Rejected)?,
            findings: self.spool.counters(Kind::Finding)?,
            shipped: self.spool.counters(Kind::Shipped)?,
            quarantined: self.spool.counters(Kind::Quarantined)?,
            engines: self.engines.names(),
            engine_states: self.models.status(),
            fallback: self.engines.fallback,
            summaries: self.spool.counters(Kind::Summary)?,
            refused_summaries: self.spool.counters(Kind::RefusedSummary)?,
            refused_requests: self.refused.counts(),
        })
    }
}

/// Opens the ledger. A damaged one is kept under another name, as it may still prove something, and a new
/// one is begun: what cannot be written down is not sent.
fn open_ledger(
    config: &Config,
    key: &Arc<DeviceKey>,
    clock: &dyn Clock,
) -> Result<Ledger, DatabaseError> {
    let path = config.data_dir.join(LEDGER_FILE);
    match Ledger::open(&path, config.ledger, Arc::clone(key), clock.now()) {
        Err(error) if error.is_damage() => {
            let aside = database::set_aside(&path, clock.now().as_millis())?;
            let file = aside.file_name().unwrap_or_default().display();
            tracing::error!(%error, %file, "the egress ledger is damaged: moved aside, and begun anew");
            Ledger::open(&path, config.ledger, Arc::clone(key), clock.now())
        }
        opened => opened,
    }
}

fn listen(config: &Config) -> Result<Listeners, StartError> {
    let address = config.listen;
    if !config.reach.allows(address) {
        return Err(StartError::NotLoopback { address });
    }
    let tcp = TcpListener::bind(address).map_err(|source| listen_failed(address, source))?;
    let unix = config.reach.socket.as_deref().map(bind).transpose()?;
    Ok(Listeners { tcp, unix })
}

fn listen_failed(address: SocketAddr, source: io::Error) -> StartError {
    if source.kind() == io::ErrorKind::AddrInUse {
        return StartError::PortTaken { address };
    }
    StartError::Listen { address, source }
}

fn named(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// Waits for a thread's end until a moment.
fn has_ended(thread: Option<&JoinHandle<()>>, until: Instant) -> bool {
    loop {
        let is_over = thread.is_none_or(JoinHandle::is_finished);
        if is_over || Instant::now() >= until {
            return is_over;
        }
        std::thread::sleep(JOIN_STEP);
    }
}

fn join(name: &str, thread: Option<JoinHandle<()>>) {
    if thread.is_some_and(|thread| thread.join().is_err()) {
        tracing::error!(thread = name, "a thread panicked");
    }
}
