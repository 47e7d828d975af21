//! A damaged file is moved aside, and what can still be read of it goes into a new one.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, params_from_iter, types::Value};

use super::{Inner, Spool};
use crate::database::{self, DatabaseError};

/// The spool's tables, and which columns each has.
const TABLES: [(&str, &str); 12] = [
    ("incoming", "id, key, received_at, body, removed"),
    ("outbox", "id, key, queued_at, batch_id, events, plain_bytes, body, place, part, is_free"),
    ("outbox_sessions", "outbox_id, sessions"),
    ("turns", "id, key, app, session_id, event_id, ts, arrived_at, chars, body"),
    ("quarantine", "id, key, queued_at, moved_at, batch_id, events, code, body"),
    ("closed", "id, key, app, session_id, first_at, last_at, turns, chars, closed_at, bytes, body"),
    ("closed_events", "hash, closed"),
    ("known", "hash, used_at, bytes, body"),
    ("repeats", "hash, taken_at"),
    ("counters", "kind, name, value"),
    ("expired", "key, app, device_id, events, reported"),
    ("instance", "id"),
];

/// Rows beyond which a transaction is committed, so that memory stays bounded.
const STEP_ROWS: u64 = 1_000;

/// Unreadable places after which a table is left: each may hide any number of rows.
const MAX_GAPS: u32 = 1_000;

/// Between two replacements of the file.
const MEND_PAUSE: Duration = Duration::from_secs(5);

/// What could be saved.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Salvaged {
    rows: u64,
    /// Places that could not be read.
    gaps: u64,
}

impl Spool {
    /// Opens the file; a damaged one is moved aside, and what is readable of it is taken over.
    pub(super) fn open_or_mend(path: &Path, now_ms: i64) -> Result<Inner, DatabaseError> {
        match Inner::open(path) {
            Err(error) if error.is_damage() => mend(path, now_ms),
            opened => opened,
        }
    }

    /// Replaces a file that turned out to be damaged; returns whether it was this error's remedy.
    pub(crate) fn mend_if_damaged(&self, error: DatabaseError, now_ms: i64) -> bool {
        if !error.is_damage() {
            return false;
        }
        let mut inner = self.lock();
        // Several threads meet the same damage; the first of them replaces the file for all.
        let mut mended_at = self.mended_at.lock().unwrap_or_else(PoisonError::into_inner);
        if mended_at.is_some_and(|at| at.elapsed() < MEND_PAUSE) {
            return true;
        }
        // The old connection must not write to the file once it has another name.
        let Ok(nowhere) = Connection::open_in_memory() else { return false };
        drop(std::mem::replace(&mut inner.connection, nowhere));
        self.checkpointer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The new file may give the rows of lost batches to others.
        self.arrived.forget_before(i64::MAX);
        match mend(&self.path, now_ms) {
            Ok(mended) => {
                *inner = mended;
                *mended_at = Some(Instant::now());
            }
            Err(error) => {
                tracing::error!(%error, "the damaged spool could not be replaced");
                match Inner::open(&self.path) {
                    Ok(opened) => *inner = opened,
                    Err(error) => tracing::error!(%error, "the spool cannot be opened again"),
                }
                return false;
            }
        }
        true
    }
}

fn mend(path: &Path, now_ms: i64) -> Result<Inner, DatabaseError> {
    let aside = database::set_aside(path, now_ms)?;
    let inner = Inner::open(path)?;
    let salvaged = salvage(&aside, &inner.connection)?;
    inner.connection.execute(
        "INSERT INTO counters (kind, name, value) VALUES ('quarantined', 'damaged_file', 1)
         ON CONFLICT DO UPDATE SET value = value + 1",
        [],
    )?;
    tracing::error!(
        rows = salvaged.rows,
        unreadable_places = salvaged.gaps,
        file = %aside.file_name().unwrap_or_default().display(),
        "the spool's file was damaged: it was moved aside, and what could be read was taken over"
    );
    // Opened again, as what is in use and what waits has changed under it.
    drop(inner);
    Inner::open(path)
}

/// Copies every readable row.
fn salvage(from: &Path, to: &Connection) -> Result<Salvaged, DatabaseError> {
    let mut salvaged = Salvaged::default();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(source) = Connection::open_with_flags(from, flags) else {
        return Ok(Salvaged { gaps: 1, ..salvaged });
    };
    // The new file names an instance of its own; the old name goes on if it can be read.
    to.execute("DELETE FROM instance", [])?;
    for (table, columns) in TABLES {
        copy_table(&source, to, table, columns, &mut salvaged)?;
    }
    // Of lost rows nothing may be left that names them: the file gives their numbers to others.
    to.execute_batch(
        "DELETE FROM outbox_sessions WHERE outbox_id NOT IN (SELECT id FROM outbox);
         DELETE FROM closed_events WHERE closed NOT IN (SELECT id FROM closed);",
    )?;
    to.execute(
        "INSERT INTO instance (id) SELECT 'daemon_' || lower(hex(randomblob(8)))
         WHERE NOT EXISTS (SELECT 1 FROM instance)",
        [],
    )?;
    Ok(salvaged)
}

