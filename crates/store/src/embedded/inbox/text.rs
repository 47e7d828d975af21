//! Text of turns that waits for its abstract, beside the entries that it came with.
//!
//! It is redacted, bounded for each org, and nothing of it goes to the ledger. In the transaction that
//! commits the abstract made of a row, its text is overwritten where it stands, and the row is spent.
//!
//! Deleting it would not be enough. `secure_delete` overwrites the place of a row, but not the copies
//! that stay behind in the gaps of a page when its rows are moved to others as pages are split and merged.
//! So rows with text never move: they are only ever added at the end, and those that are spent are deleted
//! where no row with text is near.

mod close;
mod forget;
mod read;
#[cfg(test)]
mod tests;

use modelstat_redact::{RawText, RedactedText};
use modelstat_summarize::{ClosedSegment, StoredTurn};
use modelstat_wire::Timestamp;
use rusqlite::{Transaction, params};

use super::entries::{signed, trusted};
use crate::pending::Packer;
use crate::{EntryTurns, PendingTurn};

pub(super) use close::{close, note_looked_at};
pub(super) use forget::{forget, forget_spent, spend_org};
pub(super) use read::{
    closed_places, closed_segment, due_sessions, expired_sessions, places, summary, turn,
};

/// A turn decompresses to no more: the longest text, its tools, and the words that redaction removed.
const MAX_TURN_BYTES: usize = 16 * 1024 * 1024;

/// What a row takes beside its body: its columns and its places in the indexes.
const ROW_BYTES: usize = 300;

/// Facts of turns whose text finds no room may go beyond the bound by this part of it.
const FACTS_PART: u64 = 8;

