//! The chain in the ledger's file: appending records, and finding the end again at the start.

use modelstat_wire::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use serde::{Deserialize, Serialize};

use super::chain::{AnswerFields, Content, Kind, RequestFields, Seal, SealKind, Tip};
use super::device::DeviceKey;
use crate::database::DatabaseError;

/// The columns of a request's row, as [`request_fields`] and [`answer_fields`] take them.
pub(super) const ENTRY_COLUMNS: &str = "entries.id, entries.at, entries.destination, entries.key,
    entries.batch_id, entries.events, entries.sent_bytes, entries.plain_bytes, entries.payload,
    entries.findings, entries.status, entries.outcome, entries.concluded_at";

/// What the first record says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Genesis {
    /// How many requests of before follow; they are vouched for from here on only.
    pub(super) adopted: u64,
    /// The device that begins.
    pub(super) device: String,
    pub(super) at: Timestamp,
}

/// Another key signs from here on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeyChange {
    /// The device until here.
    pub(super) before: String,
    /// The device from here on.
    pub(super) device: String,
    pub(super) at: Timestamp,
}

/// The end of the chain was not as it had been left.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Gap {
    /// What was wrong with it.
    pub(super) found: String,
    pub(super) device: String,
    pub(super) at: Timestamp,
}

/// A record that is about to be appended.
pub(super) struct NewRecord<'a> {
    pub(super) kind: Kind,
    /// The row of the request that it is about.
    pub(super) entry: Option<i64>,
    pub(super) content: Content<'a>,
}

/// Appends a record without signing the new end.
fn append(
    transaction: &Transaction<'_>,
    tip: Tip,
    record: &NewRecord<'_>,
) -> rusqlite::Result<Tip> {
    let next = tip.with(record.kind, &record.content);
    let note = match record.content {
        Content::Note(text) => Some(text),
        Content::Request(_) | Content::Answer(_) => None,
    };
    transaction
        .prepare_cached(
            "INSERT INTO records (number, kind, entry, note, head) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((next.number, record.kind.as_str(), record.entry, note, next.head))?;
    Ok(next)
}

/// Appends a record and signs the new end.
pub(super) fn append_signed(
    transaction: &Transaction<'_>,
    tip: Tip,
    record: &NewRecord<'_>,
    at: Timestamp,
    key: &DeviceKey,
) -> rusqlite::Result<Tip> {
    let next = append(transaction, tip, record)?;
    write_seal(transaction, SealKind::Head, &Seal::of_head(next, at.as_micros(), key))?;
    Ok(next)
}

pub(super) fn write_seal(
    connection: &Connection,
    kind: SealKind,
    seal: &Seal,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO seals
                 (kind, number, head, dropped_records, dropped_bytes, at, public_key, signature)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            kind.as_str(),
            seal.tip.number,
            seal.tip.head,
            seal.dropped_records,
            seal.dropped_bytes,
            seal.at,
            &seal.public_key,
            &seal.signature,
        ))
        .map(drop)
}

pub(super) fn read_seal(connection: &Connection, kind: SealKind) -> rusqlite::Result<Option<Seal>> {
    connection
        .prepare_cached(
            "SELECT number, head, dropped_records, dropped_bytes, at, public_key, signature
             FROM seals WHERE kind = ?1",
        )?
        .query_row([kind.as_str()], |row| {
            Ok(Seal {
                tip: Tip { number: row.get(0)?, head: row.get(1)? },
                dropped_records: row.get(2)?,
                dropped_bytes: row.get(3)?,
                at: row.get(4)?,
                public_key: row.get(5)?,
                signature: row.get(6)?,
            })
        })
        .optional()
}

/// Takes a request's fields out of a row that begins with [`ENTRY_COLUMNS`] at a column.
pub(super) fn request_fields<'a>(
    row: &'a Row<'_>,
    first: usize,
) -> rusqlite::Result<RequestFields<'a>> {
    Ok(RequestFields {
        id: row.get(first)?,
        at: row.get(first + 1)?,
        destination: row.get_ref(first + 2)?.as_str()?,
        key: row.get(first + 3)?,
        batch_id: row.get_ref(first + 4)?.as_str()?,
        events: row.get(first + 5)?,
        sent_bytes: row.get(first + 6)?,
        plain_bytes: row.get(first + 7)?,
        payload: row.get_ref(first + 8)?.as_blob()?,
        findings: row.get_ref(first + 9)?.as_str_or_null()?,
    })
}

