//! The pipeline's two steps: an arrived batch is taken apart, and a closed segment is queued.

use modelstat_wire::Timestamp;
use rusqlite::{OptionalExtension, Transaction};

use super::closed::{self, Keep};
use super::known::{self, Lesson};
use super::usage::Usage;
use super::{Kind, Spool, ToShip, TurnRow, counters, outbox};
use crate::database::{DatabaseError, integer};
use crate::failpoint;

/// Most batches of one step: they share one flush of the disk.
const MAX_STEP_ROWS: u32 = 32;

/// Most packed bytes of one step, so that little is decoded at a time.
const MAX_STEP_BYTES: usize = 4 * 1024 * 1024;

/// A batch as it arrived.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) row: i64,
    pub(crate) key: u32,
    pub(crate) received_at: Timestamp,
    /// The packed batch.
    pub(crate) body: Vec<u8>,
    /// What redaction removed from its events, packed.
    pub(crate) removed: Option<Vec<u8>>,
}

impl Incoming {
    fn bytes(&self) -> u64 {
        (self.body.len() + self.removed.as_ref().map_or(0, Vec::len)) as u64
    }
}

/// What an arrived batch becomes.
#[derive(Debug)]
pub(crate) enum Moved {
    /// A request, and turns that wait.
    Apart { request: ToShip, turns: Vec<TurnRow> },
    /// It cannot be read back.
    Damaged,
}

/// One batch taken apart.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) incoming: Incoming,
    pub(crate) moved: Moved,
}

/// A segment that is closed, or closed again.
#[derive(Debug)]
pub(crate) struct Closing {
    /// Its turns that waited.
    pub(crate) rows: Vec<i64>,
    /// What made the abstract.
    pub(crate) made_by: &'static str,
    /// The engines that failed, were refused or were left alone, and why.
    pub(crate) refused: Vec<(&'static str, &'static str)>,
    /// What it teaches of its content.
    pub(crate) lessons: Vec<Lesson>,
    pub(crate) keep: Keep,
}

impl Spool {
    /// Reads the oldest batches that arrived.
    pub(crate) fn next_incoming(&self) -> Result<Vec<Incoming>, DatabaseError> {
        let inner = self.lock();
        let sql = "SELECT id, key, received_at, body, removed FROM incoming ORDER BY id LIMIT ?1";
        let mut statement = inner.connection.prepare_cached(sql)?;
        let mut rows = statement.query([MAX_STEP_ROWS])?;
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let received_at = Timestamp::from_millis(row.get(2)?);
            let incoming = Incoming {
                row: row.get(0)?,
                key: row.get(1)?,
                received_at,
                body: row.get(3)?,
                removed: row.get(4)?,
            };
            bytes += incoming.body.len();
            taken.push(incoming);
            if bytes >= MAX_STEP_BYTES {
                break;
            }
        }
        Ok(taken)
    }

    /// Returns when the oldest batch arrived that is not yet taken apart.
    pub(crate) fn oldest_incoming(&self) -> Result<Option<Timestamp>, DatabaseError> {
        let inner = self.lock();
        let sql = "SELECT received_at FROM incoming ORDER BY id LIMIT 1";
        let mut statement = inner.connection.prepare_cached(sql)?;
        let oldest = statement.query_row([], |row| row.get(0)).optional()?;
        Ok(oldest.map(Timestamp::from_millis))
    }

    /// Queues requests, keeps turns and deletes what they came from, all at once.
    pub(crate) fn apply(&self, steps: &[Step], now: Timestamp) -> Result<(), DatabaseError> {
        failpoint::reach("before_apply");
        self.change(|transaction, usage| {
            steps.iter().try_for_each(|step| apply_one(transaction, usage, step, now))
        })?;
        failpoint::reach("after_apply");
        self.note_dropped_text();
        Ok(())
    }

    /// Queues a request with segments and deletes the turns that they were made of, all at once.
    pub(crate) fn close(
        &self,
        request: &ToShip,
        closed: &[Closing],
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        failpoint::reach("before_close");
        self.change(|transaction, usage| {
            outbox::queue(transaction, usage, request, now)?;
            for segment in closed {
                for row in &segment.rows {
                    delete_turn(transaction, usage, *row)?;
                }
                closed::keep(transaction, &segment.keep, now)?;
                for lesson in &segment.lessons {
                    known::learn(transaction, lesson, now)?;
                }
                counters::add(transaction, Kind::Summary, segment.made_by, 1)?;
                if segment.keep.reopened.is_some() {
                    counters::add(transaction, Kind::Summary, "again", 1)?;
                }
                for (engine, why) in &segment.refused {
                    let name = format!("{engine}.{why}");
                    counters::add(transaction, Kind::RefusedSummary, &name, 1)?;
                }
            }
            Ok(())
        })?;
        failpoint::reach("after_close");
        self.note_dropped_text();
        Ok(())
    }
}

fn apply_one(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    step: &Step,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let incoming = &step.incoming;
    transaction.prepare_cached("DELETE FROM incoming WHERE id = ?1")?.execute([incoming.row])?;
    usage.remove(incoming.key, incoming.bytes());
    match &step.moved {
        Moved::Apart { request, turns } => {
            outbox::queue(transaction, usage, request, now)?;
            turns.iter().try_for_each(|turn| keep_turn(transaction, usage, turn, incoming))
        }
        Moved::Damaged => {
            transaction
                .prepare_cached(
                    "INSERT INTO quarantine (key, queued_at, moved_at, batch_id, events, code, body)
                     VALUES (?1, ?2, ?3, '', 0, 'damaged', ?4)",
                )?
                .execute((
                    incoming.key,
                    incoming.received_at.as_millis(),
                    now.as_millis(),
                    &incoming.body,
                ))?;
            usage.add(incoming.key, incoming.body.len());
            counters::add(transaction, Kind::Quarantined, "damaged", 1)
        }
    }
}

/// A turn that waits already, or whose segment is closed, came twice, in batches that differ.
fn keep_turn(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    turn: &TurnRow,
    incoming: &Incoming,
) -> Result<(), DatabaseError> {
    if closed::holds(transaction, &turn.session, &turn.event_id)? {
        return Ok(());
    }
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO turns (key, app, session_id, event_id, ts, arrived_at, chars, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        )?
        .execute((
            turn.session.key,
            turn.session.app.as_deref().unwrap_or_default(),
            turn.session.session_id.as_str(),
            turn.event_id.as_str(),
            turn.ts.as_micros(),
            incoming.received_at.as_millis(),
            integer(turn.chars),
            &turn.body,
        ))?;
    if inserted > 0 {
        usage.add(turn.session.key, turn.body.len());
    }
    Ok(())
}

pub(super) fn delete_turn(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    row: i64,
) -> Result<(), DatabaseError> {
    let deleted: Option<(u32, i64)> = transaction
        .prepare_cached("DELETE FROM turns WHERE id = ?1 RETURNING key, length(body)")?
        .query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((key, bytes)) = deleted {
        usage.remove(key, crate::database::count(bytes));
    }
    Ok(())
}
