//! What a daemon is told at its start, and every limit with its reason.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use modelstat_door::Limits;
use modelstat_engine::{ModelEngines, Secret};
use modelstat_summarize::{Engines, SegmentLimits};
use modelstat_wire::egress::Excerpt;
use modelstat_wire::{BatchFloor, IdentifierKey};

use crate::device::Registration;
use crate::reach::Reach;

/// Where a daemon listens unless told otherwise: this machine only.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4319);

/// How many segments wait for a model unless told otherwise: about a quarter of an hour of one core. While
/// they wait, so does their text.
pub const DEFAULT_MODEL_QUEUE: usize = 100;

const MIB: u64 = 1024 * 1024;

/// Everything that a daemon is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The daemon's own folder; made with mode 0700.
    pub data_dir: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Who else may reach it.
    pub reach: Reach,
    /// The server to ship to, without `/v1/ingest`.
    pub server_url: String,
    /// Ships everything with this key instead of the keys that brought it.
    pub own_key: Option<Secret>,
    /// Registers this daemon as a device of the server, and tells that of its machine.
    pub register: Option<Registration>,
    /// Opens `/v1/status` and `/v1/egress`.
    pub admin_token: Secret,
    /// What hides secrets and personal data; its key is the secret of this installation.
    pub floor: BatchFloor,
    /// How much of a turn is shipped.
    pub excerpt: Excerpt,
    /// How hashes of text are shipped.
    pub hashes: Hashes,
    /// When a segment ends.
    pub segments: SegmentLimits,
    /// What makes abstracts.
    pub engines: Engines,
    /// How many segments may wait for a model: beyond it the oldest do without.
    pub model_queue: usize,
    /// The engines with a model, which are asked after the first of [`Config::engines`].
    pub models: ModelEngines,
    /// How much is kept while the server cannot take it.
    pub spool: SpoolLimits,
    /// How much is kept of what was sent.
    pub ledger: LedgerLimits,
    /// What one request may use.
    pub http: Limits,
    /// How fast things repeat.
    pub pace: Pace,
}

impl Config {
    /// Takes what has no default.
    pub fn new(
        data_dir: PathBuf,
        server_url: String,
        admin_token: Secret,
        identifier_key: IdentifierKey,
    ) -> Self {
        Self {
            data_dir,
            listen: DEFAULT_LISTEN,
            reach: Reach::default(),
            server_url,
            own_key: None,
            register: None,
            admin_token,
            floor: BatchFloor::new(identifier_key),
            excerpt: Excerpt::default(),
            hashes: Hashes::default(),
            segments: SegmentLimits::default(),
            engines: Engines::default(),
            model_queue: DEFAULT_MODEL_QUEUE,
            models: ModelEngines::default(),
            spool: SpoolLimits::default(),
            ledger: LedgerLimits::default(),
            http: Limits::default(),
            pace: Pace::default(),
        }
    }
}

/// How hashes of text are shipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hashes {
    /// Hashed again under this installation's secret, since a plain hash confirms a guess.
    #[default]
    Keyed,
    /// As the client made them.
    Published,
}

/// How much is kept while the server cannot take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Most bytes of all queues together; above it ingest answers 503.
    pub bytes: u64,
    /// The longest that anything waits; what is older is given up and counted. `None` keeps it for ever.
    pub age: Option<Duration>,
    /// Free disk space that is left to others, in bytes: SQLite needs room to checkpoint.
    pub reserve_bytes: u64,
    /// The same as a share of the disk; the larger of the two holds.
    pub reserve_percent: u64,
    /// The most that the share asks for, in bytes.
    pub reserve_share_bytes: u64,
}

impl Default for SpoolLimits {
    fn default() -> Self {
        // Days of a busy team's numbers, and little beside any disk of today.
        Self {
            bytes: 2048 * MIB,
            age: None,
            reserve_bytes: 512 * MIB,
            reserve_percent: 5,
            reserve_share_bytes: 4096 * MIB,
        }
    }
}

/// How much is kept of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerLimits {
    /// Most bytes of payloads; the oldest go first.
    pub bytes: u64,
    /// Oldest entry.
    pub age: Duration,
}

impl Default for LedgerLimits {
    fn default() -> Self {
        // A quarter of a year is what an audit asks about.
        Self { bytes: 256 * MIB, age: Duration::from_hours(90 * 24) }
    }
}

/// How fast things repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks for segments that can be closed.
    pub tick: Duration,
    /// From the dropping of text to the emptying of the log that still holds it; the promise is 60 s.
    pub checkpoint: Duration,
    /// Between two rewritings of the spool's file, which take copies of dropped text out of it.
    pub rewrite: Duration,
    /// The ceiling of the first wait after a failure; it doubles with each further one.
    pub backoff_base: Duration,
    /// The ceiling of every wait after a failure.
    pub backoff_cap: Duration,
    /// Between two tries of a key that the server refuses.
    pub probe: Duration,
    /// Between two heartbeats of a registered device.
    pub heartbeat: Duration,
    /// The same while the device was registered a short time ago and nobody has claimed it.
    pub claim_poll: Duration,
    /// Longest wait for a connection to the server.
    pub connect_time: Duration,
    /// Longest wait for one request to the server.
    pub request_time: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(500),
            checkpoint: Duration::from_secs(10),
            // Rewriting a small file each minute costs a disk less than the logs of the calls themselves.
            rewrite: Duration::from_secs(50),
            backoff_base: Duration::from_secs(1),
            backoff_cap: Duration::from_mins(1),
            probe: Duration::from_mins(1),
            heartbeat: Duration::from_mins(1),
            claim_poll: Duration::from_secs(15),
            connect_time: Duration::from_secs(4),
            request_time: Duration::from_mins(1),
        }
    }
}
