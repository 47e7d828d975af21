//! What is acknowledged and not yet shipped: one SQLite file, and one connection that changes it.
//!
//! Every step from queue to queue is one transaction, so that a kill at any moment finds each batch, turn
//! and request in exactly one place.

mod age;
mod arrived;
mod beyond;
mod closed;
mod commit;
mod counters;
mod disk;
mod expire;
mod known;
mod outbox;
mod removed;
mod salvage;
mod sessions;
mod steps;
mod trust;
mod turns;
mod usage;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use modelstat_wire::Timestamp;
use rusqlite::{Connection, Transaction};

use crate::config::SpoolLimits;
use crate::database::{self, DatabaseError};
use crate::failpoint;
use crate::status::Depth;
use usage::Usage;

pub(crate) use arrived::Arrived;
pub(crate) use closed::Keep;
pub(crate) use commit::{CommitError, Entry, Receipt};
pub(crate) use counters::Kind;
pub(crate) use expire::Expired;
pub(crate) use outbox::{Outgoing, Shipped, ToShip, Turn};
pub(crate) use removed::{pack_removed, unpack_removed};
pub(crate) use sessions::digest;
pub(crate) use steps::{Closing, Content, Moved, Step};
pub(crate) use trust::{decode_batch, pack_quickly, pack_small, unpack};
pub(crate) use turns::{SessionKey, SessionTurns, TurnRow};
pub(crate) use writer::Writer;

/// What made each version of the tables out of the one before.
const SCHEMA: &[&str] = &[
    include_str!("spool/schema.sql"),
    include_str!("spool/closed.sql"),
    include_str!("spool/order.sql"),
    include_str!("spool/known.sql"),
];

/// The length from which on the log is brought into the file: SQLite's own default.
const LONG_LOG_BYTES: u64 = 4 * 1024 * 1024;

/// Pages of the log from which on a commit brings it in itself, as nobody else has: 64 MiB.
const LONGEST_LOG_PAGES: u32 = 16_384;

/// Largest file that is rewritten: commits wait for it, a tenth of a second or so.
const MAX_REWRITTEN_BYTES: i64 = 16 * 1024 * 1024;

/// The file and what is known about it.
pub(crate) struct Spool {
    inner: Mutex<Inner>,
    path: PathBuf,
    limits: SpoolLimits,
    /// What one key may hold.
    share_bytes: u64,
    disk: disk::Disk,
    arrived: arrived::ArrivedBatches,
    age_clock: age::AgeClock,
    /// Empties the log beside the connection that commits, so that no acknowledgement waits for it.
    checkpointer: Mutex<Option<Connection>>,
    /// Whether the log may hold text that was dropped since it was last emptied.
    has_dropped_text: AtomicBool,
    /// Whether the file may hold copies of text that was dropped since it was last rewritten.
    may_hold_copies: AtomicBool,
    /// When a damaged file was last replaced.
    mended_at: Mutex<Option<Instant>>,
}

struct Inner {
    connection: Connection,
    usage: Usage,
}

impl Inner {
    fn open(path: &Path) -> Result<Self, DatabaseError> {
        let connection = database::open(path, "spool.db", SCHEMA)?;
        connection.execute_batch(&format!("PRAGMA wal_autocheckpoint = {LONGEST_LOG_PAGES}"))?;
        let usage = Usage::read(&connection)?;
        Ok(Self { connection, usage })
    }

    fn change<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &mut Usage) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let mut usage = self.usage.clone();
        let transaction = self.connection.transaction()?;
        let done = work(&transaction, &mut usage)?;
        transaction.commit()?;
        self.usage = usage;
        Ok(done)
    }
}

impl Spool {
    /// Opens the file. Where several keys share the spool, none may hold more than half of it.
    pub(crate) fn open(
        path: &Path,
        limits: SpoolLimits,
        has_one_key: bool,
        now: Timestamp,
    ) -> Result<Self, DatabaseError> {
        let inner = Self::open_or_mend(path, now.as_millis())?;
        Ok(Self {
            inner: Mutex::new(inner),
            path: path.to_owned(),
            limits,
            share_bytes: if has_one_key { limits.bytes } else { limits.bytes / 2 },
            disk: disk::Disk::of(path, limits),
            arrived: arrived::ArrivedBatches::default(),
            age_clock: age::AgeClock::default(),
            checkpointer: Mutex::default(),
            // A killed process may have left text in the log.
            has_dropped_text: AtomicBool::new(true),
            may_hold_copies: AtomicBool::new(true),
            mended_at: Mutex::default(),
        })
    }

