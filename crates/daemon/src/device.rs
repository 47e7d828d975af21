//! The daemon as a device of its server: it registers once, where it was told to, and says now and
//! then how it does. Both go through the one door, so that both stand in the egress ledger.
//!
//! A device that nobody has claimed keeps its events in the spool; the server would refuse them.

mod kept;
mod wire;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use modelstat_engine::Secret;
use modelstat_wire::{Clock, Timestamp};
use serde::Serialize;

use crate::config::Pace;
use crate::database::DatabaseError;
use crate::egress::{Door, Letter, Reply, SendError};
use crate::files::FileError;
use crate::keys::{KeyRing, OWN_KEY};
use crate::pipeline::compress;
use crate::shipper::{Shown, full_jitter};
use crate::spool::{Kind, Spool};
use crate::wake::{Phase, Wake};
use kept::{Kept, KeptFile, Registered};
use wire::{Fingerprint, HeartbeatBody, RegisterAnswer, RegisterBody, read_claimed};

/// Where a device registers.
const REGISTER_PATH: &str = "/v1/tokens";

/// Heartbeats that look for a claim more often, before they fall back to the usual pace: whoever
/// claims a device does so soon, or some other day.
const EAGER_HEARTBEATS: u32 = 40;

/// What a device tells of its machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// `linux`, `macos`, …
    pub os_family: String,
    /// The system's version.
    pub os_version: Option<String>,
    /// The processor's architecture.
    pub arch: String,
    /// What tells the machine apart; a keyed hash, never the machine's own id.
    pub machine_id: Option<String>,
    /// The machine's name, only where somebody asked for it to be sent.
    pub hostname: Option<String>,
}

/// How the daemon does as a device.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceStatus {
    /// How far it has come.
    pub state: DeviceState,
    /// `dev_…`, once it is registered.
    pub device_id: Option<String>,
    /// What claims it, on the server.
    pub claim_code: Option<String>,
    /// Where a person reads how.
    pub claim_url: Option<String>,
    /// Whether events are shipped with its secret; not where the operator gave a key.
    pub ships_events: bool,
    /// Why the last request failed, if it did.
    pub reason: Option<String>,
    /// When the server last took a heartbeat, since the start.
    pub last_heartbeat_at: Option<Timestamp>,
}

/// How far a device has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// It has no answer of the server yet.
    Registering,
    /// Somebody has to claim it; its events wait.
    Unclaimed,
    /// It belongs to an org.
    Claimed,
    /// The server refuses it; it is tried now and then.
    Paused,
}

/// What the thread works with.
pub(crate) struct DeviceParts {
    pub(crate) registration: Registration,
    pub(crate) door: Arc<Door>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pace: Pace,
    pub(crate) shown: Arc<Mutex<Shown>>,
    pub(crate) shipper: Arc<Wake>,
    pub(crate) wake: Arc<Wake>,
}

/// The device and its thread.
pub(crate) struct Device {
    parts: DeviceParts,
    file: KeptFile,
    kept: Kept,
    /// Shown to prove who registers again; it opens nothing any more.
    previous: Option<Secret>,
    /// Whether the server refused the secret since it last took a heartbeat.
    was_refused: bool,
    has_greeted: bool,
    failures: u32,
    waited: u32,
    status: Arc<Mutex<DeviceStatus>>,
}

impl Device {
    /// Reads what an earlier start was given; nothing is sent yet.
    pub(crate) fn open(folder: &Path, parts: DeviceParts) -> Result<Self, FileError> {
        let file = KeptFile::of_server(folder, &parts.door.destination());
        let kept = file.open()?;
        let status = Arc::new(Mutex::new(DeviceStatus::of(&kept, parts.keys.is_device())));
        if let Some(registered) = &kept.registered {
            parts.keys.set_device_secret(Secret::new(registered.secret.as_str()));
        }
        Ok(Self {
            parts,
            file,
            kept,
            previous: None,
            was_refused: false,
            has_greeted: false,
            failures: 0,
            waited: 0,
            status,
        })
    }

    /// What `status` reads.
    pub(crate) fn shown(&self) -> Arc<Mutex<DeviceStatus>> {
        Arc::clone(&self.status)
    }

    /// Runs until it is told to finish, which it tells the server, or to end.
    pub(crate) fn run(mut self) {
        loop {
            // What is kept is written whole, so a panic leaves it usable.
            let wait =
                catch_unwind(AssertUnwindSafe(|| self.step())).unwrap_or(self.parts.pace.heartbeat);
            match self.parts.wake.wait(Phase::Running, wait) {
                Phase::Running => {}
                Phase::Finishing => return self.say_goodbye(),
                Phase::Ending => return,
            }
        }
    }

