//! What is kept of closed segments, so that late events join them.

use modelstat_redact::RedactedText;
use modelstat_summarize::{ClosedMark, ClosedPlace, ClosedSegment};
use modelstat_wire::Timestamp;
use rusqlite::{OptionalExtension, Transaction};

use super::beyond::beyond;
use super::trust::{decode_closed, unpack};
use super::usage::Usage;
use super::{SessionKey, Spool};
use crate::database::{DatabaseError, count, integer};

/// How long a closed segment can be reopened: clients that were offline come back within a day.
pub(crate) const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// Most closed segments that are kept, and the bytes of what is kept: a busy day of a team.
const MAX_CLOSED: u64 = 10_000;
const MAX_CLOSED_BYTES: u64 = 64 * 1024 * 1024;

/// Closed segments hold at most this share of the spool, so that events always have room.
const CLOSED_SHARE: u64 = 8;

/// What the hash of one event costs, in a table and an index.
const EVENT_BYTES: usize = 96;

/// What a closed segment costs besides its row, as [`EVENT_BYTES`] says.
pub(super) const COST: &str = "length(body) + 96 * turns";

/// Most that are forgotten at once, so that commits don't wait.
const MAX_FORGOTTEN: usize = 500;

/// What to keep of a segment that is being closed.
#[derive(Debug)]
pub(crate) struct Keep {
    pub(crate) session: SessionKey,
    /// The row of the segment, where it was closed before.
    pub(crate) reopened: Option<i64>,
    pub(crate) mark: ClosedMark,
    /// The packed [`ClosedSegment`].
    pub(crate) body: Vec<u8>,
    /// Ids of the events that are new in it.
    pub(crate) new_events: Vec<RedactedText>,
}

impl Spool {
    /// Returns the closed segments of a session that end at a time or later, in the order of time.
    pub(crate) fn closed_places(
        &self,
        session: &SessionKey,
        since: Timestamp,
    ) -> Result<Vec<ClosedPlace>, DatabaseError> {
        let inner = self.lock();
        let mut statement = inner.connection.prepare_cached(
            "SELECT id, first_at, last_at, turns, chars FROM closed
             WHERE key = ?1 AND app = ?2 AND session_id = ?3 AND last_at >= ?4
             ORDER BY first_at, id",
        )?;
        let app = session.app.as_deref().unwrap_or_default();
        let asked = (session.key, app, session.session_id.as_str(), since.as_micros());
        let size = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        let rows = statement.query_map(asked, |row| {
            let mark = ClosedMark {
                first: Timestamp::from_micros(row.get(1)?),
                last: Timestamp::from_micros(row.get(2)?),
                turns: size(row.get(3)?),
                chars: size(row.get(4)?),
            };
            Ok(ClosedPlace { row: row.get(0)?, mark })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Reads what is kept of a closed segment; `None` when it is damaged or forgotten.
    pub(crate) fn closed(
        &self,
        row: i64,
    ) -> Result<Option<ClosedSegment<RedactedText>>, DatabaseError> {
        let inner = self.lock();
        let mut statement =
            inner.connection.prepare_cached("SELECT body FROM closed WHERE id = ?1")?;
        let body: Option<Vec<u8>> = statement.query_row([row], |row| row.get(0)).optional()?;
        Ok(body.and_then(|body| unpack(&body)).and_then(|bytes| decode_closed(&bytes)))
    }

    /// Forgets closed segments that are too old, or too many.
    pub(crate) fn forget_closed(&self, now: Timestamp) -> Result<(), DatabaseError> {
        let most_bytes = MAX_CLOSED_BYTES.min(self.limits.bytes / CLOSED_SHARE);
        self.change(|transaction, usage| {
            let sql = "SELECT id, closed_at, bytes + 96 * turns FROM closed
                       ORDER BY closed_at DESC";
            let since = now.as_millis() - KEPT_MS;
            let forgotten: Vec<i64> = beyond(transaction, sql, since, MAX_CLOSED, most_bytes)?;
            // The oldest stand last.
            for row in forgotten.iter().rev().take(MAX_FORGOTTEN) {
                transaction
                    .prepare_cached("DELETE FROM closed_events WHERE closed = ?1")?
                    .execute([row])?;
                drop_closed(transaction, usage, *row)?;
            }
            Ok(())
        })
    }
}

fn drop_closed(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    row: i64,
) -> Result<(), DatabaseError> {
    let sql = format!("DELETE FROM closed WHERE id = ?1 RETURNING key, {COST}");
    let dropped: Option<(u32, i64)> = transaction
        .prepare_cached(&sql)?
        .query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((key, bytes)) = dropped {
        usage.remove(key, count(bytes));
    }
    Ok(())
}

/// Keeps a closed segment within a transaction.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    keep: &Keep,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let Keep { session, mark, body, .. } = keep;
    if let Some(row) = keep.reopened {
        drop_closed(transaction, usage, row)?;
    }
    usage.add(session.key, body.len() + EVENT_BYTES * mark.turns);
    transaction
        .prepare_cached(
            "INSERT INTO closed
             (id, key, app, session_id, first_at, last_at, turns, chars, closed_at, bytes, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute((
            keep.reopened,
            session.key,
            session.app.as_deref().unwrap_or_default(),
            session.session_id.as_str(),
            mark.first.as_micros(),
            mark.last.as_micros(),
            integer(mark.turns),
            integer(mark.chars),
            now.as_millis(),
            integer(body.len()),
            body,
        ))?;
    let row = transaction.last_insert_rowid();
    let sql = "INSERT INTO closed_events (hash, closed) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    let mut insert = transaction.prepare_cached(sql)?;
    for event_id in &keep.new_events {
        insert.execute((event_hash(session, event_id), row))?;
    }
    Ok(())
}

/// Whether an event is part of a closed segment.
pub(super) fn holds(
    transaction: &Transaction<'_>,
    session: &SessionKey,
    event_id: &str,
) -> Result<bool, DatabaseError> {
    let sql = "SELECT 1 FROM closed_events WHERE hash = ?1";
    Ok(transaction.prepare_cached(sql)?.exists([event_hash(session, event_id)])?)
}

/// Names are joined with their lengths, so that no two lists of names look alike.
fn event_hash(session: &SessionKey, event_id: &str) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&session.key.to_be_bytes());
    for name in [session.app.as_deref().unwrap_or_default(), &session.session_id, event_id] {
        hasher.update(&(name.len() as u64).to_be_bytes()).update(name.as_bytes());
    }
    let mut hash = [0; 16];
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    hash
}
