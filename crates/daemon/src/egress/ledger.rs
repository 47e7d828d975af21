//! What was sent: payload, destination, time and answer.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use modelstat_wire::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use crate::config::LedgerLimits;
use crate::database::{self, DatabaseError, count, integer};

/// What made each version of the tables out of the one before.
const SCHEMA: &[&str] = &["
    -- A payload is kept once, however often it was sent.
    CREATE TABLE payloads (
        hash BLOB NOT NULL PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        destination TEXT NOT NULL,
        key INTEGER NOT NULL,
        batch_id TEXT NOT NULL,
        events INTEGER NOT NULL,
        sent_bytes INTEGER NOT NULL,
        plain_bytes INTEGER NOT NULL,
        payload BLOB NOT NULL,
        status INTEGER,
        outcome TEXT,
        concluded_at INTEGER
    ) STRICT;
    CREATE INDEX entries_by_payload ON entries (payload);
    CREATE INDEX entries_by_time ON entries (at);
"];

/// What an entry costs besides its payload.
const ENTRY_BYTES: u64 = 512;

/// Entries that are dropped in one step, so that a request never waits long for room.
const DROP_STEP: u32 = 256;

/// Most bytes of payloads in one reading.
const MAX_READ_BYTES: usize = 16 * 1024 * 1024;

/// The file, bounded by size and age.
pub(crate) struct Ledger {
    inner: Mutex<Inner>,
    limits: LedgerLimits,
}

pub(super) struct Inner {
    pub(super) connection: Connection,
    bytes: u64,
}

/// What is about to be sent.
pub(super) struct Intent<'a> {
    pub(super) at: Timestamp,
    pub(super) destination: &'a str,
    pub(super) key: u32,
    pub(super) batch_id: &'a str,
    pub(super) events: u64,
    pub(super) plain_bytes: u64,
    pub(super) payload: &'a [u8],
}

/// One request that was sent, or was about to be.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerEntry {
    /// The entry's number.
    pub id: i64,
    /// When the first byte was about to be sent.
    pub at: Timestamp,
    /// Host, port and path.
    pub destination: String,
    /// The number of the key that it was sent with; the key itself stands nowhere here.
    pub key: u32,
    /// The batch.
    pub batch_id: String,
    /// How many events it holds.
    pub events: u64,
    /// The body's length as sent.
    pub sent_bytes: u64,
    /// The body's length before compression.
    pub plain_bytes: u64,
    /// The answer's status; absent while there is none.
    pub status: Option<u16>,
    /// `answered`, or why there was no answer; absent when the process ended before.
    pub outcome: Option<String>,
    /// When that was known.
    pub concluded_at: Option<Timestamp>,
    /// blake3 of the body as sent.
    pub payload_hash: String,
    /// The body before compression, byte for byte.
    pub payload: String,
}

