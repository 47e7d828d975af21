//! From the attributes of a span to a call.
//!
//! Reads what OpenTelemetry's conventions for generative AI say now and said before, `OpenInference`,
//! `OpenLLMetry` and Vercel's AI SDK, by one table. A span that repeats what its children report (an
//! agent, a chain, a workflow) is no call.

mod keys;
mod text;
mod value;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

pub use value::AttributeValue;

use super::Usage;
use super::counts::Counts;
use super::settle::{Excess, Place, Rules, settle};
use crate::Timestamp;
use crate::limits::MAX_METADATA_ENTRIES;
use value::Attributes;

/// Nanoseconds in a microsecond and in a millisecond.
const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;

/// What a span says beside its attributes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span<'a> {
    /// The name of the instrumentation's scope.
    pub scope_name: &'a str,
    /// Its version; no exception that is known ends at one.
    pub scope_version: &'a str,
    /// The trace that the span is part of.
    pub trace_id: Option<&'a str>,
    /// When it started, in nanoseconds since the epoch.
    pub started_ns: u64,
    /// When it ended.
    pub ended_ns: u64,
}

/// A call, as a span tells of it. Its texts are as captured: they have not been redacted.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SpanCall {
    /// Who served it.
    pub provider: Option<String>,
    /// The model that answered, or else the one that was asked for.
    pub model: Option<String>,
    /// What it used.
    pub usage: Usage,
    /// The conversation; the trace stands in where none is named.
    pub session_id: Option<String>,
    /// Whether `session_id` is a stand-in.
    pub is_session_derived: bool,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When the first chunk of the answer came, if the span says so.
    pub first_token_at: Option<Timestamp>,
    /// How long it took, with all its retries.
    pub duration_ms: Option<u64>,
    /// How it failed.
    pub error_type: Option<String>,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// The provider's id of the answer, by which the same call is known elsewhere.
    pub response_id: Option<String>,
    /// What was asked, as captured.
    pub prompt: Option<String>,
    /// What was answered, as captured.
    pub completion: Option<String>,
    /// The user's tags, in the order of their keys.
    pub metadata: Vec<(String, String)>,
}

/// Shows numbers and names only: texts and tags are as captured.
impl fmt::Debug for SpanCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanCall")
            .field("provider", &self.provider)
            .field("model", &self.model)
            .field("usage", &self.usage)
            .field("duration_ms", &self.duration_ms)
            .finish_non_exhaustive()
    }
}

/// Reads a span; `None` where it is no call of a model.
pub fn read_span<'a>(
    span: &Span<'_>,
    attributes: impl IntoIterator<Item = (&'a str, AttributeValue<'a>)>,
) -> Option<SpanCall> {
    let attributes = Attributes(attributes.into_iter().collect());
    if !is_call(&attributes) {
        return None;
    }
    let text = |keys: &[&str]| attributes.text(keys).map(str::to_owned);
    let provider = attributes.text(keys::PROVIDER).map(provider_name);
    let session_id = text(keys::SESSION);
    let is_session_derived = session_id.is_none() && span.trace_id.is_some();
    Some(SpanCall {
        model: text(keys::MODEL),
        usage: usage(span, provider, &attributes),
        provider: provider.map(str::to_owned),
        session_id: session_id.or_else(|| span.trace_id.map(str::to_owned)),
        is_session_derived,
        started_at: timestamp(span.started_ns),
        first_token_at: first_token_at(span, &attributes),
        duration_ms: duration_ms(span),
        error_type: text(keys::ERROR),
        finish_reason: text(keys::FINISH),
        response_id: text(keys::RESPONSE_ID),
        prompt: prompt(&attributes),
        completion: text::read(&attributes, keys::COMPLETION),
        metadata: metadata(&attributes),
    })
}

/// The most telling key decides; the others may come from a layer below.
fn is_call(attributes: &Attributes<'_>) -> bool {
    let is_one_of =
        |name: &str, names: &[&str]| names.iter().any(|other| other.eq_ignore_ascii_case(name));
    if let Some(kind) = attributes.text(&["openinference.span.kind"]) {
        return is_one_of(kind, keys::CALL_KINDS);
    }
    // `ai.generateText` repeats what the `ai.generateText.doGenerate` within it reports.
    if let Some(operation) = attributes.text(&["ai.operationId"]) {
        return operation.rsplit('.').next().is_some_and(|step| step.starts_with("do"));
    }
    if let Some(operation) = attributes.text(&["gen_ai.operation.name"]) {
        return !is_one_of(operation, keys::OTHER_OPERATIONS);
    }
    !attributes.has("traceloop.span.kind") && keys::CALL_MARKS.iter().any(|key| attributes.has(key))
}

