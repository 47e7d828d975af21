//! Events that are sent together, and what comes with them.

use serde::Serialize;

use crate::event::{Event, TextMap};
use crate::pairs::Pairs;
use crate::redaction::TextRole;
use crate::{Timestamp, TokenUsage};

/// What one request carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IngestBatch<T> {
    /// Identifies the batch; published clients derive it from the events' ids.
    pub batch_id: T,
    /// The producer's device; published clients send a default that many share.
    pub device_id: T,
    /// The producer and its version.
    pub daemon_version: T,
    /// The service that is instrumented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<T>,
    /// The events.
    pub events: Vec<Event<T>>,
    /// Summarised spans of turns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment<T>>,
    /// Tool calls of the events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall<T>>,
    /// The provider account of each session.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub session_installs: Pairs<T, SessionInstall<T>>,
    /// The title of each session; the last one wins.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub session_titles: Pairs<T, T>,
    /// Whether the server may learn a taxonomy from the batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_taxonomy: Option<bool>,
    /// Where abstracts are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summarizer_mode: Option<T>,
    /// The producer's time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz: Option<T>,
    /// Identifies the producing process, anew at every start and fork.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<T>,
    /// What became of the producer's calls since it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<ReportedOutcomes<T>>,
    /// When the producer sent the batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
}

/// Cumulative counters of one producing process; the server keeps the largest it saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportedOutcomes<T> {
    /// Calls handed to the producer.
    pub recorded: u64,
    /// Calls that the next hop acknowledged.
    pub sent: u64,
    /// Calls given up, by reason.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub dropped: Pairs<T, u64>,
}

/// A function that the model invoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToolCall<T> {
    /// Identifies the tool call within its org and app.
    pub external_call_id: T,
    /// The conversation that it belongs to.
    pub session_id: T,
    /// The event that it is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_event_id: Option<T>,
    /// The segment that it is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment_id: Option<T>,
    /// The tool or integration that made the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<T>,
    /// `builtin` or `mcp:<server>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<T>,
    /// The tool's bare name.
    pub name: T,
    /// The turn of the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_index: Option<u64>,
    /// The place within the event, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_index: Option<u64>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// `success`, `error`, `denied`, `timeout` or `unknown`; an open set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<T>,
    /// A hash of the arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args_hash: Option<T>,
    /// A hash of the arguments' names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_hash: Option<T>,
    /// The arguments' length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args_bytes: Option<u64>,
    /// The result's length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_bytes: Option<u64>,
    /// The model that made the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<T>,
    /// The commands that a shell tool ran, by family.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command_families: Vec<T>,
}

/// A span of turns that was summarised together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Segment<T> {
    /// Identifies the segment within its org and app.
    pub segment_id: T,
    /// Which making of the segment this is; a later one replaces an earlier.
    pub generation: u64,
    /// The conversation that it belongs to.
    pub session_id: T,
    /// The tool or integration that made the calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<T>,
    /// When its first turn happened.
    pub started_at: Timestamp,
    /// When its last turn happened.
    pub ended_at: Timestamp,
    /// The short redacted text made of the segment.
    #[serde(rename = "abstract", skip_serializing_if = "Option::is_none")]
    pub summary: Option<T>,
    /// A few words that name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<T>,
    /// The kind of work (`debugging`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_type: Option<T>,
    /// What made the abstract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<T>,
    /// The model and prompt version that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<T>,
    /// The sha256 of the model's file, where the engine had the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<T>,
    /// The version of what the model was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_version: Option<T>,
    /// The first engine that was to make it and did not, and why (`llama.timeout`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_reason: Option<T>,
    /// Token counts of its events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokenUsage>,
    /// Labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag<T>>,
    /// What redaction took out, by rule: counts only.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub redaction: Pairs<T, u64>,
    /// The events that it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_event_ids: Vec<T>,
}

/// A label of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tag<T> {
    /// The root of the taxonomy.
    pub root_key: T,
    /// The label.
    pub name: T,
}

/// The provider account that a session ran under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionInstall<T> {
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_account_id: Option<T>,
    /// Whose account it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<T>,
}

