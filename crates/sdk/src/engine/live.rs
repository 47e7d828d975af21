//! What recorders and the worker of one process share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::outcome::Counters;
use super::queue::{Held, Queue};
use super::tickets::{Standing, Tickets};
use super::worker::Work;
use super::{DropReason, Flushed, Item, Notice, Stats, WorkerState};
use crate::config::Config;

/// A queue this full wakes the worker, unless batches are smaller than by default: it looks often
/// enough by itself, and a wake costs the caller a system call.
const WAKE_SLOTS: usize = 1_024;
/// The batch size below which a full batch wakes the worker.
const USUAL_BATCH: usize = 256;

/// Tells whoever runs the program.
pub(crate) type Tell = Arc<dyn Fn(Notice) + Send + Sync>;

/// The state of one process: a forked child gets its own.
pub(crate) struct Live<T: Item> {
    pub(crate) config: Arc<Config>,
    pub(crate) queue: Queue<T>,
    pub(crate) counters: Counters,
    pub(crate) tickets: Tickets,
    pub(crate) instance_id: String,
    pub(crate) tell: Tell,
    pid: u32,
    is_closed: AtomicBool,
    is_finished: AtomicBool,
    is_started: AtomicBool,
    /// `None` inside when no thread could be started.
    thread: OnceLock<Option<Thread>>,
    /// The worker's state while no thread has it.
    work: Mutex<Option<Work<T>>>,
    wake_slots: usize,
    wake_bytes: usize,
}

impl<T: Item> Live<T> {
    pub(crate) fn new(config: Arc<Config>, work: Work<T>, tell: Tell) -> Arc<Self> {
        let most = config.buffer_capacity.div_ceil(2).max(1);
        let eager = config.flush_max_batch.max(1);
        let wake_slots = if eager < USUAL_BATCH { eager } else { eager.max(WAKE_SLOTS) };
        Arc::new(Self {
            queue: Queue::new(config.buffer_capacity, config.byte_budget),
            counters: Counters::default(),
            tickets: Tickets::default(),
            instance_id: new_instance_id(),
            tell,
            pid: std::process::id(),
            is_closed: AtomicBool::new(false),
            is_finished: AtomicBool::new(false),
            is_started: AtomicBool::new(false),
            thread: OnceLock::new(),
            work: Mutex::new(Some(work)),
            wake_slots: wake_slots.min(most),
            wake_bytes: config.byte_budget / 2,
            config,
        })
    }

    /// Whether this process made the state, and did not inherit it.
    pub(crate) fn is_own(&self) -> bool {
        self.pid == std::process::id()
    }

