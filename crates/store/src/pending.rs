//! The text of turns that waits beside the inbox until its abstract is made.

use std::collections::BTreeMap;

use modelstat_redact::RedactedText;
use modelstat_summarize::{BatchTurns, ClosedMark, MadeSegment, Planned, StoredRemoved};
use modelstat_wire::{IngestBatch, Timestamp};
use serde::Serialize;
use zstd::bulk::Compressor;

use crate::InboxEntry;

/// How long text waits for its abstract at most, in milliseconds. The template's stands in for one that
/// nothing else has made by then.
pub const MAX_TEXT_MS: i64 = 24 * 60 * 60 * 1_000;

/// How many bytes of an org's text wait unless said otherwise: a busy day of a team, packed.
pub const DEFAULT_TEXT_BYTES: u64 = 256 * 1024 * 1024;

/// Quick, and a third of the size already.
const LEVEL: i32 = 1;

/// Whose turns are summarised together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextSession {
    /// The org whose key brought them.
    pub org_id: String,
    /// The app.
    pub app: RedactedText,
    /// The session.
    pub session_id: RedactedText,
}

/// One turn, as it waits.
#[derive(Clone, Debug)]
pub struct PendingTurn {
    /// The session.
    pub session_id: RedactedText,
    /// The event that it came with.
    pub event_id: RedactedText,
    /// When it happened.
    pub ts: Timestamp,
    /// How long its text is.
    pub chars: usize,
    /// The packed `StoredTurn`.
    pub(crate) body: Vec<u8>,
}

/// The turns of one entry.
#[derive(Clone, Debug)]
pub struct EntryTurns {
    /// The app of them all.
    pub app: RedactedText,
    /// Each event's.
    pub turns: Vec<PendingTurn>,
}

impl EntryTurns {
    /// Takes the turns of a redacted batch, and what redaction removed from its events, by place.
    pub fn of(
        batch: &IngestBatch<RedactedText>,
        app: RedactedText,
        mut removed: BTreeMap<usize, StoredRemoved>,
    ) -> Self {
        let turns = BatchTurns::of(batch);
        let mut packer = Packer::new();
        let events = batch.events.iter().enumerate();
        let turns = events.map(|(place, event)| PendingTurn {
            session_id: event.session_id.clone(),
            event_id: event.source_event_id.clone(),
            ts: event.ts,
            chars: event.content_excerpt.as_ref().map_or(0, |text| text.chars().count()),
            body: packer.pack(&turns.turn(event, removed.remove(&place).unwrap_or_default())),
        });
        Self { app, turns: turns.collect() }
    }
}

/// Packs records, with one context for all of them: making one costs more than a turn's compression.
pub(crate) struct Packer(Compressor<'static>);

impl Packer {
    pub(crate) fn new() -> Self {
        Self(Compressor::new(LEVEL).expect("the level is one of zstd's"))
    }

    pub(crate) fn pack(&mut self, record: &impl Serialize) -> Vec<u8> {
        let encoded =
            serde_json::to_vec(record).expect("a record has text keys and whole numbers only");
        self.0.compress(&encoded).expect("memory takes any bytes")
    }
}

/// A session whose turns should be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueSession {
    /// Which.
    pub session: TextSession,
    /// When the last of its turns came.
    pub last_arrival: Timestamp,
}

/// What was seen of a session at a look that closed nothing.
#[derive(Clone, Debug)]
pub struct LookedAt {
    /// Which.
    pub session: TextSession,
    /// How many turns waited.
    pub turns: u64,
}

/// Segments of one session whose abstracts are made, and the entry that brings them to the ledger.
#[derive(Debug)]
pub struct TextClosing {
    /// Whose they are.
    pub session: TextSession,
    /// A batch of these segments, to be committed like one that came.
    pub entry: InboxEntry,
    /// Each of them.
    pub segments: Vec<ClosedText>,
    /// Whether they are made because their text has waited for as long as it may.
    pub expired: bool,
}

/// A segment whose abstract is made.
#[derive(Debug)]
pub struct ClosedText {
    /// The rows of its turns, which are deleted.
    pub(crate) rows: Vec<i64>,
    /// The row of the closed segment that it replaces.
    pub(crate) reopened: Option<i64>,
    /// From when to when it goes, and how full it is.
    pub(crate) mark: ClosedMark,
    /// What is kept of it, so that late turns can join it: a packed `ClosedSegment`.
    pub(crate) body: Vec<u8>,
    /// How often it was made.
    pub(crate) generation: u64,
    /// The engine that made its abstract.
    pub(crate) made_by: &'static str,
    /// Every engine that failed or was refused, with why.
    pub(crate) refused: Vec<(&'static str, &'static str)>,
}

impl ClosedText {
    /// Takes a segment that was made of what was planned.
    pub fn of(made: &MadeSegment, planned: &Planned) -> Self {
        Self {
            rows: planned.turns.iter().map(|place| place.row).collect(),
            reopened: made.reopened,
            mark: made.mark,
            body: Packer::new().pack(&made.kept),
            generation: made.kept.generation,
            made_by: made.made_by,
            refused: made.refused.iter().map(|(engine, why)| (*engine, why.as_str())).collect(),
        }
    }
}

/// What is known of text that waits, and of what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TextSummary {
    /// Turns that wait for their abstract.
    pub turns: u64,
    /// Their bytes, as they are kept.
    pub bytes: u64,
    /// When the oldest came.
    pub oldest_at: Option<Timestamp>,
    /// Abstracts by the engine that made them.
    pub made: BTreeMap<String, u64>,
    /// How many of them were made again, with late turns.
    pub again: u64,
    /// Engines that failed or were refused, as `engine.reason`.
    pub refused: BTreeMap<String, u64>,
    /// How many were made by the template because their text had waited for as long as it may.
    pub expired: u64,
    /// Turns whose text found no room; their facts were kept.
    pub dropped_text: u64,
    /// Turns that found no room at all; their numbers are in the ledger.
    pub dropped_turns: u64,
    /// Turns that could not be read back.
    pub damaged: u64,
}
