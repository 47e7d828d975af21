//! Abstracts of whole turns that came to `/v1/ingest/raw`.
//!
//! Their text waits in the inbox, never in the ledger. Threads of their own close segments and make their
//! abstracts, as many as the models make together, so that no engine holds up a number; an abstract goes into
//! the inbox like a batch that came, in the transaction that deletes its text. Another thread keeps time: what
//! an engine has not told within a day, the template tells, and what the inbox's file still holds of deleted
//! text is overwritten.

mod known;
mod make;
mod waiting;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use modelstat_engine::Models;
use modelstat_redact::Floor;
use modelstat_store::{DueSession, Inbox, InboxError, LookedAt, MAX_TEXT_MS};
use modelstat_summarize::{Engines, Load, SegmentLimits};
use modelstat_wire::{Clock, Timestamp};

use crate::applier::ApplierHandle;
pub(crate) use known::KnownContents;
use make::Mode;
use waiting::{Look, TICK, Taken, WaitingSessions};

/// Between two looks for text that has waited too long, and two tries to overwrite what was deleted. The
/// promise for both is a minute.
const KEEP_PAUSE: Duration = Duration::from_secs(5);

/// Between two looks for closed segments that can be forgotten.
const FORGET_INTERVAL: Duration = Duration::from_mins(1);

/// Most sessions of one look, so that little is in memory at a time. When so many wait, a model would not
/// be through with them before the next ones come, and is left alone.
const MAX_SESSIONS: usize = 256;

/// What abstracts are made with.
pub(crate) struct Making {
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) engines: Engines,
    /// Those of them with a model, which end with the server.
    pub(crate) models: Arc<Models>,
    /// What the turns passed, and abstracts pass too.
    pub(crate) floor: Floor,
    /// Under which removed words are hashed.
    pub(crate) removed_key: [u8; 32],
    /// Under which contents are hashed that a model was asked about.
    pub(crate) content_key: [u8; 32],
    /// What came of them.
    pub(crate) known: Arc<KnownContents>,
    pub(crate) limits: SegmentLimits,
    pub(crate) applier: ApplierHandle,
}

/// What the threads share.
struct Shared {
    making: Making,
    waiting: WaitingSessions,
    is_stopping: AtomicBool,
    /// Whether the inbox's file may hold text that was deleted.
    has_deleted: AtomicBool,
}

/// The threads.
pub(crate) struct Abstracts {
    shared: Arc<Shared>,
    threads: Vec<(SyncSender<()>, JoinHandle<()>)>,
}

impl Abstracts {
    /// Starts the threads.
    pub(crate) fn start(making: Making) -> std::io::Result<Self> {
        let threads = making.engines.model_drafts().max(1);
        let shared = Arc::new(Shared {
            making,
            waiting: WaitingSessions::new(),
            is_stopping: AtomicBool::new(false),
            // A process that was killed may have left deleted text in the log.
            has_deleted: AtomicBool::new(true),
        });
        let mut abstracts = Self { shared, threads: Vec::new() };
        for _ in 0..threads {
            abstracts.spawn("abstracts", Shared::make_all)?;
        }
        abstracts.spawn("text keeper", Shared::keep_time)?;
        Ok(abstracts)
    }

    fn spawn(&mut self, name: &str, work: fn(&Shared, &Receiver<()>)) -> std::io::Result<()> {
        let (end, ended) = sync_channel(0);
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || work(&shared, &ended))?;
        self.threads.push((end, thread));
        Ok(())
    }

    /// Lets the threads end what is at hand, and joins them. What still waits is told at the next start.
    pub(crate) fn stop(self) {
        self.shared.is_stopping.store(true, Ordering::Relaxed);
        // The drafts at hand fail, so that nobody waits for them.
        self.shared.making.models.shut();
        let (ends, threads): (Vec<_>, Vec<_>) = self.threads.into_iter().unzip();
        drop(ends);
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("making abstracts ended by a panic");
            }
        }
    }
}