    /// A panic under the lock rolled its transaction back, so the connection is as good as before.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one transaction; what it notes about usage counts only if it commits.
    fn change<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &mut Usage) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let mut inner = self.lock();
        // An acknowledgement stands on the flush, so it is asked for each time.
        inner.connection.execute_batch("PRAGMA synchronous = FULL")?;
        inner.change(work)
    }

    /// The same without a flush of the disk, for what may be done again: a power cut can undo it, a kill
    /// cannot.
    fn change_without_flush<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &mut Usage) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let mut inner = self.lock();
        inner.connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        inner.change(work)
    }

    /// Marks that rows with text were deleted, so that the log is emptied and the file rewritten soon.
    fn note_dropped_text(&self) {
        self.may_hold_copies.store(true, Ordering::Release);
        self.has_dropped_text.store(true, Ordering::Release);
    }

    /// Asks for the log to be emptied at the next look: where a disk is full, that makes room.
    pub(crate) fn empty_log_soon(&self) {
        self.has_dropped_text.store(true, Ordering::Release);
    }

    /// Brings a long log into the file, while others go on committing.
    pub(crate) fn shorten_log(&self) -> Result<(), DatabaseError> {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        let length = std::fs::metadata(&log).map_or(0, |file| file.len());
        if length < LONG_LOG_BYTES {
            return Ok(());
        }
        let mut checkpointer = self.checkpointer.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match checkpointer.take() {
            Some(connection) => connection,
            None => database::open_beside(&self.path)?,
        };
        database::checkpoint_beside(&connection)?;
        *checkpointer = Some(connection);
        Ok(())
    }

    /// Empties the log if it may hold text that was dropped; tries again next time if it is held up.
    pub(crate) fn checkpoint_dropped_text(&self) -> Result<(), DatabaseError> {
        if !self.has_dropped_text.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        failpoint::reach("before_checkpoint");
        // Most of the work is done before commits have to wait for it.
        self.shorten_log()?;
        let emptied = database::checkpoint(&self.lock().connection);
        failpoint::reach("after_checkpoint");
        if !matches!(emptied, Ok(true)) {
            self.note_dropped_text();
        }
        emptied.map(|_| ())
    }

    /// Rewrites the file if text was dropped since it was last rewritten. SQLite overwrites what is deleted,
    /// but leaves copies of rows in the gaps of pages when it moves them to others. A file that is too large
    /// for it, as during an outage, waits until it is smaller.
    pub(crate) fn rewrite_after_drops(&self) -> Result<(), DatabaseError> {
        if !self.may_hold_copies.load(Ordering::Acquire) {
            return Ok(());
        }
        let inner = self.lock();
        let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let bytes: i64 = inner.connection.query_row(sql, [], |row| row.get(0))?;
        if bytes > MAX_REWRITTEN_BYTES {
            return Ok(());
        }
        inner.connection.execute_batch("VACUUM")?;
        self.may_hold_copies.store(false, Ordering::Release);
        // The old pages stand in the file until the log with the new ones is brought into it.
        self.has_dropped_text.store(true, Ordering::Release);
        Ok(())
    }

    /// Returns how many damaged files lie beside the file, to be looked at.
    pub(crate) fn damaged_files(&self) -> u64 {
        salvage::damaged_files(&self.path)
    }

    /// Returns what is kept, and for how long.
    pub(crate) fn limits(&self) -> SpoolLimits {
        self.limits
    }

    /// Returns the free disk space that is left to others.
    pub(crate) fn reserve_bytes(&self) -> u64 {
        self.disk.reserve_bytes()
    }

    /// Returns the bytes in use and their limit.
    pub(crate) fn used(&self) -> (u64, u64) {
        (self.lock().usage.total(), self.limits.bytes)
    }

    /// Returns how many rows each queue holds and when its oldest came, in milliseconds.
    pub(crate) fn depths(&self) -> Result<[Depth; 6], DatabaseError> {
        let inner = self.lock();
        let depth = |table: &str, time: &str| {
            let sql = format!("SELECT COUNT(*), MIN({time}) FROM {table}");
            inner.connection.query_row(&sql, [], |row| {
                Ok(Depth { rows: database::count(row.get(0)?), oldest_at_ms: row.get(1)? })
            })
        };
        Ok([
            depth("incoming", "received_at")?,
            depth("outbox", "queued_at")?,
            depth("turns", "arrived_at")?,
            depth("quarantine", "moved_at")?,
            depth("closed", "closed_at")?,
            depth("known", "used_at")?,
        ])
    }
}
