//! From the inbox to the ledger: one thread that prices and appends.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use modelstat_pricing::{Call, PriceBook, Pricing};
use modelstat_redact::RedactedText;
use modelstat_store::{
    AppliedBatch, Costing, Drain, Inbox, InboxBatch, InboxPayload, Ledger, LedgerError,
};
use modelstat_wire::{Clock, Event, TokenUsage};

/// Most events in one drain: what one append of the ledger is quickest with.
const MAX_DRAIN_EVENTS: usize = 20_000;

/// Most drains before the applier looks at what else there is to do.
const MAX_DRAINS: usize = 8;

/// How long repeats of a batch are known.
const REPEAT_DAYS: i64 = 7;

/// How often the ledger's file is made to cover what was applied.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);

/// How long the applier waits after a failure of a store before it tries again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How long the applier sleeps when nothing wakes it.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

/// What the applier is asked to do.
enum Ask {
    /// Look into the inbox.
    Wake,
    /// Delete what an org has, and say when it is done.
    ForgetOrg(String, tokio::sync::oneshot::Sender<Result<(), &'static str>>),
    /// Drain the inbox, then end.
    Stop,
}

/// The side of the applier that others see.
#[derive(Clone)]
pub(crate) struct ApplierHandle {
    asks: SyncSender<Ask>,
}

impl ApplierHandle {
    /// Says that the inbox holds something new. A full channel holds a wake-up already.
    pub(crate) fn wake(&self) {
        self.asks.try_send(Ask::Wake).ok();
    }

    /// Deletes what an org has in inbox and ledger, in the applier's own order.
    pub(crate) async fn forget_org(&self, org_id: String) -> Result<(), &'static str> {
        let (done, deleted) = tokio::sync::oneshot::channel();
        let asks = self.asks.clone();
        let asked = tokio::task::spawn_blocking(move || asks.send(Ask::ForgetOrg(org_id, done)));
        if !matches!(asked.await, Ok(Ok(()))) {
            return Err("the applier has ended");
        }
        deleted.await.unwrap_or(Err("the applier has ended"))
    }
}

/// The applier's thread.
pub(crate) struct Applier {
    asks: SyncSender<Ask>,
    thread: JoinHandle<()>,
}

/// What the applier works on.
pub(crate) struct ApplierStores {
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) book: &'static PriceBook,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Applier {
    /// Starts the thread.
    pub(crate) fn start(stores: ApplierStores) -> std::io::Result<Self> {
        let (asks, asked) = sync_channel(16);
        let work = move || {
            Work { stores, asked, position: 0, checkpointed: 0, checkpoint_at: Instant::now() }
                .run();
        };
        let thread = std::thread::Builder::new().name("applier".to_owned()).spawn(work)?;
        Ok(Self { asks, thread })
    }

    /// Returns the side that others see.
    pub(crate) fn handle(&self) -> ApplierHandle {
        ApplierHandle { asks: self.asks.clone() }
    }

    /// Lets the thread drain the inbox, and joins it.
    pub(crate) fn stop(self) {
        // A send fails only when the thread has ended already.
        self.asks.send(Ask::Stop).ok();
        if self.thread.join().is_err() {
            tracing::error!("the applier ended by a panic");
        }
    }
}

struct Work {
    stores: ApplierStores,
    asked: Receiver<Ask>,
    /// The inbox position up to which batches are applied.
    position: u64,
    /// The inbox position that the ledger's own file covers.
    checkpointed: u64,
    checkpoint_at: Instant,
}

impl Work {
    fn run(&mut self) {
        while let Err(error) = self.resume() {
            tracing::error!(%error, "the ledger does not open, will retry");
            if matches!(self.asked.recv_timeout(RETRY_PAUSE), Ok(Ask::Stop)) {
                return;
            }
        }
        let mut has_more = false;
        loop {
            let pause = if has_more { Duration::ZERO } else { IDLE_PAUSE };
            let stops = match self.asked.recv_timeout(pause) {
                Ok(Ask::Wake) | Err(RecvTimeoutError::Timeout) => false,
                Ok(Ask::ForgetOrg(org_id, done)) => {
                    // Whoever asked may have gone; the work is done all the same.
                    done.send(self.forget_org(&org_id)).ok();
                    false
                }
                Ok(Ask::Stop) | Err(RecvTimeoutError::Disconnected) => true,
            };
            has_more = self.drain_inbox();
            if self.checkpoint_at.elapsed() >= CHECKPOINT_INTERVAL {
                self.checkpoint();
            }
            if stops {
                while self.drain_inbox() {}
                self.checkpoint();
                return;
            }
        }
    }

