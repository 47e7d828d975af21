//! Rows on their way out of the ledger.

use std::collections::BTreeMap;

use duckdb::Row;
use duckdb::types::{FromSql, Value};
use modelstat_wire::{PicoUsd, Timestamp, TokenUsage};

use crate::rows::ErrorRow;
use crate::{EventRow, SegmentRow, ToolCallRow};

/// What [`event`] reads, in its order.
pub(super) const EVENT: &str = "
    app, source_event_id, original_event_id, ts, received_at, kind, agent, provider, model, session_id,
    input_tokens, output_tokens, cache_creation_tokens, cache_read_tokens, reasoning_tokens, usage_known,
    cost, reported_cost, price_id, price_book, unpriced_reason, duration_ms, first_token_ms, started_at,
    first_token_at, has_error, error_type, error_status, finish_reason, response_id, attempt, metadata,
    has_git, git_branch, git_host, git_remote_slug, git_remote_url, git_slug_source,
    cwd, content_excerpt, content_bytes, redactions, flags, turn_index, seq, billing, device_id, producer,
    batch_id, floor_version,
    has_usage_detail, cache_creation_1h, audio_input, audio_output, web_search_requests, service_tier,
    speed, is_batch";

/// What [`tool_call`] reads, in its order.
pub(super) const TOOL_CALL: &str = "
    external_call_id, session_id, source_event_id, segment_id, agent, server, name, call_index, turn_index,
    started_at, ended_at, status, args_hash, signature_hash, args_bytes, result_bytes, model,
    command_families";

/// What [`segment`] reads, in its order.
pub(super) const SEGMENT: &str = "
    segment_id, generation, session_id, started_at, ended_at, summary, title, work_type, engine,
    engine_version, model_sha256, prompt_version, fallback_reason, source_event_ids, tag_roots, tag_names";

/// Reads the columns of a row one after the other.
pub(super) struct Cells<'a, 'r> {
    row: &'a Row<'r>,
    next: usize,
}

impl<'a, 'r> Cells<'a, 'r> {
    pub(super) fn of(row: &'a Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn take<T: FromSql>(&mut self) -> duckdb::Result<T> {
        let value = self.row.get(self.next);
        self.next += 1;
        value
    }

    pub(super) fn time(&mut self) -> duckdb::Result<Timestamp> {
        self.take().map(Timestamp::from_micros)
    }

