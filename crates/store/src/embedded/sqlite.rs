//! How the SQLite files are opened, and what of their errors may be told.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::OpenError;
use super::files::create_private_file;

/// What every connection is told: commits reach the disk, and what is deleted is overwritten.
const SETTINGS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA secure_delete = ON;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA busy_timeout = 5000;
";

/// A file's tables, and how it is named in errors.
pub(super) struct Schema {
    /// Which store it is.
    pub(super) store: &'static str,
    /// The version of the tables, kept in the file.
    pub(super) version: i64,
    /// Makes the tables of an empty file.
    pub(super) tables: &'static str,
}

/// Opens a file that only its owner may read, and makes its tables if it is empty.
pub(super) fn open(file: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    create_private_file(file).map_err(OpenError::Folder)?;
    let refused =
        |error: rusqlite::Error| OpenError::Engine { store: schema.store, code: code(&error) };
    let mut connection = connect(file).map_err(refused)?;
    let version: i64 =
        connection.query_row("PRAGMA user_version", (), |row| row.get(0)).map_err(refused)?;
    if version > schema.version {
        return Err(OpenError::TooNew { store: schema.store });
    }
    if version == 0 {
        create(&mut connection, schema).map_err(refused)?;
    }
    Ok(connection)
}

/// Opens a further connection to a file that [`open`] has opened.
pub(super) fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.execute_batch(SETTINGS)?;
    Ok(connection)
}

/// The error's code, never its message, since a message may quote a value.
pub(super) fn code(error: &rusqlite::Error) -> String {
    match error.sqlite_error() {
        Some(failure) => format!("sqlite {}", failure.extended_code),
        None => "sqlite value".to_owned(),
    }
}

/// Locks a connection; a panic elsewhere leaves it usable, since transactions roll back when dropped.
pub(super) fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn create(connection: &mut Connection, schema: &Schema) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(schema.tables)?;
    transaction.pragma_update(None, "user_version", schema.version)?;
    transaction.commit()
}
