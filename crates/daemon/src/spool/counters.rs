//! Durable counters: each counts in the transaction of what it counts.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::Spool;
use crate::database::{DatabaseError, count, integer};

/// Most names of one kind, so that nothing that arrives can grow the table without bound.
const MAX_NAMES: i64 = 500;

/// Counts what has no name of its own any more.
const OTHER: &str = "other";

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Events by outcome at the door.
    Outcome,
    /// Records refused at the door, by reason.
    Rejected,
    /// What redaction took out, by rule.
    Finding,
    /// What the server took and said.
    Shipped,
    /// Events that the server will never take, by its code.
    Quarantined,
    /// Abstracts, by what made them, and how many of them were made again.
    Summary,
    /// Engines that failed or were refused, with why.
    RefusedSummary,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Rejected => "rejected",
            Self::Finding => "finding",
            Self::Shipped => "shipped",
            Self::Quarantined => "quarantined",
            Self::Summary => "summary",
            Self::RefusedSummary => "refused_summary",
        }
    }
}

/// Counts by name.
pub(crate) type Counters = BTreeMap<String, u64>;

impl Spool {
    /// Returns the counters of a kind.
    pub(crate) fn counters(&self, kind: Kind) -> Result<Counters, DatabaseError> {
        let inner = self.lock();
        let sql = "SELECT name, value FROM counters WHERE kind = ?1";
        let mut statement = inner.connection.prepare_cached(sql)?;
        let rows = statement
            .query_map([kind.as_str()], |row| Ok((row.get(0)?, count(row.get(1)?))))?
            .collect::<Result<_, _>>()?;
        Ok(rows)
    }
}

/// Adds to a counter within a transaction.
pub(super) fn add(
    connection: &Connection,
    kind: Kind,
    name: &str,
    number: u64,
) -> Result<(), DatabaseError> {
    if number == 0 {
        return Ok(());
    }
    let sql = "UPDATE counters SET value = value + ?3 WHERE kind = ?1 AND name = ?2";
    let mut update = connection.prepare_cached(sql)?;
    if update.execute((kind.as_str(), name, integer(number)))? > 0 {
        return Ok(());
    }
    let names: i64 = connection
        .prepare_cached("SELECT COUNT(*) FROM counters WHERE kind = ?1")?
        .query_row([kind.as_str()], |row| row.get(0))?;
    let name = if names < MAX_NAMES { name } else { OTHER };
    connection
        .prepare_cached(
            "INSERT INTO counters (kind, name, value) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET value = value + excluded.value",
        )?
        .execute((kind.as_str(), name, integer(number)))?;
    Ok(())
}
