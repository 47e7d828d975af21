//! The age of what waits, when the clock is set.
//!
//! Rows are dated by the machine's clock. If that jumps forward, everything would be too old at once; so
//! what waits is dated forward by as much. A jump while the daemon was not running cannot be told from
//! time that passed. After a jump back, what waits stays longer, which loses nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use modelstat_wire::Clock;

use super::Spool;
use crate::database::{DatabaseError, integer};

/// By how much the clock may run ahead between two looks before it was set: far more than it drifts.
const TOLERANCE_MS: i64 = 60_000;

/// Where rows keep the time since which they wait.
const DATES: [(&str, &str); 4] = [
    ("incoming", "received_at"),
    ("outbox", "queued_at"),
    ("turns", "arrived_at"),
    ("quarantine", "moved_at"),
];

/// The last look at both clocks.
#[derive(Debug, Default)]
pub(super) struct AgeClock(Mutex<Option<Look>>);

#[derive(Clone, Copy, Debug)]
struct Look {
    wall_ms: i64,
    uptime: Duration,
}

impl Look {
    /// By how much the machine's clock went further than time did since an earlier look.
    fn jump_ms(&self, earlier: &Self) -> i64 {
        let passed = integer(self.uptime.saturating_sub(earlier.uptime).as_millis());
        self.wall_ms.saturating_sub(earlier.wall_ms).saturating_sub(passed)
    }
}

impl Spool {
    /// Looks at the clock, and dates what waits forward if it jumped; before anything is given up.
    pub(crate) fn follow_clock(&self, clock: &dyn Clock) -> Result<(), DatabaseError> {
        if self.limits.age.is_none() {
            return Ok(());
        }
        let now = Look { wall_ms: clock.now().as_millis(), uptime: clock.uptime() };
        let mut last = self.age_clock.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = *last {
            let jump_ms = now.jump_ms(&before);
            if jump_ms > TOLERANCE_MS {
                self.date_forward(before.wall_ms, jump_ms)?;
                tracing::warn!(
                    seconds = jump_ms / 1_000,
                    "the clock jumped; what waits is no older"
                );
            }
        }
        *last = Some(now);
        Ok(())
    }

    fn date_forward(&self, until_ms: i64, by_ms: i64) -> Result<(), DatabaseError> {
        self.change(|transaction, _| {
            for (table, date) in DATES {
                let sql = format!("UPDATE {table} SET {date} = {date} + ?2 WHERE {date} <= ?1");
                transaction.execute(&sql, [until_ms, by_ms])?;
            }
            Ok(())
        })
    }
}
