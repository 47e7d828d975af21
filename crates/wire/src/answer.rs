//! What an ingest endpoint answers.

use std::collections::BTreeMap;

use modelstat_redact::{RawText, RedactedText};
use serde::{Deserialize, Serialize};

use crate::BatchFloor;
use crate::limits::MAX_IDENTIFIER_CHARS;

/// A record that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection<T> {
    /// The event's id; empty when the record has none.
    pub source_event_id: T,
    /// Field and position, never a value.
    pub reason: String,
}

impl Rejection<RawText> {
    /// Runs the floor over the id, and cuts one that is too long.
    pub fn redact(self, floor: &BatchFloor) -> Rejection<RedactedText> {
        let source_event_id = floor.redact_identifier(self.source_event_id);
        let source_event_id = source_event_id.truncate_chars(MAX_IDENTIFIER_CHARS);
        Rejection { source_event_id, reason: self.reason }
    }
}

/// Counts reasons without the positions of records, so that they are few and add up over batches.
pub fn count_reasons(rejected: &[Rejection<RedactedText>]) -> Vec<(String, u64)> {
    let mut counts = BTreeMap::new();
    for rejection in rejected {
        *counts.entry(without_positions(&rejection.reason)).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

fn without_positions(reason: &str) -> String {
    let mut parts = reason.split('[');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str("[]");
        plain.push_str(part.split_once(']').map_or(part, |(_, rest)| rest));
    }
    plain
}

/// The answer to a batch that was read.
///
/// `accepted` means durably received; the one outcome of each event is decided when it is applied.
#[derive(Clone, Debug, Serialize)]
pub struct IngestAnswer {
    /// How many events were received, or whether any was: see [`Accepted`].
    pub accepted: Accepted,
    /// On `/v1/ingest/raw`: how many events were received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_events: Option<usize>,
    /// How many events belong to a batch that was received before.
    pub duplicate: usize,
    /// The records that were refused.
    pub rejected: Vec<Rejection<RedactedText>>,
    /// The batch.
    pub batch_id: RedactedText,
    /// Always 0 at acknowledgement: sessions are known when events are applied.
    pub new_sessions: u64,
    /// Always 0 at acknowledgement.
    pub updated_sessions: u64,
    /// Present and true where the receiver sends the events on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued: Option<bool>,
    /// What the sender should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<&'static str>,
}

/// The `accepted` of an answer: published clients of `/v1/ingest` read a number, those of
/// `/v1/ingest/raw` a boolean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Accepted {
    /// How many events were received.
    Count(usize),
    /// The batch was received.
    Received(bool),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_add_up_over_positions() {
        assert_eq!(without_positions("tool_calls[3].name: missing"), "tool_calls[].name: missing");
        assert_eq!(without_positions("ts: missing"), "ts: missing");
    }
}
