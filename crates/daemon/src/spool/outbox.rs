//! Requests that wait for the server.

use std::collections::BTreeMap;

use modelstat_wire::Timestamp;
use rusqlite::{OptionalExtension, Transaction};

use super::usage::Usage;
use super::{Kind, Spool, counters};
use crate::database::{DatabaseError, count, integer};

/// A request to queue: its bytes never change again.
#[derive(Clone, Debug)]
pub(crate) struct ToShip {
    pub(crate) key: u32,
    pub(crate) batch_id: String,
    pub(crate) events: u64,
    /// The size before compression.
    pub(crate) plain_bytes: u64,
    /// The gzip body, byte for byte as it is sent.
    pub(crate) body: Vec<u8>,
}

/// The oldest request of a key.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) row: i64,
    pub(crate) queued_at: i64,
    pub(crate) request: ToShip,
}

/// What the server said of a request that it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shipped {
    pub(crate) accepted: u64,
    pub(crate) duplicate: u64,
    pub(crate) rejected: u64,
}

impl Spool {
    /// Returns how many requests wait, by key.
    pub(crate) fn waiting(&self) -> BTreeMap<u32, u64> {
        self.lock().usage.outbox().clone()
    }

    /// Returns the oldest request of a key.
    pub(crate) fn head(&self, key: u32) -> Result<Option<Outgoing>, DatabaseError> {
        let inner = self.lock();
        let mut statement = inner.connection.prepare_cached(
            "SELECT id, queued_at, batch_id, events, plain_bytes, body
             FROM outbox WHERE key = ?1 ORDER BY id LIMIT 1",
        )?;
        let head = statement.query_row([key], |row| {
            let request = ToShip {
                key,
                batch_id: row.get(2)?,
                events: count(row.get(3)?),
                plain_bytes: count(row.get(4)?),
                body: row.get(5)?,
            };
            Ok(Outgoing { row: row.get(0)?, queued_at: row.get(1)?, request })
        });
        Ok(head.optional()?)
    }

    /// Drops a request that the server has taken, and counts what it said.
    pub(crate) fn shipped(&self, sent: &Outgoing, said: Shipped) -> Result<(), DatabaseError> {
        self.change(|transaction, usage| {
            remove(transaction, usage, sent)?;
            let counted = [
                ("batches", 1),
                ("events", sent.request.events),
                ("accepted", said.accepted),
                ("duplicate", said.duplicate),
                ("rejected", said.rejected),
            ];
            for (name, number) in counted {
                counters::add(transaction, Kind::Shipped, name, number)?;
            }
            Ok(())
        })
    }

    /// Puts smaller requests in the place of one that is too large for the server. They go to the end of
    /// the queue; what they hold does not depend on its neighbours.
    pub(crate) fn replace(
        &self,
        sent: &Outgoing,
        parts: &[ToShip],
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        self.change(|transaction, usage| {
            remove(transaction, usage, sent)?;
            counters::add(transaction, Kind::Shipped, "halved", 1)?;
            parts.iter().try_for_each(|part| queue(transaction, usage, part, now))
        })
    }

    /// Sets a request aside that the server will never take.
    pub(crate) fn quarantine(
        &self,
        sent: &Outgoing,
        code: &str,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        self.change(|transaction, usage| {
            remove(transaction, usage, sent)?;
            let request = &sent.request;
            transaction
                .prepare_cached(
                    "INSERT INTO quarantine (key, queued_at, moved_at, batch_id, events, code, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute((
                    request.key,
                    sent.queued_at,
                    now.as_millis(),
                    &request.batch_id,
                    integer(request.events),
                    code,
                    &request.body,
                ))?;
            usage.add(request.key, request.body.len());
            counters::add(transaction, Kind::Quarantined, code, request.events.max(1))
        })
    }
}

/// Queues a request within a transaction.
pub(super) fn queue(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    request: &ToShip,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    transaction
        .prepare_cached(
            "INSERT INTO outbox (key, queued_at, batch_id, events, plain_bytes, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            request.key,
            now.as_millis(),
            &request.batch_id,
            integer(request.events),
            integer(request.plain_bytes),
            &request.body,
        ))?;
    usage.add(request.key, request.body.len());
    usage.queue(request.key);
    Ok(())
}

fn remove(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    sent: &Outgoing,
) -> Result<(), DatabaseError> {
    let deleted =
        transaction.prepare_cached("DELETE FROM outbox WHERE id = ?1")?.execute([sent.row])?;
    if deleted > 0 {
        usage.remove(sent.request.key, sent.request.body.len() as u64);
        usage.unqueue(sent.request.key);
    }
    Ok(())
}
