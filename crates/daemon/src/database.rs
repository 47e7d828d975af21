//! SQLite files as every store of the daemon opens them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, ffi};

use crate::files::{self, FileError};

/// How long a statement waits for another process that reads the file, such as a backup.
pub(crate) const BUSY_TIME: Duration = Duration::from_secs(5);

/// Pages that are given back to the disk at one checkpoint, so that it stays short.
const VACUUM_PAGES: u32 = 4_096;

/// What a database said, as a code: its messages may quote values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The engine failed; the statement had no effect.
    #[error("the database failed (SQLite code {code})")]
    Engine {
        /// SQLite's extended result code.
        code: i32,
    },
    /// A stored value has another type than it was written with.
    #[error("the database holds a value of an unexpected type")]
    Value,
    /// What was to be there is there no more.
    #[error("the database lacks a row that was there")]
    Missing,
    /// The file was written by a later version.
    #[error("the database was written by a later version (schema {found}, this one knows {known})")]
    Later {
        /// What the file says.
        found: i64,
        /// What this program knows.
        known: i64,
    },
    /// The file cannot be opened.
    #[error("the database file cannot be opened")]
    File,
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(failure, _) => {
                Self::Engine { code: failure.extended_code }
            }
            rusqlite::Error::QueryReturnedNoRows => Self::Missing,
            _ => Self::Value,
        }
    }
}

impl DatabaseError {
    /// Whether the file itself is damaged, so that trying again cannot help.
    pub(crate) fn is_damage(self) -> bool {
        match self {
            Self::Engine { code } => {
                matches!(code & 0xFF, ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB)
            }
            Self::Value => true,
            Self::Missing | Self::Later { .. } | Self::File => false,
        }
    }
}

impl From<FileError> for DatabaseError {
    fn from(_: FileError) -> Self {
        Self::File
    }
}

/// Opens a file and takes the steps of the schema that it lacks. A step that was released never changes;
/// the file keeps how many it has taken.
pub(crate) fn open(
    path: &Path,
    name: &'static str,
    steps: &[&str],
) -> Result<Connection, DatabaseError> {
    // SQLite gives its log and index the mode of the file, so it is made first.
    drop(files::private_file(path, name)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIME)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA secure_delete = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;",
    )?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = integer(steps.len());
    let Some(missing) = usize::try_from(found).ok().and_then(|taken| steps.get(taken..)) else {
        return Err(DatabaseError::Later { found, known });
    };
    if !missing.is_empty() {
        let transaction = connection.transaction()?;
        missing.iter().try_for_each(|step| transaction.execute_batch(step))?;
        transaction.pragma_update(None, "user_version", known)?;
        transaction.commit()?;
    }
    Ok(connection)
}

/// Gives a damaged file and its log another name, beside their old one; returns the file's.
pub(crate) fn set_aside(path: &Path, now_ms: i64) -> Result<PathBuf, DatabaseError> {
    let named = |path: &Path, end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    // A second file of the same millisecond must not replace the first.
    let mut at_ms = now_ms;
    let mut aside = named(path, &format!(".damaged-{at_ms}"));
    while aside.exists() {
        at_ms += 1;
        aside = named(path, &format!(".damaged-{at_ms}"));
    }
    fs::rename(path, &aside).map_err(|_| DatabaseError::File)?;
    let log = named(path, "-wal");
    if log.exists() {
        fs::rename(log, named(&aside, "-wal")).map_err(|_| DatabaseError::File)?;
    }
    // The index of the log is made again from the log.
    let index = named(path, "-shm");
    if index.exists() {
        fs::remove_file(index).map_err(|_| DatabaseError::File)?;
    }
    Ok(aside)
}

/// Empties the write-ahead log, and gives free pages back. Returns whether the log is empty: a reader
/// of another process can hold it up.
pub(crate) fn checkpoint(connection: &Connection) -> Result<bool, DatabaseError> {
    let given_back =
        connection.execute_batch(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"));
    let busy: i64 =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    // On a full disk it finds no room in the log, which is emptied all the same: that makes room.
    given_back?;
    Ok(busy == 0)
}

/// Opens a file a second time, to bring its log into it while the first connection commits.
pub(crate) fn open_beside(path: &Path) -> Result<Connection, DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON")?;
    Ok(connection)
}

/// Brings as much of the log into the file as nobody is held up by.
pub(crate) fn checkpoint_beside(connection: &Connection) -> Result<(), DatabaseError> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    Ok(())
}

/// Counts and sizes fit SQLite's integers; what does not is cut to the largest.
pub(crate) fn integer(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// Reads a count back, which was never negative.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
