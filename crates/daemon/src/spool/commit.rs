//! The commit that an acknowledgement stands on.

use modelstat_wire::{FindingCounts, Timestamp};
use rusqlite::Transaction;

use super::usage::{ROW_BYTES, Usage};
use super::{Arrived, Kind, Spool, counters};
use crate::database::{DatabaseError, integer};
use crate::failpoint;

/// One request, redacted and encoded.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The number of the key that brought it.
    pub(crate) key: u32,
    pub(crate) received_at: Timestamp,
    /// blake3 over the key's number and the encoded batch: tells a repeat.
    pub(crate) hash: [u8; 32],
    /// How many events it holds.
    pub(crate) events: u64,
    /// The packed batch, or nothing when nothing in it was good.
    pub(crate) body: Option<Vec<u8>>,
    /// What redaction removed from its events, packed.
    pub(crate) removed: Option<Vec<u8>>,
    /// Why records were refused, with counts.
    pub(crate) rejected: Vec<(String, u64)>,
    pub(crate) findings: FindingCounts,
    /// The batch itself, which the pipeline is spared reading again.
    pub(crate) arrived: Option<Box<Arrived>>,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receipt {
    /// It is on disk.
    Taken,
    /// The same was taken within the last seven days.
    Repeat,
}

/// Why nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommitError {
    #[error("the spool is full")]
    Full,
    #[error("the key holds its share of the spool")]
    KeyFull,
    #[error("free disk space is below the reserve")]
    DiskReserve,
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the daemon is stopping")]
    Closed,
}

impl Spool {
    /// Commits requests together, with one flush of the disk for all of them.
    pub(crate) fn commit(&self, entries: &mut [Entry]) -> Vec<Result<Receipt, CommitError>> {
        if !self.disk.has_room() {
            return entries.iter().map(|_| Err(CommitError::DiskReserve)).collect();
        }
        let mut committed = self.commit_once(entries);
        // A damaged file is replaced here too, so that its damage costs nobody an answer.
        if let (Err(error), Some(first)) = (&committed, entries.first())
            && self.mend_if_damaged(*error, first.received_at.as_millis())
        {
            committed = self.commit_once(entries);
        }
        committed.unwrap_or_else(|error| entries.iter().map(|_| Err(error.into())).collect())
    }

    fn commit_once(
        &self,
        entries: &mut [Entry],
    ) -> Result<Vec<Result<Receipt, CommitError>>, DatabaseError> {
        failpoint::reach("before_commit");
        let mut rows = Vec::new();
        let committed: Result<Vec<_>, DatabaseError> = self.change(|transaction, usage| {
            let take = |entry: &Entry| self.take(transaction, usage, entry, &mut rows);
            entries.iter().map(take).collect()
        });
        failpoint::reach("after_commit");
        let receipts = committed?;
        for (entry, row) in entries.iter_mut().zip(rows) {
            if let (Some(row), Some(arrived)) = (row, entry.arrived.take()) {
                self.arrived.put(row, *arrived);
            }
        }
        Ok(receipts)
    }

    fn take(
        &self,
        transaction: &Transaction<'_>,
        usage: &mut Usage,
        entry: &Entry,
        rows: &mut Vec<Option<i64>>,
    ) -> Result<Result<Receipt, CommitError>, DatabaseError> {
        rows.push(None);
        let insert = "INSERT INTO repeats (hash, taken_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        let known = "SELECT 1 FROM repeats WHERE hash = ?1";
        if transaction.prepare_cached(known)?.exists([entry.hash])? {
            counters::add(transaction, Kind::Outcome, "duplicate", entry.events)?;
            return Ok(Ok(Receipt::Repeat));
        }
        if let Some(body) = &entry.body {
            let body_bytes = body.len() + entry.removed.as_ref().map_or(0, Vec::len);
            let bytes = body_bytes as u64 + ROW_BYTES;
            if usage.total() + bytes > self.limits.bytes {
                return Ok(Err(CommitError::Full));
            }
            if usage.of_key(entry.key) + bytes > self.share_bytes {
                return Ok(Err(CommitError::KeyFull));
            }
            let sql = "INSERT INTO incoming (key, received_at, body, removed)
                       VALUES (?1, ?2, ?3, ?4)";
            let received_at = entry.received_at.as_millis();
            let values = (entry.key, received_at, body, &entry.removed);
            let row = transaction.prepare_cached(sql)?.insert(values)?;
            if let Some(last) = rows.last_mut() {
                *last = Some(row);
            }
            usage.add(entry.key, body_bytes);
        }
        transaction.prepare_cached(insert)?.execute((entry.hash, entry.received_at.as_millis()))?;
        counters::add(transaction, Kind::Outcome, "accepted", entry.events)?;
        for (reason, number) in &entry.rejected {
            counters::add(transaction, Kind::Outcome, "rejected", *number)?;
            counters::add(transaction, Kind::Rejected, reason, *number)?;
        }
        for (rule, number) in entry.findings.iter() {
            counters::add(transaction, Kind::Finding, rule.name(), number)?;
        }
        Ok(Ok(Receipt::Taken))
    }

    /// Forgets repeats that were taken before a time.
    pub(crate) fn forget_repeats_before(&self, time_ms: i64) -> Result<(), DatabaseError> {
        self.change(|transaction, _| {
            let sql = "DELETE FROM repeats WHERE taken_at < ?1";
            transaction.execute(sql, [integer(time_ms)])?;
            Ok(())
        })
    }
}