impl Ledger {
    pub(crate) fn open(path: &Path, limits: LedgerLimits) -> Result<Self, DatabaseError> {
        let connection = database::open(path, "egress.db", SCHEMA)?;
        let payloads: Option<i64> =
            connection.query_row("SELECT SUM(length(body)) FROM payloads", [], |row| row.get(0))?;
        let entries: i64 =
            connection.query_row("SELECT COUNT(*) FROM entries", [], |row| row.get(0))?;
        let bytes = count(payloads.unwrap_or(0)) + count(entries) * ENTRY_BYTES;
        Ok(Self { inner: Mutex::new(Inner { connection, bytes }), limits })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what is about to be sent; it is on disk when this returns.
    pub(super) fn intend(&self, intent: &Intent<'_>) -> Result<i64, DatabaseError> {
        let mut inner = self.lock();
        inner.make_room(intent, self.limits)?;
        let hash = blake3::hash(intent.payload);
        inner.connection.execute_batch("PRAGMA synchronous = FULL")?;
        let transaction = inner.connection.transaction()?;
        let added = transaction
            .prepare_cached(
                "INSERT INTO payloads (hash, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute((hash.as_bytes(), intent.payload))?;
        let id = transaction
            .prepare_cached(
                "INSERT INTO entries (at, destination, key, batch_id, events, sent_bytes, plain_bytes, payload)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .insert((
                intent.at.as_micros(),
                intent.destination,
                intent.key,
                intent.batch_id,
                integer(intent.events),
                integer(intent.payload.len()),
                integer(intent.plain_bytes),
                hash.as_bytes(),
            ))?;
        transaction.commit()?;
        inner.bytes += ENTRY_BYTES + if added > 0 { intent.payload.len() as u64 } else { 0 };
        Ok(id)
    }

    /// Writes down what came of it, without a flush of its own: a power cut may leave the answer out,
    /// while what was sent is on disk since before.
    pub(super) fn conclude(
        &self,
        id: i64,
        status: Option<u16>,
        outcome: &str,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let inner = self.lock();
        inner.connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        inner
            .connection
            .prepare_cached(
                "UPDATE entries SET status = ?2, outcome = ?3, concluded_at = ?4 WHERE id = ?1",
            )?
            .execute((id, status, outcome, now.as_micros()))?;
        Ok(())
    }

    /// Reads entries in their order after a number.
    pub(crate) fn read_after(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<LedgerEntry>, DatabaseError> {
        let inner = self.lock();
        let mut statement = inner.connection.prepare_cached(
            "SELECT id, at, destination, key, batch_id, events, sent_bytes, plain_bytes, status, outcome,
                    concluded_at, payload, body
             FROM entries JOIN payloads ON hash = payload WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let mut rows = statement.query((after, limit))?;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let hash = blake3::Hash::from_bytes(row.get(11)?);
            let payload = unzip(&row.get::<_, Vec<u8>>(12)?).ok_or(DatabaseError::Value)?;
            bytes += payload.len();
            entries.push(LedgerEntry {
                id: row.get(0)?,
                at: Timestamp::from_micros(row.get(1)?),
                destination: row.get(2)?,
                key: row.get(3)?,
                batch_id: row.get(4)?,
                events: count(row.get(5)?),
                sent_bytes: count(row.get(6)?),
                plain_bytes: count(row.get(7)?),
                status: row.get(8)?,
                outcome: row.get(9)?,
                concluded_at: row.get::<_, Option<i64>>(10)?.map(Timestamp::from_micros),
                payload_hash: hash.to_hex().to_string(),
                payload,
            });
            if bytes >= MAX_READ_BYTES {
                break;
            }
        }
        Ok(entries)
    }

    /// Empties the write-ahead log.
    pub(crate) fn checkpoint(&self) -> Result<(), DatabaseError> {
        database::checkpoint(&self.lock().connection).map(|_| ())
    }
}

impl Inner {
    /// Drops the oldest entries until the new one fits, and those that are too old.
    fn make_room(
        &mut self,
        intent: &Intent<'_>,
        limits: LedgerLimits,
    ) -> Result<(), DatabaseError> {
        let needed = intent.payload.len() as u64 + ENTRY_BYTES;
        let age = i64::try_from(limits.age.as_micros()).unwrap_or(i64::MAX);
        let oldest_kept = intent.at.as_micros().saturating_sub(age);
        loop {
            let oldest: Option<i64> = self
                .connection
                .prepare_cached("SELECT at FROM entries ORDER BY id LIMIT 1")?
                .query_row([], |row| row.get(0))
                .optional()?;
            let Some(oldest) = oldest else { return Ok(()) };
            let is_full = self.bytes + needed > limits.bytes;
            if !is_full && oldest >= oldest_kept {
                return Ok(());
            }
            let rows = if is_full { 1 } else { DROP_STEP };
            self.drop_oldest(rows, if is_full { i64::MAX } else { oldest_kept })?;
        }
    }

    fn drop_oldest(&mut self, rows: u32, before: i64) -> Result<(), DatabaseError> {
        let transaction = self.connection.transaction()?;
        let mut freed = 0;
        let oldest: Vec<(i64, Vec<u8>)> = transaction
            .prepare_cached("SELECT id, payload FROM entries WHERE at < ?1 ORDER BY id LIMIT ?2")?
            .query_map((before, rows), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (id, payload) in oldest {
            transaction.prepare_cached("DELETE FROM entries WHERE id = ?1")?.execute([id])?;
            let orphan: Option<i64> = transaction
                .prepare_cached(
                    "DELETE FROM payloads WHERE hash = ?1
                     AND NOT EXISTS (SELECT 1 FROM entries WHERE payload = ?1) RETURNING length(body)",
                )?
                .query_row([payload], |row| row.get(0))
                .optional()?;
            freed += ENTRY_BYTES + count(orphan.unwrap_or(0));
        }
        transaction.commit()?;
        self.bytes = self.bytes.saturating_sub(freed);
        Ok(())
    }
}

fn unzip(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    std::io::Read::read_to_string(&mut decoder, &mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    fn zip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory");
        encoder.finish().expect("memory")
    }

    fn intend(ledger: &Ledger, second: i64, text: &str) -> i64 {
        let payload = zip(text);
        let intent = Intent {
            at: Timestamp::from_millis(second * 1_000),
            destination: "a.example:443/v1/ingest",
            key: 1,
            batch_id: "b",
            events: 1,
            plain_bytes: text.len() as u64,
            payload: &payload,
        };
        ledger.intend(&intent).expect("written")
    }

    fn open(limits: LedgerLimits) -> (tempfile::TempDir, Ledger) {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = Ledger::open(&folder.path().join("egress.db"), limits).expect("opens");
        (folder, ledger)
    }

    #[test]
    fn an_intent_is_read_back_byte_for_byte_with_its_answer() {
        let (_folder, ledger) = open(LedgerLimits::default());
        let id = intend(&ledger, 1, "payload");
        assert_eq!(ledger.read_after(0, 10).expect("read")[0].status, None);
        ledger.conclude(id, Some(200), "answered", Timestamp::from_millis(2_000)).expect("written");
        let entry = &ledger.read_after(0, 10).expect("read")[0];
        assert_eq!((entry.payload.as_str(), entry.status), ("payload", Some(200)));
        assert!(ledger.read_after(id, 10).expect("read").is_empty());
    }

    #[test]
    fn the_oldest_go_when_it_is_full() {
        let limits = LedgerLimits { bytes: 4 * ENTRY_BYTES, age: Duration::from_hours(1) };
        let (_folder, ledger) = open(limits);
        for second in 0..20 {
            intend(&ledger, second, &format!("payload {second}"));
        }
        let left = ledger.read_after(0, 100).expect("read");
        assert!((2..4).contains(&left.len()), "{} entries", left.len());
        assert_eq!(left.last().map(|entry| entry.payload.as_str()), Some("payload 19"));
    }

    #[test]
    fn what_is_too_old_goes() {
        let limits = LedgerLimits { bytes: 1 << 20, age: Duration::from_secs(100) };
        let (_folder, ledger) = open(limits);
        intend(&ledger, 0, "old");
        intend(&ledger, 90, "kept");
        intend(&ledger, 110, "new");
        let left = ledger.read_after(0, 100).expect("read");
        assert_eq!(
            left.iter().map(|entry| entry.payload.as_str()).collect::<Vec<_>>(),
            ["kept", "new"]
        );
    }

    #[test]
    fn a_payload_is_kept_once() {
        let (_folder, ledger) = open(LedgerLimits::default());
        intend(&ledger, 0, "same");
        let before = ledger.lock().bytes;
        intend(&ledger, 1, "same");
        assert_eq!(ledger.lock().bytes, before + ENTRY_BYTES);
        assert_eq!(ledger.read_after(0, 10).expect("read").len(), 2);
    }
}
