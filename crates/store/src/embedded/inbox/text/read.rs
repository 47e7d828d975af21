//! Reading text that waits, and what is kept of segments that were closed.

use modelstat_redact::{RawText, RedactedText};
use modelstat_summarize::{
    ClosedMark, ClosedPlace, ClosedSegment, SegmentLimits, StoredTurn, TurnMark, TurnPlace,
};
use modelstat_wire::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{counted, decode_closed, decode_turn};
use crate::embedded::inbox::entries::{signed, trusted};
use crate::{DueSession, TextSession, TextSummary};

const DUE_COLUMNS: &str = "org_id, app, session_id, last_arrival";

/// Returns the sessions of which a segment may be closed: nothing came for a while, or so much came since
/// the last look that they may be split.
pub(in super::super) fn due_sessions(
    connection: &Connection,
    now: Timestamp,
    limits: &SegmentLimits,
    most: usize,
) -> rusqlite::Result<Vec<DueSession>> {
    let micros = |time: std::time::Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {DUE_COLUMNS} FROM pending_sessions
         WHERE abs(?1 - last_arrival) >= ?2
            OR (turns > seen_turns AND (turns >= ?3 OR chars >= ?4 OR last_at - first_at >= ?5))
         LIMIT ?6"
    ))?;
    let asked = params![
        now.as_micros(),
        micros(limits.quiet),
        signed(limits.max_turns as u64),
        signed(limits.max_chars as u64),
        micros(limits.gap.min(limits.max_span)),
        signed(most as u64),
    ];
    statement.query_map(asked, due)?.collect()
}

/// Returns sessions with a turn that came before a time, those that wait longest first.
pub(in super::super) fn expired_sessions(
    connection: &Connection,
    before: Timestamp,
    most: usize,
) -> rusqlite::Result<Vec<DueSession>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {DUE_COLUMNS} FROM pending_sessions WHERE oldest_arrival < ?1
         ORDER BY oldest_arrival LIMIT ?2"
    ))?;
    statement.query_map(params![before.as_micros(), signed(most as u64)], due)?.collect()
}

fn due(row: &Row<'_>) -> rusqlite::Result<DueSession> {
    Ok(DueSession {
        session: TextSession {
            org_id: row.get(0)?,
            app: name(row.get(1)?),
            session_id: name(row.get(2)?),
        },
        last_arrival: Timestamp::from_micros(row.get(3)?),
    })
}

fn name(kept: String) -> RedactedText {
    trusted(&RawText::from(kept))
}

/// Returns the places of a session's turns in the order of time.
pub(in super::super) fn places(
    connection: &Connection,
    session: &TextSession,
) -> rusqlite::Result<Vec<TurnPlace>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, ts, chars FROM pending_text
         WHERE org_id = ?1 AND app = ?2 AND session_id = ?3 AND spent = 0 ORDER BY ts, id",
    )?;
    let asked = params![session.org_id, session.app.as_str(), session.session_id.as_str()];
    let place = |row: &Row<'_>| {
        let mark = TurnMark { ts: Timestamp::from_micros(row.get(1)?), chars: size(row.get(2)?) };
        Ok(TurnPlace { row: row.get(0)?, mark })
    };
    statement.query_map(asked, place)?.collect()
}

fn size(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// An event's id, and its turn unless that is damaged.
type ReadTurn = (RedactedText, Option<StoredTurn<RedactedText>>);

/// Reads a turn; `None` when it does not wait any more.
pub(in super::super) fn turn(
    connection: &Connection,
    row: i64,
) -> rusqlite::Result<Option<ReadTurn>> {
    let mut statement = connection
        .prepare_cached("SELECT event_id, body FROM pending_text WHERE id = ?1 AND spent = 0")?;
    let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?));
    let found = statement.query_row([row], read).optional()?;
    Ok(found.map(|(event_id, body)| (name(event_id), decode_turn(&body))))
}

/// Returns the closed segments of a session that end at a time or later, in the order of time.
pub(in super::super) fn closed_places(
    connection: &Connection,
    session: &TextSession,
    since: Timestamp,
) -> rusqlite::Result<Vec<ClosedPlace>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, first_at, last_at, turns, chars FROM closed_segments
         WHERE org_id = ?1 AND app = ?2 AND session_id = ?3 AND last_at >= ?4
         ORDER BY first_at, id",
    )?;
    let asked = params![
        session.org_id,
        session.app.as_str(),
        session.session_id.as_str(),
        since.as_micros()
    ];
    let place = |row: &Row<'_>| {
        let mark = ClosedMark {
            first: Timestamp::from_micros(row.get(1)?),
            last: Timestamp::from_micros(row.get(2)?),
            turns: size(row.get(3)?),
            chars: size(row.get(4)?),
        };
        Ok(ClosedPlace { row: row.get(0)?, mark })
    };
    statement.query_map(asked, place)?.collect()
}

/// Reads what is kept of a closed segment; `None` when it is damaged or forgotten.
pub(in super::super) fn closed_segment(
    connection: &Connection,
    row: i64,
) -> rusqlite::Result<Option<ClosedSegment<RedactedText>>> {
    let mut statement =
        connection.prepare_cached("SELECT body FROM closed_segments WHERE id = ?1")?;
    let body: Option<Vec<u8>> = statement.query_row([row], |row| row.get(0)).optional()?;
    Ok(body.and_then(|body| decode_closed(&body)))
}

/// Sums up what waits and what was counted, of one org or of all.
pub(in super::super) fn summary(
    connection: &Connection,
    org_id: Option<&str>,
) -> rusqlite::Result<TextSummary> {
    let (turns, bytes): (i64, i64) = connection
        .prepare_cached(
            "SELECT coalesce(sum(turns), 0), coalesce(sum(bytes), 0) FROM pending_usage
             WHERE ?1 IS NULL OR org_id = ?1",
        )?
        .query_row([org_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let oldest: Option<i64> = connection
        .prepare_cached(
            "SELECT min(oldest_arrival) FROM pending_sessions WHERE ?1 IS NULL OR org_id = ?1",
        )?
        .query_row([org_id], |row| row.get(0))?;
    let mut summary = TextSummary {
        turns: turns.unsigned_abs(),
        bytes: bytes.unsigned_abs(),
        oldest_at: oldest.map(Timestamp::from_micros),
        ..TextSummary::default()
    };
    let mut statement = connection.prepare_cached(
        "SELECT counted, sum(count) FROM text_counts WHERE ?1 IS NULL OR org_id = ?1
         GROUP BY counted",
    )?;
    let mut rows = statement.query([org_id])?;
    while let Some(row) = rows.next()? {
        add(&mut summary, &row.get::<_, String>(0)?, row.get::<_, i64>(1)?.unsigned_abs());
    }
    Ok(summary)
}

fn add(summary: &mut TextSummary, name: &str, number: u64) {
    if let Some(engine) = name.strip_prefix(counted::MADE) {
        summary.made.insert(engine.to_owned(), number);
        return;
    }
    if let Some(why) = name.strip_prefix(counted::REFUSED) {
        summary.refused.insert(why.to_owned(), number);
        return;
    }
    let total = match name {
        counted::AGAIN => &mut summary.again,
        counted::EXPIRED => &mut summary.expired,
        counted::DROPPED_TEXT => &mut summary.dropped_text,
        counted::DROPPED_TURN => &mut summary.dropped_turns,
        counted::DAMAGED => &mut summary.damaged,
        _ => return,
    };
    *total = number;
}