/// Waits; returns whether the thread goes on.
fn goes_on(ended: &Receiver<()>, pause: Duration) -> bool {
    matches!(ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
}

impl Shared {
    /// Closes segments until it is told to end.
    fn make_all(&self, ended: &Receiver<()>) {
        let mut pause = TICK;
        while goes_on(ended, pause) && !self.is_stopping.load(Ordering::Relaxed) {
            pause = match self.close_next() {
                Ok(true) => Duration::ZERO,
                Ok(false) => TICK,
                Err(error) => {
                    tracing::warn!(%error, "abstracts could not be made, will retry");
                    self.waiting.forget();
                    TICK
                }
            };
        }
    }

    /// Closes what can be closed of the next session that is due; returns whether there was one.
    fn close_next(&self) -> Result<bool, InboxError> {
        let taken = self.waiting.take(|looked_at| self.look(looked_at))?;
        let Some(Taken { due, now, load }) = taken else { return Ok(false) };
        let engines = self.making.engines.in_order();
        let mode = Mode { now, limits: self.making.limits, engines, load, expired: false };
        let closed = self.close_safely(&due, &mode);
        let (looked_at, closed) = match closed {
            Ok(looked_at) => (looked_at, Ok(true)),
            Err(error) => (None, Err(error)),
        };
        self.waiting.give_back(&due.session, looked_at);
        closed
    }

    /// Looks which sessions are due.
    fn look(&self, looked_at: Vec<LookedAt>) -> Result<Look, InboxError> {
        let Making { inbox, clock, limits, .. } = &self.making;
        if !looked_at.is_empty() {
            inbox.note_looked_at(looked_at)?;
        }
        let at = clock.now();
        let due = inbox.due_sessions(at, limits, MAX_SESSIONS)?;
        Ok(Look { at, is_crowded: due.len() == MAX_SESSIONS, due })
    }

    /// A panic costs one look at one session: nothing of it is stored by halves.
    fn close_safely(
        &self,
        due: &DueSession,
        mode: &Mode<'_>,
    ) -> Result<Option<LookedAt>, InboxError> {
        let closed = catch_unwind(AssertUnwindSafe(|| self.close_session(due, mode)));
        closed.unwrap_or_else(|_| {
            tracing::error!("making the abstracts of a session panicked, will retry");
            Ok(None)
        })
    }

    /// Keeps the promises that have a time, until it is told to end.
    fn keep_time(&self, ended: &Receiver<()>) {
        let mut forgot: Option<Instant> = None;
        while goes_on(ended, KEEP_PAUSE) {
            let now = self.making.clock.now();
            if let Err(error) = self.tell_expired(now) {
                tracing::warn!(%error, "text could not be given up for its age, will retry");
            }
            if forgot.is_none_or(|at| at.elapsed() >= FORGET_INTERVAL) {
                forgot = Some(Instant::now());
                if let Err(error) = self.making.inbox.forget_closed(now) {
                    tracing::warn!(%error, "closed segments could not be forgotten, will retry");
                }
            }
            self.erase_deleted();
        }
        self.erase_deleted();
    }

    /// Tells by the template what has waited for a day, whatever an engine is doing with it.
    fn tell_expired(&self, now: Timestamp) -> Result<(), InboxError> {
        let before = Timestamp::from_millis(now.as_millis().saturating_sub(MAX_TEXT_MS));
        let limits = SegmentLimits { quiet: Duration::ZERO, ..self.making.limits };
        let mode = Mode { now, limits, engines: Vec::new(), load: Load::Free, expired: true };
        loop {
            let due = self.making.inbox.expired_sessions(before, MAX_SESSIONS)?;
            for due in &due {
                if self.is_stopping.load(Ordering::Relaxed) {
                    return Ok(());
                }
                self.close_safely(due, &mode)?;
            }
            if due.len() < MAX_SESSIONS {
                return Ok(());
            }
        }
    }

    fn erase_deleted(&self) {
        if !self.has_deleted.swap(false, Ordering::AcqRel) {
            return;
        }
        let erased = self.making.inbox.erase_deleted();
        if let Err(error) = &erased {
            tracing::warn!(%error, "deleted text could not be overwritten, will retry");
        }
        if !matches!(erased, Ok(true)) {
            self.has_deleted.store(true, Ordering::Release);
        }
    }
}