    /// Does what is next, and returns how long to wait after it.
    fn step(&mut self) -> Duration {
        let Some(registered) = self.kept.registered.clone() else { return self.register() };
        let status = if self.has_greeted { self.activity() } else { "starting" };
        match self.beat(&registered, status) {
            Ok(reply) => self.settle(&registered, &reply),
            Err(reason) => self.later(reason, None),
        }
    }

    fn register(&mut self) -> Duration {
        let body = RegisterBody {
            device_uuid: &self.kept.device_uuid,
            public_key: &self.parts.door.public_key(),
            fingerprint: Fingerprint::of(&self.parts.registration),
        };
        let reply = match self.send(REGISTER_PATH, self.previous.as_ref(), &body) {
            Ok(reply) => reply,
            Err(reason) => return self.later(reason, None),
        };
        match reply.status {
            200..=299 => match RegisterAnswer::read(&reply.body) {
                Some(answer) => self.keep(answer),
                None => self.later("unexpected_answer".to_owned(), reply.retry_after),
            },
            408 | 429 | 500.. => self.later(format!("status_{}", reply.status), reply.retry_after),
            status => self.pause(format!("status_{status}")),
        }
    }

    fn keep(&mut self, answer: RegisterAnswer) -> Duration {
        let registered = Registered {
            is_claimed: answer.is_claimed(),
            device_id: answer.device_id,
            secret: answer.device_secret,
            claim_code: answer.claim_code,
            claim_url: answer.claim_url,
        };
        // Only what a person has to do something about is worth a line by default.
        if let Some(claim_code) = &registered.claim_code {
            tracing::warn!(
                device_id = registered.device_id,
                claim_code,
                "registered; somebody has to claim this device on the server"
            );
        }
        self.parts.keys.set_device_secret(Secret::new(registered.secret.as_str()));
        self.kept.registered = Some(registered);
        self.previous = None;
        self.failures = 0;
        self.waited = 0;
        *self.lock() = DeviceStatus { reason: self.save(), ..self.status_of_kept() };
        self.resume_shipping();
        Duration::ZERO
    }

    fn beat(&self, registered: &Registered, status: &'static str) -> Result<Reply, String> {
        let path = format!("/v1/devices/{}/heartbeat", registered.device_id);
        let unread = |error: DatabaseError| {
            tracing::warn!(%error, "the spool could not be read for a heartbeat");
            "spool".to_owned()
        };
        let [incoming, outbox, ..] = self.parts.spool.depths().map_err(unread)?;
        let last_ship = self.parts.shown.lock().unwrap_or_else(PoisonError::into_inner).last_ship;
        let body = HeartbeatBody {
            device_id: &registered.device_id,
            status,
            queue_size: incoming.rows + outbox.rows,
            stats: self.stats().map_err(unread)?,
            last_event_at: last_ship.map(|ship| ship.at),
            daemon_version: env!("CARGO_PKG_VERSION"),
        };
        self.send(&path, Some(&Secret::new(registered.secret.as_str())), &body)
    }

    /// Acts on the answer to a heartbeat.
    fn settle(&mut self, registered: &Registered, reply: &Reply) -> Duration {
        match reply.status {
            200..=299 => {
                self.was_refused = false;
                self.has_greeted = true;
                self.failures = 0;
                let is_claimed = read_claimed(&reply.body).unwrap_or(registered.is_claimed);
                self.note_claim(is_claimed);
                let last_heartbeat_at = Some(self.parts.clock.now());
                *self.lock() = DeviceStatus { last_heartbeat_at, ..self.status_of_kept() };
                self.usual_wait(is_claimed)
            }
            401 if !self.was_refused => {
                tracing::warn!("the server refuses this device, it registers again");
                self.was_refused = true;
                self.previous = Some(Secret::new(registered.secret.as_str()));
                // The file keeps it, so that a restart can still prove who this is.
                self.kept.registered = None;
                self.register()
            }
            401 | 403 => self.pause(format!("status_{}", reply.status)),
            status => self.later(format!("status_{status}"), reply.retry_after),
        }
    }

