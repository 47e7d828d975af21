//! The handle that calls are recorded through.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::live::{Live, Tell};
use super::tickets::Standing;
use super::worker::Work;
use super::{Convert, DropReason, Flushed, Item, Notice, Stats, Transport};
use crate::config::Config;
use crate::environment::Environment;

/// How long dropping the last handle may take.
const DROP_TIMEOUT: Duration = Duration::from_millis(500);

/// Records items and has them sent. Handles are cheap to clone and share one queue and worker.
///
/// Dropping the last handle sends what waits within half a second.
pub struct Recorder<T: Item> {
    shared: Arc<Shared<T>>,
}

struct Shared<T: Item> {
    config: Arc<Config>,
    /// What the workers of forked children are made of. Locked when made and at a fork only.
    seeds: Mutex<Seeds<T>>,
    tell: Tell,
    first: Generation<T>,
}

struct Seeds<T> {
    transport: Box<dyn Transport>,
    convert: Box<dyn Convert<T>>,
}

/// The state of a process and of those forked off it, one after the other.
struct Generation<T: Item> {
    live: Arc<Live<T>>,
    next: OnceLock<Box<Generation<T>>>,
}

impl<T: Item> Clone for Recorder<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T: Item> Recorder<T> {
    /// Makes a recorder. Starts no thread and opens no connection: the first item does.
    #[must_use]
    pub fn new(
        config: Config,
        transport: Box<dyn Transport>,
        convert: Box<dyn Convert<T>>,
    ) -> Self {
        Self::with_notices(config, transport, convert, |_| {})
    }

    /// Makes a recorder that tells what whoever runs the program should know, on its worker thread.
    #[must_use]
    pub fn with_notices(
        mut config: Config,
        transport: Box<dyn Transport>,
        convert: Box<dyn Convert<T>>,
        tell: impl Fn(Notice) + Send + Sync + 'static,
    ) -> Self {
        config.apply_switches(&Environment::of_process());
        if config.is_disabled {
            config.buffer_capacity = 0;
        }
        let config = Arc::new(config);
        let tell: Tell = Arc::new(tell);
        let seeds = Seeds { transport: transport.fresh(), convert: convert.fresh() };
        let work = Work::new(Arc::clone(&config), transport, convert);
        let live = Live::new(Arc::clone(&config), work, Arc::clone(&tell));
        let first = Generation { live, next: OnceLock::new() };
        Self { shared: Arc::new(Shared { config, seeds: Mutex::new(seeds), tell, first }) }
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Records an item. Never blocks and never panics: what cannot be taken is counted.
    #[inline]
    pub fn record(&self, mut item: T) {
        self.take(&mut item);
    }

    /// Records an item and leaves a vacant one, unless it cannot be taken.
    pub(crate) fn take(&self, item: &mut T) {
        if self.shared.config.is_disabled {
            return;
        }
        let live = self.live();
        let bytes = item.size();
        let Some(held) = live.admit(bytes) else { return };
        live.queue.put(item);
        if live.has_put(held, bytes) {
            self.adopt_fork();
        }
    }

    /// Records an item that is made only if it can be taken.
    #[inline]
    pub fn record_with(&self, make: impl FnOnce() -> T) {
        if self.shared.config.is_disabled {
            return;
        }
        let live = self.live();
        if let Some(reason) = live.refusal() {
            live.counters.drop_calls(reason, 1);
            return;
        }
        self.record(make());
    }

    /// Sends what was recorded before, and waits for it at most so long.
    pub fn flush(&self, timeout: Duration) -> Flushed {
        self.adopt_fork();
        self.live().flush(deadline(timeout))
    }

    /// Sends what was recorded before, without blocking the thread.
    pub fn flush_async(&self, timeout: Duration) -> Settling<T> {
        self.adopt_fork();
        let live = Arc::clone(self.live());
        let until = deadline(timeout);
        let is_idle = live.queue.held().slots == 0;
        let ticket = (!is_idle).then(|| live.ask(until));
        live.work_here(until);
        Settling { live, ticket, until }
    }

    /// Refuses new items, sends what was recorded before, and ends the worker. Again is harmless.
    pub fn shutdown(&self, timeout: Duration) -> Flushed {
        self.adopt_fork();
        self.live().shutdown(deadline(timeout))
    }

    /// The same without blocking the thread.
    pub fn shutdown_async(&self, timeout: Duration) -> Settling<T> {
        self.adopt_fork();
        let live = Arc::clone(self.live());
        let until = deadline(timeout);
        let is_idle = live.close();
        let ticket = (!is_idle).then(|| live.ask(until));
        live.stop(until);
        live.work_here(until);
        Settling { live, ticket, until }
    }

    /// What became of the items recorded in this process.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.live().stats()
    }

