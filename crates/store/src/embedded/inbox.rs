//! The inbox in SQLite.

mod entries;
mod receipts;
mod text;
mod writer;

use std::path::Path;
use std::sync::Mutex;

use modelstat_redact::RedactedText;
use modelstat_summarize::{ClosedPlace, ClosedSegment, SegmentLimits, TurnPlace};
use modelstat_wire::Timestamp;
use rusqlite::{Connection, params};

use super::{EmbeddedOptions, OpenError, sqlite};
use crate::{
    DueSession, Inbox, InboxBatch, InboxEntry, InboxError, LookedAt, ReadTurn, Receipt,
    ReceiptFilter, ReceiptPage, ReceiptSummary, TextClosing, TextSession, TextSummary,
};
use writer::Writer;

/// How the inbox is named in errors.
pub(super) const STORE: &str = "inbox";

/// How long a batch that comes again is known as a repeat.
const REPEAT_WINDOW_MICROS: i64 = 7 * 86_400_000_000;

const SCHEMA: sqlite::Schema = sqlite::Schema {
    store: STORE,
    // AUTOINCREMENT keeps positions from being used again once their rows are deleted.
    steps: &[
        "
        CREATE TABLE entries (
            position INTEGER PRIMARY KEY AUTOINCREMENT,
            org_id TEXT NOT NULL,
            key_id TEXT NOT NULL,
            received_at INTEGER NOT NULL,
            is_raw INTEGER NOT NULL,
            request_bytes INTEGER NOT NULL,
            events INTEGER NOT NULL,
            rejected TEXT NOT NULL,
            floor_version TEXT NOT NULL,
            encoded_bytes INTEGER NOT NULL,
            kept_bytes INTEGER NOT NULL,
            payload BLOB
        ) STRICT;
        CREATE TABLE quarantine (
            position INTEGER PRIMARY KEY,
            org_id TEXT NOT NULL,
            key_id TEXT NOT NULL,
            received_at INTEGER NOT NULL,
            is_raw INTEGER NOT NULL,
            request_bytes INTEGER NOT NULL,
            events INTEGER NOT NULL,
            rejected TEXT NOT NULL,
            floor_version TEXT NOT NULL,
            encoded_bytes INTEGER NOT NULL,
            kept_bytes INTEGER NOT NULL,
            payload BLOB,
            reason TEXT NOT NULL,
            quarantined_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE repeats (
            org_id TEXT NOT NULL,
            batch_id TEXT NOT NULL,
            content_hash BLOB NOT NULL,
            taken_at INTEGER NOT NULL,
            PRIMARY KEY (org_id, batch_id, content_hash)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX repeats_by_time ON repeats (taken_at);
    ",
        receipts::SCHEMA_STEP,
        text::SCHEMA_STEP,
    ],
};

/// Entries in one SQLite file: one thread writes, in groups; reading holds no transaction.
pub(super) struct SqliteInbox {
    writer: Writer,
    reader: Mutex<Connection>,
}

impl SqliteInbox {
    /// Opens the file. New positions stay above `applied`, also where the file is new and the ledger
    /// is not, since the ledger would take them for replays.
    pub(super) fn open(
        file: &Path,
        options: EmbeddedOptions,
        applied: u64,
    ) -> Result<Self, OpenError> {
        let connection = sqlite::open(file, &SCHEMA)?;
        let refused =
            |error: rusqlite::Error| OpenError::Engine { store: STORE, code: sqlite::code(&error) };
        entries::raise_positions(&connection, applied).map_err(refused)?;
        let reader = sqlite::connect(file).map_err(refused)?;
        let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        let EmbeddedOptions { disk_reserve, text_bytes, .. } = options;
        let writer = Writer::start(connection, folder, disk_reserve, text_bytes)
            .map_err(OpenError::Folder)?;
        Ok(Self { writer, reader: Mutex::new(reader) })
    }
}

/// Cuts the log, which still holds what was deleted; returns whether no reader stood in the way.
fn cut_log(connection: &Connection) -> rusqlite::Result<bool> {
    let is_busy: i64 =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))?;
    Ok(is_busy == 0)
}

