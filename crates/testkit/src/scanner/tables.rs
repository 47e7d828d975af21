//! Every cell of a SQLite file, read from a copy, so that the file and its log stay as they are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::{Read, ScanError};

/// Whether a file is one of SQLite's.
pub(super) fn is_sqlite(bytes: &[u8]) -> bool {
    bytes.starts_with(b"SQLite format 3\0")
}

/// The write-ahead log of a file.
pub(super) fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Calls `read` with every text and blob of every table.
pub(super) fn each_cell(path: &Path, read: Read<'_>) -> Result<(), ScanError> {
    let failed = |error| ScanError::Read(path.to_owned(), error);
    let folder = tempfile::tempdir().map_err(failed)?;
    let copy = folder.path().join("copy.db");
    fs::copy(path, &copy).map_err(failed)?;
    match fs::copy(log_of(path), log_of(&copy)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let refused = |error| ScanError::Sqlite(path.to_owned(), error);
    let connection = Connection::open(&copy).map_err(refused)?;
    for table in tables(&connection).map_err(refused)? {
        each_cell_of(&connection, &table, &refused, read)?;
    }
    Ok(())
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

fn each_cell_of(
    connection: &Connection,
    table: &str,
    refused: &dyn Fn(rusqlite::Error) -> ScanError,
    read: Read<'_>,
) -> Result<(), ScanError> {
    let sql = format!("SELECT * FROM \"{}\"", table.replace('"', "\"\""));
    let mut statement = connection.prepare(&sql).map_err(refused)?;
    let columns: Vec<String> =
        statement.column_names().map(|column| format!("{table}.{column}")).collect();
    let mut rows = statement.query([]).map_err(refused)?;
    while let Some(row) = rows.next().map_err(refused)? {
        for (index, column) in columns.iter().enumerate() {
            match row.get_ref(index).map_err(refused)? {
                ValueRef::Text(cell) | ValueRef::Blob(cell) => read(column, cell)?,
                ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => {}
            }
        }
    }
    Ok(())
}
