//! Rows that a table of bounded age, number and size has no room for.

use rusqlite::Transaction;
use rusqlite::types::FromSql;

use crate::database::{DatabaseError, count};

/// Returns the names of the rows that are older than a time, or stand behind as many rows or bytes as may
/// be. The query gives name, time and bytes of each, newest first, and so the oldest stand last here too.
pub(super) fn beyond<T: FromSql>(
    transaction: &Transaction<'_>,
    sql: &str,
    since_ms: i64,
    most_rows: u64,
    most_bytes: u64,
) -> Result<Vec<T>, DatabaseError> {
    let mut statement = transaction.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let (mut beyond, mut kept, mut bytes) = (Vec::new(), 0_u64, 0_u64);
    while let Some(row) = rows.next()? {
        kept += 1;
        bytes += count(row.get(2)?);
        let is_old = row.get::<_, i64>(1)? < since_ms;
        if is_old || kept > most_rows || bytes > most_bytes {
            beyond.push(row.get(0)?);
        }
    }
    Ok(beyond)
}
