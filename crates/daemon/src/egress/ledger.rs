//! What was sent: payload, destination, time and answer.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use modelstat_wire::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use serde::Serialize;

use super::chain::{AnswerFields, Content, Digest, Kind, RequestFields, Tip};
use super::device::DeviceKey;
use super::findings::Findings;
use super::payload::{self, PayloadProblem};
use super::records::{NewRecord, append_signed, settle};
use super::room::{ENTRY_BYTES, Room};
use crate::config::LedgerLimits;
use crate::database::{self, DatabaseError, count, integer};

/// The file in the daemon's folder.
pub(crate) const FILE: &str = "egress.db";

/// What made each version of the tables out of the one before.
pub(super) const SCHEMA: &[&str] = &[
    "
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
",
    "
    -- JSON, rule to count; absent where nobody counted.
    ALTER TABLE entries ADD COLUMN findings TEXT;
    -- The chain: every request, every answer, and what is said of the chain itself.
    CREATE TABLE records (
        number INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        entry INTEGER,
        note TEXT,
        head BLOB NOT NULL
    ) STRICT;
    CREATE INDEX records_of_entry ON records (entry);
    -- What the device key vouches for: where the chain ends, and up to where it was dropped.
    CREATE TABLE seals (
        kind TEXT NOT NULL PRIMARY KEY,
        number INTEGER NOT NULL,
        head BLOB NOT NULL,
        dropped_records INTEGER NOT NULL,
        dropped_bytes INTEGER NOT NULL,
        at INTEGER NOT NULL,
        public_key BLOB NOT NULL,
        signature BLOB NOT NULL
    ) STRICT;
",
];

/// Most bytes of payloads in one reading.
const MAX_READ_BYTES: usize = 16 * 1024 * 1024;

/// The file, bounded by size and age.
pub(crate) struct Ledger {
    inner: Mutex<Inner>,
    limits: LedgerLimits,
    key: Arc<DeviceKey>,
}

pub(super) struct Inner {
    pub(super) connection: Connection,
    bytes: u64,
    tip: Tip,
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
    /// What redaction had taken out, by rule.
    pub(super) findings: &'a Findings,
}

/// What was written down before a request is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intended {
    /// The row that its answer completes.
    pub(super) id: i64,
    /// The number of its record.
    pub(super) number: i64,
    /// The chain hash up to it.
    pub(super) head: Digest,
    /// blake3 of the payload.
    pub(super) payload: Digest,
}

/// What came of a request.
pub(super) struct Conclusion<'a> {
    pub(super) status: Option<u16>,
    pub(super) outcome: &'a str,
    pub(super) at: Timestamp,
}

/// Where a reading of the ledger begins.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReadStart {
    /// So many entries before the end.
    pub(crate) tail: Option<u32>,
    /// With the first entry of a time or later.
    pub(crate) since: Option<Timestamp>,
}

/// One request that was sent, or was about to be.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerEntry {
    /// The entry's place in the order of requests, for reading on after it.
    pub id: i64,
    /// The number of its record in the chain.
    pub number: Option<i64>,
    /// The chain hash up to and including that record.
    pub head: Option<String>,
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
    /// What redaction had taken out of its events, by rule; absent for requests of older versions.
    pub findings: Option<Findings>,
    /// The answer's status; absent while there is none.
    pub status: Option<u16>,
    /// `answered`, or why there was no answer; absent when the process ended before.
    pub outcome: Option<String>,
    /// When that was known.
    pub concluded_at: Option<Timestamp>,
    /// blake3 of the body as sent.
    pub payload_hash: String,
    /// The body before compression, byte for byte; absent where it cannot be shown.
    pub payload: Option<String>,
    /// Why it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_problem: Option<PayloadProblem>,
}

impl Ledger {
    pub(crate) fn open(
        path: &Path,
        limits: LedgerLimits,
        key: Arc<DeviceKey>,
        now: Timestamp,
    ) -> Result<Self, DatabaseError> {
        let mut connection = database::open(path, FILE, SCHEMA)?;
        let tip = settle(&mut connection, &key, now)?;
        let payloads: Option<i64> =
            connection.query_row("SELECT SUM(length(body)) FROM payloads", [], |row| row.get(0))?;
        let entries: i64 =
            connection.query_row("SELECT COUNT(*) FROM entries", [], |row| row.get(0))?;
        let bytes = count(payloads.unwrap_or(0)) + count(entries) * ENTRY_BYTES;
        Ok(Self { inner: Mutex::new(Inner { connection, bytes, tip }), limits, key })
    }

