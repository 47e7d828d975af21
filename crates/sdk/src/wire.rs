//! The records that leave the process, field for field as published, and our additions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::instant;

/// Most metadata entries of one event; the smallest keys are kept.
pub const METADATA_MAX_ENTRIES: usize = modelstat_wire::limits::MAX_METADATA_ENTRIES;
/// Longest metadata key in code points.
pub const METADATA_MAX_KEY_CHARS: usize = modelstat_wire::limits::MAX_METADATA_KEY_CHARS;
/// Longest metadata value in code points.
pub const METADATA_MAX_VALUE_CHARS: usize = modelstat_wire::limits::MAX_METADATA_VALUE_CHARS;

/// Token counts of one call in five disjoint classes.
///
/// `input` excludes cache reads and writes, `output` excludes `reasoning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenUsage {
    /// Prompt tokens that were neither read from nor written to a cache.
    pub input: u64,
    /// Completion tokens without reasoning.
    pub output: u64,
    /// Prompt tokens written to a cache.
    pub cache_creation: u64,
    /// Prompt tokens read from a cache.
    pub cache_read: u64,
    /// Completion tokens that the model spent on reasoning.
    pub reasoning: u64,
}

impl TokenUsage {
    /// Returns the sum of the five classes, saturating.
    #[must_use]
    pub fn total(&self) -> u64 {
        u64::try_from(modelstat_wire::TokenUsage::from(*self).total()).unwrap_or(u64::MAX)
    }
}

impl From<modelstat_wire::TokenUsage> for TokenUsage {
    fn from(usage: modelstat_wire::TokenUsage) -> Self {
        let modelstat_wire::TokenUsage { input, output, cache_creation, cache_read, reasoning } =
            usage;
        Self { input, output, cache_creation, cache_read, reasoning }
    }
}

impl From<TokenUsage> for modelstat_wire::TokenUsage {
    fn from(usage: TokenUsage) -> Self {
        let TokenUsage { input, output, cache_creation, cache_read, reasoning } = usage;
        Self { input, output, cache_creation, cache_read, reasoning }
    }
}

/// What a call's price depends on beyond the five classes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UsageDetail {
    /// The part of `cache_creation` that was written to the one-hour cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_creation_1h: Option<u64>,
    /// The part of `input` that was audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<u64>,
    /// The part of `output` that was audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<u64>,
    /// Web searches that the provider ran and bills.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_search_requests: Option<u64>,
    /// The provider's service tier (`priority`, `flex`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// The provider's speed class (`fast`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<String>,
    /// Whether the call was part of a discounted batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<bool>,
}

/// How a call failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// The kind of the failure, as the provider or its client names it; never its message.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u64>,
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// What a person typed.
    UserMessage,
    /// What a model answered.
    AssistantMessage,
    /// The invocation of a tool.
    ToolCall,
    /// What a tool returned.
    ToolResult,
    /// A summary of a conversation.
    Summary,
}

/// How a tool's invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolCallStatus {
    /// It returned.
    Success,
    /// It failed.
    Error,
    /// It was not allowed.
    Denied,
    /// It took too long.
    Timeout,
    /// Nobody knows.
    Unknown,
}

/// The repository that a call was about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GitContext {
    /// The remote's owner and name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_slug: Option<String>,
    /// The remote's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Where `remote_slug` comes from; `git_remote` when it was read from the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug_source: Option<String>,
}

/// One call as it is sent: numbers, names, and at most one redacted text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawEvent {
    /// Identifies the event within its org and app.
    pub source_event_id: String,
    /// When it happened.
    #[serde(with = "instant")]
    pub ts: DateTime<Utc>,
    /// When the call started.
    #[serde(default, with = "instant::option", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    /// When the first chunk of the answer came, if somebody watched for it.
    #[serde(default, with = "instant::option", skip_serializing_if = "Option::is_none")]
    pub first_token_at: Option<DateTime<Utc>>,
    /// What it is.
    pub kind: EventKind,
    /// The integration that made the call.
    pub agent: String,
    /// Who served it.
    pub provider: String,
    /// The model that served it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The conversation that it belongs to.
    pub session_id: String,
    /// The token counts.
    pub tokens: TokenUsage,
    /// The working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The repository that the call was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<GitContext>,
    /// How long the call took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The redacted turn or its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_excerpt: Option<String>,
    /// The caller's own tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// What redaction took out, by rule: counts only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redactions: BTreeMap<String, u64>,
    /// How the call is billed, as clients of 0.0.1 say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing: Option<String>,
    /// `false` when the token counts are not known, and the zeros mean nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_known: Option<bool>,
    /// What the price depends on beyond the token classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_detail: Option<UsageDetail>,
    /// How the call failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<CallError>,
    /// Why the model stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// The provider's id of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_id: Option<String>,
    /// Which attempt of the caller this was, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
}

