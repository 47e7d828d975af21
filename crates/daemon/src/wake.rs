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

    /// Waits until the bell rings, the phase is over, or the time has passed; returns the phase.
    pub(crate) fn wait(&self, time: Duration) -> Phase {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.phase;
        self.wait_in(before, state, time)
    }

    /// The same, and does not wait at all once there is something to finish.
    pub(crate) fn wait_while_running(&self, time: Duration) -> Phase {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.wait_in(Phase::Running, state, time)
    }

    fn wait_in(
        &self,
        before: Phase,
        mut state: std::sync::MutexGuard<'_, State>,
        time: Duration,
    ) -> Phase {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if state.has_work || state.phase != before || left.is_zero() {
                state.has_work = false;
                return state.phase;
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