/// The time before which a batch that comes again is no repeat any more.
pub(super) fn oldest_repeat(now: Timestamp) -> Timestamp {
    Timestamp::from_micros(now.as_micros().saturating_sub(REPEAT_WINDOW_MICROS))
}

impl Inbox for SqliteInbox {
    fn commit(&self, entry: InboxEntry, done: Box<dyn FnOnce(Result<Receipt, InboxError>) + Send>) {
        self.writer.commit(entry, done);
    }

    fn read_after(&self, position: u64, max_events: usize) -> Result<Vec<InboxBatch>, InboxError> {
        Ok(entries::read_after(&sqlite::lock(&self.reader), position, max_events)?)
    }

    fn newest_position(&self) -> Result<u64, InboxError> {
        Ok(entries::newest_position(&sqlite::lock(&self.reader))?)
    }

    fn forget_through(&self, position: u64) -> Result<(), InboxError> {
        self.writer.run(move |connection| {
            let forgotten = connection
                .execute("DELETE FROM entries WHERE position <= ?1", [entries::signed(position)])?;
            if forgotten > 0 { cut_log(connection).map(drop) } else { Ok(()) }
        })
    }

    fn quarantine(&self, position: u64, reason: &str, now: Timestamp) -> Result<(), InboxError> {
        let reason = reason.to_owned();
        self.writer.run(move |connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT INTO quarantine SELECT *, ?2, ?3 FROM entries WHERE position = ?1",
                params![entries::signed(position), reason, now.as_micros()],
            )?;
            transaction
                .execute("DELETE FROM entries WHERE position = ?1", [entries::signed(position)])?;
            transaction.commit()?;
            cut_log(connection).map(drop)
        })
    }

    fn quarantined(&self) -> Result<u64, InboxError> {
        let count: i64 =
            sqlite::lock(&self.reader)
                .query_row("SELECT count(*) FROM quarantine", (), |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    fn depth(&self) -> Result<(u64, u64), InboxError> {
        let sums = "SELECT count(*), coalesce(sum(kept_bytes), 0) FROM entries";
        let (count, bytes): (i64, i64) =
            sqlite::lock(&self.reader).query_row(sums, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((count.unsigned_abs(), bytes.unsigned_abs()))
    }

    fn forget_repeats_before(&self, time: Timestamp) -> Result<(), InboxError> {
        self.writer.run(move |connection| {
            connection.execute("DELETE FROM repeats WHERE taken_at < ?1", [time.as_micros()])?;
            Ok(())
        })
    }

    fn receipts(&self, org_id: &str, filter: &ReceiptFilter) -> Result<ReceiptPage, InboxError> {
        Ok(receipts::page(&sqlite::lock(&self.reader), org_id, filter)?)
    }

    fn receipt_summary(&self, org_id: &str, devices: usize) -> Result<ReceiptSummary, InboxError> {
        Ok(receipts::summary(&sqlite::lock(&self.reader), org_id, devices)?)
    }

    fn due_sessions(
        &self,
        now: Timestamp,
        limits: &SegmentLimits,
        most: usize,
    ) -> Result<Vec<DueSession>, InboxError> {
        Ok(text::due_sessions(&sqlite::lock(&self.reader), now, limits, most)?)
    }

    fn expired_sessions(
        &self,
        before: Timestamp,
        most: usize,
    ) -> Result<Vec<DueSession>, InboxError> {
        Ok(text::expired_sessions(&sqlite::lock(&self.reader), before, most)?)
    }

    fn places(&self, session: &TextSession) -> Result<Vec<TurnPlace>, InboxError> {
        Ok(text::places(&sqlite::lock(&self.reader), session)?)
    }

    fn turn(&self, row: i64) -> Result<Option<ReadTurn>, InboxError> {
        Ok(text::turn(&sqlite::lock(&self.reader), row)?)
    }

    fn closed_places(
        &self,
        session: &TextSession,
        since: Timestamp,
    ) -> Result<Vec<ClosedPlace>, InboxError> {
        Ok(text::closed_places(&sqlite::lock(&self.reader), session, since)?)
    }

    fn closed_segment(&self, row: i64) -> Result<Option<ClosedSegment<RedactedText>>, InboxError> {
        Ok(text::closed_segment(&sqlite::lock(&self.reader), row)?)
    }

    fn close_text(&self, closing: TextClosing) -> Result<bool, InboxError> {
        self.writer.run(move |connection| text::close(connection, &closing))
    }

    fn note_looked_at(&self, looked_at: Vec<LookedAt>) -> Result<(), InboxError> {
        self.writer.run(move |connection| text::note_looked_at(connection, &looked_at))
    }

    fn forget_closed(&self, now: Timestamp) -> Result<(), InboxError> {
        self.writer.run(move |connection| {
            text::forget(connection, now)?;
            text::forget_spent(connection)
        })
    }

    fn erase_deleted(&self) -> Result<bool, InboxError> {
        self.writer.run(|connection| cut_log(connection))
    }

    fn text_summary(&self, org_id: Option<&str>) -> Result<TextSummary, InboxError> {
        Ok(text::summary(&sqlite::lock(&self.reader), org_id)?)
    }

    fn forget_org(&self, org_id: &str) -> Result<(), InboxError> {
        let org_id = org_id.to_owned();
        self.writer.run(move |connection| {
            let transaction = connection.transaction()?;
            for table in ["entries", "quarantine", "repeats"]
                .into_iter()
                .chain(receipts::TABLES)
                .chain(text::TABLES)
            {
                transaction
                    .execute(&format!("DELETE FROM {table} WHERE org_id = ?1"), [&org_id])?;
            }
            text::spend_org(&transaction, &org_id)?;
            transaction.commit()?;
            text::forget_spent(connection)?;
            cut_log(connection).map(drop)
        })
    }
}

impl From<rusqlite::Error> for InboxError {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
            return Self::DiskReserve;
        }
        Self::Engine { code: sqlite::code(&error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{self, inbox::entry};
    use crate::embedded::DiskReserve;

    fn open(file: &Path, disk_reserve: DiskReserve, applied: u64) -> SqliteInbox {
        let options = EmbeddedOptions { disk_reserve, ..EmbeddedOptions::default() };
        SqliteInbox::open(file, options, applied).expect("opened")
    }

    #[test]
    fn keeps_the_contract() {
        let folder = tempfile::tempdir().expect("a folder");
        contract::inbox::run(&open(&folder.path().join("inbox.db"), DiskReserve::NONE, 0));
    }

    #[test]
    fn entries_survive_reopening_and_positions_stay_above_the_ledgers() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("inbox.db");
        let inbox = open(&file, DiskReserve::NONE, 0);
        assert!(matches!(contract::inbox::commit(&inbox, entry("org", 1)), Ok(Receipt::Taken)));
        drop(inbox);
        let inbox = open(&file, DiskReserve::NONE, 41);
        assert_eq!(inbox.read_after(0, 10).expect("read").len(), 1);
        assert_eq!(inbox.newest_position().expect("a position"), 41);
        assert!(matches!(contract::inbox::commit(&inbox, entry("org", 2)), Ok(Receipt::Taken)));
        assert_eq!(inbox.newest_position().expect("a position"), 42);
    }

    #[test]
    fn takes_nothing_below_the_disk_reserve() {
        let folder = tempfile::tempdir().expect("a folder");
        let reserve = DiskReserve { percent: 0, least_bytes: u64::MAX, most_bytes: 0 };
        let inbox = open(&folder.path().join("inbox.db"), reserve, 0);
        let refused = contract::inbox::commit(&inbox, entry("org", 1));
        assert!(matches!(refused, Err(InboxError::DiskReserve)));
        assert_eq!(inbox.depth().expect("a depth"), (0, 0));
    }

    #[test]
    fn a_damaged_entry_is_read_back_as_such() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("inbox.db");
        let inbox = open(&file, DiskReserve::NONE, 0);
        for number in 1..=2 {
            contract::inbox::commit(&inbox, entry("org", number)).expect("taken");
        }
        let other = sqlite::connect(&file).expect("a connection");
        other
            .execute("UPDATE entries SET payload = x'00' WHERE position = 1", ())
            .expect("damaged");
        let read = inbox.read_after(0, 10).expect("read");
        assert!(matches!(read[0].payload, crate::InboxPayload::Damaged(_)));
        assert!(matches!(read[1].payload, crate::InboxPayload::Batch(_)));
    }
}