/// One invocation of a tool: hashes and sizes only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCallWire {
    /// Identifies the tool call within its org and app.
    pub external_call_id: String,
    /// The conversation that it belongs to.
    pub session_id: String,
    /// The event that it is part of.
    pub source_event_id: String,
    /// The segment that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment_id: Option<String>,
    /// The integration that made the call.
    pub agent: String,
    /// `builtin` or `mcp:<server>`.
    pub server: String,
    /// The tool's bare name.
    pub name: String,
    /// The turn of the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_index: Option<u32>,
    /// The place within the event, from 0.
    pub call_index: u32,
    /// When it started.
    #[serde(with = "instant")]
    pub started_at: DateTime<Utc>,
    /// When it ended.
    #[serde(default, with = "instant::option", skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// How it ended.
    pub status: ToolCallStatus,
    /// SHA-256 of the arguments as JSON; empty when there are none.
    pub args_hash: String,
    /// SHA-256 of the arguments' sorted names; `none` when they are no object.
    pub signature_hash: String,
    /// The arguments' length as JSON.
    pub args_bytes: u32,
    /// The result's length.
    pub result_bytes: u32,
    /// The model that made the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The commands that a shell tool ran, by family.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command_families: Vec<String>,
}

/// The provider account that a session ran under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInstall {
    /// The account: for an SDK, the app's name.
    pub provider_account_id: String,
    /// Whose account it is.
    pub provider: String,
}

/// What became of this process's calls since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedOutcomes {
    /// Calls handed to the SDK.
    pub recorded: u64,
    /// Calls that the next hop acknowledged.
    pub sent: u64,
    /// Calls given up, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<String, u64>,
}

/// Events that are sent together, and what comes with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IngestBatch {
    /// Derived from the events' ids.
    pub batch_id: String,
    /// The producer's device.
    pub device_id: String,
    /// The producer and its version.
    pub daemon_version: String,
    /// The service that is instrumented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The events.
    pub events: Vec<RawEvent>,
    /// Tool calls of the events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCallWire>,
    /// The provider account of each session.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub session_installs: BTreeMap<String, SessionInstall>,
    /// Whether the server may learn a taxonomy from the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_taxonomy: Option<bool>,
    /// Identifies the producing process, anew at every start and fork.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Cumulative counters of the producing process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<ReportedOutcomes>,
    /// When the batch was first sent.
    #[serde(default, with = "instant::option", skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<DateTime<Utc>>,
}

/// Keeps the smallest keys of a map of tags, and cuts keys and values that are too long.
#[must_use]
pub fn cap_metadata(map: BTreeMap<String, String>) -> BTreeMap<String, String> {
    map.into_iter()
        .take(METADATA_MAX_ENTRIES)
        .map(|(mut key, mut value)| {
            cut_chars(&mut key, METADATA_MAX_KEY_CHARS);
            cut_chars(&mut value, METADATA_MAX_VALUE_CHARS);
            (key, value)
        })
        .collect()
}

/// Cuts a text to so many code points.
pub(crate) fn cut_chars(text: &mut String, limit: usize) {
    // No text has more code points than bytes.
    if text.len() <= limit {
        return;
    }
    if text.as_bytes()[..limit].is_ascii() {
        // What follows ASCII is the beginning of a character.
        text.truncate(limit);
    } else if let Some((end, _)) = text.char_indices().nth(limit) {
        text.truncate(end);
    }
}
