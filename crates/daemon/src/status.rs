//! What a daemon says of itself: counts and times, never a text or a key.

use std::collections::BTreeMap;

use modelstat_engine::EngineStatus;
use modelstat_summarize::FallbackEngine;
use modelstat_wire::{FloorAdditions, Timestamp};
use serde::Serialize;

use crate::device::DeviceStatus;

/// Everything that `modelstat status` shows of a daemon.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The daemon's version.
    pub version: &'static str,
    /// The version of the floor.
    pub floor_version: &'static str,
    /// How much this host added to the floor.
    pub redaction: FloorAdditions,
    /// Where it listens.
    pub address: String,
    /// The unix socket that it listens on too.
    pub socket: Option<String>,
    /// Whether batches over TCP need the secret of `daemon.token`.
    pub requires_token: bool,
    /// What an operator should know.
    pub warnings: Vec<String>,
    /// Host, port and path of the server.
    pub destination: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When this was said.
    pub now: Timestamp,
    /// How it does as a device of the server; absent where it was not told to register.
    pub device: Option<DeviceStatus>,
    /// How full the queues are.
    pub spool: SpoolStatus,
    /// The keys that have something to ship, or that the server answered badly.
    pub keys: Vec<KeyStatus>,
    /// The last request that the server took, since the start.
    pub last_ship: Option<LastShip>,
    /// Why the last try failed, if it did.
    pub last_failure: Option<String>,
    /// Events by outcome: accepted, duplicate or rejected at the door, expired later.
    pub outcomes: BTreeMap<String, u64>,
    /// Refused records by reason.
    pub rejected: BTreeMap<String, u64>,
    /// What redaction took out, by rule.
    pub findings: BTreeMap<String, u64>,
    /// What the server took, and said of it.
    pub shipped: BTreeMap<String, u64>,
    /// Events that the server will never take, by its code.
    pub quarantined: BTreeMap<String, u64>,
    /// The engines that are asked for an abstract, in their order.
    pub engines: Vec<&'static str>,
    /// How those with a model do.
    pub engine_states: Vec<EngineStatus>,
    /// What makes an abstract where no model does; `extract` lets redacted sentences leave.
    pub fallback: FallbackEngine,
    /// Abstracts by engine, and how many of them were made again (`again`).
    pub summaries: BTreeMap<String, u64>,
    /// Engines that failed or whose output the leak gate refused, as `engine.reason`.
    pub refused_summaries: BTreeMap<String, u64>,
    /// Requests by what they were refused for, since the start.
    pub refused_requests: BTreeMap<&'static str, u64>,
}

/// How full the queues are.
#[derive(Clone, Debug, Serialize)]
pub struct SpoolStatus {
    /// Bytes in use.
    pub used_bytes: u64,
    /// Bytes that may be used.
    pub limit_bytes: u64,
    /// The longest that anything waits; absent where nothing is too old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u64>,
    /// Free disk space that is left to others; below it ingest answers 503.
    pub reserve_bytes: u64,
    /// Batches that arrived and are not yet taken apart.
    pub incoming: Depth,
    /// Requests that wait for the server.
    pub outbox: Depth,
    /// Turns that wait for their segment to close.
    pub turns: Depth,
    /// Requests that the server will never take.
    pub quarantine: Depth,
    /// Closed segments that late events can join, for a day.
    pub closed: Depth,
    /// Contents of which it is known what a model makes of them.
    pub known: Depth,
    /// Files that were damaged and moved aside, to be looked at or deleted by hand.
    pub damaged_files: u64,
}

/// How much one queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Rows.
    pub rows: u64,
    /// When the oldest came, in milliseconds since the epoch.
    pub oldest_at_ms: Option<i64>,
}

/// How shipping with one key goes.
#[derive(Clone, Debug, Serialize)]
pub struct KeyStatus {
    /// The key's number; 0 is the daemon's own.
    pub key: u32,
    /// How it goes.
    pub state: KeyState,
    /// Why it does not go well.
    pub reason: Option<String>,
    /// Requests that wait.
    pub waiting: u64,
    /// Tries that failed in a row.
    pub failures: u32,
    /// Time until the next try.
    pub retry_in_ms: Option<u64>,
}

/// How shipping with one key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Well.
    Ready,
    /// The server could not take a request; it is tried again.
    BackingOff,
    /// The server refuses the key; it is tried now and then.
    Paused,
}

/// The last request that the server took.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LastShip {
    /// When.
    pub at: Timestamp,
    /// The server's status.
    pub status: u16,
    /// How many events it held.
    pub events: u64,
}
