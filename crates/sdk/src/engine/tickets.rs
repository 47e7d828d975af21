//! Who waits for the worker, and what the worker is asked to do by when.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

/// Requests to flush and to stop. Each request to flush gets the next number.
#[derive(Default)]
pub(crate) struct Tickets {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    orders: Orders,
    /// Flushes up to this one are complete.
    completed: u64,
    /// Flushes up to this one are over, complete or not.
    ended: u64,
    is_dead: bool,
    /// The worker ended with everything sent.
    is_clean: bool,
    wakers: Vec<(u64, Waker)>,
}

/// What the worker is asked to do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Orders {
    /// The newest flush.
    pub(crate) issued: u64,
    /// When the last of the flushes gives up.
    pub(crate) until: Option<Instant>,
    /// When the worker must have stopped.
    pub(crate) stop_at: Option<Instant>,
}

/// How a flush stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Waiting,
    Complete,
    Over,
}

impl Tickets {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole before the lock is let go, so a panic elsewhere harms nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a flush and returns its number.
    pub(crate) fn issue(&self, until: Instant) -> u64 {
        let mut state = self.state();
        state.orders.issued += 1;
        state.orders.until = state.orders.until.max(Some(until));
        state.orders.issued
    }

    /// Asks the worker to stop when everything is sent, or at the latest then. The first word holds.
    pub(crate) fn stop(&self, at: Instant) {
        self.state().orders.stop_at.get_or_insert(at);
    }

    pub(crate) fn orders(&self) -> Orders {
        self.state().orders
    }

    /// Whether the worker has ended.
    pub(crate) fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    /// Notes that flushes up to `ticket` are complete.
    pub(crate) fn complete(&self, ticket: u64) {
        self.change(|state| {
            state.completed = state.completed.max(ticket);
            state.ended = state.ended.max(ticket);
        });
    }

    /// Notes that no flush can be completed by its deadline.
    pub(crate) fn give_up(&self) {
        self.change(|state| state.ended = state.orders.issued);
    }

    /// Notes that the worker has ended, and whether everything has its outcome.
    pub(crate) fn end(&self, is_clean: bool) {
        self.change(|state| {
            state.is_dead = true;
            state.is_clean = is_clean;
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        if state.ended >= state.orders.issued {
            state.orders.until = None;
        }
        let all = std::mem::take(&mut state.wakers);
        let (over, waiting) =
            all.into_iter().partition(|(ticket, _)| state.standing(*ticket) != Standing::Waiting);
        state.wakers = waiting;
        drop(state);
        self.changed.notify_all();
        let over: Vec<(u64, Waker)> = over;
        for (_, waker) in over {
            waker.wake();
        }
    }

    /// Blocks until a flush is over, or until a deadline.
    pub(crate) fn wait(&self, ticket: u64, until: Instant) -> Standing {
        let mut state = self.state();
        loop {
            let standing = state.standing(ticket);
            let left = until.saturating_duration_since(Instant::now());
            if standing != Standing::Waiting || left.is_zero() {
                return standing;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Says how a flush stands, and wakes a task when that changes.
    pub(crate) fn poll(&self, ticket: u64, waker: &Waker) -> Standing {
        let mut state = self.state();
        let standing = state.standing(ticket);
        if standing == Standing::Waiting {
            state.wakers.retain(|(other, known)| *other != ticket || !known.will_wake(waker));
            state.wakers.push((ticket, waker.clone()));
        }
        standing
    }
}

impl State {
    fn standing(&self, ticket: u64) -> Standing {
        if self.completed >= ticket || (self.is_dead && self.is_clean) {
            Standing::Complete
        } else if self.is_dead || self.ended >= ticket {
            Standing::Over
        } else {
            Standing::Waiting
        }
    }
}
