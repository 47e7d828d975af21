//! Room in the ledger: the oldest records go, and a signed checkpoint stays for them.

use modelstat_wire::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::chain::{Seal, SealKind, Tip};
use super::device::DeviceKey;
use super::records::{read_seal, write_seal};
use crate::database::{DatabaseError, count, integer};

/// What an entry costs besides its payload: its row, its records, their places in the indexes.
pub(super) const ENTRY_BYTES: u64 = 512;

/// Entries that are dropped in one step, so that a request never waits long for room.
const DROP_STEP: u32 = 256;

/// Which entries are dropped: the oldest, at most so many, and only of before a time.
struct Oldest {
    rows: u32,
    before: i64,
}

/// What must hold once a request has its place.
pub(super) struct Room {
    /// Bytes that the new request needs.
    pub(super) needed: u64,
    /// Bytes that may be in use.
    pub(super) limit: u64,
    /// The time before which entries are too old.
    pub(super) oldest_kept: i64,
    pub(super) now: Timestamp,
}

impl Room {
    /// Drops the oldest entries until the new one fits, and those that are too old.
    pub(super) fn make(
        &self,
        connection: &mut Connection,
        used: &mut u64,
        key: &DeviceKey,
    ) -> Result<(), DatabaseError> {
        loop {
            let oldest: Option<i64> = connection
                .prepare_cached("SELECT at FROM entries ORDER BY id LIMIT 1")?
                .query_row([], |row| row.get(0))
                .optional()?;
            let Some(oldest) = oldest else { return Ok(()) };
            let is_full = *used + self.needed > self.limit;
            if !is_full && oldest >= self.oldest_kept {
                return Ok(());
            }
            let oldest = if is_full {
                Oldest { rows: 1, before: i64::MAX }
            } else {
                Oldest { rows: DROP_STEP, before: self.oldest_kept }
            };
            let transaction = connection.transaction()?;
            let freed = drop_oldest(&transaction, &oldest, self.now, key)?;
            transaction.commit()?;
            *used = used.saturating_sub(freed);
        }
    }
}

fn drop_oldest(
    transaction: &Transaction<'_>,
    oldest: &Oldest,
    now: Timestamp,
    key: &DeviceKey,
) -> rusqlite::Result<u64> {
    let mut entries: Vec<i64> = Vec::new();
    {
        let mut statement =
            transaction.prepare_cached("SELECT id, at FROM entries ORDER BY id LIMIT ?1")?;
        let mut rows = statement.query([oldest.rows])?;
        // The first that may stay ends it, as only the beginning of a chain can be dropped.
        while let Some(row) = rows.next()?.filter(|row| is_before(row, oldest.before)) {
            entries.push(row.get(0)?);
        }
    }
    let through = droppable_through(transaction, &entries)?;
    {
        let mut statement = transaction.prepare_cached(
            "SELECT DISTINCT entry FROM records WHERE number <= ?1 AND entry IS NOT NULL",
        )?;
        let along = statement.query_map([through], |row| row.get(0))?;
        entries.extend(along.collect::<Result<Vec<i64>, _>>()?);
    }
    entries.sort_unstable();
    entries.dedup();
    let mut freed = 0;
    for entry in entries {
        freed += drop_entry(transaction, entry)?;
    }
    leave_checkpoint(transaction, through, freed, now, key)?;
    Ok(freed)
}

fn is_before(row: &rusqlite::Row<'_>, before: i64) -> bool {
    row.get::<_, i64>(1).is_ok_and(|at| at < before)
}

/// The number up to which records can go together with entries: answers may stand behind further
/// requests, and a request that goes takes its answer along.
fn droppable_through(transaction: &Transaction<'_>, entries: &[i64]) -> rusqlite::Result<i64> {
    let mut through = -1;
    for entry in entries {
        let last: Option<i64> = transaction
            .prepare_cached("SELECT MAX(number) FROM records WHERE entry = ?1")?
            .query_row([entry], |row| row.get(0))?;
        through = through.max(last.unwrap_or(-1));
    }
    loop {
        let last: Option<i64> = transaction
            .prepare_cached(
                "SELECT MAX(later.number) FROM records JOIN records AS later USING (entry)
                 WHERE records.number <= ?1",
            )?
            .query_row([through], |row| row.get(0))?;
        match last {
            Some(last) if last > through => through = last,
            _ => return Ok(through),
        }
    }
}

/// Drops an entry, and its payload unless another entry has the same. Returns the bytes that are free.
fn drop_entry(transaction: &Transaction<'_>, entry: i64) -> rusqlite::Result<u64> {
    let payload: Option<Vec<u8>> = transaction
        .prepare_cached("DELETE FROM entries WHERE id = ?1 RETURNING payload")?
        .query_row([entry], |row| row.get(0))
        .optional()?;
    let Some(payload) = payload else { return Ok(0) };
    let orphan: Option<i64> = transaction
        .prepare_cached(
            "DELETE FROM payloads WHERE hash = ?1
             AND NOT EXISTS (SELECT 1 FROM entries WHERE payload = ?1) RETURNING length(body)",
        )?
        .query_row([payload], |row| row.get(0))
        .optional()?;
    Ok(ENTRY_BYTES + count(orphan.unwrap_or(0)))
}

/// Drops the records up to a number, and signs what their chain came to.
fn leave_checkpoint(
    transaction: &Transaction<'_>,
    through: i64,
    freed: u64,
    now: Timestamp,
    key: &DeviceKey,
) -> rusqlite::Result<()> {
    let head = transaction
        .prepare_cached("SELECT head FROM records WHERE number = ?1")?
        .query_row([through], |row| row.get(0))
        .optional()?;
    let Some(head) = head else { return Ok(()) };
    let dropped =
        transaction.prepare_cached("DELETE FROM records WHERE number <= ?1")?.execute([through])?;
    let before = read_seal(transaction, SealKind::Checkpoint)?;
    let (records, bytes) = before.map_or((0, 0), |seal| (seal.dropped_records, seal.dropped_bytes));
    let dropped = (records.saturating_add(integer(dropped)), bytes.saturating_add(integer(freed)));
    let tip = Tip { number: through, head };
    let seal = Seal::of_checkpoint(tip, dropped, now.as_micros(), key);
    write_seal(transaction, SealKind::Checkpoint, &seal)
}