/// Takes an answer's fields out of such a row.
pub(super) fn answer_fields<'a>(
    row: &'a Row<'_>,
    first: usize,
) -> rusqlite::Result<AnswerFields<'a>> {
    Ok(AnswerFields {
        id: row.get(first)?,
        status: row.get(first + 10)?,
        outcome: row.get_ref(first + 11)?.as_str_or_null()?,
        concluded_at: row.get(first + 12)?,
    })
}

/// Finds the end of the chain. A file without one gets it now, with the rows that it holds.
pub(super) fn settle(
    connection: &mut Connection,
    key: &DeviceKey,
    now: Timestamp,
) -> Result<Tip, DatabaseError> {
    let sealed = read_seal(connection, SealKind::Head)?;
    let newest = newest_record(connection)?;
    let device = modelstat_wire::device_id(key.public());
    let (tip, kind, note) = match sealed {
        None if newest.is_none() => return begin(connection, key, now),
        None => (newest.unwrap_or(Tip::EMPTY), Kind::Gap, gap("no signature", device, now)),
        Some(seal) if !seal.is_signed(SealKind::Head) => {
            (seal.tip, Kind::Gap, gap("a wrong signature", device, now))
        }
        Some(seal) if newest.is_some_and(|newest| newest.number > seal.tip.number) => {
            (newest.unwrap_or(seal.tip), Kind::Gap, gap("unsigned records", device, now))
        }
        Some(seal) if seal.public_key != key.public() => {
            let before = seal.public_key.as_slice().try_into();
            let before = before.map_or_else(|_| String::new(), modelstat_wire::device_id);
            (seal.tip, Kind::Key, text_of(&KeyChange { before, device, at: now }))
        }
        Some(seal) => return Ok(seal.tip),
    };
    let transaction = connection.transaction()?;
    let record = NewRecord { kind, entry: None, content: Content::Note(&note) };
    let tip = append_signed(&transaction, tip, &record, now, key)?;
    transaction.commit()?;
    Ok(tip)
}

fn newest_record(connection: &Connection) -> rusqlite::Result<Option<Tip>> {
    let newest = "SELECT number, head FROM records ORDER BY number DESC LIMIT 1";
    let read = |row: &Row<'_>| Ok(Tip { number: row.get(0)?, head: row.get(1)? });
    connection.query_row(newest, [], read).optional()
}

fn gap(found: &str, device: String, now: Timestamp) -> String {
    text_of(&Gap { found: found.to_owned(), device, at: now })
}

fn text_of(note: &impl Serialize) -> String {
    serde_json::to_string(note).expect("a note is plain text")
}

/// Begins the chain: says how many rows there were, and takes each of them in as it stands.
fn begin(
    connection: &mut Connection,
    key: &DeviceKey,
    now: Timestamp,
) -> Result<Tip, DatabaseError> {
    let transaction = connection.transaction()?;
    let adopted: i64 =
        transaction.query_row("SELECT COUNT(*) FROM entries", [], |row| row.get(0))?;
    let genesis = Genesis {
        adopted: adopted.unsigned_abs(),
        device: modelstat_wire::device_id(key.public()),
        at: now,
    };
    let note = text_of(&genesis);
    let record = NewRecord { kind: Kind::Genesis, entry: None, content: Content::Note(&note) };
    let mut tip = append(&transaction, Tip::EMPTY, &record)?;
    tip = adopt(&transaction, tip)?;
    write_seal(&transaction, SealKind::Head, &Seal::of_head(tip, now.as_micros(), key))?;
    transaction.commit()?;
    Ok(tip)
}

fn adopt(transaction: &Transaction<'_>, mut tip: Tip) -> rusqlite::Result<Tip> {
    let mut statement =
        transaction.prepare(&format!("SELECT {ENTRY_COLUMNS} FROM entries ORDER BY id"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let request = request_fields(row, 0)?;
        let entry = Some(request.id);
        let content = Content::Request(request);
        tip = append(transaction, tip, &NewRecord { kind: Kind::Adopted, entry, content })?;
        let answer = answer_fields(row, 0)?;
        if answer.concluded_at.is_some() {
            let content = Content::Answer(answer);
            tip = append(transaction, tip, &NewRecord { kind: Kind::Answer, entry, content })?;
        }
    }
    Ok(tip)
}
