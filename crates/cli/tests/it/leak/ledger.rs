//! What a ledger holds, as its engine reads it: its columns are compressed.

use std::path::Path;

/// Every column of every table of a DuckDB file, read from a copy.
pub(super) fn texts(path: &Path) -> Vec<(String, Vec<u8>)> {
    if path.extension().is_none_or(|extension| extension != "duckdb") {
        return Vec::new();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.duckdb");
    std::fs::copy(path, &copy).expect("readable");
    let log = path.with_extension("duckdb.wal");
    if log.exists() {
        std::fs::copy(log, copy.with_extension("duckdb.wal")).expect("readable");
    }
    let connection = duckdb::Connection::open(&copy).expect("a ledger");
    columns(&connection)
        .into_iter()
        .map(|(table, column)| (format!("{table}.{column}"), text_of(&connection, &table, &column)))
        .collect()
}

fn columns(connection: &duckdb::Connection) -> Vec<(String, String)> {
    let question = "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal";
    let mut statement = connection.prepare(question).expect("a question");
    let names = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("a list");
    names.collect::<Result<_, _>>().expect("names")
}

fn text_of(connection: &duckdb::Connection, table: &str, column: &str) -> Vec<u8> {
    let question =
        format!("SELECT \"{column}\"::VARCHAR FROM \"{table}\" WHERE \"{column}\" IS NOT NULL");
    let mut statement = connection.prepare(&question).expect("a question");
    let cells = statement.query_map([], |row| row.get(0)).expect("a list");
    let cells: Vec<String> = cells.collect::<Result<_, _>>().expect("texts");
    cells.join("\n").into_bytes()
}
