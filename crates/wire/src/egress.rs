//! What leaves a machine with a daemon: the closed list.
//!
//! A field that is not on these types does not serialise, so it cannot be sent. Working directory,
//! turns, reasoning, file names and remote addresses have no field here.

use modelstat_redact::RedactedText;
use serde::Serialize;

use crate::{
    BatchFloor, CallError, Event, IdentifierKey, IngestBatch, Pairs, PicoUsd, ReportedOutcomes,
    Segment, SessionInstall, Timestamp, TokenUsage, ToolCall, UsageDetail,
};

type Text = RedactedText;

/// How much of a turn is shipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Excerpt {
    /// Nothing.
    #[default]
    None,
    /// The first 320 code points of the redacted turn, by the operator's choice.
    Short,
}

/// The length of a short excerpt in code points, as published clients cut it.
pub const SHORT_EXCERPT_CHARS: usize = 320;

/// One request to a server.
#[derive(Clone, Debug, Serialize)]
pub struct EgressBatch {
    batch_id: Text,
    device_id: Text,
    daemon_version: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<Text>,
    events: Vec<EgressEvent>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    segments: Vec<Segment<Text>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<Text>>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    session_installs: Pairs<Text, SessionInstall<Text>>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    session_titles: Pairs<Text, Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_taxonomy: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summarizer_mode: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcomes: Option<ReportedOutcomes<Text>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
}

/// One event of a request.
#[derive(Clone, Debug, Serialize)]
struct EgressEvent {
    source_event_id: Text,
    ts: Timestamp,
    kind: Text,
    agent: Text,
    provider: Text,
    session_id: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<TokenUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_token_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    metadata: Pairs<Text, Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    git: Option<EgressGit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_excerpt: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    redactions: Pairs<Text, u64>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    tool_calls: Pairs<Text, u64>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    tokens_unmapped: Pairs<Text, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_id: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_actor_id: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_event_id: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    turn_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_known: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_detail: Option<UsageDetail<Text>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<CallError<Text>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_id: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_hash: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reported_cost: Option<PicoUsd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
}

/// The repository of an event.
#[derive(Clone, Debug, Serialize)]
struct EgressGit {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_slug: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slug_source: Option<Text>,
}

/// How a batch is narrowed to the list.
#[derive(Clone, Debug)]
pub struct EgressPolicy {
    /// How much of a turn is shipped.
    pub excerpt: Excerpt,
    /// Keys the hashes of text, since a plain hash confirms a guess; `None` ships them as they came.
    pub hash_key: Option<IdentifierKey>,
}

impl EgressBatch {
    /// The app that the batch names.
    pub fn app(&self) -> Option<&Text> {
        self.app.as_ref()
    }

    /// The sessions that the batch says something of; one may be named more than once in a row.
    pub fn sessions(&self) -> impl Iterator<Item = &Text> {
        let of_events = self.events.iter().map(|event| &event.session_id);
        let of_segments = self.segments.iter().map(|segment| &segment.session_id);
        let of_calls = self.tool_calls.iter().map(|call| &call.session_id);
        let installs = self.session_installs.iter().map(|(session, _)| session);
        let titles = self.session_titles.iter().map(|(session, _)| session);
        of_events.chain(of_segments).chain(of_calls).chain(installs).chain(titles)
    }

    /// Narrows a batch to what may leave.
    pub fn new(batch: IngestBatch<Text>, policy: &EgressPolicy) -> Self {
        let tool_calls = batch.tool_calls.into_iter().map(|call| ToolCall {
            args_hash: call.args_hash.map(|hash| keyed(hash, policy)),
            signature_hash: call.signature_hash.map(|hash| keyed(hash, policy)),
            ..call
        });
        Self {
            batch_id: batch.batch_id,
            device_id: batch.device_id,
            daemon_version: batch.daemon_version,
            app: batch.app,
            events: batch.events.into_iter().map(|event| EgressEvent::new(event, policy)).collect(),
            segments: batch.segments,
            tool_calls: tool_calls.collect(),
            session_installs: batch.session_installs,
            session_titles: batch.session_titles,
            auto_taxonomy: batch.auto_taxonomy,
            summarizer_mode: batch.summarizer_mode,
            instance_id: batch.instance_id,
            outcomes: batch.outcomes,
            sent_at: batch.sent_at,
        }
    }

    /// Encodes the request's body.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a batch has text keys and finite numbers only")
    }
}

