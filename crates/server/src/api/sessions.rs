//! Sessions, one session, one event.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State as AppState};
use axum::http::HeaderMap;
use modelstat_door::{Refusal, refuse};
use modelstat_pricing::{Call, CostLine, Pricing};
use modelstat_store::{EventRow, SessionDetail, SessionFilter, SessionPage, ToolCallRow};
use modelstat_wire::{PicoUsd, Timestamp};
use serde::{Deserialize, Serialize};

use super::{RangeParameters, ask, invalid, unanswered};
use crate::state::State;

const DEFAULT_PAGE: usize = 50;
const MAX_PAGE: usize = 200;
/// Most events of one session that are listed.
const MAX_SESSION_EVENTS: usize = 1_000;
const MAX_WORDS: usize = 8;
const MAX_WORD_CHARS: usize = 100;

/// Vendors print the price of a million units.
const UNITS_OF_A_RATE: i128 = 1_000_000;

#[derive(Debug, Deserialize)]
pub(crate) struct SessionParameters {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    q: Option<String>,
    app: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AppParameter {
    app: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct EventDetail {
    event: EventRow,
    cost_lines: Vec<LineRow>,
    tool_calls: Vec<ToolCallRow>,
}

/// One line of an event's cost.
#[derive(Serialize)]
struct LineRow {
    class: &'static str,
    quantity: u64,
    rate_usd: PicoUsd,
    rate_usd_per_million: PicoUsd,
    multiplier: (u32, u32),
    amount: PicoUsd,
}

/// `GET /v1/sessions`
pub(crate) async fn sessions(
    AppState(state): AppState<Arc<State>>,
    Query(parameters): Query<SessionParameters>,
    headers: HeaderMap,
) -> Result<Json<SessionPage>, Refusal> {
    let page = ask(state, headers, move |state, key| {
        let range = RangeParameters { from: parameters.from, to: parameters.to };
        let limit = parameters.limit.unwrap_or(DEFAULT_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(invalid(format!("`limit` must be 1 to {MAX_PAGE}")));
        }
        let filter = SessionFilter {
            range: range.check(state.clock.now())?,
            words: words(parameters.q.as_deref().unwrap_or_default())?,
            app: parameters.app.filter(|app| !app.is_empty()),
            limit,
            cursor: parameters.cursor,
        };
        state.ledger.sessions(&key.org_id, &filter).map_err(|error| unanswered(&error))
    });
    page.await.map(Json)
}

/// `GET /v1/sessions/{session_id}`
pub(crate) async fn session(
    AppState(state): AppState<Arc<State>>,
    Path(session_id): Path<String>,
    Query(parameters): Query<AppParameter>,
    headers: HeaderMap,
) -> Result<Json<SessionDetail>, Refusal> {
    let session = ask(state, headers, move |state, key| {
        let app = parameters.app.as_deref();
        let found = state.ledger.session(&key.org_id, app, &session_id, MAX_SESSION_EVENTS);
        found
            .map_err(|error| unanswered(&error))?
            .ok_or_else(|| refuse::NOT_FOUND.because("there is no such session"))
    });
    session.await.map(Json)
}

/// `GET /v1/events/{source_event_id}`
pub(crate) async fn event(
    AppState(state): AppState<Arc<State>>,
    Path(event_id): Path<String>,
    Query(parameters): Query<AppParameter>,
    headers: HeaderMap,
) -> Result<Json<EventDetail>, Refusal> {
    let event = ask(state, headers, move |state, key| {
        let found = state.ledger.event(&key.org_id, parameters.app.as_deref(), &event_id);
        let (event, tool_calls) = found
            .map_err(|error| unanswered(&error))?
            .ok_or_else(|| refuse::NOT_FOUND.because("there is no such event"))?;
        let cost_lines = explain(state, &event);
        Ok(EventDetail { event, cost_lines, tool_calls })
    });
    event.await.map(Json)
}

fn words(text: &str) -> Result<Vec<String>, Refusal> {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let is_long = words.iter().any(|word| word.chars().count() > MAX_WORD_CHARS);
    if words.len() > MAX_WORDS || is_long {
        let limits = format!("`q` takes up to {MAX_WORDS} words of {MAX_WORD_CHARS} characters");
        return Err(invalid(limits));
    }
    Ok(words)
}

/// Prices a stored event again, line by line, by the book that priced it.
fn explain(state: &State, event: &EventRow) -> Vec<LineRow> {
    let Some(at) = event.ts else { return Vec::new() };
    if event.price_book.as_deref() != Some(state.book.version()) {
        return Vec::new();
    }
    let detail = |name: &str| event.usage_detail.as_ref().and_then(|detail| detail.get(name));
    let count = |name: &str| detail(name).and_then(serde_json::Value::as_u64);
    let text = |name: &str| detail(name).and_then(serde_json::Value::as_str);
    let pricing = state.book.price(&Call {
        provider: &event.provider,
        model: event.model.as_deref(),
        at,
        tokens: &event.tokens,
        usage_known: event.usage_known,
        cache_creation_1h: count("cache_creation_1h"),
        audio_input: count("audio_input"),
        audio_output: count("audio_output"),
        web_search_requests: count("web_search_requests"),
        service_tier: text("service_tier"),
        speed: text("speed"),
        batch: detail("batch").and_then(serde_json::Value::as_bool).unwrap_or(false),
    });
    match pricing {
        Pricing::Priced(cost) => cost.lines.into_iter().map(line).collect(),
        Pricing::Unpriced(_) => Vec::new(),
    }
}

fn line(line: CostLine) -> LineRow {
    LineRow {
        class: line.class,
        quantity: line.quantity,
        rate_usd: line.rate,
        rate_usd_per_million: PicoUsd(line.rate.0 * UNITS_OF_A_RATE),
        multiplier: line.multiplier,
        amount: line.amount,
    }
}
