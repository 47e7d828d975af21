//! One arrived batch: a request with its numbers, and its turns.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use modelstat_redact::RedactedText;
use modelstat_summarize::{BatchTurns, StoredRemoved};
use modelstat_wire::IngestBatch;
use modelstat_wire::egress::{EgressBatch, EgressPolicy};

use super::body::to_ship;
use crate::spool::{
    Content, Moved, SessionKey, TurnRow, decode_batch, pack_quickly, unpack, unpack_removed,
};

type Batch = IngestBatch<RedactedText>;

/// Takes a batch apart; what cannot be read, or makes us panic, is set aside so that the others go on.
pub(super) fn take_apart(key: u32, content: Content, policy: &EgressPolicy) -> Moved {
    let moved = catch_unwind(AssertUnwindSafe(|| {
        let (batch, removed) = match content {
            Content::Arrived(arrived) => (arrived.batch, arrived.removed),
            Content::Packed(body, None) => (decode_batch(&unpack(&body)?).ok()?, BTreeMap::new()),
            Content::Packed(body, Some(removed)) => {
                (decode_batch(&unpack(&body)?).ok()?, unpack_removed(&removed)?)
            }
        };
        Some(apart(key, batch, &removed, policy))
    }));
    moved.ok().flatten().unwrap_or(Moved::Damaged)
}

fn apart(
    key: u32,
    mut batch: Batch,
    removed: &BTreeMap<usize, StoredRemoved>,
    policy: &EgressPolicy,
) -> Moved {
    let turns = turns(key, &batch, removed);
    batch.summarizer_mode = Some(RedactedText::from_static("local"));
    let (batch_id, events) = (batch.batch_id.as_str().to_owned(), batch.events.len());
    let request = to_ship(key, batch_id, events, &EgressBatch::new(batch, policy));
    Moved::Apart { request, turns }
}

fn turns(key: u32, batch: &Batch, removed: &BTreeMap<usize, StoredRemoved>) -> Vec<TurnRow> {
    let turns = BatchTurns::of(batch);
    let turn = |(place, event): (usize, &modelstat_wire::Event<RedactedText>)| {
        let stored = turns.turn(event, removed.get(&place).cloned().unwrap_or_default());
        let encoded =
            serde_json::to_vec(&stored).expect("a turn has text keys and whole numbers only");
        TurnRow {
            session: SessionKey {
                key,
                app: batch.app.clone(),
                session_id: event.session_id.clone(),
            },
            event_id: event.source_event_id.clone(),
            ts: event.ts,
            chars: event.content_excerpt.as_ref().map_or(0, |text| text.chars().count()),
            body: pack_quickly(&encoded),
        }
    };
    batch.events.iter().enumerate().map(turn).collect()
}