    pub(super) fn maybe_time(&mut self) -> duckdb::Result<Option<Timestamp>> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_micros))
    }

    pub(super) fn money(&mut self) -> duckdb::Result<Option<PicoUsd>> {
        Ok(self.take::<Option<i128>>()?.map(PicoUsd))
    }

    /// Unknown counts read as zero; a flag beside them says so.
    pub(super) fn tokens(&mut self) -> duckdb::Result<TokenUsage> {
        let mut count = || self.take::<Option<u64>>().map(Option::unwrap_or_default);
        Ok(TokenUsage {
            input: count()?,
            output: count()?,
            cache_creation: count()?,
            cache_read: count()?,
            reasoning: count()?,
        })
    }

    pub(super) fn texts(&mut self) -> duckdb::Result<Vec<String>> {
        let Value::List(values) = self.take()? else {
            return Ok(Vec::new());
        };
        Ok(values.into_iter().filter_map(text).collect())
    }

    fn text_map(&mut self) -> duckdb::Result<BTreeMap<String, String>> {
        let entry =
            |(key, value): &(Value, Value)| Some((text(key.clone())?, text(value.clone())?));
        Ok(self.entries()?.iter().filter_map(entry).collect())
    }

    pub(super) fn count_map(&mut self) -> duckdb::Result<BTreeMap<String, u64>> {
        let entry = |(key, value): &(Value, Value)| Some((text(key.clone())?, count(value)?));
        Ok(self.entries()?.iter().filter_map(entry).collect())
    }

    fn entries(&mut self) -> duckdb::Result<Vec<(Value, Value)>> {
        let Value::Map(map) = self.take()? else {
            return Ok(Vec::new());
        };
        Ok(map.iter().cloned().collect())
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn count(value: &Value) -> Option<u64> {
    match value {
        Value::UBigInt(count) => Some(*count),
        Value::BigInt(count) => u64::try_from(*count).ok(),
        Value::HugeInt(count) => u64::try_from(*count).ok(),
        _ => None,
    }
}

/// Reads the columns of [`EVENT`].
pub(super) fn event(row: &Row<'_>) -> duckdb::Result<EventRow> {
    let cells = &mut Cells::of(row);
    Ok(EventRow {
        app: cells.take()?,
        source_event_id: cells.take()?,
        original_event_id: cells.take()?,
        ts: cells.maybe_time()?,
        received_at: cells.maybe_time()?,
        kind: cells.take()?,
        agent: cells.take()?,
        provider: cells.take()?,
        model: cells.take()?,
        session_id: cells.take()?,
        tokens: cells.tokens()?,
        usage_known: cells.take()?,
        cost: cells.money()?,
        reported_cost: cells.money()?,
        price_id: cells.take()?,
        price_book: cells.take()?,
        unpriced_reason: cells.take()?,
        duration_ms: cells.take()?,
        first_token_ms: cells.take()?,
        started_at: cells.maybe_time()?,
        first_token_at: cells.maybe_time()?,
        error: error(cells)?,
        finish_reason: cells.take()?,
        response_id: cells.take()?,
        attempt: cells.take()?,
        metadata: cells.text_map()?,
        git: git(cells)?,
        cwd: cells.take()?,
        content_excerpt: cells.take()?,
        content_bytes: cells.take()?,
        redactions: cells.count_map()?,
        flags: cells.texts()?,
        turn_index: cells.take()?,
        seq: cells.take()?,
        billing: cells.take()?,
        device_id: cells.take()?,
        producer: cells.take()?,
        batch_id: cells.take()?,
        floor_version: cells.take()?,
        usage_detail: usage_detail(cells)?,
    })
}

fn error(cells: &mut Cells<'_, '_>) -> duckdb::Result<Option<ErrorRow>> {
    let has_error: bool = cells.take()?;
    let error = ErrorRow { kind: cells.take()?, status: cells.take()? };
    Ok(has_error.then_some(error))
}

fn git(cells: &mut Cells<'_, '_>) -> duckdb::Result<Option<BTreeMap<String, String>>> {
    const FIELDS: [&str; 5] = ["branch", "host", "remote_slug", "remote_url", "slug_source"];
    let has_git: bool = cells.take()?;
    let mut git = BTreeMap::new();
    for field in FIELDS {
        if let Some(text) = cells.take()? {
            git.insert(field.to_owned(), text);
        }
    }
    Ok(has_git.then_some(git))
}

fn usage_detail(
    cells: &mut Cells<'_, '_>,
) -> duckdb::Result<Option<BTreeMap<String, serde_json::Value>>> {
    let has_detail: bool = cells.take()?;
    let mut detail = BTreeMap::new();
    for field in ["cache_creation_1h", "audio_input", "audio_output", "web_search_requests"] {
        if let Some(count) = cells.take::<Option<u64>>()? {
            detail.insert(field.to_owned(), count.into());
        }
    }
    for field in ["service_tier", "speed"] {
        if let Some(text) = cells.take::<Option<String>>()? {
            detail.insert(field.to_owned(), text.into());
        }
    }
    if let Some(batch) = cells.take::<Option<bool>>()? {
        detail.insert("batch".to_owned(), batch.into());
    }
    Ok(has_detail.then_some(detail))
}

/// Reads the columns of [`TOOL_CALL`].
pub(super) fn tool_call(row: &Row<'_>) -> duckdb::Result<ToolCallRow> {
    let cells = &mut Cells::of(row);
    Ok(ToolCallRow {
        external_call_id: cells.take()?,
        session_id: cells.take()?,
        source_event_id: cells.take()?,
        segment_id: cells.take()?,
        agent: cells.take()?,
        server: cells.take()?,
        name: cells.take()?,
        call_index: cells.take()?,
        turn_index: cells.take()?,
        started_at: cells.time()?,
        ended_at: cells.maybe_time()?,
        status: cells.take()?,
        args_hash: cells.take()?,
        signature_hash: cells.take()?,
        args_bytes: cells.take()?,
        result_bytes: cells.take()?,
        model: cells.take()?,
        command_families: cells.texts()?,
    })
}

/// Reads the columns of [`SEGMENT`].
pub(super) fn segment(row: &Row<'_>) -> duckdb::Result<SegmentRow> {
    let cells = &mut Cells::of(row);
    let mut segment = SegmentRow {
        segment_id: cells.take()?,
        generation: cells.take()?,
        session_id: cells.take()?,
        started_at: cells.time()?,
        ended_at: cells.time()?,
        summary: cells.take()?,
        title: cells.take()?,
        work_type: cells.take()?,
        engine: cells.take()?,
        engine_version: cells.take()?,
        model_sha256: cells.take()?,
        prompt_version: cells.take()?,
        fallback_reason: cells.take()?,
        turns: 0,
        source_event_ids: cells.texts()?,
        tags: Vec::new(),
    };
    let (roots, names) = (cells.texts()?, cells.texts()?);
    segment.tags = roots.iter().zip(&names).map(|(root, name)| format!("{root}:{name}")).collect();
    segment.turns = segment.source_event_ids.len() as u64;
    Ok(segment)
}
