//! Loopback ingest, durable spool, abstracts, egress ledger and shipper.
//!
//! [`Daemon::start`] opens the spool, listens, and runs five threads: one serves requests, one commits
//! what arrives, one takes it apart, one makes abstracts, one sends what may leave; a sixth where it
//! registers as a device, and as many more as its model makes abstracts together. A request is acknowledged once its
//! redacted batch is on disk; from there on, everything can be killed at any moment and goes on where it
//! was.
//!
//! ```text
//! request → parse → redact → spool (incoming) → pipeline ─┬→ outbox (numbers) ───────┬→ egress → server
//!                                                         └→ turns → abstract → outbox ┘
//! ```
//!
//! What this crate deliberately does not do: it reads no environment and no clock, and it takes no lock on
//! its folder; both are the caller's.

mod config;
mod daemon;
mod database;
mod device;
mod egress;
#[doc(hidden)]
pub mod failpoint;
mod files;
mod http;
mod keys;
mod pipeline;
mod reach;
mod segment_options;
mod shipper;
mod spool;
mod status;
mod wake;

pub use config::{
    Config, DEFAULT_LISTEN, DEFAULT_MODEL_QUEUE, Hashes, LedgerLimits, Pace, SpoolLimits,
};
pub use daemon::{Daemon, StartError};
pub use database::DatabaseError;
pub use device::{DeviceState, DeviceStatus, Registration};
pub use egress::{
    CheckpointReport, DeviceKeyError, DoorError, LedgerEntry, LedgerProblem, LedgerRequest,
    PayloadProblem, Verification, VerifyError, is_receipt_signed, verify_ledger,
};
pub use files::FileError;
pub use http::{SocketError, is_socket_path};
pub use keys::KeysError;
pub use modelstat_door::Limits as HttpLimits;
pub use modelstat_engine::{
    ChildLimits, ChildOptions, Endpoint, EndpointError, EngineState, EngineStatus, FindModel,
    HttpOptions, ModelEngines, ModelProblem, Secret,
};
pub use modelstat_summarize::{
    Draft, Engine, EngineError, Engines, FallbackEngine, Model, Quoting, SegmentLimits, Turn,
    WorkType,
};
pub use modelstat_wire::egress::Excerpt;
pub use reach::Reach;
pub use segment_options::{SegmentOptionError, SegmentOptions};
pub use status::{Depth, KeyState, KeyStatus, LastShip, SpoolStatus, Status};

/// What this daemon can do that published ones cannot; clients read it from `/healthz`.
pub const CAPABILITIES: [&str; 3] = ["full_turns", "gzip", "zstd"];
