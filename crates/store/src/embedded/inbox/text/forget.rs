//! Rows whose text is overwritten go, and what is kept of closed segments and of events after its time.

use modelstat_wire::Timestamp;
use rusqlite::{Connection, Transaction, params};

use crate::embedded::inbox::entries::signed;

/// How long a closed segment can be reopened: clients that were offline come back within a day.
const KEPT_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// Most closed segments that are kept of an org, and the bytes of what is kept: a busy day of a team.
const MAX_CLOSED: u64 = 10_000;
const MAX_CLOSED_BYTES: u64 = 64 * 1024 * 1024;

/// How long an event is known, so that its text is not taken again in another batch: as long as batches.
const EVENT_MICROS: i64 = 7 * KEPT_MICROS;

/// Most that are forgotten at once, so that commits don't wait.
const MAX_FORGOTTEN: i64 = 2_000;

/// How far from a row with text spent rows are left. A page is balanced with those beside it, and so many
/// rows fill at least nine.
const DISTANCE: i64 = 256;

/// Overwrites the text of an org where it stands.
pub(in super::super) fn spend_org(
    transaction: &Transaction<'_>,
    org_id: &str,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE pending_text SET spent = 1, body = zeroblob(length(body))
             WHERE org_id = ?1 AND spent = 0",
        )?
        .execute([org_id])?;
    Ok(())
}

/// Deletes rows whose text is overwritten and near which no row with text stands, as deleting a row may
/// move others. Rows are added at the end, so that the last ones wait for all to be spent.
pub(in super::super) fn forget_spent(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let live: Vec<i64> = transaction
        .prepare_cached("SELECT id FROM pending_text WHERE spent = 0 ORDER BY id")?
        .query_map((), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if live.is_empty() {
        transaction.execute("DELETE FROM pending_text", ())?;
        return transaction.commit();
    }
    let mut delete =
        transaction.prepare_cached("DELETE FROM pending_text WHERE id > ?1 AND id < ?2")?;
    let mut before = i64::MIN;
    for id in live {
        let (from, to) = (before.saturating_add(DISTANCE), id - DISTANCE);
        if from < to {
            delete.execute([from, to])?;
        }
        before = id;
    }
    drop(delete);
    transaction.commit()
}

/// Forgets closed segments that are too old or too many, and events that are too old.
pub(in super::super) fn forget(
    connection: &mut Connection,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let now = now.as_micros();
    transaction
        .prepare_cached(
            "DELETE FROM closed_segments WHERE id IN (
                 SELECT id FROM (
                     SELECT id, closed_at,
                            row_number() OVER newest AS place, sum(bytes) OVER newest AS total
                     FROM closed_segments
                     WINDOW newest AS (PARTITION BY org_id ORDER BY closed_at DESC, id DESC))
                 WHERE closed_at < ?1 OR place > ?2 OR total > ?3
                 ORDER BY closed_at LIMIT ?4)",
        )?
        .execute(params![
            now.saturating_sub(KEPT_MICROS),
            signed(MAX_CLOSED),
            signed(MAX_CLOSED_BYTES),
            MAX_FORGOTTEN
        ])?;
    transaction
        .prepare_cached(
            "DELETE FROM summarised_events WHERE (org_id, hash) IN (
                 SELECT org_id, hash FROM summarised_events WHERE taken_at < ?1 LIMIT ?2)",
        )?
        .execute(params![now.saturating_sub(EVENT_MICROS), MAX_FORGOTTEN])?;
    transaction.commit()
}
