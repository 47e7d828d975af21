//! One record: what the wire may say, and what we make of it.

use std::fmt;

use modelstat_redact::RawText;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::reported::Said;
use super::{making, too_many};
use crate::limits::{
    MAX_COMMAND_FAMILIES, MAX_COUNT, MAX_IDENTIFIER_CHARS, MAX_LIST_ENTRIES, MAX_METADATA_ENTRIES,
    MAX_SEGMENT_EVENTS, MAX_SEGMENT_TAGS,
};
use crate::listed::Listed;
use crate::problem::{A_COUNT, Fault, MONEY, Problem};
use crate::{
    CallError, Event, Git, Pairs, PicoUsd, ReportedOutcomes, Segment, SessionInstall, Tag,
    Timestamp, TokenUsage, ToolCall, UsageDetail, ids,
};

/// A whole number within what a count may be.
#[derive(Clone, Copy, Default)]
struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(A_COUNT)
            }

            fn visit_u64<E: Error>(self, count: u64) -> Result<Count, E> {
                if count > MAX_COUNT {
                    return Err(E::custom(format_args!("expected {A_COUNT}")));
                }
                Ok(Count(count))
            }
        }
        deserializer.deserialize_u64(Whole)
    }
}

/// An amount of money, as text.
struct Money(PicoUsd);

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;
        impl Visitor<'_> for Amount {
            type Value = Money;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(MONEY)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Money, E> {
                let amount = text.parse();
                amount.map(Money).map_err(|_| E::custom(format_args!("expected {MONEY}")))
            }
        }
        deserializer.deserialize_str(Amount)
    }
}

#[derive(Deserialize)]
struct TokensIn {
    input: Option<Count>,
    output: Option<Count>,
    cache_creation: Option<Count>,
    cache_read: Option<Count>,
    reasoning: Option<Count>,
}

impl TokensIn {
    fn check(self) -> TokenUsage {
        let or_zero = |count: Option<Count>| count.unwrap_or_default().0;
        TokenUsage {
            input: or_zero(self.input),
            output: or_zero(self.output),
            cache_creation: or_zero(self.cache_creation),
            cache_read: or_zero(self.cache_read),
            reasoning: or_zero(self.reasoning),
        }
    }
}

#[derive(Deserialize)]
struct UsageDetailIn {
    cache_creation_1h: Option<Count>,
    audio_input: Option<Count>,
    audio_output: Option<Count>,
    web_search_requests: Option<Count>,
    service_tier: Option<RawText>,
    speed: Option<RawText>,
    batch: Option<bool>,
}

#[derive(Deserialize)]
struct GitIn {
    remote_url: Option<RawText>,
    host: Option<RawText>,
    remote_host: Option<RawText>,
    remote_slug: Option<RawText>,
    branch: Option<RawText>,
    slug_source: Option<RawText>,
}

#[derive(Deserialize)]
struct CallErrorIn {
    r#type: Option<RawText>,
    status: Option<Count>,
}

#[derive(Deserialize)]
struct EventIn<'a> {
    source_event_id: Option<RawText>,
    ts: Option<Timestamp>,
    kind: Option<RawText>,
    agent: Option<RawText>,
    provider: Option<RawText>,
    session_id: Option<RawText>,
    tokens: Option<TokensIn>,
    model: Option<RawText>,
    started_at: Option<Timestamp>,
    first_token_at: Option<Timestamp>,
    duration_ms: Option<Count>,
    metadata: Option<Pairs<RawText, RawText>>,
    git: Option<GitIn>,
    cwd: Option<RawText>,
    content_excerpt: Option<RawText>,
    content_bytes: Option<Count>,
    reasoning_excerpt: Option<RawText>,
    reasoning_bytes: Option<Count>,
    redactions: Option<Pairs<RawText, Count>>,
    tool_calls: Option<Pairs<RawText, Count>>,
    tokens_unmapped: Option<Pairs<RawText, Count>>,
    files_touched: Option<Listed<RawText, MAX_LIST_ENTRIES>>,
    actor_id: Option<RawText>,
    recipient_actor_id: Option<RawText>,
    parent_event_id: Option<RawText>,
    seq: Option<Count>,
    turn_index: Option<Count>,
    source_file: Option<RawText>,
    source_byte_offset: Option<Count>,
    billing: Option<RawText>,
    usage_known: Option<bool>,
    usage_detail: Option<UsageDetailIn>,
    #[serde(borrow)]
    provider_usage: Option<&'a RawValue>,
    provider_usage_shape: Option<String>,
    error: Option<CallErrorIn>,
    finish_reason: Option<RawText>,
    response_id: Option<RawText>,
    attempt: Option<Count>,
    content_hash: Option<RawText>,
    reported_cost: Option<Money>,
    sent_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct ToolCallIn {
    external_call_id: Option<RawText>,
    session_id: Option<RawText>,
    source_event_id: Option<RawText>,
    segment_id: Option<RawText>,
    agent: Option<RawText>,
    server: Option<RawText>,
    name: Option<RawText>,
    turn_index: Option<Count>,
    call_index: Option<Count>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    status: Option<RawText>,
    args_hash: Option<RawText>,
    signature_hash: Option<RawText>,
    args_bytes: Option<Count>,
    result_bytes: Option<Count>,
    model: Option<RawText>,
    command_families: Option<Listed<RawText, MAX_COMMAND_FAMILIES>>,
}