    /// Why another call would be refused whatever it is.
    pub(crate) fn refusal(&self) -> Option<DropReason> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Some(DropReason::AfterShutdown);
        }
        self.queue.refusal()
    }

    /// Keeps a place for an item; one that cannot be taken is counted.
    #[inline]
    pub(crate) fn admit(&self, bytes: usize) -> Option<Held> {
        if self.is_closed.load(Ordering::Acquire) {
            self.counters.drop_calls(DropReason::AfterShutdown, 1);
            return None;
        }
        match self.queue.reserve(bytes) {
            Ok(held) => Some(held),
            Err(reason) => {
                self.counters.drop_calls(reason, 1);
                None
            }
        }
    }

    /// Does what an item brings with it that was put into its place; returns whether the queue just
    /// became worth a look. No lock, no allocation, and no system call but for the first item and
    /// when the queue fills.
    #[inline]
    pub(crate) fn has_put(self: &Arc<Self>, held: Held, bytes: usize) -> bool {
        if !self.is_started.load(Ordering::Acquire) {
            self.start();
        }
        let fills_bytes = held.bytes >= self.wake_bytes && held.bytes - bytes < self.wake_bytes;
        let is_worth_a_look = held.slots == self.wake_slots || fills_bytes;
        if is_worth_a_look {
            self.wake();
        }
        // Pairs with `finish`: whoever sees the other's write takes what was pushed.
        if self.is_finished.load(Ordering::SeqCst) {
            self.discard_queue(DropReason::AfterShutdown);
        }
        is_worth_a_look
    }

    /// Starts the worker's thread, once. Where none can be started, `flush` works on its caller's.
    pub(crate) fn start(self: &Arc<Self>) {
        if self.is_started.swap(true, Ordering::AcqRel) || !self.is_own() {
            return;
        }
        let live = Arc::clone(self);
        let builder = thread::Builder::new().name("modelstat".into());
        let spawned = builder.spawn(move || {
            let taken = live.work.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(mut work) = taken {
                work.run(&live);
            }
        });
        let thread = spawned.ok().map(|handle| handle.thread().clone());
        // It is set once: `is_started` lets one caller through.
        drop(self.thread.set(thread));
    }

    pub(crate) fn wake(&self) {
        if let Some(Some(thread)) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Sends what waits, by `until` at the latest.
    pub(crate) fn flush(self: &Arc<Self>, until: Instant) -> Flushed {
        if self.queue.held().slots == 0 {
            return self.flushed(true);
        }
        let ticket = self.ask(until);
        self.work_here(until);
        let standing = self.tickets.wait(ticket, until);
        self.flushed(standing == Standing::Complete)
    }

    /// Asks the worker to send what waits.
    pub(crate) fn ask(self: &Arc<Self>, until: Instant) -> u64 {
        self.start();
        let ticket = self.tickets.issue(until);
        self.wake();
        ticket
    }

    /// Refuses new calls, sends what waits, and ends the worker.
    pub(crate) fn shutdown(self: &Arc<Self>, until: Instant) -> Flushed {
        let is_idle = self.close();
        if is_idle && !self.has_news() {
            self.stop(until);
            return self.flushed(true);
        }
        let ticket = self.ask(until);
        self.stop(until);
        self.work_here(until);
        let standing = self.tickets.wait(ticket, until);
        self.flushed(is_idle || standing == Standing::Complete)
    }

    /// Refuses new calls; returns whether nothing waits.
    pub(crate) fn close(&self) -> bool {
        self.is_closed.store(true, Ordering::SeqCst);
        self.queue.held().slots == 0
    }

    /// Lets the worker end when everything is sent. To be said after the flush was asked for, which
    /// a worker that has ended no longer hears.
    pub(crate) fn stop(&self, until: Instant) {
        self.tickets.stop(until);
        self.wake();
    }

    /// Whether losses were counted that a worker could still report.
    fn has_news(&self) -> bool {
        self.is_started.load(Ordering::Acquire)
            && self.counters.all_dropped() > 0
            && !self.tickets.is_dead()
    }

    /// Does the worker's work on this thread if no thread could be started, as at the end of an
    /// interpreter.
    pub(crate) fn work_here(self: &Arc<Self>, until: Instant) {
        if !matches!(self.thread.get(), Some(None)) {
            return;
        }
        let mut slot = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut work) = slot.take() else { return };
        work.run_until(self, until);
        *slot = Some(work);
    }

    /// Called by the worker as the last thing it does.
    pub(crate) fn finish(&self, is_clean: bool) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.is_finished.store(true, Ordering::SeqCst);
        let discarded = self.discard_queue(DropReason::ExitDeadline);
        self.tickets.end(is_clean && discarded == 0);
    }

    fn discard_queue(&self, reason: DropReason) -> usize {
        let mut discarded = 0;
        while let Some(item) = self.queue.pop() {
            self.counters.drop_calls(reason, 1);
            self.queue.release(1, item.size());
            discarded += 1;
        }
        discarded
    }

    pub(crate) fn flushed(&self, complete: bool) -> Flushed {
        let is_dead = self.tickets.is_dead() || !self.is_own();
        Flushed {
            complete,
            pending: self.queue.held().slots,
            worker: if is_dead { WorkerState::Dead } else { WorkerState::Alive },
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.counters.stats(|| self.queue.held())
    }

    /// How often the worker looks when there is little to do.
    pub(crate) fn longest_poll(&self) -> Duration {
        self.config.flush_interval.clamp(Duration::from_millis(10), Duration::from_secs(2))
    }
}

/// A random name of this process's state.
fn new_instance_id() -> String {
    format!("ins_{:016x}{:016x}", random(), random())
}

/// Random bits; where the system has none, the time and the process must do.
pub(crate) fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        let nanos = chrono::Utc::now().timestamp_nanos_opt().unwrap_or_default();
        nanos.cast_unsigned().rotate_left(17) ^ u64::from(std::process::id())
    })
}
