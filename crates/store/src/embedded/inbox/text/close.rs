//! The commit of abstracts, which overwrites the text that they were made of.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use zstd::bulk::Compressor;

use super::{count, counted, decode_turn};
use crate::embedded::inbox::entries::{self, signed};
use crate::{ClosedText, LookedAt, TextClosing, TextSession};

/// As the entries that came.
const COMPRESSION_LEVEL: i32 = 1;

/// Commits the entry and overwrites its text, all at once. Returns whether it did: not when a turn or a
/// closed segment that it was made of is gone, as another has closed or forgotten it meanwhile.
pub(in super::super) fn close(
    connection: &mut Connection,
    closing: &TextClosing,
) -> rusqlite::Result<bool> {
    let transaction = connection.transaction()?;
    let session = &closing.session;
    let now = closing.entry.received_at.as_micros();
    for segment in &closing.segments {
        if !spend_turns(&transaction, session, &segment.rows)?
            || !keep(&transaction, session, segment, now)?
        {
            return Ok(false);
        }
        count_made(&transaction, session, segment)?;
    }
    if closing.expired {
        let segments = closing.segments.len() as u64;
        count(&transaction, &session.org_id, counted::EXPIRED, segments)?;
    }
    settle_session(&transaction, session)?;
    let mut compressor = Compressor::new(COMPRESSION_LEVEL)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    entries::insert(&transaction, &mut compressor, &closing.entry, 0)?;
    transaction.commit()?;
    Ok(true)
}

/// Notes what was seen of sessions, so that they are not looked at again before more comes.
pub(in super::super) fn note_looked_at(
    connection: &mut Connection,
    looked_at: &[LookedAt],
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for LookedAt { session, turns } in looked_at {
        transaction
            .prepare_cached(
                "UPDATE pending_sessions SET seen_turns = ?4
                 WHERE org_id = ?1 AND app = ?2 AND session_id = ?3",
            )?
            .execute(params![
                session.org_id,
                session.app.as_str(),
                session.session_id.as_str(),
                signed(*turns)
            ])?;
    }
    transaction.commit()
}

/// Overwrites the turns of a segment; returns whether all of them were there.
fn spend_turns(
    transaction: &Transaction<'_>,
    session: &TextSession,
    rows: &[i64],
) -> rusqlite::Result<bool> {
    let mut find = transaction.prepare_cached(
        "SELECT bytes, body FROM pending_text WHERE id = ?1 AND org_id = ?2 AND spent = 0",
    )?;
    // A record of the same size is written over the one before, where it stands.
    let mut spend = transaction.prepare_cached(
        "UPDATE pending_text SET spent = 1, body = zeroblob(length(body)) WHERE id = ?1",
    )?;
    let (mut bytes, mut damaged) = (0_i64, 0);
    for row in rows {
        let found: Option<(i64, Vec<u8>)> = find
            .query_row(params![row, session.org_id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((row_bytes, body)) = found else { return Ok(false) };
        spend.execute([row])?;
        bytes += row_bytes;
        damaged += u64::from(decode_turn(&body).is_none());
    }
    count(transaction, &session.org_id, counted::DAMAGED, damaged)?;
    transaction
        .prepare_cached(
            "UPDATE pending_usage SET turns = turns - ?2, bytes = bytes - ?3 WHERE org_id = ?1",
        )?
        .execute(params![session.org_id, signed(rows.len() as u64), bytes])?;
    Ok(true)
}

/// Keeps a closed segment, in place of its earlier generation; returns whether that was there.
fn keep(
    transaction: &Transaction<'_>,
    session: &TextSession,
    segment: &ClosedText,
    now: i64,
) -> rusqlite::Result<bool> {
    let ClosedText { mark, body, generation, .. } = segment;
    if let Some(row) = segment.reopened {
        let replaced = transaction
            .prepare_cached(
                "DELETE FROM closed_segments WHERE id = ?1 AND org_id = ?2 AND generation + 1 = ?3",
            )?
            .execute(params![row, session.org_id, signed(*generation)])?;
        if replaced == 0 {
            return Ok(false);
        }
    }
    transaction
        .prepare_cached(
            "INSERT INTO closed_segments (id, org_id, app, session_id, generation, first_at, last_at,
                                          turns, chars, closed_at, bytes, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            segment.reopened,
            session.org_id,
            session.app.as_str(),
            session.session_id.as_str(),
            signed(*generation),
            mark.first.as_micros(),
            mark.last.as_micros(),
            signed(mark.turns as u64),
            signed(mark.chars as u64),
            now,
            signed(body.len() as u64),
            body,
        ])?;
    Ok(true)
}

fn count_made(
    transaction: &Transaction<'_>,
    session: &TextSession,
    segment: &ClosedText,
) -> rusqlite::Result<()> {
    let org_id = &session.org_id;
    count(transaction, org_id, &format!("{}{}", counted::MADE, segment.made_by), 1)?;
    count(transaction, org_id, counted::AGAIN, u64::from(segment.reopened.is_some()))?;
    for (engine, why) in &segment.refused {
        count(transaction, org_id, &format!("{}{engine}.{why}", counted::REFUSED), 1)?;
    }
    Ok(())
}

/// Sums up what is left of a session, which whoever closed the rest has looked at. A turn that came
/// meanwhile is looked at when the session is quiet.
fn settle_session(transaction: &Transaction<'_>, session: &TextSession) -> rusqlite::Result<()> {
    let names = params![session.org_id, session.app.as_str(), session.session_id.as_str()];
    transaction
        .prepare_cached(
            "UPDATE pending_sessions SET (turns, chars, first_at, last_at, oldest_arrival, seen_turns) =
                 (SELECT count(*), coalesce(sum(chars), 0), coalesce(min(ts), 0),
                         coalesce(max(ts), 0), coalesce(min(arrived_at), 0), count(*)
                  FROM pending_text
                  WHERE org_id = ?1 AND app = ?2 AND session_id = ?3 AND spent = 0)
             WHERE org_id = ?1 AND app = ?2 AND session_id = ?3",
        )?
        .execute(names)?;
    transaction
        .prepare_cached(
            "DELETE FROM pending_sessions
             WHERE org_id = ?1 AND app = ?2 AND session_id = ?3 AND turns = 0",
        )?
        .execute(names)?;
    Ok(())
}