#[derive(Deserialize)]
struct TagIn {
    root_key: Option<RawText>,
    name: Option<RawText>,
}

#[derive(Deserialize)]
struct SegmentIn {
    segment_id: Option<RawText>,
    generation: Option<Count>,
    session_id: Option<RawText>,
    agent: Option<RawText>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    r#abstract: Option<RawText>,
    title: Option<RawText>,
    work_type: Option<RawText>,
    engine: Option<RawText>,
    engine_version: Option<RawText>,
    model_sha256: Option<RawText>,
    prompt_version: Option<RawText>,
    fallback_reason: Option<RawText>,
    tokens: Option<TokensIn>,
    tags: Option<Listed<TagIn, MAX_SEGMENT_TAGS>>,
    redaction: Option<Pairs<RawText, Count>>,
    source_event_ids: Option<Listed<RawText, MAX_SEGMENT_EVENTS>>,
}

#[derive(Deserialize)]
pub(super) struct SessionInstallIn {
    provider_account_id: Option<RawText>,
    provider: Option<RawText>,
}

#[derive(Deserialize)]
pub(super) struct OutcomesIn {
    recorded: Option<Count>,
    sent: Option<Count>,
    dropped: Option<Pairs<RawText, Count>>,
}

/// Reads one record, and maps what the parser says of a bad one.
fn read<'a, R: Deserialize<'a>>(record: &'a str) -> Result<R, Problem> {
    if let Ok(record) = serde_json::from_str(record) {
        return Ok(record);
    }
    let mut parser = serde_json::Deserializer::from_str(record);
    serde_path_to_error::deserialize(&mut parser).map_err(|error| Problem::from_parser(&error))
}

pub(super) fn parse_event(record: &str) -> Result<Event<RawText>, Problem> {
    check_event(read(record)?)
}

/// An event that is good, read together with its batch.
pub(super) struct GoodEvent(pub(super) Event<RawText>);

impl<'de> Deserialize<'de> for GoodEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = EventIn::deserialize(deserializer)?;
        // What is wrong with it is found again, and told, by `parse_event`.
        check_event(event).map(Self).map_err(|_| D::Error::custom("a bad record"))
    }
}

fn check_event(event: EventIn<'_>) -> Result<Event<RawText>, Problem> {
    let said = Said {
        tokens: event.tokens.map(TokensIn::check),
        detail: event.usage_detail.map(check_detail).transpose()?,
        is_known: event.usage_known,
    };
    let usage = said.or_reported(event.provider_usage, event.provider_usage_shape.as_deref());
    Ok(Event {
        source_event_id: required("source_event_id", event.source_event_id)?,
        ts: event.ts.ok_or_else(|| Problem::new("ts", Fault::Missing))?,
        kind: required("kind", event.kind)?,
        agent: required("agent", event.agent)?,
        provider: required("provider", event.provider)?,
        session_id: required("session_id", event.session_id)?,
        tokens: usage.tokens,
        model: name("model", event.model)?,
        started_at: event.started_at,
        first_token_at: event.first_token_at,
        duration_ms: event.duration_ms.map(|count| count.0),
        metadata: metadata(event.metadata.unwrap_or_default()),
        git: event.git.map(check_git).transpose()?,
        cwd: event.cwd,
        content_excerpt: event.content_excerpt,
        content_bytes: event.content_bytes.map(|count| count.0),
        reasoning_excerpt: event.reasoning_excerpt,
        reasoning_bytes: event.reasoning_bytes.map(|count| count.0),
        redactions: counts("redactions", event.redactions)?,
        tool_calls: counts("tool_calls", event.tool_calls)?,
        tokens_unmapped: counts("tokens_unmapped", event.tokens_unmapped)?,
        files_touched: files(event.files_touched.unwrap_or_default().0)?,
        actor_id: name("actor_id", event.actor_id)?,
        recipient_actor_id: name("recipient_actor_id", event.recipient_actor_id)?,
        parent_event_id: name("parent_event_id", event.parent_event_id)?,
        seq: event.seq.map(|count| count.0),
        turn_index: event.turn_index.map(|count| count.0),
        source_file: event.source_file,
        source_byte_offset: event.source_byte_offset.map(|count| count.0),
        billing: name("billing", event.billing)?,
        usage_known: usage.is_known,
        usage_detail: usage.detail,
        error: event.error.map(check_error).transpose()?,
        finish_reason: name("finish_reason", event.finish_reason)?,
        response_id: name("response_id", event.response_id)?,
        attempt: event.attempt.map(|count| count.0),
        content_hash: name("content_hash", event.content_hash)?,
        reported_cost: event.reported_cost.map(|money| money.0),
        sent_at: event.sent_at,
    })
}

