//! Wakes a thread that waits for work, and tells it to end.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far a thread's life has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It works and waits for work.
    #[default]
    Running,
    /// It does what is there, and ends.
    Finishing,
    /// It ends after the step at hand.
    Ending,
}

#[derive(Debug, Default)]
struct State {
    has_work: bool,
    phase: Phase,
}

/// One thread's bell.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    state: Mutex<State>,
    changed: Condvar,
}

impl Wake {
    /// Says that there is work.
    pub(crate) fn ring(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).has_work = true;
        self.changed.notify_all();
    }

    /// Moves on to a later phase.
    pub(crate) fn advance(&self, phase: Phase) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.phase = state.phase.max(phase);
        drop(state);
        self.changed.notify_all();
    }

    /// Returns the phase.
    pub(crate) fn phase(&self) -> Phase {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).phase
    }

    /// Waits until the bell rings, the phase is another than the one that was seen, or the time has passed;
    /// returns the phase. Who works by a phase asks for it before the work, or misses what came in between.
    pub(crate) fn wait(&self, seen: Phase, time: Duration) -> Phase {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if state.has_work || state.phase != seen || left.is_zero() {
                state.has_work = false;
                return state.phase;
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
