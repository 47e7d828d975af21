//! Requests that wait for the server.

use std::collections::BTreeMap;

use modelstat_wire::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction};

use super::sessions::pack_digests;
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
    /// Digests of the sessions that it says something of.
    pub(crate) sessions: Vec<u64>,
}

/// A request of a key that may be sent now.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) row: i64,
    pub(crate) queued_at: i64,
    pub(crate) request: ToShip,
    place: Place,
}

/// Where a request stands among those of its key.
#[derive(Clone, Debug)]
struct Place {
    /// The row of the request that was queued first.
    row: i64,
    /// Which part of that request this is: `0` and `1` for halves, `10` and `11` for halves of the second.
    part: String,
    is_free: bool,
}

/// Which request of a key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The oldest.
    Oldest,
    /// One of the newest that no older one has to go before, if there is any; otherwise the oldest.
    Newest,
}

/// How far from its end a queue is searched for a request that may go out of turn.
const NEWEST_ROWS: i64 = 64;

const OLDEST: &str =
    "SELECT id, queued_at, batch_id, events, plain_bytes, body, COALESCE(place, id),
        part, is_free
     FROM outbox WHERE key = ?1 ORDER BY COALESCE(place, id), part LIMIT 1";

const NEWEST: &str =
    "SELECT id, queued_at, batch_id, events, plain_bytes, body, COALESCE(place, id),
        part, is_free
     FROM outbox WHERE key = ?1 AND is_free = 1
       AND id > (SELECT COALESCE(MAX(id), 0) - ?2 FROM outbox)
     ORDER BY id DESC LIMIT 1";

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

    /// Returns how many requests of a key wait.
    pub(crate) fn waiting_of(&self, key: u32) -> u64 {
        self.lock().usage.outbox().get(&key).copied().unwrap_or(0)
    }

    /// Returns the request of a key whose turn it is.
    pub(crate) fn next_of(&self, key: u32, turn: Turn) -> Result<Option<Outgoing>, DatabaseError> {
        let inner = self.lock();
        if turn == Turn::Newest {
            let mut newest = inner.connection.prepare_cached(NEWEST)?;
            let found =
                newest.query_row((key, NEWEST_ROWS), |row| outgoing(key, row)).optional()?;
            if found.is_some() {
                return Ok(found);
            }
        }
        let mut oldest = inner.connection.prepare_cached(OLDEST)?;
        Ok(oldest.query_row([key], |row| outgoing(key, row)).optional()?)
    }

    /// Drops a request that the server has taken, and counts what it said. A power cut may
    /// bring it back, to be sent again byte for byte and known as a repeat.
    pub(crate) fn shipped(&self, sent: &Outgoing, said: Shipped) -> Result<(), DatabaseError> {
        self.change_without_flush(|transaction, usage| {
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

    /// Puts smaller requests in the place of one that is too large for the server: what came before it
    /// still goes before them, and what came after it goes after.
    pub(crate) fn replace(
        &self,
        sent: &Outgoing,
        parts: &[ToShip],
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        self.change(|transaction, usage| {
            remove(transaction, usage, sent)?;
            counters::add(transaction, Kind::Shipped, "halved", 1)?;
            for (index, part) in parts.iter().enumerate() {
                let place = Place {
                    row: sent.place.row,
                    part: format!("{}{index}", sent.place.part),
                    // Halves may share a session, so only the first goes where the whole could.
                    is_free: sent.place.is_free && index == 0,
                };
                insert(transaction, usage, part, now, Some(&place))?;
            }
            Ok(())
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

fn outgoing(key: u32, row: &Row<'_>) -> rusqlite::Result<Outgoing> {
    let request = ToShip {
        key,
        batch_id: row.get(2)?,
        events: count(row.get(3)?),
        plain_bytes: count(row.get(4)?),
        body: row.get(5)?,
        // The queue keeps them; nothing asks for them once a request is queued.
        sessions: Vec::new(),
    };
    let place = Place { row: row.get(6)?, part: row.get(7)?, is_free: row.get(8)? };
    Ok(Outgoing { row: row.get(0)?, queued_at: row.get(1)?, request, place })
}

/// Queues a request at the end, within a transaction.
pub(super) fn queue(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    request: &ToShip,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    insert(transaction, usage, request, now, None)
}

fn insert(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    request: &ToShip,
    now: Timestamp,
    place: Option<&Place>,
) -> Result<(), DatabaseError> {
    let is_new_to_all = usage.sessions.note(transaction, &request.sessions)?;
    let id = transaction
        .prepare_cached(
            "INSERT INTO outbox (key, queued_at, batch_id, events, plain_bytes, body, place, part, is_free)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .insert((
            request.key,
            now.as_millis(),
            &request.batch_id,
            integer(request.events),
            integer(request.plain_bytes),
            &request.body,
            place.map(|place| place.row),
            place.map_or("", |place| place.part.as_str()),
            place.map_or(is_new_to_all, |place| place.is_free),
        ))?;
    if !request.sessions.is_empty() {
        transaction
            .prepare_cached("INSERT INTO outbox_sessions (outbox_id, sessions) VALUES (?1, ?2)")?
            .execute((id, pack_digests(&request.sessions)))?;
    }
    usage.add(request.key, request.body.len());
    usage.queue(request.key);
    Ok(())
}

fn remove(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    sent: &Outgoing,
) -> Result<(), DatabaseError> {
    let request = &sent.request;
    delete(transaction, usage, sent.row, request.key, request.body.len() as u64)
}

/// Deletes a request within a transaction.
pub(super) fn delete(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    row: i64,
    key: u32,
    body_bytes: u64,
) -> Result<(), DatabaseError> {
    let deleted = transaction.prepare_cached("DELETE FROM outbox WHERE id = ?1")?.execute([row])?;
    if deleted > 0 {
        transaction
            .prepare_cached("DELETE FROM outbox_sessions WHERE outbox_id = ?1")?
            .execute([row])?;
        usage.remove(key, body_bytes);
        usage.unqueue(key);
    }
    Ok(())
}
