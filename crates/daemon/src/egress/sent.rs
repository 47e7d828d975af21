//! How much left, in numbers.

use modelstat_wire::Timestamp;

use super::Ledger;
use super::engine::ENGINE_BATCH;
use crate::database::{DatabaseError, count};

/// What left since a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Requests that had an answer.
    pub(crate) requests: u64,
    /// Events in them; one that was sent twice counts twice.
    pub(crate) events: u64,
    /// Bytes of their bodies as sent.
    pub(crate) bytes: u64,
    /// Requests without an answer: all, some or none of their bytes left.
    pub(crate) unanswered: u64,
}

impl Ledger {
    /// Adds up what left since a time, as far as entries are kept. Questions to an engine on this machine
    /// did not leave it.
    pub(crate) fn sent_since(&self, since: Timestamp) -> Result<Sent, DatabaseError> {
        let inner = self.lock();
        let sql = "SELECT COUNT(status), COUNT(*) - COUNT(status),
                          COALESCE(SUM(events) FILTER (WHERE status IS NOT NULL), 0),
                          COALESCE(SUM(sent_bytes) FILTER (WHERE status IS NOT NULL), 0)
                   FROM entries WHERE at >= ?1 AND NOT (batch_id = ?2 AND sent_bytes = 0)";
        let since = (since.as_micros(), ENGINE_BATCH);
        let sums = inner.connection.prepare_cached(sql)?.query_row(since, |row| {
            Ok(Sent {
                requests: count(row.get(0)?),
                unanswered: count(row.get(1)?),
                events: count(row.get(2)?),
                bytes: count(row.get(3)?),
            })
        })?;
        Ok(sums)
    }
}
