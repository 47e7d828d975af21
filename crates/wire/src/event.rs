//! One recorded call.

use serde::Serialize;

use crate::pairs::Pairs;
use crate::redaction::TextRole;
use crate::{PicoUsd, Timestamp, TokenUsage, UsageDetail};

/// One record of the wire: what became of one call, in numbers and redacted words.
///
/// `T` is the kind of its text: raw as it came, or redacted. Names and meanings are the published
/// ones; the fields from `usage_known` on are ours, absent from published clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event<T> {
    /// Identifies the event within its org and app.
    pub source_event_id: T,
    /// When it happened.
    pub ts: Timestamp,
    /// What it is (`assistant_message`, …); an open set.
    pub kind: T,
    /// The tool or integration that made the call; an open set.
    pub agent: T,
    /// Who served it; an open set.
    pub provider: T,
    /// The conversation that it belongs to.
    pub session_id: T,
    /// The token counts; absent when they are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokenUsage>,
    /// The model that served it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<T>,
    /// When the call started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When the first chunk of the answer came, if that was observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_at: Option<Timestamp>,
    /// How long the call took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The caller's own tags.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub metadata: Pairs<T, T>,
    /// The repository that the call was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<Git<T>>,
    /// The working directory; it never leaves a machine with a daemon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<T>,
    /// The redacted turn or its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_excerpt: Option<T>,
    /// The length of the turn before it was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_bytes: Option<u64>,
    /// The model's reasoning, redacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_excerpt: Option<T>,
    /// The length of the reasoning before it was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_bytes: Option<u64>,
    /// What redaction took out, by rule: counts only.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub redactions: Pairs<T, u64>,
    /// Tool calls of the event, by tool: counts only.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub tool_calls: Pairs<T, u64>,
    /// Token counts of a schema that the producer did not know.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub tokens_unmapped: Pairs<T, u64>,
    /// Files that the turn touched, relative to the repository.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files_touched: Vec<T>,
    /// The sub-agent that spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<T>,
    /// The sub-agent that was spoken to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_actor_id: Option<T>,
    /// The event that this one follows from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_event_id: Option<T>,
    /// The place in the source log, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The turn of the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_index: Option<u64>,
    /// The name of the file that the event was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_file: Option<T>,
    /// Where in that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_byte_offset: Option<u64>,
    /// How the call is billed, as clients of 0.0.1 say it; prices do not depend on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing: Option<T>,
    /// Whether the token counts are known; absent means yes, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_known: Option<bool>,
    /// What the price depends on beyond the token classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_detail: Option<UsageDetail<T>>,
    /// How the call failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<CallError<T>>,
    /// Why the model stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<T>,
    /// The provider's id of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_id: Option<T>,
    /// Which attempt of the caller this was, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
    /// A keyed hash of the turn, by which repeats are found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<T>,
    /// The cost that the provider itself reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported_cost: Option<PicoUsd>,
    /// When the producer sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
}

/// The repository that a call was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Git<T> {
    /// The remote's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_url: Option<T>,
    /// The remote's host; collectors of other makes call it `remote_host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<T>,
    /// The remote's owner and name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_slug: Option<T>,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<T>,
    /// How the slug was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug_source: Option<T>,
}

/// How a call failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallError<T> {
    /// The kind of failure (`rate_limit`, `timeout`, …).
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<T>,
    /// The provider's HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u64>,
}

/// Turns one text of a record into another kind, knowing what the text is for.
pub(crate) trait TextMap<T, U> {
    fn text(&mut self, role: TextRole, text: T) -> U;

    /// Sees each event once all its texts are turned.
    fn finish_event(&mut self, event: Event<U>) -> Event<U> {
        event
    }

    fn identifier(&mut self, text: T) -> U {
        self.text(TextRole::Identifier, text)
    }

    fn optional(&mut self, role: TextRole, text: Option<T>) -> Option<U> {
        text.map(|text| self.text(role, text))
    }

    fn keyed<V>(&mut self, pairs: Pairs<T, V>) -> Pairs<U, V> {
        pairs.0.into_iter().map(|(key, value)| (self.identifier(key), value)).collect()
    }

    fn metadata(&mut self, pairs: Pairs<T, T>) -> Pairs<U, U> {
        let entry = |(key, value)| {
            (self.text(TextRole::METADATA_KEY, key), self.text(TextRole::METADATA_VALUE, value))
        };
        pairs.0.into_iter().map(entry).collect()
    }
}

impl<T> Event<T> {
    /// Turns every text of the event into another kind.
    pub(crate) fn map<U>(self, map: &mut impl TextMap<T, U>) -> Event<U> {
        use TextRole::{Identifier, Origin};
        Event {
            source_event_id: map.identifier(self.source_event_id),
            ts: self.ts,
            kind: map.identifier(self.kind),
            agent: map.identifier(self.agent),
            provider: map.identifier(self.provider),
            session_id: map.identifier(self.session_id),
            tokens: self.tokens,
            model: map.optional(Identifier, self.model),
            started_at: self.started_at,
            first_token_at: self.first_token_at,
            duration_ms: self.duration_ms,
            metadata: map.metadata(self.metadata),
            git: self.git.map(|git| git.map(map)),
            cwd: map.optional(TextRole::PLACE, self.cwd),
            content_excerpt: map.optional(TextRole::TURN, self.content_excerpt),
            content_bytes: self.content_bytes,
            reasoning_excerpt: map.optional(TextRole::TURN, self.reasoning_excerpt),
            reasoning_bytes: self.reasoning_bytes,
            redactions: map.keyed(self.redactions),
            tool_calls: map.keyed(self.tool_calls),
            tokens_unmapped: map.keyed(self.tokens_unmapped),
            files_touched: self
                .files_touched
                .into_iter()
                .map(|file| map.text(TextRole::PLACE, file))
                .collect(),
            actor_id: map.optional(Origin, self.actor_id),
            recipient_actor_id: map.optional(Origin, self.recipient_actor_id),
            parent_event_id: map.optional(Identifier, self.parent_event_id),
            seq: self.seq,
            turn_index: self.turn_index,
            source_file: map.optional(TextRole::PLACE, self.source_file),
            source_byte_offset: self.source_byte_offset,
            billing: map.optional(Identifier, self.billing),
            usage_known: self.usage_known,
            usage_detail: self.usage_detail.map(|detail| UsageDetail {
                cache_creation_1h: detail.cache_creation_1h,
                audio_input: detail.audio_input,
                audio_output: detail.audio_output,
                web_search_requests: detail.web_search_requests,
                service_tier: map.optional(Identifier, detail.service_tier),
                speed: map.optional(Identifier, detail.speed),
                batch: detail.batch,
            }),
            error: self.error.map(|error| CallError {
                kind: map.optional(Identifier, error.kind),
                status: error.status,
            }),
            finish_reason: map.optional(Identifier, self.finish_reason),
            response_id: map.optional(Identifier, self.response_id),
            attempt: self.attempt,
            content_hash: map.optional(Identifier, self.content_hash),
            reported_cost: self.reported_cost,
            sent_at: self.sent_at,
        }
    }
}

impl<T> Git<T> {
    fn map<U>(self, map: &mut impl TextMap<T, U>) -> Git<U> {
        use TextRole::{Identifier, Origin};
        Git {
            remote_url: map.optional(TextRole::PLACE, self.remote_url),
            host: map.optional(Origin, self.host),
            remote_slug: map.optional(Origin, self.remote_slug),
            branch: map.optional(Origin, self.branch),
            slug_source: map.optional(Identifier, self.slug_source),
        }
    }
}
