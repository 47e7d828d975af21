//! Where the time comes from.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::Timestamp;

/// Tells the time; passed in, so that a test can set it.
pub trait Clock: Send + Sync {
    /// Returns the present point in time.
    fn now(&self) -> Timestamp;

    /// Returns the time since some moment before, by a clock that nobody sets.
    fn uptime(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one door to the machine's clock")]
    fn now(&self) -> Timestamp {
        jiff::Timestamp::now().into()
    }
}