    fn resume(&mut self) -> Result<(), LedgerError> {
        self.position = self.stores.ledger.position()?;
        Ok(())
    }

    /// Applies some of what the inbox holds. Returns whether there is more: senders that never pause
    /// must not keep checkpoints and asks waiting.
    fn drain_inbox(&mut self) -> bool {
        for _ in 0..MAX_DRAINS {
            let batches = match self.stores.inbox.read_after(self.position, MAX_DRAIN_EVENTS) {
                Ok(batches) => batches,
                Err(error) => {
                    tracing::error!(%error, "could not read the inbox, will retry");
                    return false;
                }
            };
            if batches.is_empty() {
                return false;
            }
            let drain = self.price(batches);
            let through = drain.through;
            if !self.apply(drain) {
                return false;
            }
            self.position = through;
        }
        true
    }

    /// Applies a drain; one that the ledger refuses is halved until the batch is found, which then
    /// goes into quarantine. Returns whether the applier may go on.
    fn apply(&mut self, drain: Drain) -> bool {
        let error = match self.stores.ledger.apply(&drain) {
            Ok(applied) => {
                tracing::debug!(
                    accepted = applied.accepted,
                    duplicate = applied.duplicate,
                    id_conflict = applied.id_conflict,
                    "applied a drain"
                );
                return true;
            }
            Err(error) => error,
        };
        if drain.batches.len() > 1 {
            let (first, second) = halve(drain);
            return self.apply(first) && self.apply(second);
        }
        let Some(refused) = drain.batches.into_iter().next() else {
            tracing::error!(%error, "the ledger failed, will retry");
            return false;
        };
        self.set_aside(refused, &error)
    }

