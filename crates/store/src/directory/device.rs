//! Devices: daemons that registered themselves, and what they say of their state.

use std::collections::BTreeMap;

use modelstat_redact::RedactedText;
use modelstat_wire::Timestamp;
use serde::Serialize;

/// What secrets of devices start with.
pub const DEVICE_SECRET_PREFIX: &str = "ds_live_";

/// Most devices that wait to be claimed. Anybody can register one, so that their number must have an
/// end; it is far above what a team rolls out in a week.
pub const MAX_UNCLAIMED_DEVICES: usize = 1_000;

/// How long a device waits to be claimed, in days: over a holiday of whoever claims it.
pub const UNCLAIMED_DAYS: i64 = 7;

/// The shortest time between two heartbeats that are written, in microseconds: each costs a sync of
/// the disk, and none says more than the one a second before.
pub const HEARTBEAT_INTERVAL_MICROS: i64 = 1_000_000;

/// A device that registers itself.
#[derive(Clone)]
pub struct NewDevice {
    /// The device's own random name for itself.
    pub uuid: String,
    /// What kind of machine it is.
    pub fingerprint: Fingerprint,
    /// The key by which its signatures are checked, as it wrote it.
    pub public_key: Option<String>,
    /// The secret that it had before, which proves that it is the same device.
    pub previous_secret: Option<String>,
}

/// What kind of machine a device is, as far as it says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fingerprint {
    /// `linux`, `macos`, …
    pub os_family: Option<RedactedText>,
    /// The system's version.
    pub os_version: Option<RedactedText>,
    /// The processor's architecture.
    pub arch: Option<RedactedText>,
    /// The program that registered.
    pub daemon: Option<RedactedText>,
    /// Its version.
    pub daemon_version: Option<RedactedText>,
    /// The machine's name, which our daemon sends only when it is told to.
    pub hostname: Option<RedactedText>,
    /// What tells the machine apart; our daemon sends a keyed hash.
    pub machine_id: Option<RedactedText>,
}

/// How far a device has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceState {
    /// It has registered, and belongs to nobody: it may send heartbeats, and no events.
    Unclaimed,
    /// It belongs to an org, and may send its events.
    Claimed,
    /// Its secret is void.
    Revoked,
}

/// A device without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// `dev_` and 32 hexadecimal digits.
    pub id: String,
    /// The device's own random name for itself.
    pub uuid: String,
    /// How far it has come.
    pub state: DeviceState,
    /// The org that it belongs to.
    pub org_id: Option<String>,
    /// What claims it, while nobody has.
    pub claim_code: Option<String>,
    /// The secret's beginning, enough to recognise it.
    pub secret_prefix: String,
    /// The key by which its signatures are checked, as it wrote it.
    pub public_key: Option<String>,
    /// What kind of machine it is.
    pub fingerprint: Fingerprint,
    /// When it registered.
    pub created_at: Timestamp,
    /// When it was claimed.
    pub claimed_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last heard of.
    pub last_seen_at: Option<Timestamp>,
    /// What it said then.
    pub heartbeat: Option<Heartbeat>,
}

impl Device {
    /// The id as batches carry it. We made it, so that it holds nothing captured.
    pub fn wire_id(&self) -> RedactedText {
        #[expect(clippy::disallowed_methods, reason = "an id of ours, from our own store")]
        RedactedText::from_store(self.id.clone())
    }
}

/// What a device says of itself now and then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Heartbeat {
    /// `idle`, `uploading`, `offline`, …
    pub status: RedactedText,
    /// The version that runs now.
    pub daemon_version: Option<RedactedText>,
    /// Requests that wait for the server.
    pub queue_size: Option<u64>,
    /// When the last event was shipped.
    pub last_event_at: Option<Timestamp>,
    /// Counts by name.
    pub stats: BTreeMap<String, u64>,
}

/// A device just registered, with the secret that is shown once.
#[derive(Clone)]
pub struct RegisteredDevice {
    /// The device.
    pub device: Device,
    /// `ds_live_…`.
    pub secret: String,
    /// Whether the device was known, and proved to be the same.
    pub is_known: bool,
}

impl std::fmt::Debug for NewDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewDevice").field("uuid", &self.uuid).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RegisteredDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegisteredDevice").field("device", &self.device).finish_non_exhaustive()
    }
}
