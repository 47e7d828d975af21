//! Sending what is encoded: one batch at a time, again and again until it has its outcome.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::live::Live;
use super::outcome::Counters;
use super::tickets::Orders;
use super::{Body, DropReason, Item, Outcome, Path, Transport, Wanted};
use crate::batch::{Turn, halve};
use crate::config::{Config, Mode};
use crate::wire::IngestBatch;

/// Most encoded batches that wait: enough that a slow receiver never keeps text as captured waiting.
const MAX_PARCELS: usize = 64;
/// A body is split before it grows larger.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// A receiver that refuses bodies smaller than this refuses something else.
const MIN_BODY_CAP: usize = 64 * 1024;
/// What an event takes besides its text, mostly.
const EVENT_BYTES: usize = 1024;
/// How long one attempt may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the question whether whole turns are wanted may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// What is left of an attempt when the process is about to end.
const LAST_TIMEOUT: Duration = Duration::from_millis(50);
/// Waits grow from here …
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
/// … to here …
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// … or to here while somebody waits for a flush.
const URGENT_BACKOFF: Duration = Duration::from_secs(1);
/// How long a batch is tried, not counting waits that the receiver asked for.
const MAX_AGE: Duration = Duration::from_mins(5);
/// Longest wait that a receiver may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(10);
/// How long nothing is sent after the credential was refused.
const AUTH_PAUSE: Duration = Duration::from_mins(5);
/// How often an unreachable daemon is asked before excerpts are made for it.
const MAX_ASKS: u32 = 3;

/// An encoded batch and its history.
struct Parcel {
    body: Body,
    tries: u32,
    /// When it was first tried, moved on by the waits that the receiver asked for.
    since: Option<Instant>,
}

/// Sends batches.
pub(crate) struct Delivery {
    transport: Box<dyn Transport>,
    parcels: VecDeque<Parcel>,
    /// Items that have their outcome.
    settled: u64,
    /// Nothing is sent before.
    not_before: Option<Instant>,
    /// The receiver asked for the wait, so nobody's hurry shortens it.
    is_pause: bool,
    is_unauthorized: bool,
    body_cap: usize,
    asks: u32,
    random: u64,
}

