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
    /// What made each version of the tables out of the one before. A step that was released never
    /// changes; the file keeps how many it has taken.
    pub(super) steps: &'static [&'static str],
}

/// Opens a file that only its owner may read, and makes its tables if it is empty.
pub(super) fn open(file: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    create_private_file(file).map_err(OpenError::Folder)?;
    let refused =
        |error: rusqlite::Error| OpenError::Engine { store: schema.store, code: code(&error) };
    let mut connection = connect(file).map_err(refused)?;
    let version: i64 =
        connection.query_row("PRAGMA user_version", (), |row| row.get(0)).map_err(refused)?;
    let taken = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(missing) = schema.steps.get(taken..) else {
        return Err(OpenError::TooNew { store: schema.store });
    };
    if !missing.is_empty() {
        advance(&mut connection, missing, schema.steps.len()).map_err(refused)?;
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

fn advance(connection: &mut Connection, missing: &[&str], version: usize) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    missing.iter().try_for_each(|step| transaction.execute_batch(step))?;
    transaction.pragma_update(None, "user_version", i64::try_from(version).unwrap_or(i64::MAX))?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);";
    const SECOND: &str = "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 2;";

    #[test]
    fn an_older_file_takes_the_steps_that_it_lacks() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.db");
        let opened = |steps| open(&file, &Schema { store: "a", steps });
        drop(opened(&[FIRST]).expect("made"));
        let connection = opened(&[FIRST, SECOND]).expect("advanced");
        let row: (i64, i64) = connection
            .query_row("SELECT x, y FROM a", (), |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("a row");
        assert_eq!(row, (1, 2));
        assert!(matches!(opened(&[FIRST]), Err(OpenError::TooNew { store: "a" })));
    }
}
