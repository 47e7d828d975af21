//! From what waits in the queue to a batch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use modelstat_wire::limits::MAX_BATCH_EVENTS;

use super::live::{Live, random};
use super::outcome::Counters;
use super::{Convert, DropReason, Item};
use crate::batch::{Gathering, Making, Turn};
use crate::call::LlmCall;
use crate::config::{Config, RedactionPolicy};
use crate::http::Destination;
use crate::names::Names;
use crate::wire::IngestBatch;

/// Most bytes, as captured, that become one batch: what is being made is held twice, and what comes
/// of it should not have to be halved, as the encoding is longer than the texts.
const MAX_MAKING_BYTES: usize = 3 * 1024 * 1024;
/// The first sequence number has so many random bits, so that two processes of one device never
/// derive the same event id.
const SEQ_BITS: u32 = 48;

/// Makes batches of items.
pub(crate) struct Maker<T> {
    config: Arc<Config>,
    convert: Box<dyn Convert<T>>,
    names: Names,
    redaction: RedactionPolicy,
    is_overridden: bool,
    seq: u64,
    /// Items taken so far, and how many must be taken.
    taken: u64,
    owed: u64,
    last_made: Instant,
    reported_losses: u64,
}

/// What came of some items.
pub(crate) struct Made {
    /// The batch, if any item became a call.
    pub(crate) batch: Option<IngestBatch>,
    /// Items that have their outcome already.
    pub(crate) settled: usize,
}

impl<T: Item> Maker<T> {
    pub(crate) fn new(config: Arc<Config>, convert: Box<dyn Convert<T>>) -> Self {
        let is_here = Destination::of(&config.mode).is_on_this_machine();
        let wants_none = config.redaction == RedactionPolicy::None;
        let is_overridden = wants_none && !is_here && !config.allow_raw;
        Self {
            redaction: if is_overridden { RedactionPolicy::Floor } else { config.redaction },
            is_overridden,
            names: Names::new(&config.ingest_key),
            config,
            convert,
            seq: random() >> (u64::BITS - SEQ_BITS),
            taken: 0,
            owed: 0,
            last_made: Instant::now(),
            reported_losses: 0,
        }
    }

    /// Notes that everything in the queue is due; returns how many items that makes since the start.
    pub(crate) fn owe_all(&mut self, live: &Live<T>) -> u64 {
        self.owed = self.owed.max(self.taken + live.queue.len() as u64);
        self.owed
    }

    /// Whether a batch is to be made now.
    pub(crate) fn is_due(&mut self, live: &Live<T>, is_urgent: bool) -> bool {
        let waiting = live.queue.len();
        if waiting == 0 {
            self.owed = self.owed.min(self.taken);
            return false;
        }
        let is_late = self.last_made.elapsed() >= self.config.flush_interval;
        if is_late || waiting >= self.config.flush_max_batch || is_urgent {
            self.owe_all(live);
        }
        self.taken < self.owed
    }

    /// How long until what waits is due.
    pub(crate) fn due_in(&self, live: &Live<T>) -> Option<Duration> {
        let is_waiting = live.queue.len() > 0;
        is_waiting.then(|| self.config.flush_interval.saturating_sub(self.last_made.elapsed()))
    }

    /// Takes items and makes them a batch.
    pub(crate) fn make(&mut self, live: &Live<T>, turn: Turn) -> Made {
        self.last_made = Instant::now();
        let items = self.take(live);
        let taken = items.len();
        let mut calls = Vec::with_capacity(taken);
        // A conversion that panics takes its items with it; it is meant to leave them out itself.
        let failed = catch_unwind(AssertUnwindSafe(|| self.convert.convert(items, &mut calls)));
        calls.truncate(taken);
        let failed = failed.unwrap_or(0).max(taken - calls.len());
        live.counters.drop_calls(DropReason::ConversionFailed, taken - calls.len());
        debug_assert!(failed <= taken);
        let (batch, broken) = self.gather(live, calls, turn);
        let events = batch.as_ref().map_or(0, |batch| batch.events.len());
        live.counters.drop_calls(DropReason::EncodingFailed, broken);
        Made { batch, settled: taken - events }
    }

    fn take(&mut self, live: &Live<T>) -> Vec<T> {
        let most = self.config.flush_max_batch.clamp(1, MAX_BATCH_EVENTS);
        let mut items = Vec::with_capacity(most.min(live.queue.len()));
        let mut bytes = 0;
        while items.len() < most && bytes < MAX_MAKING_BYTES {
            let Some(item) = live.queue.pop() else { break };
            let size = item.size();
            bytes += size;
            items.push(item);
            // Their slots stay held until they have their outcome.
            live.queue.release(0, size);
        }
        self.taken += items.len() as u64;
        items
    }

    /// Makes calls a batch; a call that cannot become an event is left out and counted.
    fn gather(
        &mut self,
        live: &Live<T>,
        calls: Vec<LlmCall>,
        turn: Turn,
    ) -> (Option<IngestBatch>, usize) {
        let making =
            Making { config: &self.config, turn, redaction: self.redaction, counts_findings: true };
        let all = calls.len();
        let mut gathering = Gathering::new(&self.config);
        let mut made_events = 0;
        for mut call in calls {
            self.seq = self.seq.wrapping_add(1);
            let seq = self.seq;
            let made = catch_unwind(AssertUnwindSafe(|| {
                call.cut_long_texts();
                making.event(call, seq)
            }));
            let Ok(made) = made else { continue };
            Counters::add(&live.counters.redaction_failed, usize::from(made.has_failed_redaction));
            gathering.add(made);
            made_events += 1;
        }
        if made_events == 0 {
            return (None, all);
        }
        if self.is_overridden {
            Counters::add(&live.counters.policy_overridden, made_events);
        }
        let batch = gathering.finish();
        let finished = catch_unwind(AssertUnwindSafe(|| self.finish(live, batch)));
        match finished {
            Ok(batch) => (Some(batch), all - made_events),
            Err(_) => (None, all),
        }
    }

    /// Runs the floor over names, and adds what the process says of itself.
    fn finish(&mut self, live: &Live<T>, mut batch: IngestBatch) -> IngestBatch {
        if self.redaction == RedactionPolicy::Floor {
            self.names.hide(&mut batch);
        }
        let outcomes = live.counters.reported(live.queue.held());
        self.reported_losses = outcomes.dropped.values().sum();
        batch.outcomes = Some(outcomes);
        batch.instance_id = Some(live.instance_id.clone());
        batch.sent_at = Some(Utc::now());
        batch
    }

    /// Whether calls were lost since the counters were last sent.
    pub(crate) fn has_unreported_losses(&self, live: &Live<T>) -> bool {
        live.counters.all_dropped() > self.reported_losses
    }

    /// Makes a batch that only reports counters.
    pub(crate) fn report(&mut self, live: &Live<T>) -> IngestBatch {
        let batch = Gathering::new(&self.config).finish();
        self.finish(live, batch)
    }
}