pub(super) fn parse_tool_call(record: &str) -> Result<ToolCall<RawText>, Problem> {
    let call: ToolCallIn = read(record)?;
    let families =
        call.command_families.unwrap_or_default().0.into_iter().take(MAX_COMMAND_FAMILIES);
    Ok(ToolCall {
        external_call_id: required("external_call_id", call.external_call_id)?,
        session_id: required("session_id", call.session_id)?,
        source_event_id: name("source_event_id", call.source_event_id)?,
        segment_id: name("segment_id", call.segment_id)?,
        agent: name("agent", call.agent)?,
        server: name("server", call.server)?,
        name: required("name", call.name)?,
        turn_index: call.turn_index.map(|count| count.0),
        call_index: call.call_index.map(|count| count.0),
        started_at: call.started_at.ok_or_else(|| Problem::new("started_at", Fault::Missing))?,
        ended_at: call.ended_at,
        status: name("status", call.status)?,
        args_hash: name("args_hash", call.args_hash)?,
        signature_hash: name("signature_hash", call.signature_hash)?,
        args_bytes: call.args_bytes.map(|count| count.0),
        result_bytes: call.result_bytes.map(|count| count.0),
        model: name("model", call.model)?,
        command_families: families.collect(),
    })
}

pub(super) fn parse_segment(record: &str) -> Result<Segment<RawText>, Problem> {
    let segment: SegmentIn = read(record)?;
    let tags = segment.tags.unwrap_or_default().0;
    if tags.len() > MAX_SEGMENT_TAGS {
        return Err(too_many("tags", MAX_SEGMENT_TAGS));
    }
    let event_ids = segment.source_event_ids.unwrap_or_default().0;
    if event_ids.len() > MAX_SEGMENT_EVENTS {
        return Err(too_many("source_event_ids", MAX_SEGMENT_EVENTS));
    }
    let missing = |field: &'static str| Problem::new(field, Fault::Missing);
    Ok(Segment {
        segment_id: required("segment_id", segment.segment_id)?,
        generation: segment.generation.unwrap_or_default().0,
        session_id: required("session_id", segment.session_id)?,
        agent: name("agent", segment.agent)?,
        started_at: segment.started_at.ok_or_else(|| missing("started_at"))?,
        ended_at: segment.ended_at.ok_or_else(|| missing("ended_at"))?,
        summary: segment.r#abstract,
        title: segment.title,
        work_type: name("work_type", segment.work_type)?,
        engine: name("engine", segment.engine)?,
        engine_version: name("engine_version", segment.engine_version)?,
        model_sha256: making::sha256("model_sha256", segment.model_sha256)?,
        prompt_version: making::version("prompt_version", segment.prompt_version)?,
        fallback_reason: making::reason("fallback_reason", segment.fallback_reason)?,
        tokens: segment.tokens.map(TokensIn::check),
        tags: tags.into_iter().map(check_tag).collect::<Result<_, _>>()?,
        redaction: counts("redaction", segment.redaction)?,
        source_event_ids: event_ids
            .into_iter()
            .map(|id| identifier("source_event_ids", id))
            .collect::<Result<_, _>>()?,
    })
}

/// Finds the id of a record that could not be read, if it has one; whole, as the floor comes next.
pub(super) fn id_of(record: &str) -> RawText {
    #[derive(Deserialize)]
    struct IdIn {
        source_event_id: Option<RawText>,
    }
    let id = serde_json::from_str::<IdIn>(record).ok().and_then(|record| record.source_event_id);
    id.unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "ids are hashed, not kept")]
pub(super) fn derived_batch_id(events: &[Event<RawText>]) -> RawText {
    RawText::from(ids::batch_id(events.iter().map(|event| event.source_event_id.reveal())))
}

/// Trims a name, and drops one that is blank.
pub(super) fn trimmed(text: RawText) -> Option<RawText> {
    filled(trim_text(text))
}

/// Drops a name that is empty.
pub(super) fn filled(text: RawText) -> Option<RawText> {
    (!text.is_empty()).then_some(text)
}