fn provider_name(provider: &str) -> &str {
    let endings = keys::PROVIDER_ENDINGS.iter();
    endings.copied().find_map(|ending| provider.strip_suffix(ending)).unwrap_or(provider)
}

fn usage(span: &Span<'_>, provider: Option<&str>, attributes: &Attributes<'_>) -> Usage {
    let mut counts = Counts::default();
    for (field, keys) in keys::COUNTS {
        if let Some(value) = keys.iter().find_map(|key| attributes.get(key)) {
            counts.set(*field, value.as_count());
        }
    }
    if counts.is_empty() {
        return Usage::default();
    }
    counts.service_tier = attributes.text(keys::SERVICE_TIER).map(str::to_owned);
    settle(rules(span, provider, attributes), &counts)
}

/// The conventions put cached tokens within the input. Who does not is told by the scope, or
/// by a cache that is larger than its input; other numbers do not tell.
fn rules(span: &Span<'_>, provider: Option<&str>, attributes: &Attributes<'_>) -> Rules {
    let applies = |exception: &&keys::Exception| {
        let is_scope = span.scope_name == exception.scope
            || span
                .scope_name
                .strip_prefix(exception.scope)
                .is_some_and(|rest| rest.starts_with('.'));
        let is_provider = exception.providers.is_empty()
            || provider.is_some_and(|name| exception.providers.contains(&name));
        let is_over = exception
            .unless
            .is_some_and(|prefix| attributes.beginning_with(prefix).next().is_some());
        is_scope && is_provider && !is_over
    };
    let exception = keys::EXCEPTIONS.iter().find(applies).map(|exception| exception.cache);
    Rules {
        cache: exception.unwrap_or(Place::Within),
        reasoning: Place::Within,
        excess: Excess::Beside,
        needs_input: true,
    }
}

fn prompt(attributes: &Attributes<'_>) -> Option<String> {
    let prompt = text::read(attributes, keys::PROMPT);
    match (text::read(attributes, keys::INSTRUCTIONS), prompt) {
        (Some(instructions), Some(prompt)) => Some(format!("{instructions}\n{prompt}")),
        (instructions, prompt) => prompt.or(instructions),
    }
}

fn timestamp(nanoseconds: u64) -> Option<Timestamp> {
    let micros = i64::try_from(nanoseconds / MICROSECOND).ok();
    micros.filter(|micros| *micros > 0).map(Timestamp::from_micros)
}

/// A span that did not end, or ended before it started, has no duration.
fn duration_ms(span: &Span<'_>) -> Option<u64> {
    let has_times = span.started_ns > 0 && span.ended_ns > 0;
    let duration = span.ended_ns.checked_sub(span.started_ns).filter(|_| has_times)?;
    Some(duration / MILLISECOND)
}

fn first_token_at(span: &Span<'_>, attributes: &Attributes<'_>) -> Option<Timestamp> {
    if span.started_ns == 0 {
        return None;
    }
    let waited = keys::FIRST_TOKEN.iter().find_map(|(key, unit)| {
        let waited = attributes.get(key)?.as_float()? * unit;
        // A day is no time to a first token; a time beyond it is in another unit.
        (0.0..86_400e9).contains(&waited).then_some(waited)
    })?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative and less than a day, as checked above"
    )]
    let waited = waited as u64;
    timestamp(span.started_ns.checked_add(waited)?)
}

/// Takes the tags that are allowed; of too many, those with the smallest keys, as published.
fn metadata(attributes: &Attributes<'_>) -> Vec<(String, String)> {
    let mut tags = BTreeMap::new();
    if let Some(object) = attributes.text(&[keys::METADATA_OBJECT])
        && let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(object)
    {
        for (key, value) in &fields {
            if let Some(tag) = AttributeValue::from_json(value).and_then(|value| value.to_tag()) {
                tags.insert(key.clone(), tag);
            }
        }
    }
    for prefix in keys::METADATA_PREFIXES {
        for (name, value) in attributes.beginning_with(prefix) {
            let is_session = keys::SESSION.iter().any(|key| key.strip_prefix(prefix) == Some(name));
            if let Some(tag) = value.to_tag().filter(|_| !is_session) {
                tags.insert(name.to_owned(), tag);
            }
        }
    }
    for key in keys::METADATA {
        if let Some(tag) = attributes.get(key).and_then(AttributeValue::to_tag) {
            tags.insert((*key).to_owned(), tag);
        }
    }
    tags.into_iter().filter(|(key, _)| !key.is_empty()).take(MAX_METADATA_ENTRIES).collect()
}