    /// The random name of this process's state.
    #[must_use]
    pub fn instance_id(&self) -> &str {
        &self.live().instance_id
    }

    /// Gives a forked child a state of its own: an empty queue, counters at zero, a new instance,
    /// and a worker that the next item starts. To be called in the child, before anything else of
    /// this recorder's.
    ///
    /// What waited in the parent at the fork is the parent's; here it is counted as
    /// `fork_discarded`. A child that never calls this finds out at the latest when it flushes.
    pub fn after_fork_in_child(&self) {
        let generation = self.shared.newest();
        generation.next.get_or_init(|| {
            let inherited = &generation.live;
            // Never dropped: the parent's threads may have been in the middle of a push.
            std::mem::forget(Arc::clone(inherited));
            Box::new(self.shared.next_generation(inherited.queue.held().slots))
        });
    }

    fn adopt_fork(&self) {
        if !self.live().is_own() {
            self.after_fork_in_child();
        }
    }

    #[inline]
    fn live(&self) -> &Arc<Live<T>> {
        &self.shared.newest().live
    }
}

impl<T: Item> Shared<T> {
    #[inline]
    fn newest(&self) -> &Generation<T> {
        let mut newest = &self.first;
        while let Some(next) = newest.next.get() {
            newest = next;
        }
        newest
    }

    fn next_generation(&self, discarded: usize) -> Generation<T> {
        let seeds = self.seeds.lock().unwrap_or_else(PoisonError::into_inner);
        let config = Arc::clone(&self.config);
        let work = Work::new(Arc::clone(&config), seeds.transport.fresh(), seeds.convert.fresh());
        let live = Live::new(config, work, Arc::clone(&self.tell));
        live.counters.drop_calls(DropReason::ForkDiscarded, discarded);
        Generation { live, next: OnceLock::new() }
    }
}

impl<T: Item> Drop for Shared<T> {
    fn drop(&mut self) {
        let live = Arc::clone(&self.newest().live);
        if live.is_own() {
            live.shutdown(deadline(DROP_TIMEOUT));
        } else {
            // Inherited by a fork: see `after_fork_in_child`.
            std::mem::forget(live);
        }
    }
}

/// Waits for a flush without a runtime: the worker wakes the task.
#[must_use = "futures do nothing unless polled"]
pub struct Settling<T: Item> {
    live: Arc<Live<T>>,
    ticket: Option<u64>,
    until: Instant,
}

impl<T: Item> Future for Settling<T> {
    type Output = Flushed;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Flushed> {
        let Some(ticket) = self.ticket else { return Poll::Ready(self.live.flushed(true)) };
        match self.live.tickets.poll(ticket, context.waker()) {
            Standing::Complete => Poll::Ready(self.live.flushed(true)),
            Standing::Over => Poll::Ready(self.live.flushed(false)),
            Standing::Waiting if Instant::now() >= self.until => {
                Poll::Ready(self.live.flushed(false))
            }
            Standing::Waiting => Poll::Pending,
        }
    }
}

/// A timeout too long for the clock is as good as a day.
fn deadline(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_hours(24))
}