pub(super) const SCHEMA_STEP: &str = "
    CREATE TABLE pending_text (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        org_id TEXT NOT NULL,
        app TEXT NOT NULL,
        session_id TEXT NOT NULL,
        event_id TEXT NOT NULL,
        ts INTEGER NOT NULL,
        arrived_at INTEGER NOT NULL,
        chars INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        spent INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX pending_text_by_event
        ON pending_text (org_id, app, session_id, event_id) WHERE spent = 0;
    CREATE INDEX pending_text_by_time
        ON pending_text (org_id, app, session_id, ts, id, chars) WHERE spent = 0;
    CREATE TABLE pending_sessions (
        org_id TEXT NOT NULL,
        app TEXT NOT NULL,
        session_id TEXT NOT NULL,
        turns INTEGER NOT NULL,
        chars INTEGER NOT NULL,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        oldest_arrival INTEGER NOT NULL,
        last_arrival INTEGER NOT NULL,
        seen_turns INTEGER NOT NULL,
        PRIMARY KEY (org_id, app, session_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX pending_sessions_by_age ON pending_sessions (oldest_arrival);
    CREATE TABLE pending_usage (
        org_id TEXT PRIMARY KEY,
        turns INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE summarised_events (
        org_id TEXT NOT NULL,
        hash BLOB NOT NULL,
        taken_at INTEGER NOT NULL,
        PRIMARY KEY (org_id, hash)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX summarised_events_by_time ON summarised_events (taken_at);
    CREATE TABLE closed_segments (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        org_id TEXT NOT NULL,
        app TEXT NOT NULL,
        session_id TEXT NOT NULL,
        generation INTEGER NOT NULL,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        turns INTEGER NOT NULL,
        chars INTEGER NOT NULL,
        closed_at INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX closed_segments_of_session
        ON closed_segments (org_id, app, session_id, last_at);
    CREATE INDEX closed_segments_by_time ON closed_segments (closed_at);
    CREATE TABLE text_counts (
        org_id TEXT NOT NULL,
        counted TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (org_id, counted)
    ) STRICT, WITHOUT ROWID;
";

/// The tables of the step above that are kept by org, but for `pending_text`. That one alone holds text of
/// turns, so that a backup or an export leaves it out.
pub(super) const TABLES: [&str; 5] =
    ["pending_sessions", "pending_usage", "summarised_events", "closed_segments", "text_counts"];

/// Names under which things are counted.
mod counted {
    pub(super) const MADE: &str = "made.";
    pub(super) const REFUSED: &str = "refused.";
    pub(super) const AGAIN: &str = "again";
    pub(super) const EXPIRED: &str = "expired";
    pub(super) const DROPPED_TEXT: &str = "dropped_text";
    pub(super) const DROPPED_TURN: &str = "dropped_turn";
    pub(super) const DAMAGED: &str = "damaged";
}

fn count(
    transaction: &Transaction<'_>,
    org_id: &str,
    counted: &str,
    number: u64,
) -> rusqlite::Result<()> {
    if number == 0 {
        return Ok(());
    }
    transaction
        .prepare_cached(
            "INSERT INTO text_counts (org_id, counted, count) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )?
        .execute(params![org_id, counted, signed(number)])?;
    Ok(())
}

/// Keeps the turns of an entry within a group's transaction, as far as the org has room. A turn of an
/// event that was taken within the last seven days is there already.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    org_id: &str,
    received_at: Timestamp,
    entry: &EntryTurns,
    max_bytes: u64,
) -> rusqlite::Result<()> {
    let mut room = Room::of(transaction, org_id, max_bytes)?;
    for turn in &entry.turns {
        if !is_new(transaction, org_id, received_at, &entry.app, turn)? {
            continue;
        }
        let Some((body, chars)) = room.fit(turn) else { continue };
        let row = Row { org_id, received_at, app: &entry.app, turn, body: &body, chars };
        if !insert(transaction, &row)? {
            room.give_back(body.len());
        }
    }
    room.settle(transaction, org_id)
}

/// What an org may still keep.
struct Room {
    used: u64,
    max_bytes: u64,
    added_turns: u64,
    added_bytes: u64,
    dropped_text: u64,
    dropped_turns: u64,
}

impl Room {
    fn of(transaction: &Transaction<'_>, org_id: &str, max_bytes: u64) -> rusqlite::Result<Self> {
        let used: i64 = transaction
            .prepare_cached("SELECT coalesce(sum(bytes), 0) FROM pending_usage WHERE org_id = ?1")?
            .query_row([org_id], |row| row.get(0))?;
        Ok(Self {
            used: used.unsigned_abs(),
            max_bytes,
            added_turns: 0,
            added_bytes: 0,
            dropped_text: 0,
            dropped_turns: 0,
        })
    }

    /// Returns what is kept of a turn, and how long its text is; `None` when nothing is.
    fn fit(&mut self, turn: &PendingTurn) -> Option<(Vec<u8>, usize)> {
        if self.take(turn.body.len(), self.max_bytes) {
            return Some((turn.body.clone(), turn.chars));
        }
        let facts = without_text(&turn.body);
        let most = self.max_bytes.saturating_add(self.max_bytes / FACTS_PART);
        let Some(facts) = facts.filter(|facts| self.take(facts.len(), most)) else {
            self.dropped_turns += 1;
            return None;
        };
        self.dropped_text += u64::from(turn.chars > 0);
        Some((facts, 0))
    }

    fn take(&mut self, body_bytes: usize, most: u64) -> bool {
        let bytes = kept_bytes(body_bytes);
        if self.used.saturating_add(bytes) > most {
            return false;
        }
        self.used += bytes;
        self.added_bytes += bytes;
        self.added_turns += 1;
        true
    }

    fn give_back(&mut self, body_bytes: usize) {
        let bytes = kept_bytes(body_bytes);
        self.used -= bytes;
        self.added_bytes -= bytes;
        self.added_turns -= 1;
    }

    fn settle(self, transaction: &Transaction<'_>, org_id: &str) -> rusqlite::Result<()> {
        count(transaction, org_id, counted::DROPPED_TEXT, self.dropped_text)?;
        count(transaction, org_id, counted::DROPPED_TURN, self.dropped_turns)?;
        if self.added_turns == 0 {
            return Ok(());
        }
        transaction
            .prepare_cached(
                "INSERT INTO pending_usage (org_id, turns, bytes) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET turns = turns + excluded.turns,
                     bytes = bytes + excluded.bytes",
            )?
            .execute(params![org_id, signed(self.added_turns), signed(self.added_bytes)])?;
        Ok(())
    }
}

fn kept_bytes(body_bytes: usize) -> u64 {
    (body_bytes + ROW_BYTES) as u64
}

/// Notes an event; returns whether it was unknown.
fn is_new(
    transaction: &Transaction<'_>,
    org_id: &str,
    received_at: Timestamp,
    app: &RedactedText,
    turn: &PendingTurn,
) -> rusqlite::Result<bool> {
    let noted = transaction
        .prepare_cached(
            "INSERT INTO summarised_events (org_id, hash, taken_at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![org_id, event_hash(app, turn), received_at.as_micros()])?;
    Ok(noted > 0)
}

/// Names are joined with their lengths, so that no two lists of names look alike.
fn event_hash(app: &RedactedText, turn: &PendingTurn) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for name in [app, &turn.session_id, &turn.event_id] {
        hasher.update(&(name.len() as u64).to_be_bytes()).update(name.as_bytes());
    }
    let mut hash = [0; 16];
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    hash
}

struct Row<'a> {
    org_id: &'a str,
    received_at: Timestamp,
    app: &'a RedactedText,
    turn: &'a PendingTurn,
    body: &'a [u8],
    chars: usize,
}

/// Inserts a turn; returns whether it did not wait already, from longer ago than events are known.
fn insert(transaction: &Transaction<'_>, row: &Row<'_>) -> rusqlite::Result<bool> {
    let Row { org_id, received_at, app, turn, body, chars } = row;
    let (app, session_id) = (app.as_str(), turn.session_id.as_str());
    let (ts, arrived_at) = (turn.ts.as_micros(), received_at.as_micros());
    let chars = signed(*chars as u64);
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO pending_text
                 (org_id, app, session_id, event_id, ts, arrived_at, chars, bytes, spent, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            org_id,
            app,
            session_id,
            turn.event_id.as_str(),
            ts,
            arrived_at,
            chars,
            signed(kept_bytes(body.len())),
            body,
        ])?;
    if inserted == 0 {
        return Ok(false);
    }
    transaction
        .prepare_cached(
            "INSERT INTO pending_sessions (org_id, app, session_id, turns, chars, first_at, last_at,
                                           oldest_arrival, last_arrival, seen_turns)
             VALUES (?1, ?2, ?3, 1, ?4, ?5, ?5, ?6, ?6, 0)
             ON CONFLICT DO UPDATE SET turns = turns + 1, chars = chars + excluded.chars,
                 first_at = min(first_at, excluded.first_at),
                 last_at = max(last_at, excluded.last_at),
                 last_arrival = max(last_arrival, excluded.last_arrival)",
        )?
        .execute(params![org_id, app, session_id, chars, ts, arrived_at])?;
    Ok(true)
}

/// Takes the text out of a turn; `None` when it cannot be read.
fn without_text(body: &[u8]) -> Option<Vec<u8>> {
    let turn = decode_turn(body)?;
    Some(Packer::new().pack(&StoredTurn { text: None, ..turn }))
}

fn decode_turn(body: &[u8]) -> Option<StoredTurn<RedactedText>> {
    let turn: StoredTurn<RawText> = serde_json::from_slice(&unpack(body)?).ok()?;
    Some(turn.map(|text| trusted(&text)))
}

fn decode_closed(body: &[u8]) -> Option<ClosedSegment<RedactedText>> {
    let closed: ClosedSegment<RawText> = serde_json::from_slice(&unpack(body)?).ok()?;
    Some(closed.map(|text| trusted(&text)))
}

fn unpack(body: &[u8]) -> Option<Vec<u8>> {
    let size = zstd::zstd_safe::get_frame_content_size(body).ok().flatten()?;
    let size = usize::try_from(size).ok().filter(|size| *size <= MAX_TURN_BYTES)?;
    zstd::bulk::decompress(body, size).ok()
}
