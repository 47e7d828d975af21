//! Sends what the outbox holds: in order for each session, the same bytes on every try.
//!
//! A key's requests go oldest first. While many of one wait, every second one is among the newest that
//! share no session with an older one: an outage of a day must not hold up what happens now for as long
//! as it takes to catch up.

mod backoff;
mod lane;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use modelstat_wire::Clock;
use serde::Deserialize;

use crate::config::Pace;
use crate::database::DatabaseError;
use crate::egress::{Door, INGEST_PATH, Letter, Reply, SendError};
use crate::failpoint;
use crate::keys::KeyRing;
use crate::pipeline::{app_and_device, halve, report_of, unzip};
use crate::spool::{Outgoing, Shipped, Spool, Turn};
use crate::status::{KeyState, KeyStatus, LastShip};
use crate::wake::{Phase, Wake};
pub(crate) use backoff::full_jitter;
use lane::Lane;

/// Longest sleep without work: a bell that was missed costs no more.
const IDLE_TIME: Duration = Duration::from_secs(1);

/// Requests of a key from which on the newest are sent between the oldest.
const LONG_QUEUE: u64 = 32;

/// What the thread works with, and what it shows.
pub(crate) struct Shipper {
    pub(crate) spool: Arc<Spool>,
    pub(crate) door: Arc<Door>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pace: Pace,
    pub(crate) wake: Arc<Wake>,
    pub(crate) shown: Arc<Mutex<Shown>>,
}

/// What `status` shows of the shipper.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    lanes: BTreeMap<u32, Lane>,
    /// Failures of the connection itself, which hold for every key.
    road: Lane,
    pub(crate) last_ship: Option<LastShip>,
    pub(crate) last_failure: Option<String>,
}

impl Shown {
    /// Forgets why keys had to wait: the one that ships for all of them is good now.
    pub(crate) fn resume(&mut self) {
        self.lanes.clear();
    }

    /// Describes the keys that have something to ship or that the server answered badly.
    pub(crate) fn keys(&self, waiting: &BTreeMap<u32, u64>) -> Vec<KeyStatus> {
        let mut keys: Vec<u32> = waiting.keys().chain(self.lanes.keys()).copied().collect();
        keys.sort_unstable();
        keys.dedup();
        let ready = Lane::default();
        let status = |key: u32| {
            let lane = self.lanes.get(&key).unwrap_or(&ready);
            // A road that is closed says more than a lane that is open.
            let lane = if lane.state() == KeyState::Ready { &self.road } else { lane };
            KeyStatus {
                key,
                state: lane.state(),
                reason: lane.reason().map(str::to_owned),
                waiting: waiting.get(&key).copied().unwrap_or(0),
                failures: lane.failures(),
                retry_in_ms: lane
                    .retry_in()
                    .map(|wait| crate::database::count(crate::database::integer(wait.as_millis()))),
            }
        };
        keys.into_iter().map(status).collect()
    }
}

/// What became of a try.
enum Outcome {
    /// The request is out of the queue.
    Done,
    /// The server cannot take it now.
    Later { reason: String, retry_after: Option<Duration> },
    /// The server refuses the key.
    Refused { reason: String },
    /// The server could not be reached.
    Unreachable { reason: String },
}

impl Shipper {
    /// Runs until it is told to finish and nothing can be sent, or to end.
    pub(crate) fn run(self) {
        let (mut last, mut turn, mut expired) = (None, Turn::Oldest, None::<Instant>);
        loop {
            let phase = self.wake.phase();
            if phase == Phase::Ending {
                return;
            }
            if expired.is_none_or(|at| at.elapsed() >= self.pace.checkpoint) {
                expired = Some(Instant::now());
                self.expire();
            }
            let Some(key) = self.next_key(last) else {
                if phase == Phase::Finishing {
                    return;
                }
                self.wake.wait(phase, self.idle_time());
                continue;
            };
            last = Some(key);
            turn = if turn == Turn::Oldest { Turn::Newest } else { Turn::Oldest };
            self.try_key(key, turn);
        }
    }

    /// Gives up what is too old, on this thread so that nothing goes while it is on its way.
    fn expire(&self) {
        let followed = self.spool.follow_clock(self.clock.as_ref());
        let expire = || self.spool.expire_requests(self.clock.now(), app_and_device);
        if let Err(error) = followed.and_then(|()| expire()) {
            tracing::warn!(%error, "requests could not be given up for their age, will retry");
        }
    }

    /// The next key in turn that has something to send and may try.
    fn next_key(&self, last: Option<u32>) -> Option<u32> {
        let waiting = self.spool.waiting();
        let mut shown = self.lock();
        shown
            .lanes
            .retain(|key, lane| waiting.contains_key(key) || lane.state() == KeyState::Paused);
        if !shown.road.is_due() {
            return None;
        }
        let is_due = |key: &&u32| shown.lanes.get(key).is_none_or(Lane::is_due);
        let after = |key: &&u32| last.is_none_or(|last| **key > last);
        let mut due = waiting.keys().filter(is_due);
        let first = due.clone().next();
        due.find(after).or(first).copied()
    }

    fn idle_time(&self) -> Duration {
        let shown = self.lock();
        let lanes = shown.lanes.values().chain([&shown.road]).filter_map(Lane::retry_in);
        let soonest = lanes.filter(|wait| !wait.is_zero()).min().unwrap_or(IDLE_TIME);
        soonest.min(IDLE_TIME)
    }