impl<T> IngestBatch<T> {
    /// Turns every text of the batch into another kind.
    pub(crate) fn map<U>(self, map: &mut impl TextMap<T, U>) -> IngestBatch<U> {
        use TextRole::Identifier;
        let mut event = |event: Event<T>| {
            let event = event.map(map);
            map.finish_event(event)
        };
        let events = self.events.into_iter().map(&mut event).collect();
        IngestBatch {
            batch_id: map.identifier(self.batch_id),
            device_id: map.text(TextRole::Origin, self.device_id),
            daemon_version: map.identifier(self.daemon_version),
            app: map.optional(Identifier, self.app),
            events,
            segments: self.segments.into_iter().map(|segment| segment.map(map)).collect(),
            tool_calls: self.tool_calls.into_iter().map(|call| call.map(map)).collect(),
            session_installs: self
                .session_installs
                .0
                .into_iter()
                .map(|(session, install)| (map.identifier(session), install.map(map)))
                .collect(),
            session_titles: self
                .session_titles
                .0
                .into_iter()
                .map(|(session, text)| (map.identifier(session), map.text(TextRole::TITLE, text)))
                .collect(),
            auto_taxonomy: self.auto_taxonomy,
            summarizer_mode: map.optional(Identifier, self.summarizer_mode),
            tz: map.optional(Identifier, self.tz),
            instance_id: map.optional(Identifier, self.instance_id),
            outcomes: self.outcomes.map(|outcomes| ReportedOutcomes {
                recorded: outcomes.recorded,
                sent: outcomes.sent,
                dropped: map.keyed(outcomes.dropped),
            }),
            sent_at: self.sent_at,
        }
    }
}

impl<T> ToolCall<T> {
    fn map<U>(self, map: &mut impl TextMap<T, U>) -> ToolCall<U> {
        use TextRole::Identifier;
        ToolCall {
            external_call_id: map.identifier(self.external_call_id),
            session_id: map.identifier(self.session_id),
            source_event_id: map.optional(Identifier, self.source_event_id),
            segment_id: map.optional(Identifier, self.segment_id),
            agent: map.optional(Identifier, self.agent),
            server: map.optional(Identifier, self.server),
            name: map.identifier(self.name),
            turn_index: self.turn_index,
            call_index: self.call_index,
            started_at: self.started_at,
            ended_at: self.ended_at,
            status: map.optional(Identifier, self.status),
            args_hash: map.optional(Identifier, self.args_hash),
            signature_hash: map.optional(Identifier, self.signature_hash),
            args_bytes: self.args_bytes,
            result_bytes: self.result_bytes,
            model: map.optional(Identifier, self.model),
            command_families: self
                .command_families
                .into_iter()
                .map(|family| map.text(TextRole::COMMAND_FAMILY, family))
                .collect(),
        }
    }
}

impl<T> Segment<T> {
    fn map<U>(self, map: &mut impl TextMap<T, U>) -> Segment<U> {
        use TextRole::Identifier;
        Segment {
            segment_id: map.identifier(self.segment_id),
            generation: self.generation,
            session_id: map.identifier(self.session_id),
            agent: map.optional(Identifier, self.agent),
            started_at: self.started_at,
            ended_at: self.ended_at,
            summary: map.optional(TextRole::ABSTRACT, self.summary),
            title: map.optional(TextRole::TITLE, self.title),
            work_type: map.optional(Identifier, self.work_type),
            engine: map.optional(Identifier, self.engine),
            engine_version: map.optional(Identifier, self.engine_version),
            model_sha256: map.optional(Identifier, self.model_sha256),
            prompt_version: map.optional(Identifier, self.prompt_version),
            fallback_reason: map.optional(Identifier, self.fallback_reason),
            tokens: self.tokens,
            tags: self
                .tags
                .into_iter()
                .map(|tag| Tag {
                    root_key: map.identifier(tag.root_key),
                    name: map.identifier(tag.name),
                })
                .collect(),
            redaction: map.keyed(self.redaction),
            source_event_ids: self
                .source_event_ids
                .into_iter()
                .map(|id| map.identifier(id))
                .collect(),
        }
    }
}

impl<T> SessionInstall<T> {
    fn map<U>(self, map: &mut impl TextMap<T, U>) -> SessionInstall<U> {
        SessionInstall {
            provider_account_id: map.optional(TextRole::Identifier, self.provider_account_id),
            provider: map.optional(TextRole::Identifier, self.provider),
        }
    }
}