    /// The key that vouches for this ledger.
    pub(super) fn key(&self) -> &DeviceKey {
        &self.key
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what is about to be sent; it is on disk when this returns.
    pub(super) fn intend(&self, intent: &Intent<'_>) -> Result<Intended, DatabaseError> {
        let findings = serde_json::to_string(intent.findings).map_err(|_| DatabaseError::Value)?;
        let payload = *blake3::hash(intent.payload).as_bytes();
        let mut inner = self.lock();
        let inner = &mut *inner;
        let room = Room {
            needed: intent.payload.len() as u64 + ENTRY_BYTES,
            limit: self.limits.bytes,
            oldest_kept: self.oldest_kept(intent.at),
            now: intent.at,
        };
        room.make(&mut inner.connection, &mut inner.bytes, &self.key)?;
        inner.connection.execute_batch("PRAGMA synchronous = FULL")?;
        let transaction = inner.connection.transaction()?;
        let added = transaction
            .prepare_cached(
                "INSERT INTO payloads (hash, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute((payload, intent.payload))?;
        let mut fields = RequestFields {
            id: 0,
            at: intent.at.as_micros(),
            destination: intent.destination,
            key: i64::from(intent.key),
            batch_id: intent.batch_id,
            events: integer(intent.events),
            sent_bytes: integer(intent.payload.len()),
            plain_bytes: integer(intent.plain_bytes),
            payload: &payload,
            findings: Some(&findings),
        };
        let id = insert(&transaction, &fields)?;
        fields.id = id;
        let content = Content::Request(fields);
        let record = NewRecord { kind: Kind::Request, entry: Some(id), content };
        let tip = append_signed(&transaction, inner.tip, &record, intent.at, &self.key)?;
        transaction.commit()?;
        inner.tip = tip;
        inner.bytes += ENTRY_BYTES + if added > 0 { intent.payload.len() as u64 } else { 0 };
        Ok(Intended { id, number: tip.number, head: tip.head, payload })
    }

    fn oldest_kept(&self, now: Timestamp) -> i64 {
        let age = i64::try_from(self.limits.age.as_micros()).unwrap_or(i64::MAX);
        now.as_micros().saturating_sub(age)
    }

    /// Writes down what came of it, without a flush of its own: a power cut may leave the answer out,
    /// while what was sent is on disk since before.
    pub(super) fn conclude(
        &self,
        id: i64,
        conclusion: &Conclusion<'_>,
    ) -> Result<(), DatabaseError> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        inner.connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        let transaction = inner.connection.transaction()?;
        let answer = AnswerFields {
            id,
            status: conclusion.status.map(i64::from),
            outcome: Some(conclusion.outcome),
            concluded_at: Some(conclusion.at.as_micros()),
        };
        let written = transaction
            .prepare_cached(
                "UPDATE entries SET status = ?2, outcome = ?3, concluded_at = ?4
                 WHERE id = ?1 AND concluded_at IS NULL",
            )?
            .execute((id, answer.status, answer.outcome, answer.concluded_at))?;
        if written == 0 {
            // Its row has made room for another meanwhile.
            return Ok(());
        }
        let record =
            NewRecord { kind: Kind::Answer, entry: Some(id), content: Content::Answer(answer) };
        let tip = append_signed(&transaction, inner.tip, &record, conclusion.at, &self.key)?;
        transaction.commit()?;
        inner.tip = tip;
        Ok(())
    }

    /// Reads the entries after a place, in order, up to a number of entries and a size.
    pub(crate) fn read_after(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<LedgerEntry>, DatabaseError> {
        let inner = self.lock();
        let mut statement = inner.connection.prepare_cached(
            "SELECT entries.id, at, destination, key, batch_id, events, sent_bytes, plain_bytes, status,
                    outcome, concluded_at, payload, findings, number, head
             FROM entries
             LEFT JOIN records ON entry = entries.id AND kind IN ('request', 'adopted')
             WHERE entries.id > ?1 ORDER BY entries.id LIMIT ?2",
        )?;
        let mut rows = statement.query((after, limit))?;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let entry = read_entry(&inner.connection, row)?;
            bytes += entry.payload.as_ref().map_or(0, String::len);
            entries.push(entry);
            if bytes >= MAX_READ_BYTES {
                break;
            }
        }
        Ok(entries)
    }

    /// Returns the place after which a reading begins: that of the newest entries, of those since a time,
    /// or the earlier of the two.
    pub(crate) fn place_before(&self, start: &ReadStart) -> Result<i64, DatabaseError> {
        let inner = self.lock();
        let place = |sql: &str, value: i64| {
            let row = inner.connection.prepare_cached(sql)?.query_row([value], |row| row.get(0));
            Ok::<i64, DatabaseError>(row.optional()?.unwrap_or(0))
        };
        let newest = "SELECT id FROM entries ORDER BY id DESC LIMIT 1 OFFSET ?1";
        let before = "SELECT id FROM entries WHERE at < ?1 ORDER BY id DESC LIMIT 1";
        let tail = start.tail.map(|tail| place(newest, i64::from(tail))).transpose()?;
        let since = start.since.map(|since| place(before, since.as_micros())).transpose()?;
        Ok([tail, since].into_iter().flatten().min().unwrap_or(0))
    }

    /// Empties the write-ahead log.
    pub(crate) fn checkpoint(&self) -> Result<(), DatabaseError> {
        database::checkpoint(&self.lock().connection).map(|_| ())
    }
}

fn insert(transaction: &Transaction<'_>, fields: &RequestFields<'_>) -> rusqlite::Result<i64> {
    transaction
        .prepare_cached(
            "INSERT INTO entries (at, destination, key, batch_id, events, sent_bytes, plain_bytes,
                                  payload, findings)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .insert((
            fields.at,
            fields.destination,
            fields.key,
            fields.batch_id,
            fields.events,
            fields.sent_bytes,
            fields.plain_bytes,
            fields.payload,
            fields.findings,
        ))
}

/// Reads an entry. What is damaged in it is left out, so that the others are shown; `verify` names it.
fn read_entry(connection: &Connection, row: &Row<'_>) -> Result<LedgerEntry, DatabaseError> {
    let findings: Option<String> = row.get(12)?;
    let hash: Vec<u8> = row.get(11)?;
    let (payload, payload_problem) = match payload::read(connection, &hash) {
        Ok(payload) => (Some(payload), None),
        Err(problem) => (None, Some(problem)),
    };
    Ok(LedgerEntry {
        id: row.get(0)?,
        number: row.get(13)?,
        head: row.get::<_, Option<Vec<u8>>>(14)?.map(hex::encode),
        at: Timestamp::from_micros(row.get(1)?),
        destination: row.get(2)?,
        key: row.get(3)?,
        batch_id: row.get(4)?,
        events: count(row.get(5)?),
        sent_bytes: count(row.get(6)?),
        plain_bytes: count(row.get(7)?),
        findings: findings.and_then(|text| serde_json::from_str(&text).ok()),
        status: row.get(8)?,
        outcome: row.get(9)?,
        concluded_at: row.get::<_, Option<i64>>(10)?.map(Timestamp::from_micros),
        payload_hash: hex::encode(hash),
        payload,
        payload_problem,
    })
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
            findings: &Findings::new(),
        };
        ledger.intend(&intent).expect("written").id
    }

    fn open(limits: LedgerLimits) -> (tempfile::TempDir, Ledger) {
        let folder = tempfile::tempdir().expect("a folder");
        let key = Arc::new(DeviceKey::open(folder.path()).expect("a key"));
        let now = Timestamp::from_millis(0);
        let ledger = Ledger::open(&folder.path().join(FILE), limits, key, now).expect("opens");
        (folder, ledger)
    }

    #[test]
    fn an_intent_is_read_back_byte_for_byte_with_its_answer() {
        let (_folder, ledger) = open(LedgerLimits::default());
        let id = intend(&ledger, 1, "payload");
        assert_eq!(ledger.read_after(0, 10).expect("read")[0].status, None);
        let at = Timestamp::from_millis(2_000);
        let conclusion = Conclusion { status: Some(200), outcome: "answered", at };
        ledger.conclude(id, &conclusion).expect("written");
        let entry = &ledger.read_after(0, 10).expect("read")[0];
        assert_eq!((entry.payload.as_deref(), entry.status), (Some("payload"), Some(200)));
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
        assert_eq!(left.last().and_then(|entry| entry.payload.as_deref()), Some("payload 19"));
    }

    #[test]
    fn what_is_too_old_goes() {
        let limits = LedgerLimits { bytes: 1 << 20, age: Duration::from_secs(100) };
        let (_folder, ledger) = open(limits);
        intend(&ledger, 0, "old");
        intend(&ledger, 90, "kept");
        intend(&ledger, 110, "new");
        let left = ledger.read_after(0, 100).expect("read");
        let left: Vec<_> = left.iter().filter_map(|entry| entry.payload.as_deref()).collect();
        assert_eq!(left, ["kept", "new"]);
    }

    #[test]
    fn a_payload_that_cannot_be_read_takes_no_other_along() {
        let (_folder, ledger) = open(LedgerLimits::default());
        for (second, text) in [(1, "gone"), (2, "altered"), (3, "whole")] {
            intend(&ledger, second, text);
        }
        let hash = |text: &str| *blake3::hash(&zip(text)).as_bytes();
        {
            let inner = ledger.lock();
            let delete = "DELETE FROM payloads WHERE hash = ?1";
            inner.connection.execute(delete, [hash("gone")]).expect("deleted");
            let alter = "UPDATE payloads SET body = X'00' WHERE hash = ?1";
            inner.connection.execute(alter, [hash("altered")]).expect("altered");
        }
        let entries = ledger.read_after(0, 10).expect("read");
        let shown: Vec<_> =
            entries.iter().map(|entry| (entry.payload.as_deref(), entry.payload_problem)).collect();
        assert_eq!(
            shown,
            [
                (None, Some(PayloadProblem::Missing)),
                (None, Some(PayloadProblem::Altered)),
                (Some("whole"), None)
            ]
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
