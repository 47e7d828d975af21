//! Records as rows.

use std::collections::BTreeMap;

use modelstat_redact::RedactedText;
use modelstat_wire::{Event, Pairs, Segment, TokenUsage, ToolCall};

use super::columns::Cell;
use super::incoming::{IncomingBatch, IncomingEvent, key};

type Named<'a> = (&'static str, Cell<'a>);

/// Renders an event under the id by which it is kept.
pub(super) fn event<'a>(
    incoming: &'a IncomingEvent<'a>,
    id: &'a str,
    original: Option<&'a str>,
) -> impl Iterator<Item = Named<'a>> {
    let event = incoming.event;
    identity(incoming, id, original)
        .into_iter()
        .chain(call(event))
        .chain(tokens(event.tokens.as_ref()))
        .chain(money(incoming))
        .chain(course(event))
        .chain(git(event))
        .chain(text(incoming))
        .chain(lists(event))
        .chain(source(event))
        .chain(usage_detail(event))
        .chain(provenance(incoming.batch))
        .chain([("dropped_text", drops_text(incoming).into())])
}

fn identity<'a>(
    incoming: &'a IncomingEvent<'a>,
    id: &'a str,
    original: Option<&'a str>,
) -> [Named<'a>; 12] {
    let (batch, placement) = (&incoming.batch, incoming.placement);
    [
        ("org_id", batch.org_id().into()),
        ("stored_day", Cell::Day(placement.day())),
        ("event_key", key(batch.org_id(), batch.app, id).into()),
        ("counted_at", placement.counted_at.into()),
        ("app", batch.app.into()),
        ("source_event_id", id.into()),
        ("original_event_id", original.into()),
        ("fingerprint_high", incoming.fingerprint.high.into()),
        ("fingerprint_low", incoming.fingerprint.low.into()),
        ("ts", incoming.event.ts.into()),
        ("received_at", batch.applied.received_at.into()),
        ("flags", Cell::TextList(placement.flag.into_iter().collect())),
    ]
}

fn call(event: &Event<RedactedText>) -> [Named<'_>; 5] {
    [
        ("kind", event.kind.as_str().into()),
        ("agent", event.agent.as_str().into()),
        ("provider", event.provider.as_str().into()),
        ("model", optional(event.model.as_ref())),
        ("session_id", event.session_id.as_str().into()),
    ]
}

fn tokens(tokens: Option<&TokenUsage>) -> [Named<'static>; 5] {
    [
        ("input_tokens", tokens.map(|tokens| tokens.input).into()),
        ("output_tokens", tokens.map(|tokens| tokens.output).into()),
        ("cache_creation_tokens", tokens.map(|tokens| tokens.cache_creation).into()),
        ("cache_read_tokens", tokens.map(|tokens| tokens.cache_read).into()),
        ("reasoning_tokens", tokens.map(|tokens| tokens.reasoning).into()),
    ]
}

fn money<'a>(incoming: &'a IncomingEvent<'a>) -> [Named<'a>; 6] {
    let (event, costing) = (incoming.event, incoming.costing);
    [
        ("usage_known", (event.tokens.is_some() && event.usage_known.unwrap_or(true)).into()),
        ("cost", costing.cost.into()),
        ("reported_cost", event.reported_cost.into()),
        ("price_id", costing.price_id.as_deref().into()),
        ("price_book", costing.price_book.as_deref().into()),
        ("unpriced_reason", costing.unpriced_reason.into()),
    ]
}

/// What happened in the course of the call.
fn course(event: &Event<RedactedText>) -> [Named<'_>; 12] {
    let error = event.error.as_ref();
    [
        ("started_at", event.started_at.into()),
        ("first_token_at", event.first_token_at.into()),
        ("sent_at", event.sent_at.into()),
        ("duration_ms", event.duration_ms.into()),
        ("first_token_ms", first_token_ms(event).into()),
        ("has_error", error.is_some().into()),
        ("error_type", optional(error.and_then(|error| error.kind.as_ref()))),
        ("error_status", error.and_then(|error| error.status).into()),
        ("finish_reason", optional(event.finish_reason.as_ref())),
        ("response_id", optional(event.response_id.as_ref())),
        ("attempt", event.attempt.into()),
        ("metadata", text_map(&event.metadata)),
    ]
}

