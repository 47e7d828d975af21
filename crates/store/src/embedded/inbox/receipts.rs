//! The receipts of daemons: kept with the batches that they came with, in the same commit.

use modelstat_wire::{SignedReceipt, Timestamp};
use rusqlite::{Connection, Row, Transaction, params};

use super::entries::signed;
use crate::{
    CarriedReceipt, InboxEntry, InvalidReceipt, KeptReceipt, ReceiptDevice, ReceiptFilter,
    ReceiptPage, ReceiptSummary,
};

/// Most receipts of one org; the oldest go. At a batch a second this is a day, at the few that a team
/// sends it is years.
const MAX_RECEIPTS: i64 = 200_000;

/// Most devices of one org: keys cost nothing, so that a sender could make up any number.
const MAX_DEVICES: i64 = 10_000;

/// How many receipts come before the oldest are looked for again.
const DROP_STEP: i64 = 1_024;

/// What the count of receipts is filed under that made room.
const DROPPED: &str = "dropped";

pub(super) const SCHEMA_STEP: &str = "
    CREATE TABLE receipts (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        org_id TEXT NOT NULL,
        key_id TEXT NOT NULL,
        device TEXT NOT NULL,
        number INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        receipt TEXT NOT NULL,
        hash BLOB NOT NULL,
        UNIQUE (org_id, key_id, hash)
    ) STRICT;
    CREATE INDEX receipts_of_org ON receipts (org_id, position);
    CREATE TABLE receipt_devices (
        org_id TEXT NOT NULL,
        device TEXT NOT NULL,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        receipts INTEGER NOT NULL,
        newest_number INTEGER NOT NULL,
        PRIMARY KEY (org_id, device)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE receipt_counts (
        org_id TEXT NOT NULL,
        counted TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (org_id, counted)
    ) STRICT, WITHOUT ROWID;
";

/// The tables of the step above, all by org.
pub(super) const TABLES: [&str; 3] = ["receipts", "receipt_devices", "receipt_counts"];

/// Keeps the receipt that an entry came with, within a group's transaction.
pub(super) fn insert(transaction: &Transaction<'_>, entry: &InboxEntry) -> rusqlite::Result<()> {
    match &entry.receipt {
        CarriedReceipt::None => Ok(()),
        CarriedReceipt::Invalid(reason) => add(transaction, &entry.org_id, reason.as_str(), 1),
        CarriedReceipt::Valid(receipt) => keep(transaction, entry, receipt),
    }
}

fn keep(
    transaction: &Transaction<'_>,
    entry: &InboxEntry,
    receipt: &SignedReceipt,
) -> rusqlite::Result<()> {
    let device = receipt.receipt.device();
    if !has_room_for(transaction, &entry.org_id, &device)? {
        return add(transaction, &entry.org_id, InvalidReceipt::TooManyDevices.as_str(), 1);
    }
    let (at, number) = (entry.received_at.as_micros(), signed(receipt.receipt.number));
    let encoded = receipt.encode();
    let added = transaction
        .prepare_cached(
            "INSERT INTO receipts (org_id, key_id, device, number, received_at, receipt, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            entry.org_id,
            entry.key_id,
            device,
            number,
            at,
            encoded,
            blake3::hash(encoded.as_bytes()).as_bytes(),
        ])?;
    if added == 0 {
        return Ok(());
    }
    let position = transaction.last_insert_rowid();
    transaction
        .prepare_cached(
            "INSERT INTO receipt_devices (org_id, device, first_at, last_at, receipts, newest_number)
             VALUES (?1, ?2, ?3, ?3, 1, ?4)
             ON CONFLICT DO UPDATE SET last_at = max(last_at, excluded.last_at), receipts = receipts + 1,
                 newest_number = max(newest_number, excluded.newest_number)",
        )?
        .execute(params![entry.org_id, device, at, number])?;
    if position % DROP_STEP == 0 {
        drop_oldest(transaction, &entry.org_id, MAX_RECEIPTS)?;
    }
    Ok(())
}

fn has_room_for(
    transaction: &Transaction<'_>,
    org_id: &str,
    device: &str,
) -> rusqlite::Result<bool> {
    let is_known = transaction
        .prepare_cached("SELECT 1 FROM receipt_devices WHERE org_id = ?1 AND device = ?2")?
        .exists(params![org_id, device])?;
    if is_known {
        return Ok(true);
    }
    let devices: i64 = transaction
        .prepare_cached("SELECT count(*) FROM receipt_devices WHERE org_id = ?1")?
        .query_row([org_id], |row| row.get(0))?;
    Ok(devices < MAX_DEVICES)
}

/// Drops an org's oldest receipts beyond a number, and counts them.
fn drop_oldest(transaction: &Transaction<'_>, org_id: &str, kept: i64) -> rusqlite::Result<()> {
    let dropped = transaction.execute(
        "DELETE FROM receipts WHERE org_id = ?1 AND position <= (
             SELECT position FROM receipts WHERE org_id = ?1
             ORDER BY position DESC LIMIT 1 OFFSET ?2)",
        params![org_id, kept],
    )?;
    if dropped == 0 {
        return Ok(());
    }
    add(transaction, org_id, DROPPED, signed(dropped as u64))
}