impl EgressEvent {
    fn new(event: Event<Text>, policy: &EgressPolicy) -> Self {
        let content_excerpt = match policy.excerpt {
            Excerpt::None => None,
            Excerpt::Short => {
                event.content_excerpt.map(|text| text.truncate_chars(SHORT_EXCERPT_CHARS))
            }
        };
        Self {
            source_event_id: event.source_event_id,
            ts: event.ts,
            kind: event.kind,
            agent: event.agent,
            provider: event.provider,
            session_id: event.session_id,
            tokens: event.tokens,
            model: event.model,
            started_at: event.started_at,
            first_token_at: event.first_token_at,
            duration_ms: event.duration_ms,
            metadata: event.metadata,
            git: event.git.map(|git| EgressGit {
                host: git.host,
                remote_slug: git.remote_slug,
                branch: git.branch,
                slug_source: git.slug_source,
            }),
            content_excerpt,
            content_bytes: event.content_bytes,
            reasoning_bytes: event.reasoning_bytes,
            redactions: event.redactions,
            tool_calls: event.tool_calls,
            tokens_unmapped: event.tokens_unmapped,
            actor_id: event.actor_id,
            recipient_actor_id: event.recipient_actor_id,
            parent_event_id: event.parent_event_id,
            seq: event.seq,
            turn_index: event.turn_index,
            billing: event.billing,
            usage_known: event.usage_known,
            usage_detail: event.usage_detail,
            error: event.error,
            finish_reason: event.finish_reason,
            response_id: event.response_id,
            attempt: event.attempt,
            content_hash: event.content_hash.map(|hash| keyed(hash, policy)),
            reported_cost: event.reported_cost,
            sent_at: event.sent_at,
        }
    }
}

/// Keys a hash of text. What says that there is nothing to hash stays as it is.
fn keyed(hash: Text, policy: &EgressPolicy) -> Text {
    match &policy.hash_key {
        Some(key) if !matches!(hash.as_str(), "" | "none") => key.hash(hash.as_str()),
        _ => hash,
    }
}

/// Lists every field that can leave, as dotted paths in the order of the types.
///
/// The list is made by encoding a batch in which every field is set, so it cannot name less than
/// what serialises; `docs/protocol.md` holds it, and a test compares the two.
pub fn field_paths() -> Vec<String> {
    let full = parse_full_example();
    let policy = EgressPolicy { excerpt: Excerpt::Short, hash_key: None };
    let encoded = EgressBatch::new(full, &policy).encode();
    let value: serde_json::Value = serde_json::from_slice(&encoded).expect("our own encoding");
    let mut paths = Vec::new();
    walk(&value, String::new(), &mut paths);
    paths
}

fn walk(value: &serde_json::Value, path: String, paths: &mut Vec<String>) {
    use serde_json::Value;
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let name = if key.starts_with('<') { "*" } else { key.as_str() };
                let dot = if path.is_empty() { "" } else { "." };
                walk(value, format!("{path}{dot}{name}"), paths);
            }
        }
        Value::Array(items) => {
            for item in items {
                walk(item, format!("{path}[]"), paths);
            }
        }
        _ => paths.push(path),
    }
}

/// A batch in which every field of the wire is set; a field that it lacks fails the test below.
fn parse_full_example() -> IngestBatch<Text> {
    let body = include_bytes!("egress/full.json");
    let parsed = crate::parse_batch(body).expect("the example is valid");
    assert!(parsed.rejected.is_empty(), "the example is valid: {:?}", parsed.rejected);
    crate::redact_batch(parsed.batch, &BatchFloor::new(IdentifierKey::new([0; 32]))).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode_batch;

    /// The example sets every field of the wire: encoding it loses none of its keys.
    #[test]
    fn the_example_sets_every_field() {
        let sent: serde_json::Value =
            serde_json::from_slice(include_bytes!("egress/full.json")).expect("valid");
        let kept: serde_json::Value =
            serde_json::from_slice(&encode_batch(&parse_full_example())).expect("valid");
        assert_eq!(sent, kept);
    }

    #[test]
    fn text_and_places_have_no_way_out() {
        let paths = field_paths();
        for field in
            ["cwd", "reasoning_excerpt", "files_touched", "source_file", "remote_url", "tz"]
        {
            assert!(paths.iter().all(|path| !path.ends_with(field)), "{field} would leave");
        }
    }

    #[test]
    fn no_excerpt_leaves_by_default_and_hashes_are_keyed() {
        let key = IdentifierKey::new([7; 32]);
        let policy = EgressPolicy { excerpt: Excerpt::None, hash_key: Some(key) };
        let encoded = EgressBatch::new(parse_full_example(), &policy).encode();
        let text = String::from_utf8(encoded).expect("JSON is UTF-8");
        assert!(!text.contains("content_excerpt"));
        assert!(!text.contains("5f16f4c7f149ac4f9510d9cf8cf384038ad348b3bcdc01915f95de12df9d1b02"));
        assert!(text.contains("\"args_hash\":\"h_"));
    }
}