impl Delivery {
    pub(crate) fn new(transport: Box<dyn Transport>, seed: u64) -> Self {
        Self {
            transport,
            parcels: VecDeque::new(),
            settled: 0,
            not_before: None,
            is_pause: false,
            is_unauthorized: false,
            body_cap: MAX_BODY_BYTES,
            asks: 0,
            random: seed | 1,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.parcels.len() < MAX_PARCELS
    }

    /// How many items have their outcome since the start.
    pub(crate) fn settled(&self) -> u64 {
        self.settled
    }

    /// Somebody waits: the next attempt is made now, unless the receiver asked to wait.
    pub(crate) fn expedite(&mut self) {
        if !self.is_pause {
            self.not_before = None;
        }
    }

    /// Whether nothing will be sent before a time, at the receiver's request.
    pub(crate) fn pauses_beyond(&self, until: Instant) -> bool {
        self.is_pause && self.not_before.is_some_and(|at| at >= until)
    }

    /// How much of the turns the next batch is made of; `None` to wait for a daemon that is starting.
    pub(crate) fn ask(&mut self, config: &Config, orders: Orders, is_urgent: bool) -> Option<Turn> {
        if config.sends_full_turns() {
            return Some(Turn::Whole);
        }
        if !config.full_turns || !matches!(config.mode, Mode::LocalDaemon { .. }) {
            return Some(Turn::Excerpt);
        }
        if self.asks > 0 && self.is_waiting() && !is_urgent {
            return None;
        }
        match self.transport.ask(ASK_TIMEOUT.min(time_left(orders))) {
            Wanted::FullTurns => {
                self.asks = 0;
                Some(Turn::Whole)
            }
            Wanted::Excerpts => {
                self.asks = 0;
                Some(Turn::Excerpt)
            }
            Wanted::Unreachable if self.asks < MAX_ASKS && !is_urgent => {
                self.asks += 1;
                let backoff = self.backoff(self.asks);
                self.wait(backoff, false);
                None
            }
            Wanted::Unreachable => Some(Turn::Excerpt),
        }
    }

    /// Encodes a batch, splitting it while it is larger than the receiver takes.
    pub(crate) fn pack<T: Item>(&mut self, live: &Live<T>, batch: IngestBatch) {
        let at = self.parcels.len();
        self.pack_at(live, batch, at);
    }

    fn pack_at<T: Item>(&mut self, live: &Live<T>, batch: IngestBatch, at: usize) {
        let mut later = vec![batch];
        let mut place = at;
        while let Some(batch) = later.pop() {
            let events = batch.events.len();
            let mut json = Vec::with_capacity(usual_bytes(&batch));
            let Ok(()) = serde_json::to_writer(&mut json, &batch) else {
                self.give_up(live, DropReason::EncodingFailed, events);
                continue;
            };
            if json.len() > self.body_cap && events > 1 {
                let (first, second) = halve(batch);
                later.push(second);
                later.push(first);
                continue;
            }
            json.shrink_to_fit();
            live.queue.hold_bytes(json.len());
            let path = if live.config.sends_full_turns() { Path::IngestRaw } else { Path::Ingest };
            let body = Body { bytes: Arc::new(json), path, events, timeout: SEND_TIMEOUT };
            self.parcels.insert(place, Parcel { body, tries: 0, since: None });
            place += 1;
        }
    }

    /// Sends the first batch if it is due; returns how long until there is something to do.
    pub(crate) fn deliver<T: Item>(
        &mut self,
        live: &Live<T>,
        orders: Orders,
        is_urgent: bool,
    ) -> Option<Duration> {
        let parcel = self.parcels.front_mut()?;
        let now = Instant::now();
        if let Some(wait) = self.not_before.and_then(|at| at.checked_duration_since(now))
            && !wait.is_zero()
        {
            return Some(wait);
        }
        let since = *parcel.since.get_or_insert(now);
        parcel.tries += 1;
        parcel.body.timeout = SEND_TIMEOUT.min(time_left(orders));
        let (body, tries) = (parcel.body.clone(), parcel.tries);
        let outcome = self.transport.send(&body);
        self.not_before = None;
        self.is_pause = false;
        self.is_unauthorized = matches!(outcome, Outcome::Unauthorized);
        match outcome {
            Outcome::Sent { answer } => self.acknowledge(live, answer.as_ref()),
            Outcome::Rejected { .. } => self.drop_first(live, DropReason::Rejected),
            Outcome::TooLarge => self.split_first(live),
            Outcome::Unauthorized => {
                Counters::add(&live.counters.unauthorized_answers, 1);
                self.pause(AUTH_PAUSE);
                if orders.stop_at.is_some() {
                    self.drop_first(live, DropReason::Unauthorized);
                    self.abandon(live, DropReason::Unauthorized);
                }
            }
            // Asking for no wait at all is no pause: it could be asked for again and again.
            Outcome::Retry { after: Some(after) } if !after.is_zero() => {
                self.pause(after.min(MAX_RETRY_AFTER));
            }
            Outcome::Retry { .. } if since.elapsed() >= MAX_AGE => {
                self.drop_first(live, DropReason::BackoffExpired);
            }
            Outcome::Retry { .. } => {
                let backoff = self.backoff(tries);
                self.wait(if is_urgent { backoff.min(URGENT_BACKOFF) } else { backoff }, false);
            }
        }
        let wait = self.not_before.map(|at| at.saturating_duration_since(Instant::now()));
        if self.parcels.is_empty() { None } else { Some(wait.unwrap_or_default()) }
    }

    /// Gives everything up that is encoded.
    pub(crate) fn abandon<T: Item>(&mut self, live: &Live<T>, reason: DropReason) {
        let reason = if self.is_unauthorized { DropReason::Unauthorized } else { reason };
        while !self.parcels.is_empty() {
            self.drop_first(live, reason);
        }
    }

    /// Notes items that have their outcome, and gives their slots back.
    pub(crate) fn settle<T: Item>(&mut self, live: &Live<T>, items: usize) {
        live.queue.release(items, 0);
        self.settled += items as u64;
    }

    /// Sends counters once, at the end.
    pub(crate) fn send_report<T: Item>(
        &mut self,
        live: &Live<T>,
        batch: IngestBatch,
        orders: Orders,
    ) {
        if self.is_waiting() {
            return;
        }
        self.pack(live, batch);
        if let Some(mut parcel) = self.parcels.pop_front() {
            live.queue.release(0, parcel.body.bytes.len());
            parcel.body.timeout = SEND_TIMEOUT.min(time_left(orders));
            // Whatever comes of it, there is nobody left to try again.
            let _: Outcome = self.transport.send(&parcel.body);
        }
    }

    fn acknowledge<T: Item>(&mut self, live: &Live<T>, answer: Option<&Value>) {
        let Some(parcel) = self.take_first(live) else { return };
        let events = parcel.body.events;
        let rejected = answer.and_then(|answer| answer["rejected"].as_array()).map_or(0, Vec::len);
        let rejected = rejected.min(events);
        let duplicates = answer.and_then(|answer| answer["duplicate"].as_u64()).unwrap_or(0);
        live.counters.drop_calls(DropReason::Rejected, rejected);
        Counters::add(&live.counters.sent, events - rejected);
        live.counters.duplicates.fetch_add(duplicates, Ordering::Relaxed);
        self.settle(live, events);
    }

    fn drop_first<T: Item>(&mut self, live: &Live<T>, reason: DropReason) {
        if let Some(parcel) = self.take_first(live) {
            self.give_up(live, reason, parcel.body.events);
        }
    }

    fn give_up<T: Item>(&mut self, live: &Live<T>, reason: DropReason, events: usize) {
        live.counters.drop_calls(reason, events);
        self.settle(live, events);
    }

    /// Halves the first batch and remembers what the receiver does not take; one event is dropped.
    fn split_first<T: Item>(&mut self, live: &Live<T>) {
        let Some(parcel) = self.take_first(live) else { return };
        let bytes = &parcel.body.bytes;
        let batch = serde_json::from_slice::<IngestBatch>(bytes).ok();
        let Some(batch) = batch.filter(|batch| batch.events.len() > 1) else {
            return self.give_up(live, DropReason::TooLarge, parcel.body.events);
        };
        self.body_cap = self.body_cap.min((bytes.len() / 2).max(MIN_BODY_CAP));
        let (first, second) = halve(batch);
        self.pack_at(live, second, 0);
        self.pack_at(live, first, 0);
    }

    fn take_first<T: Item>(&mut self, live: &Live<T>) -> Option<Parcel> {
        let parcel = self.parcels.pop_front()?;
        live.queue.release(0, parcel.body.bytes.len());
        Some(parcel)
    }

    fn pause(&mut self, length: Duration) {
        if let Some(since) = self.parcels.front_mut().and_then(|parcel| parcel.since.as_mut()) {
            *since += length;
        }
        self.wait(length, true);
    }

    fn wait(&mut self, length: Duration, is_pause: bool) {
        self.not_before = Instant::now().checked_add(length);
        self.is_pause = is_pause;
    }

    /// Whether nothing may be sent yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.not_before.is_some_and(|at| at > Instant::now())
    }

    /// A random part of a wait that doubles with each attempt, so that senders don't come in step.
    fn backoff(&mut self, tries: u32) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let doubled = FIRST_BACKOFF * 2_u32.saturating_pow(tries.min(16));
        let longest = doubled.min(LONGEST_BACKOFF);
        let part = u32::try_from(self.random >> 48).unwrap_or_default();
        (longest / u32::from(u16::MAX) * part).max(LAST_TIMEOUT)
    }
}

fn time_left(orders: Orders) -> Duration {
    let left = orders.stop_at.map(|at| at.saturating_duration_since(Instant::now()));
    left.map_or(SEND_TIMEOUT, |left| left.max(LAST_TIMEOUT))
}

/// About how long a batch's encoding is, so that it is not moved while it grows.
fn usual_bytes(batch: &IngestBatch) -> usize {
    let excerpts = batch.events.iter().filter_map(|event| event.content_excerpt.as_deref());
    let texts: usize = excerpts.map(|text| text.len() + text.len() / 16).sum();
    texts + EVENT_BYTES * (batch.events.len() + batch.tool_calls.len() + 1)
}
