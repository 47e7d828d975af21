//! How much of the spool is in use, by key.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::closed;
use super::sessions::QueuedSessions;
use crate::database::{DatabaseError, count};

/// What a row costs besides its body: other columns, indexes and page slack.
pub(super) const ROW_BYTES: u64 = 256;

/// Bytes by key, and requests that wait by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    bytes: BTreeMap<u32, u64>,
    outbox: BTreeMap<u32, u64>,
    /// Not undone with a transaction: a session too many costs a request its place out of turn, no more.
    pub(super) sessions: QueuedSessions,
}

impl Usage {
    pub(super) fn read(connection: &Connection) -> Result<Self, DatabaseError> {
        let sessions = QueuedSessions::read(connection)?;
        let mut usage = Self { sessions, ..Self::default() };
        for table in ["incoming", "outbox", "turns", "quarantine", "closed"] {
            let bytes = match table {
                "incoming" => "length(body) + ifnull(length(removed), 0)",
                "closed" => closed::COST,
                _ => "length(body)",
            };
            let sql = format!("SELECT key, COUNT(*), SUM({bytes}) FROM {table} GROUP BY key");
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (key, number, bytes) = (row.get(0)?, count(row.get(1)?), count(row.get(2)?));
                *usage.bytes.entry(key).or_default() += bytes + number * ROW_BYTES;
                if table == "outbox" {
                    usage.outbox.insert(key, number);
                }
            }
        }
        Ok(usage)
    }

    pub(super) fn total(&self) -> u64 {
        self.bytes.values().sum()
    }

    pub(super) fn of_key(&self, key: u32) -> u64 {
        self.bytes.get(&key).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, key: u32, body_bytes: usize) {
        *self.bytes.entry(key).or_default() += body_bytes as u64 + ROW_BYTES;
    }

    pub(super) fn remove(&mut self, key: u32, body_bytes: u64) {
        if let Some(bytes) = self.bytes.get_mut(&key) {
            *bytes = bytes.saturating_sub(body_bytes + ROW_BYTES);
        }
    }

    pub(super) fn queue(&mut self, key: u32) {
        *self.outbox.entry(key).or_default() += 1;
    }

    pub(super) fn unqueue(&mut self, key: u32) {
        let Some(rows) = self.outbox.get_mut(&key) else { return };
        *rows = rows.saturating_sub(1);
        if *rows == 0 {
            self.outbox.remove(&key);
        }
        if self.outbox.is_empty() {
            self.sessions.clear();
        }
    }

    /// Requests that wait, by key.
    pub(super) fn outbox(&self) -> &BTreeMap<u32, u64> {
        &self.outbox
    }
}
