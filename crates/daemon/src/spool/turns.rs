//! Turns that wait for their segment to close.

use modelstat_redact::RedactedText;
use modelstat_summarize::{StoredTurn, TurnMark, TurnPlace};
use modelstat_wire::Timestamp;
use rusqlite::{OptionalExtension, Row};

use super::trust::{decode_turn, trusted_name, unpack};
use super::{Kind, Spool, counters};
use crate::database::{DatabaseError, count, integer};

/// Whose turns are summarised together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionKey {
    pub(crate) key: u32,
    pub(crate) app: Option<RedactedText>,
    pub(crate) session_id: RedactedText,
}

/// A turn to keep.
#[derive(Debug)]
pub(crate) struct TurnRow {
    pub(crate) session: SessionKey,
    pub(crate) event_id: RedactedText,
    pub(crate) ts: Timestamp,
    pub(crate) chars: usize,
    /// The packed [`StoredTurn`].
    pub(crate) body: Vec<u8>,
}

/// What is known of a session whose turns wait.
#[derive(Debug)]
pub(crate) struct SessionTurns {
    pub(crate) session: SessionKey,
    pub(crate) turns: u64,
    pub(crate) chars: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) last_arrival: Timestamp,
}

impl Spool {
    /// Goes through sessions with turns, up to a number: the order is that of an index, so that what lies
    /// beyond is not read.
    pub(crate) fn sessions(&self, most: usize) -> Result<Vec<SessionTurns>, DatabaseError> {
        let inner = self.lock();
        let mut statement = inner.connection.prepare(
            "SELECT key, app, session_id, COUNT(*), SUM(chars), MIN(ts), MAX(ts), MAX(arrived_at)
             FROM turns GROUP BY key, app, session_id LIMIT ?1",
        )?;
        let rows = statement.query_map([integer(most)], |row| {
            Ok(SessionTurns {
                session: SessionKey {
                    key: row.get(0)?,
                    app: Some(row.get::<_, String>(1)?)
                        .filter(|app| !app.is_empty())
                        .map(trusted_name),
                    session_id: trusted_name(row.get(2)?),
                },
                turns: count(row.get(3)?),
                chars: count(row.get(4)?),
                first: Timestamp::from_micros(row.get(5)?),
                last: Timestamp::from_micros(row.get(6)?),
                last_arrival: Timestamp::from_millis(row.get(7)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns the places of a session's turns in the order of time.
    pub(crate) fn places(&self, session: &SessionKey) -> Result<Vec<TurnPlace>, DatabaseError> {
        let inner = self.lock();
        let mut statement = inner.connection.prepare_cached(
            "SELECT id, ts, chars FROM turns
             WHERE key = ?1 AND app = ?2 AND session_id = ?3 ORDER BY ts, id",
        )?;
        let app = session.app.as_deref().unwrap_or_default();
        let rows = statement.query_map((session.key, app, session.session_id.as_str()), |row| {
            let chars = usize::try_from(row.get::<_, i64>(2)?).unwrap_or(usize::MAX);
            let mark = TurnMark { ts: Timestamp::from_micros(row.get(1)?), chars };
            Ok(TurnPlace { row: row.get(0)?, mark })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Reads a turn; `None` in place of the turn when it is damaged, which sets its bytes aside.
    pub(crate) fn turn(
        &self,
        row: i64,
    ) -> Result<(RedactedText, Option<StoredTurn<RedactedText>>), DatabaseError> {
        let (event_id, body) = {
            let inner = self.lock();
            let sql = "SELECT event_id, body FROM turns WHERE id = ?1";
            let mut statement = inner.connection.prepare_cached(sql)?;
            let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?));
            statement.query_row([row], read)?
        };
        let turn = unpack(&body).and_then(|bytes| decode_turn(&bytes));
        if turn.is_none() {
            self.set_turn_aside(row)?;
        }
        Ok((trusted_name(event_id), turn))
    }

    /// Keeps a copy of a damaged turn: the turn itself goes with its segment, which may be tried again.
    fn set_turn_aside(&self, row: i64) -> Result<(), DatabaseError> {
        self.change(|transaction, usage| {
            let copied: Option<(u32, i64)> = transaction
                .prepare_cached(
                    "INSERT INTO quarantine (key, queued_at, moved_at, batch_id, events, code, body)
                     SELECT key, arrived_at, arrived_at, 'turn ' || id, 0, 'damaged_turn', body
                     FROM turns WHERE id = ?1 AND NOT EXISTS
                         (SELECT 1 FROM quarantine WHERE batch_id = 'turn ' || ?1)
                     RETURNING key, length(body)",
                )?
                .query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((key, bytes)) = copied else { return Ok(()) };
            tracing::error!(key, "a turn in the spool is damaged, set aside");
            usage.add(key, usize::try_from(bytes).unwrap_or(0));
            counters::add(transaction, Kind::Quarantined, "damaged_turn", 1)
        })
    }
}
