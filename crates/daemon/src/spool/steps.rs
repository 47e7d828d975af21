//! The pipeline's two steps: an arrived batch is taken apart, and a closed segment is queued.

use modelstat_summarize::Lesson;
use modelstat_wire::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::closed::{self, Keep};
use super::known;
use super::usage::Usage;
use super::{Arrived, Kind, Spool, ToShip, TurnRow, counters, outbox};
use crate::database::{DatabaseError, count, integer};
use crate::failpoint;

/// Most batches of one step: a commit that is to be acknowledged waits for it.
const MAX_STEP_ROWS: u32 = 4;

/// Most packed bytes of one step, so that little is decoded at a time.
const MAX_STEP_BYTES: u64 = 4 * 1024 * 1024;

/// A batch as it arrived.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) row: i64,
    pub(crate) key: u32,
    pub(crate) received_at: Timestamp,
    /// The bytes of its row.
    pub(crate) bytes: u64,
}

/// What arrived, as it is at hand.
#[derive(Debug)]
pub(crate) enum Content {
    /// Still in memory.
    Arrived(Box<Arrived>),
    /// The packed batch, and what redaction removed from its events, packed.
    Packed(Vec<u8>, Option<Vec<u8>>),
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
    /// Reads the oldest batches that arrived, those from the disk that are not in memory.
    pub(crate) fn next_incoming(&self) -> Result<Vec<(Incoming, Content)>, DatabaseError> {
        let inner = self.lock();
        let sql = "SELECT id, key, received_at, length(body) + ifnull(length(removed), 0)
                   FROM incoming ORDER BY id LIMIT ?1";
        let mut statement = inner.connection.prepare_cached(sql)?;
        let mut rows = statement.query([MAX_STEP_ROWS])?;
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let received_at = Timestamp::from_millis(row.get(2)?);
            let (row, key, size) = (row.get(0)?, row.get(1)?, count(row.get(3)?));
            if taken.is_empty() {
                self.arrived.forget_before(row);
            }
            let content = match self.arrived.take(row) {
                Some(arrived) => Content::Arrived(Box::new(arrived)),
                None => packed(&inner.connection, row)?,
            };
            bytes += size;
            taken.push((Incoming { row, key, received_at, bytes: size }, content));
            if bytes >= MAX_STEP_BYTES {
                break;
            }
        }
        if taken.is_empty() {
            self.arrived.forget_before(i64::MAX);
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

    /// Queues requests, keeps turns and deletes what they came from, all at once. A power cut may undo it:
    /// the batches are on disk, and become the same requests again.
    pub(crate) fn apply(&self, steps: &[Step], now: Timestamp) -> Result<(), DatabaseError> {
        failpoint::reach("before_apply");
        self.change_without_flush(|transaction, usage| {
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
                closed::keep(transaction, usage, &segment.keep, now)?;
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
    match &step.moved {
        Moved::Apart { request, turns } => {
            outbox::queue(transaction, usage, request, now)?;
            turns.iter().try_for_each(|turn| keep_turn(transaction, usage, turn, incoming))?;
        }
        Moved::Damaged => {
            let bytes: i64 = transaction
                .prepare_cached(
                    "INSERT INTO quarantine (key, queued_at, moved_at, batch_id, events, code, body)
                     SELECT key, received_at, ?2, '', 0, 'damaged', body FROM incoming WHERE id = ?1
                     RETURNING length(body)",
                )?
                .query_row((incoming.row, now.as_millis()), |row| row.get(0))?;
            usage.add(incoming.key, usize::try_from(bytes).unwrap_or(0));
            counters::add(transaction, Kind::Quarantined, "damaged", 1)?;
        }
    }
    transaction.prepare_cached("DELETE FROM incoming WHERE id = ?1")?.execute([incoming.row])?;
    usage.remove(incoming.key, incoming.bytes);
    Ok(())
}

fn packed(connection: &Connection, row: i64) -> Result<Content, DatabaseError> {
    let sql = "SELECT body, removed FROM incoming WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row([row], |row| Ok(Content::Packed(row.get(0)?, row.get(1)?)))?)
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
        usage.remove(key, count(bytes));
    }
    Ok(())
}