/// Clocks that run backwards leave it unknown.
fn first_token_ms(event: &Event<RedactedText>) -> Option<u64> {
    let (started, first) = (event.started_at?, event.first_token_at?);
    u64::try_from(first.as_micros().checked_sub(started.as_micros())?)
        .ok()
        .map(|micros| micros / 1_000)
}

fn git(event: &Event<RedactedText>) -> [Named<'_>; 7] {
    let git = event.git.as_ref();
    [
        ("has_git", git.is_some().into()),
        ("git_remote_url", optional(git.and_then(|git| git.remote_url.as_ref()))),
        ("git_host", optional(git.and_then(|git| git.host.as_ref()))),
        ("git_remote_slug", optional(git.and_then(|git| git.remote_slug.as_ref()))),
        ("git_branch", optional(git.and_then(|git| git.branch.as_ref()))),
        ("git_slug_source", optional(git.and_then(|git| git.slug_source.as_ref()))),
        ("cwd", optional(event.cwd.as_ref())),
    ]
}

/// The texts, of which whole turns are not kept.
fn text<'a>(incoming: &'a IncomingEvent<'a>) -> [Named<'a>; 5] {
    let event = incoming.event;
    let kept = |text: &'a Option<RedactedText>| {
        optional(text.as_ref().filter(|_| !incoming.batch.applied.is_raw))
    };
    [
        ("content_excerpt", kept(&event.content_excerpt)),
        ("content_bytes", event.content_bytes.into()),
        ("content_hash", optional(event.content_hash.as_ref())),
        ("reasoning_excerpt", kept(&event.reasoning_excerpt)),
        ("reasoning_bytes", event.reasoning_bytes.into()),
    ]
}

fn drops_text(incoming: &IncomingEvent<'_>) -> bool {
    let event = incoming.event;
    incoming.batch.applied.is_raw
        && (event.content_excerpt.is_some() || event.reasoning_excerpt.is_some())
}

fn lists(event: &Event<RedactedText>) -> [Named<'_>; 4] {
    [
        ("redactions", count_map(&event.redactions)),
        ("tool_calls", count_map(&event.tool_calls)),
        ("tokens_unmapped", count_map(&event.tokens_unmapped)),
        ("files_touched", text_list(&event.files_touched)),
    ]
}

fn source(event: &Event<RedactedText>) -> [Named<'_>; 8] {
    [
        ("actor_id", optional(event.actor_id.as_ref())),
        ("recipient_actor_id", optional(event.recipient_actor_id.as_ref())),
        ("parent_event_id", optional(event.parent_event_id.as_ref())),
        ("seq", event.seq.into()),
        ("turn_index", event.turn_index.into()),
        ("source_file", optional(event.source_file.as_ref())),
        ("source_byte_offset", event.source_byte_offset.into()),
        ("billing", optional(event.billing.as_ref())),
    ]
}

fn usage_detail(event: &Event<RedactedText>) -> [Named<'_>; 8] {
    let detail = event.usage_detail.as_ref();
    [
        ("has_usage_detail", detail.is_some().into()),
        ("cache_creation_1h", detail.and_then(|detail| detail.cache_creation_1h).into()),
        ("audio_input", detail.and_then(|detail| detail.audio_input).into()),
        ("audio_output", detail.and_then(|detail| detail.audio_output).into()),
        ("web_search_requests", detail.and_then(|detail| detail.web_search_requests).into()),
        ("service_tier", optional(detail.and_then(|detail| detail.service_tier.as_ref()))),
        ("speed", optional(detail.and_then(|detail| detail.speed.as_ref()))),
        ("is_batch", detail.and_then(|detail| detail.batch).into()),
    ]
}