    /// Moves a batch into quarantine that the ledger refused twice, unless the ledger itself is at
    /// fault. The batch is safe in quarantine before the ledger's position moves past it.
    fn set_aside(&mut self, refused: AppliedBatch, error: &LedgerError) -> bool {
        let position = refused.position;
        let again = Drain { through: position, batches: vec![refused] };
        let Err(second) = self.stores.ledger.apply(&again) else { return true };
        let idle = Drain { through: self.position, batches: Vec::new() };
        if let Err(error) = self.stores.ledger.apply(&idle) {
            tracing::error!(%error, "the ledger failed, will retry");
            return false;
        }
        tracing::error!(position, first = %error, %second, "a batch goes into quarantine");
        let now = self.stores.clock.now();
        if let Err(error) = self.stores.inbox.quarantine(position, &second.to_string(), now) {
            tracing::error!(position, %error, "could not set the batch aside, will retry");
            return false;
        }
        let Some(refused) = again.batches.into_iter().next() else { return true };
        let events = refused.batch.as_ref().map_or(0, |batch| batch.events.len() as u64);
        let counted = AppliedBatch {
            batch: None,
            costings: Vec::new(),
            rejected: vec![("quarantined: the ledger refused the batch".to_owned(), events)],
            ..refused
        };
        let drain = Drain { through: position, batches: vec![counted] };
        match self.stores.ledger.apply(&drain) {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(%error, "the ledger failed, will retry");
                false
            }
        }
    }

    fn price(&self, batches: Vec<InboxBatch>) -> Drain {
        let through = batches.last().map_or(self.position, |batch| batch.position);
        let batches = batches.into_iter().map(|batch| self.price_batch(batch)).collect();
        Drain { through, batches }
    }

    fn price_batch(&self, entry: InboxBatch) -> AppliedBatch {
        let mut rejected = entry.rejected;
        let (batch, repeated_events) = match entry.payload {
            InboxPayload::Batch(batch) => (Some(batch), 0),
            InboxPayload::Repeat(events) => (None, events),
            InboxPayload::Damaged(error) => {
                tracing::error!(position = entry.position, %error, "an inbox entry is damaged");
                let now = self.stores.clock.now();
                if let Err(error) =
                    self.stores.inbox.quarantine(entry.position, "damaged in the inbox", now)
                {
                    tracing::error!(%error, "could not set the damaged entry aside");
                }
                rejected.push(("quarantined: damaged in the inbox".to_owned(), 1));
                (None, 0)
            }
        };
        let events = batch.iter().flat_map(|batch| batch.events.iter());
        let costings = events.map(|event| cost_of(self.stores.book, event)).collect();
        AppliedBatch {
            position: entry.position,
            org_id: entry.org_id,
            received_at: entry.received_at,
            is_raw: entry.is_raw,
            request_bytes: entry.request_bytes,
            floor_version: entry.floor_version,
            rejected,
            repeated_events,
            batch,
            costings,
        }
    }

    /// Makes the ledger's file cover what was applied, and only then forgets it in the inbox.
    fn checkpoint(&mut self) {
        self.checkpoint_at = Instant::now();
        if self.checkpointed != self.position {
            self.cover();
        }
    }

    fn cover(&mut self) {
        let covered = match self.stores.ledger.checkpoint() {
            Ok(covered) => covered,
            Err(error) => {
                tracing::error!(%error, "the ledger's checkpoint failed; the inbox keeps its entries");
                return;
            }
        };
        let week_ago = self.stores.clock.now().as_micros() - REPEAT_DAYS * 86_400_000_000;
        let repeats = modelstat_wire::Timestamp::from_micros(week_ago);
        let forgotten = self
            .stores
            .inbox
            .forget_through(covered)
            .and_then(|()| self.stores.inbox.forget_repeats_before(repeats));
        match forgotten {
            Ok(()) => self.checkpointed = covered,
            Err(error) => tracing::error!(%error, "could not clear the inbox, will retry"),
        }
    }

    fn forget_org(&mut self, org_id: &str) -> Result<(), &'static str> {
        while self.drain_inbox() {}
        self.stores.inbox.forget_org(org_id).map_err(|_| "the inbox failed")?;
        self.stores.ledger.forget_org(org_id).map_err(|_| "the ledger failed")?;
        // The file holds the deleted rows until a checkpoint.
        self.cover();
        Ok(())
    }
}

fn halve(mut drain: Drain) -> (Drain, Drain) {
    let second = drain.batches.split_off(drain.batches.len() / 2);
    let middle = drain.batches.last().map_or(0, |batch| batch.position);
    (
        Drain { through: middle, batches: drain.batches },
        Drain { through: drain.through, batches: second },
    )
}

/// Prices one event as it was sent.
pub(crate) fn cost_of(book: &PriceBook, event: &Event<RedactedText>) -> Costing {
    let tokens = event.tokens.unwrap_or_default();
    match book.price(&priced_call(event, &tokens)) {
        Pricing::Priced(cost) => Costing {
            cost: Some(cost.total),
            price_id: Some(cost.price_id.to_string()),
            price_book: Some(book.version().to_owned()),
            unpriced_reason: None,
        },
        Pricing::Unpriced(reason) => Costing {
            price_book: Some(book.version().to_owned()),
            unpriced_reason: Some(reason.as_str()),
            ..Costing::default()
        },
    }
}

fn priced_call<'a>(event: &'a Event<RedactedText>, tokens: &'a TokenUsage) -> Call<'a> {
    let detail = event.usage_detail.as_ref();
    Call {
        provider: event.provider.as_str(),
        model: event.model.as_ref().map(RedactedText::as_str),
        at: event.ts,
        tokens,
        usage_known: event.usage_known.unwrap_or(true) && event.tokens.is_some(),
        cache_creation_1h: detail.and_then(|detail| detail.cache_creation_1h),
        audio_input: detail.and_then(|detail| detail.audio_input),
        audio_output: detail.and_then(|detail| detail.audio_output),
        web_search_requests: detail.and_then(|detail| detail.web_search_requests),
        service_tier: detail.and_then(|detail| detail.service_tier.as_deref()),
        speed: detail.and_then(|detail| detail.speed.as_deref()),
        batch: detail.and_then(|detail| detail.batch).unwrap_or(false),
    }
}
