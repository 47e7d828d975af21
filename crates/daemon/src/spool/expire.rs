//! What waits longer than the operator allows: given up, counted, and told to the server.

use modelstat_redact::RedactedText;
use modelstat_wire::Timestamp;
use rusqlite::{OptionalExtension, Transaction};

use super::steps::delete_turn;
use super::trust::trusted_name;
use super::usage::Usage;
use super::{Kind, Spool, ToShip, counters, outbox};
use crate::database::{DatabaseError, count, integer};

/// Most rows of one transaction, so that nothing else waits long for it.
const STEP_ROWS: u32 = 64;

/// The outcome of an event that was given up for its age.
const EXPIRED: &str = "expired";

/// What expired of one app's events since the beginning, to be told to the server.
#[derive(Debug)]
pub(crate) struct Expired {
    pub(crate) key: u32,
    /// Empty for events that name no app.
    pub(crate) app: RedactedText,
    pub(crate) device_id: RedactedText,
    /// Names this spool among the producers of the app.
    pub(crate) instance_id: RedactedText,
    pub(crate) events: u64,
}

/// One request that is too old.
struct Old {
    row: i64,
    key: u32,
    events: u64,
    body: Vec<u8>,
}

impl Spool {
    /// Gives up the oldest requests that are too old. `describe` reads app and device from a request's
    /// body. Only the thread that sends may call this, so that what is on its way stays.
    pub(crate) fn expire_requests(
        &self,
        now: Timestamp,
        describe: impl Fn(&[u8]) -> Option<(String, String)>,
    ) -> Result<(), DatabaseError> {
        let Some(before) = self.oldest_kept(now) else { return Ok(()) };
        while self
            .change(|transaction, usage| expire_some(transaction, usage, before, &describe))?
            == STEP_ROWS as usize
        {}
        Ok(())
    }

    /// Gives up turns that are too old, and what was set aside so long ago.
    pub(crate) fn expire_turns(&self, now: Timestamp) -> Result<(), DatabaseError> {
        let Some(before) = self.oldest_kept(now) else { return Ok(()) };
        loop {
            let expired = self.change(|transaction, usage| {
                let turns = expire_turns(transaction, usage, before)?;
                Ok(turns + forget_quarantined(transaction, usage, before)?)
            })?;
            if expired == 0 {
                return Ok(());
            }
            self.note_dropped_text();
        }
    }

    /// Queues a report of what expired since the last one; `make` encodes it.
    pub(crate) fn report_expired(
        &self,
        now: Timestamp,
        make: impl Fn(&Expired) -> ToShip,
    ) -> Result<(), DatabaseError> {
        if self.limits.age.is_none() {
            return Ok(());
        }
        self.change(|transaction, usage| {
            for expired in unreported(transaction)? {
                outbox::queue(transaction, usage, &make(&expired), now)?;
            }
            let sql = "UPDATE expired SET reported = events WHERE reported < events";
            transaction.prepare_cached(sql)?.execute([])?;
            Ok(())
        })
    }

    fn oldest_kept(&self, now: Timestamp) -> Option<i64> {
        let age = integer(self.limits.age?.as_millis());
        Some(now.as_millis().saturating_sub(age))
    }
}

/// Returns how many requests were given up.
fn expire_some(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    before: i64,
    describe: &impl Fn(&[u8]) -> Option<(String, String)>,
) -> Result<usize, DatabaseError> {
    // The oldest come first, so there is no need to look further than them.
    let old: Vec<Old> = transaction
        .prepare_cached(
            "SELECT id, key, events, body FROM outbox
             WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT ?1) AND queued_at < ?2",
        )?
        .query_map((STEP_ROWS, before), |row| {
            let events = count(row.get(2)?);
            Ok(Old { row: row.get(0)?, key: row.get(1)?, events, body: row.get(3)? })
        })?
        .collect::<Result<_, _>>()?;
    for old in &old {
        outbox::delete(transaction, usage, old.row, old.key, old.body.len() as u64)?;
        if old.events == 0 {
            counters::add(transaction, Kind::Summary, EXPIRED, 1)?;
            continue;
        }
        counters::add(transaction, Kind::Outcome, EXPIRED, old.events)?;
        let (app, device_id) = describe(&old.body).unwrap_or_default();
        transaction
            .prepare_cached(
                "INSERT INTO expired (key, app, device_id, events, reported) VALUES (?1, ?2, ?3, ?4, 0)
                 ON CONFLICT DO UPDATE SET events = events + excluded.events,
                                           device_id = excluded.device_id",
            )?
            .execute((old.key, app, device_id, integer(old.events)))?;
    }
    Ok(old.len())
}

/// Returns how many turns were given up. Their events' numbers have left long ago, or expired too.
fn expire_turns(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    before: i64,
) -> Result<usize, DatabaseError> {
    let rows: Vec<i64> = transaction
        .prepare_cached(
            "SELECT id FROM turns
             WHERE id IN (SELECT id FROM turns ORDER BY id LIMIT ?1) AND arrived_at < ?2",
        )?
        .query_map((STEP_ROWS, before), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    rows.iter().try_for_each(|row| delete_turn(transaction, usage, *row))?;
    counters::add(transaction, Kind::Summary, "expired_turns", rows.len() as u64)?;
    Ok(rows.len())
}

/// What was set aside has its outcome already.
fn forget_quarantined(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    before: i64,
) -> Result<usize, DatabaseError> {
    let mut forgotten = 0;
    loop {
        let deleted: Option<(u32, i64)> = transaction
            .prepare_cached(
                "DELETE FROM quarantine
                 WHERE id = (SELECT MIN(id) FROM quarantine) AND moved_at < ?1
                 RETURNING key, length(body)",
            )?
            .query_row([before], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((key, bytes)) = deleted else { return Ok(forgotten) };
        usage.remove(key, count(bytes));
        forgotten += 1;
    }
}

fn unreported(transaction: &Transaction<'_>) -> Result<Vec<Expired>, DatabaseError> {
    let mut statement = transaction.prepare_cached(
        "SELECT key, app, device_id, events, (SELECT id FROM instance) FROM expired
         WHERE reported < events",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Expired {
            key: row.get(0)?,
            app: trusted_name(row.get(1)?),
            device_id: trusted_name(row.get(2)?),
            events: count(row.get(3)?),
            instance_id: trusted_name(row.get(4)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