fn add(
    transaction: &Transaction<'_>,
    org_id: &str,
    counted: &str,
    count: i64,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO receipt_counts (org_id, counted, count) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )?
        .execute(params![org_id, counted, count])
        .map(drop)
}

/// Reads an org's receipts in the order of their coming.
pub(super) fn page(
    connection: &Connection,
    org_id: &str,
    filter: &ReceiptFilter,
) -> rusqlite::Result<ReceiptPage> {
    let mut statement = connection.prepare_cached(
        "SELECT position, key_id, received_at, receipt FROM receipts
         WHERE org_id = ?1 AND position > ?2 AND (?3 IS NULL OR key_id = ?3)
             AND (?4 IS NULL OR device = ?4)
         ORDER BY position LIMIT ?5",
    )?;
    let (after, limit) = (signed(filter.after), signed(filter.limit as u64));
    let rows =
        statement.query_map(params![org_id, after, filter.key_id, filter.device, limit], read)?;
    let mut receipts = Vec::new();
    for row in rows {
        receipts.extend(row?);
    }
    Ok(ReceiptPage { receipts, dropped: count_of(connection, org_id, DROPPED)? })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Option<KeptReceipt>> {
    let encoded: String = row.get(3)?;
    // Only what was read once is written, so that this is a damaged row, which proves nothing.
    let Ok(receipt) = SignedReceipt::parse(&encoded) else { return Ok(None) };
    Ok(Some(KeptReceipt {
        position: row.get::<_, i64>(0)?.unsigned_abs(),
        key_id: row.get(1)?,
        received_at: Timestamp::from_micros(row.get(2)?),
        receipt,
    }))
}

fn count_of(connection: &Connection, org_id: &str, counted: &str) -> rusqlite::Result<u64> {
    let sum: i64 = connection
        .prepare_cached(
            "SELECT coalesce(sum(count), 0) FROM receipt_counts WHERE org_id = ?1 AND counted = ?2",
        )?
        .query_row([org_id, counted], |row| row.get(0))?;
    Ok(sum.unsigned_abs())
}

/// Says which devices sent receipts, the newest first, and how many were invalid.
pub(super) fn summary(
    connection: &Connection,
    org_id: &str,
    devices: usize,
) -> rusqlite::Result<ReceiptSummary> {
    let mut summary =
        ReceiptSummary { dropped: count_of(connection, org_id, DROPPED)?, ..Default::default() };
    (summary.known_devices, summary.valid, summary.newest_at) = connection
        .prepare_cached(
            "SELECT count(*), coalesce(sum(receipts), 0), max(last_at) FROM receipt_devices
             WHERE org_id = ?1",
        )?
        .query_row([org_id], |row| {
            let newest: Option<i64> = row.get(2)?;
            let (known, valid): (i64, i64) = (row.get(0)?, row.get(1)?);
            let newest = newest.map(Timestamp::from_micros);
            Ok((known.unsigned_abs(), valid.unsigned_abs(), newest))
        })?;
    for reason in InvalidReceipt::ALL {
        let count = count_of(connection, org_id, reason.as_str())?;
        if count > 0 {
            summary.invalid.insert(reason.as_str(), count);
        }
    }
    let mut statement = connection.prepare_cached(
        "SELECT device, first_at, last_at, receipts, newest_number FROM receipt_devices
         WHERE org_id = ?1 ORDER BY last_at DESC, device LIMIT ?2",
    )?;
    let rows = statement.query_map(params![org_id, signed(devices as u64)], |row| {
        Ok(ReceiptDevice {
            device: row.get(0)?,
            first_at: Timestamp::from_micros(row.get(1)?),
            last_at: Timestamp::from_micros(row.get(2)?),
            receipts: row.get::<_, i64>(3)?.unsigned_abs(),
            newest_number: row.get::<_, i64>(4)?.unsigned_abs(),
        })
    })?;
    summary.devices = rows.collect::<Result<_, _>>()?;
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::inbox::{entry, receipt};
    use crate::embedded::sqlite;

    #[test]
    fn the_oldest_receipts_make_room_and_are_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("inbox.db");
        let schema = sqlite::Schema { store: "inbox", steps: &[SCHEMA_STEP] };
        let mut connection = sqlite::open(&file, &schema).expect("opened");
        let transaction = connection.transaction().expect("begun");
        for number in 1..=5 {
            let receipt = CarriedReceipt::Valid(Box::new(receipt(1, number)));
            let entry = InboxEntry { receipt, ..entry("org", number) };
            insert(&transaction, &entry).expect("kept");
        }
        drop_oldest(&transaction, "org", 2).expect("dropped");
        drop_oldest(&transaction, "other", 2).expect("nothing to drop");
        transaction.commit().expect("committed");
        let filter = ReceiptFilter { after: 0, limit: 10, key_id: None, device: None };
        let page = page(&connection, "org", &filter).expect("read");
        let numbers = page.receipts.iter().map(|kept| kept.receipt.receipt.number);
        assert_eq!((numbers.collect::<Vec<_>>(), page.dropped), (vec![4, 5], 3));
        let summary = summary(&connection, "org", 10).expect("read");
        assert_eq!((summary.valid, summary.dropped, summary.devices[0].newest_number), (5, 3, 5));
    }
}
