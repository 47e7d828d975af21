//! How shipping with one key goes.

use std::time::{Duration, Instant};

use super::backoff;
use crate::config::Pace;
use crate::status::KeyState;

/// When a key may try again, and why it has to wait.
#[derive(Debug, Default)]
pub(super) struct Lane {
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    state: KeyState,
    reason: String,
    failures: u32,
    /// `None` only if the wait is beyond the clock's range.
    until: Option<Instant>,
}

impl Lane {
    pub(super) fn state(&self) -> KeyState {
        self.trouble.as_ref().map_or(KeyState::Ready, |trouble| trouble.state)
    }

    pub(super) fn reason(&self) -> Option<&str> {
        self.trouble.as_ref().map(|trouble| trouble.reason.as_str())
    }

    pub(super) fn failures(&self) -> u32 {
        self.trouble.as_ref().map_or(0, |trouble| trouble.failures)
    }

    pub(super) fn retry_in(&self) -> Option<Duration> {
        let until = self.trouble.as_ref()?.until?;
        Some(until.saturating_duration_since(Instant::now()))
    }

    pub(super) fn is_due(&self) -> bool {
        self.retry_in().is_none_or(|wait| wait.is_zero())
    }

    pub(super) fn succeed(&mut self) {
        self.trouble = None;
    }

    /// Waits a random time that grows with each failure, and at least as long as the server asks.
    pub(super) fn fail(&mut self, reason: String, retry_after: Option<Duration>, pace: &Pace) {
        let wait = backoff::full_jitter(self.failures(), pace).max(retry_after.unwrap_or_default());
        self.wait(KeyState::BackingOff, reason, wait);
    }

    /// Waits for somebody to mend the key, and looks now and then.
    pub(super) fn pause(&mut self, reason: String, pace: &Pace) {
        self.wait(KeyState::Paused, reason, pace.probe);
    }

    fn wait(&mut self, state: KeyState, reason: String, wait: Duration) {
        let failures = self.failures().saturating_add(1);
        self.trouble = Some(Trouble { state, reason, failures, until: super::in_time(wait) });
    }
}
