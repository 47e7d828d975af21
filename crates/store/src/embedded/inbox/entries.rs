//! The rows of the inbox.

use modelstat_redact::{RawText, RedactedText};
use modelstat_wire::{StoredBatchError, Timestamp, decode_stored};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use zstd::bulk::Compressor;

use super::{oldest_repeat, receipts, text};
use crate::{InboxBatch, InboxEntry, InboxPayload, Receipt};

/// Most bytes that one reading decodes, beyond its first entry: what a drain may hold in memory.
const MAX_READ_BYTES: u64 = 64 * 1024 * 1024;

/// SQLite's integers are signed; positions and sizes never come near the sign.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Makes the next position greater than `applied`.
pub(super) fn raise_positions(connection: &Connection, applied: u64) -> rusqlite::Result<()> {
    if newest_position(connection)? >= applied {
        return Ok(());
    }
    let raised = connection
        .execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'entries'", [signed(applied)])?;
    if raised == 0 {
        connection.execute(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('entries', ?1)",
            [signed(applied)],
        )?;
    }
    Ok(())
}

pub(super) fn newest_position(connection: &Connection) -> rusqlite::Result<u64> {
    let newest: Option<i64> = connection
        .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'entries'", (), |row| row.get(0))
        .optional()?;
    Ok(newest.unwrap_or(0).unsigned_abs())
}

/// Inserts one entry within a group's transaction, with the text of its turns as far as there is room.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    compressor: &mut Compressor<'_>,
    entry: &InboxEntry,
    max_text_bytes: u64,
) -> rusqlite::Result<Receipt> {
    // The row is new or older than the window exactly when the statement changes one.
    let taken = transaction.execute(
        "INSERT INTO repeats (org_id, batch_id, content_hash, taken_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET taken_at = excluded.taken_at WHERE taken_at <= ?5",
        params![
            entry.org_id,
            entry.batch_id.as_str(),
            entry.content_hash,
            entry.received_at.as_micros(),
            oldest_repeat(entry.received_at).as_micros(),
        ],
    )?;
    let receipt = if taken > 0 { Receipt::Taken } else { Receipt::Repeat };
    let payload = match receipt {
        Receipt::Taken => Some(
            compressor
                .compress(&entry.encoded)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?,
        ),
        Receipt::Repeat => None,
    };
    let rejected = serde_json::to_string(&entry.rejected)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    transaction.execute(
        "INSERT INTO entries (org_id, key_id, received_at, is_raw, request_bytes, events, rejected,
                              floor_version, encoded_bytes, kept_bytes, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            entry.org_id,
            entry.key_id,
            entry.received_at.as_micros(),
            entry.is_raw,
            signed(entry.request_bytes),
            signed(entry.events),
            rejected,
            entry.floor_version,
            signed(entry.encoded.len() as u64),
            signed(payload.as_ref().map_or(0, |payload| payload.len() as u64)),
            payload,
        ],
    )?;
    if let (Receipt::Taken, Some(turns)) = (receipt, &entry.turns) {
        text::keep(transaction, &entry.org_id, entry.received_at, turns, max_text_bytes)?;
    }
    receipts::insert(transaction, entry)?;
    Ok(receipt)
}

/// Reads entries in order until they hold `max_events` events or too many bytes, at least one.
pub(super) fn read_after(
    connection: &Connection,
    position: u64,
    max_events: usize,
) -> rusqlite::Result<Vec<InboxBatch>> {
    let mut statement = connection.prepare(
        "SELECT position, org_id, received_at, is_raw, request_bytes, rejected, floor_version,
                events, encoded_bytes, payload
         FROM entries WHERE position > ?1 ORDER BY position",
    )?;
    let mut rows = statement.query([signed(position)])?;
    let (mut batches, mut events, mut bytes) = (Vec::new(), 0_u64, 0_u64);
    while let Some(row) = rows.next()? {
        let encoded_bytes: u64 = row.get::<_, i64>(8)?.unsigned_abs();
        bytes = bytes.saturating_add(encoded_bytes);
        if bytes > MAX_READ_BYTES && !batches.is_empty() {
            break;
        }
        batches.push(read(row, encoded_bytes)?);
        // An entry without events still is work.
        events = events.saturating_add(row.get::<_, i64>(7)?.unsigned_abs().max(1));
        if events >= max_events as u64 {
            break;
        }
    }
    Ok(batches)
}

fn read(row: &Row<'_>, encoded_bytes: u64) -> rusqlite::Result<InboxBatch> {
    let rejected: String = row.get(5)?;
    let payload: Option<Vec<u8>> = row.get(9)?;
    Ok(InboxBatch {
        position: row.get::<_, i64>(0)?.unsigned_abs(),
        org_id: row.get(1)?,
        received_at: Timestamp::from_micros(row.get(2)?),
        is_raw: row.get(3)?,
        request_bytes: row.get::<_, i64>(4)?.unsigned_abs(),
        rejected: serde_json::from_str(&rejected).unwrap_or_default(),
        floor_version: row.get(6)?,
        payload: match payload {
            Some(payload) => decode(&payload, encoded_bytes),
            None => InboxPayload::Repeat(row.get::<_, i64>(7)?.unsigned_abs()),
        },
    })
}

fn decode(payload: &[u8], encoded_bytes: u64) -> InboxPayload {
    let capacity = usize::try_from(encoded_bytes).unwrap_or(usize::MAX);
    let Ok(encoded) = zstd::bulk::decompress(payload, capacity) else {
        let reason = "its compression is damaged".to_owned();
        return InboxPayload::Damaged(StoredBatchError::Record { reason });
    };
    match decode_stored(&encoded, |text| trusted(&text)) {
        Ok(batch) => InboxPayload::Batch(Box::new(batch)),
        Err(error) => InboxPayload::Damaged(error),
    }
}

#[expect(clippy::disallowed_methods, reason = "text that the floor saw before the inbox kept it")]
pub(super) fn trusted(text: &RawText) -> RedactedText {
    RedactedText::from_store(text.reveal().to_owned())
}