/// Copies one table: tables with ids from both ends of each gap, the others as far as they go.
fn copy_table(
    source: &Connection,
    to: &Connection,
    table: &str,
    columns: &str,
    salvaged: &mut Salvaged,
) -> Result<(), DatabaseError> {
    let has_ids = columns.starts_with("id, ") || table == "outbox_sessions";
    let row_id = if table == "outbox_sessions" { "outbox_id" } else { "id" };
    let (mut after, mut gaps) = (i64::MIN, 0);
    loop {
        let sql = if has_ids {
            format!("SELECT {columns} FROM {table} WHERE {row_id} > {after} ORDER BY {row_id}")
        } else {
            format!("SELECT {columns} FROM {table}")
        };
        let ended = copy_rows(source, to, table, &sql, salvaged, &mut after)?;
        if ended {
            return Ok(());
        }
        salvaged.gaps += 1;
        gaps += 1;
        let next = has_ids.then(|| id_after(source, table, row_id, after)).flatten();
        let Some(next) = next.filter(|_| gaps < MAX_GAPS) else { return Ok(()) };
        after = next;
    }
}

/// Finds from where on rows can be read again: the gap is stepped over in strides that double.
fn id_after(source: &Connection, table: &str, row_id: &str, after: i64) -> Option<i64> {
    let largest = format!("SELECT MAX({row_id}) FROM {table}");
    let largest: i64 = source.query_row(&largest, [], |row| row.get(0)).ok()?;
    let first = format!("SELECT MIN({row_id}) FROM {table} WHERE {row_id} > ?1");
    let mut stride = 1;
    let mut at = if after == i64::MIN { 0 } else { after };
    while at < largest {
        at = at.saturating_add(stride);
        if matches!(source.query_row(&first, [at], |row| row.get::<_, Option<i64>>(0)), Ok(Some(_)))
        {
            return Some(at);
        }
        stride = stride.saturating_mul(2);
    }
    None
}

/// Copies rows until they end, which is `true`, or until one cannot be read.
fn copy_rows(
    source: &Connection,
    to: &Connection,
    table: &str,
    sql: &str,
    salvaged: &mut Salvaged,
    after: &mut i64,
) -> Result<bool, DatabaseError> {
    let Ok(mut statement) = source.prepare(sql) else { return Ok(false) };
    let width = statement.column_count();
    let columns: Vec<&str> = statement.column_names().collect();
    let columns = columns.join(", ");
    let marks = vec!["?"; width].join(", ");
    let insert = format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})");
    let Ok(mut rows) = statement.query([]) else { return Ok(false) };
    to.execute_batch("BEGIN")?;
    let mut copied = 0;
    let ended = loop {
        let Ok(row) = rows.next() else { break false };
        let Some(row) = row else { break true };
        let values: Result<Vec<Value>, _> = (0..width).map(|index| row.get(index)).collect();
        if let Some(Value::Integer(id)) = values.as_ref().ok().and_then(|values| values.first()) {
            *after = *id;
        }
        // A row that breaks a rule of the table is as unreadable as one with a torn page.
        let taken =
            values.map(|values| to.prepare_cached(&insert)?.execute(params_from_iter(values)));
        match taken {
            Ok(Ok(_)) => salvaged.rows += 1,
            Ok(Err(error)) if !is_rule(&error) => {
                to.execute_batch("ROLLBACK")?;
                return Err(error.into());
            }
            _ => salvaged.gaps += 1,
        }
        copied += 1;
        if copied % STEP_ROWS == 0 {
            to.execute_batch("COMMIT; BEGIN")?;
        }
    };
    to.execute_batch("COMMIT")?;
    Ok(ended)
}

fn is_rule(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
        || error.sqlite_error_code() == Some(rusqlite::ErrorCode::TypeMismatch)
}

/// How many damaged files were moved aside beside a file.
pub(super) fn damaged_files(path: &Path) -> u64 {
    let Some(folder) = path.parent() else { return 0 };
    let prefix = format!("{}.damaged-", path.file_name().unwrap_or_default().display());
    let is_one = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().display().to_string();
        name.starts_with(&prefix) && !name.ends_with("-wal") && !name.ends_with("-shm")
    };
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter(|file| is_one(file.path())).count() as u64
}
