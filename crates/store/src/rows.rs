//! What the ledger gives back: rows as the query API shows them.

use modelstat_wire::{PicoUsd, Timestamp, TokenUsage};
use serde::Serialize;
use std::collections::BTreeMap;

use crate::query::TimeRange;

/// When an org's first and last events happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// The first; `None` when the org has no event.
    pub first_event_at: Option<Timestamp>,
    /// The last.
    pub last_event_at: Option<Timestamp>,
}

/// Which sessions are listed.
#[derive(Clone, Debug)]
pub struct SessionFilter {
    /// Sessions with an event in the range.
    pub range: TimeRange,
    /// Words of which each must occur in the session's id, titles or abstracts.
    pub words: Vec<String>,
    /// Only this app.
    pub app: Option<String>,
    /// How many.
    pub limit: usize,
    /// Where the last page ended, as [`SessionPage::next_cursor`] gave it.
    pub cursor: Option<String>,
}

/// One page of sessions.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionPage {
    /// The sessions, the newest activity first.
    pub sessions: Vec<SessionRow>,
    /// Where the next page begins; `None` on the last.
    pub next_cursor: Option<String>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionRow {
    /// The service that is instrumented.
    pub app: String,
    /// The conversation.
    pub session_id: String,
    /// The session's title, else its newest segment's.
    pub title: Option<String>,
    /// The newest segment's abstract.
    #[serde(rename = "abstract")]
    pub summary: Option<String>,
    /// When its first event happened.
    pub first_at: Timestamp,
    /// When its last event happened.
    pub last_at: Timestamp,
    /// Events.
    pub calls: u64,
    /// Events whose call failed.
    pub errors: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Token sums.
    pub tokens: TokenUsage,
    /// The sum of costs; `None` when nothing is priced.
    pub cost: Option<PicoUsd>,
    /// Events without a known price.
    pub unpriced_calls: u64,
    /// The models, most used first.
    pub models: Vec<String>,
    /// The providers, most used first.
    pub providers: Vec<String>,
    /// The integrations, most used first.
    pub agents: Vec<String>,
    /// The provider account that it ran under.
    pub provider_account_id: Option<String>,
}

/// One session with all that is known of it.
#[derive(Clone, Debug, Serialize)]
pub struct SessionDetail {
    /// Its sums.
    pub session: SessionRow,
    /// Its events, oldest first.
    pub events: Vec<EventRow>,
    /// Its tool calls, oldest first.
    pub tool_calls: Vec<ToolCallRow>,
    /// Its segments, oldest first, each in its newest generation.
    pub segments: Vec<SegmentRow>,
    /// Whether there are more events than are listed.
    pub truncated: bool,
}

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of `modelstat_wire::Event`")]
pub struct EventRow {
    pub app: String,
    pub source_event_id: String,
    /// The id that the producer sent, where the event is kept under a derived one.
    pub original_event_id: Option<String>,
    pub ts: Option<Timestamp>,
    pub received_at: Option<Timestamp>,
    pub kind: String,
    pub agent: String,
    pub provider: String,
    pub model: Option<String>,
    pub session_id: String,
    pub tokens: TokenUsage,
    pub usage_known: bool,
    pub cost: Option<PicoUsd>,
    pub reported_cost: Option<PicoUsd>,
    pub price_id: Option<String>,
    pub price_book: Option<String>,
    pub unpriced_reason: Option<String>,
    pub duration_ms: Option<u64>,
    pub first_token_ms: Option<u64>,
    pub started_at: Option<Timestamp>,
    pub first_token_at: Option<Timestamp>,
    pub error: Option<ErrorRow>,
    pub finish_reason: Option<String>,
    pub response_id: Option<String>,
    pub attempt: Option<u64>,
    pub metadata: BTreeMap<String, String>,
    pub git: Option<BTreeMap<String, String>>,
    pub cwd: Option<String>,
    pub content_excerpt: Option<String>,
    pub content_bytes: Option<u64>,
    pub redactions: BTreeMap<String, u64>,
    pub flags: Vec<String>,
    pub turn_index: Option<u64>,
    pub seq: Option<u64>,
    pub billing: Option<String>,
    pub device_id: Option<String>,
    pub producer: Option<String>,
    pub batch_id: Option<String>,
    pub floor_version: Option<String>,
    pub usage_detail: Option<BTreeMap<String, serde_json::Value>>,
}

/// How an event's call failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErrorRow {
    /// The kind of failure.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The provider's HTTP status.
    pub status: Option<u64>,
}

/// One tool call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of `modelstat_wire::ToolCall`")]
pub struct ToolCallRow {
    pub external_call_id: String,
    pub session_id: String,
    pub source_event_id: Option<String>,
    pub segment_id: Option<String>,
    pub agent: Option<String>,
    pub server: Option<String>,
    pub name: String,
    pub call_index: Option<u64>,
    pub turn_index: Option<u64>,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub status: Option<String>,
    pub args_hash: Option<String>,
    pub signature_hash: Option<String>,
    pub args_bytes: Option<u64>,
    pub result_bytes: Option<u64>,
    pub model: Option<String>,
    pub command_families: Vec<String>,
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of `modelstat_wire::Segment`")]
pub struct SegmentRow {
    pub segment_id: String,
    pub generation: u64,
    pub session_id: String,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    #[serde(rename = "abstract")]
    pub summary: Option<String>,
    pub title: Option<String>,
    pub work_type: Option<String>,
    pub engine: Option<String>,
    pub engine_version: Option<String>,
    pub model_sha256: Option<String>,
    pub prompt_version: Option<String>,
    pub fallback_reason: Option<String>,
    pub turns: u64,
    pub source_event_ids: Vec<String>,
    pub tags: Vec<String>,
}

/// What of an org's text and numbers was received, and what became of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PrivacyReport {
    /// By producer, app and device.
    pub received: Vec<Received>,
    /// The text that is kept.
    pub text: TextCounts,
    /// What redaction took out, by rule.
    pub findings: Vec<RuleCount>,
    /// What became of the events.
    pub outcomes: Vec<OutcomeCount>,
    /// What producers say of their own calls.
    pub reported: Vec<ReportedInstance>,
    /// The versions of the floor that the events passed.
    pub floor_versions: Vec<String>,
}

/// What one producer sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Received {
    pub producer: String,
    pub app: String,
    pub device_id: String,
    pub requests: u64,
    pub events: u64,
    pub bytes: u64,
    pub excerpts: u64,
    pub abstracts: u64,
    pub titles: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// How much text is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TextCounts {
    pub abstracts: u64,
    pub abstract_chars: u64,
    pub titles: u64,
    pub excerpts: u64,
    pub excerpt_chars: u64,
    /// Events that came with whole turns to `/v1/ingest/raw` and stand in no abstract, or not yet.
    pub no_abstract: u64,
}

/// Findings of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RuleCount {
    pub rule: String,
    /// `secret` or `pii`; a rule that only the producer knows counts as `secret`.
    pub class: &'static str,
    pub count: u64,
}

/// Events of one outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OutcomeCount {
    pub outcome: String,
    pub reason: Option<String>,
    pub count: u64,
}

/// What one producing process says of its own calls, cumulative since it started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReportedInstance {
    pub instance_id: String,
    pub app: String,
    pub recorded: u64,
    pub sent: u64,
    pub dropped: BTreeMap<String, u64>,
}