    fn try_key(&self, key: u32, turn: Turn) {
        // A request leaves the queue in one transaction, so a panic leaves it there.
        let outcome = match catch_unwind(AssertUnwindSafe(|| self.send_next(key, turn))) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) if self.spool.mend_if_damaged(error, self.clock.now().as_millis()) => {
                Outcome::Done
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the spool failed while shipping, will retry");
                Outcome::Unreachable { reason: "spool".to_owned() }
            }
            Err(_) => Outcome::Later { reason: "panicked".to_owned(), retry_after: None },
        };
        let mut shown = self.lock();
        let shown = &mut *shown;
        let lane = shown.lanes.entry(key).or_default();
        match outcome {
            Outcome::Done => {
                lane.succeed();
                shown.road.succeed();
                shown.last_failure = None;
            }
            Outcome::Later { reason, retry_after } => {
                tracing::warn!(key, %reason, "the server cannot take a request, will retry");
                shown.road.succeed();
                shown.last_failure = Some(reason.clone());
                lane.fail(reason, retry_after, &self.pace);
            }
            Outcome::Refused { reason } => {
                tracing::warn!(key, %reason, "the server refuses a key, shipping with it pauses");
                shown.road.succeed();
                shown.last_failure = Some(reason.clone());
                lane.pause(reason, &self.pace);
            }
            Outcome::Unreachable { reason } => {
                tracing::warn!(%reason, "the server cannot be reached, will retry");
                shown.last_failure = Some(reason.clone());
                shown.road.fail(reason, None, &self.pace);
            }
        }
    }

    fn send_next(&self, key: u32, turn: Turn) -> Result<Outcome, DatabaseError> {
        let is_long = self.spool.waiting_of(key) > LONG_QUEUE;
        let turn = if is_long { turn } else { Turn::Oldest };
        let Some(head) = self.spool.next_of(key, turn)? else { return Ok(Outcome::Done) };
        let Some(plain) = unzip(&head.request) else {
            tracing::error!(key, "a request in the spool is damaged, set aside");
            self.spool.quarantine(&head, "damaged_request", self.clock.now())?;
            return Ok(Outcome::Done);
        };
        let Some(secret) = self.keys.secret(key) else {
            if self.keys.is_device() {
                // A device has no key before it is registered, which may be any moment now.
                return Ok(Outcome::Later {
                    reason: "not_registered".to_owned(),
                    retry_after: None,
                });
            }
            return Ok(Outcome::Refused { reason: "no_such_key".to_owned() });
        };
        let letter = Letter {
            path: INGEST_PATH,
            key,
            secret: Some(&secret),
            batch_id: &head.request.batch_id,
            events: head.request.events,
            plain: &plain,
            body: &head.request.body,
        };
        match self.door.send(&letter) {
            Ok(reply) => self.settle(&head, &reply),
            Err(SendError::Transport(word)) => Ok(Outcome::Unreachable { reason: word.to_owned() }),
            Err(error @ SendError::Ledger(_)) => {
                tracing::error!(%error, "nothing is sent while the ledger cannot be written");
                Ok(Outcome::Unreachable { reason: "ledger".to_owned() })
            }
        }
    }

    /// Acts on an answer.
    fn settle(&self, head: &Outgoing, reply: &Reply) -> Result<Outcome, DatabaseError> {
        let now = self.clock.now();
        let status = reply.status;
        let later = |reason: String| Outcome::Later { reason, retry_after: reply.retry_after };
        match status {
            200..=299 => {
                // A captive portal answers 200 too; only an ingest answer may end a request's life.
                let Some(said) = read_answer(&reply.body, head.request.events) else {
                    return Ok(later("unexpected_answer".to_owned()));
                };
                let events = head.request.events;
                self.lock().last_ship = Some(LastShip { at: now, status, events });
                failpoint::reach("before_shipped");
                self.spool.shipped(head, said)?;
                failpoint::reach("after_shipped");
                self.spool.report_expired(now, report_of)?;
                Ok(Outcome::Done)
            }
            401 | 403 => Ok(Outcome::Refused { reason: format!("status_{status}") }),
            413 => {
                failpoint::reach("before_halve");
                match halve(&head.request) {
                    Some(parts) => self.spool.replace(head, &parts, now)?,
                    None => self.spool.quarantine(head, "status_413", now)?,
                }
                failpoint::reach("after_halve");
                Ok(Outcome::Done)
            }
            400 | 415 | 422 => {
                tracing::warn!(status, "the server will never take a request, set aside");
                failpoint::reach("before_quarantine");
                self.spool.quarantine(head, &format!("status_{status}"), now)?;
                failpoint::reach("after_quarantine");
                Ok(Outcome::Done)
            }
            _ => Ok(later(format!("status_{status}"))),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the answers of this server and of published ones have in common.
#[derive(Deserialize)]
struct Answer {
    accepted: modelstat_wire::Accepted,
    accepted_events: Option<u64>,
    duplicate: Option<u64>,
    rejected: Option<Vec<serde::de::IgnoredAny>>,
}

fn read_answer(body: &[u8], events: u64) -> Option<Shipped> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let accepted = match answer.accepted {
        modelstat_wire::Accepted::Count(count) => count as u64,
        modelstat_wire::Accepted::Received(false) => return None,
        modelstat_wire::Accepted::Received(true) => answer.accepted_events.unwrap_or(events),
    };
    Some(Shipped {
        accepted,
        duplicate: answer.duplicate.unwrap_or(0),
        rejected: answer.rejected.map_or(0, |rejected| rejected.len() as u64),
    })
}

/// Returns a moment that lies a wait from now.
fn in_time(wait: Duration) -> Option<Instant> {
    Instant::now().checked_add(wait)
}
