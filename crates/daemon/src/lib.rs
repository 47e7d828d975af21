//! Loopback ingest, durable spool, abstracts, egress ledger and shipper.
//!
//! [`Daemon::start`] opens the spool, listens, and runs four threads: one serves requests, one commits
//! what arrives, one turns it into what may leave, one sends that. A request is acknowledged once its
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
mod egress;
#[doc(hidden)]
pub mod failpoint;
mod files;
mod http;
mod keys;
mod pipeline;
mod shipper;
mod spool;
mod status;
mod wake;

pub use config::{Config, DEFAULT_LISTEN, Hashes, LedgerLimits, Pace, Secret, SpoolLimits};
pub use daemon::{Daemon, StartError};
pub use database::DatabaseError;
pub use egress::{DoorError, LedgerEntry};
pub use files::FileError;
pub use keys::KeysError;
pub use modelstat_door::Limits as HttpLimits;
pub use modelstat_summarize::SegmentLimits;
pub use modelstat_wire::egress::Excerpt;
pub use status::{Depth, KeyState, KeyStatus, LastShip, SpoolStatus, Status};

/// What this daemon can do that published ones cannot; clients read it from `/healthz`.
pub const CAPABILITIES: [&str; 3] = ["full_turns", "gzip", "zstd"];
