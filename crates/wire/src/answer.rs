//! What an ingest endpoint answers.

use modelstat_redact::RedactedText;
use serde::{Deserialize, Serialize};

/// A record that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection<T> {
    /// The event's id; empty when the record has none.
    pub source_event_id: T,
    /// Field and position, never a value.
    pub reason: String,
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