fn provenance(batch: IncomingBatch<'_>) -> [Named<'_>; 9] {
    let content = batch.content;
    [
        ("batch_id", content.batch_id.as_str().into()),
        ("device_id", content.device_id.as_str().into()),
        ("producer", content.daemon_version.as_str().into()),
        ("auto_taxonomy", content.auto_taxonomy.into()),
        ("instance_id", optional(content.instance_id.as_ref())),
        ("summarizer_mode", optional(content.summarizer_mode.as_ref())),
        ("time_zone", optional(content.tz.as_ref())),
        ("floor_version", batch.applied.floor_version.as_str().into()),
        ("is_raw", batch.applied.is_raw.into()),
    ]
}

/// Renders a tool call without the columns that identify it.
pub(super) fn tool_call(call: &ToolCall<RedactedText>) -> [Named<'_>; 18] {
    [
        ("external_call_id", call.external_call_id.as_str().into()),
        ("session_id", call.session_id.as_str().into()),
        ("source_event_id", optional(call.source_event_id.as_ref())),
        ("segment_id", optional(call.segment_id.as_ref())),
        ("agent", optional(call.agent.as_ref())),
        ("server", optional(call.server.as_ref())),
        ("name", call.name.as_str().into()),
        ("turn_index", call.turn_index.into()),
        ("call_index", call.call_index.into()),
        ("started_at", call.started_at.into()),
        ("ended_at", call.ended_at.into()),
        ("status", optional(call.status.as_ref())),
        ("args_hash", optional(call.args_hash.as_ref())),
        ("signature_hash", optional(call.signature_hash.as_ref())),
        ("args_bytes", call.args_bytes.into()),
        ("result_bytes", call.result_bytes.into()),
        ("model", optional(call.model.as_ref())),
        ("command_families", text_list(&call.command_families)),
    ]
}

/// Renders a segment without the columns that identify it or say how it came.
pub(super) fn segment(segment: &Segment<RedactedText>) -> impl Iterator<Item = Named<'_>> {
    let roots = segment.tags.iter().map(|tag| tag.root_key.as_str()).collect();
    let names = segment.tags.iter().map(|tag| tag.name.as_str()).collect();
    [
        ("segment_id", Cell::from(segment.segment_id.as_str())),
        ("session_id", segment.session_id.as_str().into()),
        ("agent", optional(segment.agent.as_ref())),
        ("started_at", segment.started_at.into()),
        ("ended_at", segment.ended_at.into()),
        ("summary", optional(segment.summary.as_ref())),
        ("title", optional(segment.title.as_ref())),
        ("work_type", optional(segment.work_type.as_ref())),
        ("engine", optional(segment.engine.as_ref())),
        ("engine_version", optional(segment.engine_version.as_ref())),
        ("has_tokens", segment.tokens.is_some().into()),
    ]
    .into_iter()
    .chain(tokens(segment.tokens.as_ref()))
    .chain([
        ("tag_roots", Cell::TextList(roots)),
        ("tag_names", Cell::TextList(names)),
        ("redaction", count_map(&segment.redaction)),
        ("source_event_ids", text_list(&segment.source_event_ids)),
    ])
}

/// Renders how a segment's abstract was made.
pub(super) fn making(segment: &Segment<RedactedText>) -> [Named<'_>; 3] {
    [
        ("model_sha256", optional(segment.model_sha256.as_ref())),
        ("prompt_version", optional(segment.prompt_version.as_ref())),
        ("fallback_reason", optional(segment.fallback_reason.as_ref())),
    ]
}

pub(super) fn optional(text: Option<&RedactedText>) -> Cell<'_> {
    text.map(RedactedText::as_str).into()
}

/// A map's keys are unique; of equal keys the last one counts, as in JSON.
fn text_map(pairs: &Pairs<RedactedText, RedactedText>) -> Cell<'_> {
    let entries: BTreeMap<_, _> =
        pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    Cell::TextMap(entries.into_iter().collect())
}

fn count_map(pairs: &Pairs<RedactedText, u64>) -> Cell<'_> {
    let entries: BTreeMap<_, _> = pairs.iter().map(|(key, count)| (key.as_str(), *count)).collect();
    Cell::CountMap(entries.into_iter().collect())
}

fn text_list(texts: &[RedactedText]) -> Cell<'_> {
    Cell::TextList(texts.iter().map(RedactedText::as_str).collect())
}