    fn note_claim(&mut self, is_claimed: bool) {
        let Some(registered) = &mut self.kept.registered else { return };
        if registered.is_claimed == is_claimed {
            return;
        }
        registered.is_claimed = is_claimed;
        if is_claimed {
            registered.claim_code = None;
            registered.claim_url = None;
            tracing::info!("this device is claimed, events are shipped");
        }
        self.save();
        self.resume_shipping();
    }

    fn usual_wait(&mut self, is_claimed: bool) -> Duration {
        if is_claimed || self.waited >= EAGER_HEARTBEATS {
            return self.parts.pace.heartbeat;
        }
        self.waited += 1;
        self.parts.pace.claim_poll
    }

    /// Says that this device goes, if the server was there a moment ago.
    fn say_goodbye(&self) {
        let Some(registered) = &self.kept.registered else { return };
        if self.failures == 0 && self.has_greeted && self.beat(registered, "offline").is_err() {
            tracing::info!("the server was not told that this device goes");
        }
    }

    fn activity(&self) -> &'static str {
        match self.parts.spool.depths() {
            Ok([_, outbox, ..]) if outbox.rows > 0 => "uploading",
            Ok([incoming, ..]) if incoming.rows > 0 => "processing",
            Ok(_) => "idle",
            Err(_) => "error",
        }
    }

    fn stats(&self) -> Result<BTreeMap<String, u64>, DatabaseError> {
        let mut stats = BTreeMap::new();
        for (kind, prefix) in [(Kind::Outcome, "received"), (Kind::Shipped, "shipped")] {
            let counters = self.parts.spool.counters(kind)?;
            stats.extend(counters.into_iter().map(|(name, n)| (format!("{prefix}.{name}"), n)));
        }
        Ok(stats)
    }

    fn send(
        &self,
        path: &str,
        secret: Option<&Secret>,
        body: &impl Serialize,
    ) -> Result<Reply, String> {
        let plain = serde_json::to_vec(body).map_err(|_| "json".to_owned())?;
        let letter = Letter {
            path,
            key: OWN_KEY,
            secret,
            batch_id: "",
            events: 0,
            plain: &plain,
            body: &compress(&plain),
        };
        self.parts.door.send(&letter).map_err(|error| match error {
            SendError::Transport(word) => word.to_owned(),
            SendError::Ledger(_) => {
                tracing::error!(%error, "nothing is sent while the ledger cannot be written");
                "ledger".to_owned()
            }
        })
    }

    fn later(&mut self, reason: String, retry_after: Option<Duration>) -> Duration {
        tracing::info!(%reason, "the server did not take what this device says, will retry");
        let wait = full_jitter(self.failures, &self.parts.pace);
        self.failures = self.failures.saturating_add(1);
        self.lock().reason = Some(reason);
        wait.max(retry_after.unwrap_or_default())
    }

    fn pause(&mut self, reason: String) -> Duration {
        let is_news = self.lock().state != DeviceState::Paused;
        if is_news {
            tracing::warn!(%reason, "the server refuses this device, it is tried now and then");
        }
        self.failures = self.failures.saturating_add(1);
        let mut status = self.lock();
        status.state = DeviceState::Paused;
        status.reason = Some(reason);
        self.parts.pace.probe
    }

    fn status_of_kept(&self) -> DeviceStatus {
        DeviceStatus::of(&self.kept, self.parts.keys.is_device())
    }

    /// Writes what is to be kept; says why it could not.
    fn save(&self) -> Option<String> {
        let error = self.file.save(&self.kept).err()?;
        tracing::error!(%error, "the registration could not be kept, it is good until the end only");
        Some("file".to_owned())
    }

    fn resume_shipping(&self) {
        if self.parts.keys.is_device() {
            self.parts.shown.lock().unwrap_or_else(PoisonError::into_inner).resume();
            self.parts.shipper.ring();
        }
    }

    fn lock(&self) -> MutexGuard<'_, DeviceStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeviceStatus {
    fn of(kept: &Kept, ships_events: bool) -> Self {
        let registered = kept.registered.as_ref();
        Self {
            state: match registered.map(|registered| registered.is_claimed) {
                None => DeviceState::Registering,
                Some(false) => DeviceState::Unclaimed,
                Some(true) => DeviceState::Claimed,
            },
            device_id: registered.map(|registered| registered.device_id.clone()),
            claim_code: registered.and_then(|registered| registered.claim_code.clone()),
            claim_url: registered.and_then(|registered| registered.claim_url.clone()),
            ships_events,
            reason: None,
            last_heartbeat_at: None,
        }
    }
}