/// Checks the length of a name that groups records: a long one is refused, never cut.
pub(super) fn identifier(field: &'static str, text: RawText) -> Result<RawText, Problem> {
    let fits = text.len() <= MAX_IDENTIFIER_CHARS || count_chars(&text) <= MAX_IDENTIFIER_CHARS;
    if fits {
        return Ok(text);
    }
    Err(Problem::new(field, Fault::TooLong { limit_chars: MAX_IDENTIFIER_CHARS }))
}

#[expect(clippy::disallowed_methods, reason = "characters are counted, not kept")]
fn count_chars(text: &RawText) -> usize {
    text.reveal().chars().count()
}

#[expect(clippy::disallowed_methods, reason = "raw text in, raw text out")]
fn trim_text(text: RawText) -> RawText {
    let trimmed = text.reveal().trim();
    if trimmed.len() == text.len() {
        return text;
    }
    RawText::from(trimmed)
}

fn required(field: &'static str, text: Option<RawText>) -> Result<RawText, Problem> {
    let text = text.and_then(filled).ok_or_else(|| Problem::new(field, Fault::Missing))?;
    identifier(field, text)
}

fn name(field: &'static str, text: Option<RawText>) -> Result<Option<RawText>, Problem> {
    text.map(|text| identifier(field, text)).transpose()
}

fn counts(
    field: &'static str,
    pairs: Option<Pairs<RawText, Count>>,
) -> Result<Pairs<RawText, u64>, Problem> {
    let pairs = pairs.unwrap_or_default();
    if pairs.len() > MAX_LIST_ENTRIES {
        return Err(too_many(field, MAX_LIST_ENTRIES));
    }
    let entry = |(key, count): (RawText, Count)| Ok((identifier(field, key)?, count.0));
    pairs.0.into_iter().map(entry).collect()
}

/// Caps tags the published way: the smallest keys stay.
#[expect(clippy::disallowed_methods, reason = "keys are compared, not kept")]
fn metadata(pairs: Pairs<RawText, RawText>) -> Pairs<RawText, RawText> {
    let mut entries = pairs.0;
    if entries.len() > MAX_METADATA_ENTRIES {
        entries.sort_by(|(left, _), (right, _)| left.reveal().cmp(right.reveal()));
        entries.truncate(MAX_METADATA_ENTRIES);
    }
    Pairs(entries)
}

fn files(files: Vec<RawText>) -> Result<Vec<RawText>, Problem> {
    if files.len() > MAX_LIST_ENTRIES {
        return Err(too_many("files_touched", MAX_LIST_ENTRIES));
    }
    Ok(files)
}

fn check_git(git: GitIn) -> Result<Git<RawText>, Problem> {
    let within = |problem: Problem| problem.within("git");
    Ok(Git {
        remote_url: git.remote_url,
        host: name("host", git.host.or(git.remote_host)).map_err(within)?,
        remote_slug: name("remote_slug", git.remote_slug).map_err(within)?,
        branch: name("branch", git.branch).map_err(within)?,
        slug_source: name("slug_source", git.slug_source).map_err(within)?,
    })
}

fn check_detail(detail: UsageDetailIn) -> Result<UsageDetail<RawText>, Problem> {
    let within = |problem: Problem| problem.within("usage_detail");
    Ok(UsageDetail {
        cache_creation_1h: detail.cache_creation_1h.map(|count| count.0),
        audio_input: detail.audio_input.map(|count| count.0),
        audio_output: detail.audio_output.map(|count| count.0),
        web_search_requests: detail.web_search_requests.map(|count| count.0),
        service_tier: name("service_tier", detail.service_tier).map_err(within)?,
        speed: name("speed", detail.speed).map_err(within)?,
        batch: detail.batch,
    })
}

fn check_error(error: CallErrorIn) -> Result<CallError<RawText>, Problem> {
    let kind = name("type", error.r#type).map_err(|problem| problem.within("error"))?;
    Ok(CallError { kind, status: error.status.map(|count| count.0) })
}

fn check_tag(tag: TagIn) -> Result<Tag<RawText>, Problem> {
    let within = |problem: Problem| problem.within("tags");
    Ok(Tag {
        root_key: required("root_key", tag.root_key).map_err(within)?,
        name: required("name", tag.name).map_err(within)?,
    })
}

impl SessionInstallIn {
    pub(super) fn check(self) -> Result<SessionInstall<RawText>, Problem> {
        Ok(SessionInstall {
            provider_account_id: name("provider_account_id", self.provider_account_id)?,
            provider: name("provider", self.provider)?,
        })
    }
}

impl OutcomesIn {
    pub(super) fn check(self) -> Result<ReportedOutcomes<RawText>, Problem> {
        Ok(ReportedOutcomes {
            recorded: self.recorded.unwrap_or_default().0,
            sent: self.sent.unwrap_or_default().0,
            dropped: counts("dropped", self.dropped)?,
        })
    }
}
