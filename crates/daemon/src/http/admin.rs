//! What a daemon says of itself.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use modelstat_door::refuse;

use super::{App, StatusSource, answer, token};
use crate::CAPABILITIES;
use crate::egress::{Ledger, LedgerEntry};

/// Most ledger entries of one reading.
const MAX_ENTRIES: u32 = 1_000;

/// Ledger entries of one reading, unless the caller says.
const DEFAULT_ENTRIES: u32 = 100;

/// Where reports come from.
pub(crate) struct Reports {
    pub(crate) status: Arc<StatusSource>,
    pub(crate) ledger: Arc<Ledger>,
}

#[derive(Serialize)]
struct Health {
    ok: bool,
    version: &'static str,
    capabilities: [&'static str; CAPABILITIES.len()],
    floor_version: &'static str,
}

pub(super) async fn healthz() -> Response {
    let health = Health {
        ok: true,
        version: env!("CARGO_PKG_VERSION"),
        capabilities: CAPABILITIES,
        floor_version: modelstat_redact::FLOOR_VERSION,
    };
    axum::Json(health).into_response()
}

pub(super) async fn status(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Err(refusal) = token::check_operator(&app, &headers) {
        return refusal.into_response();
    }
    let source = Arc::clone(&app.reports.status);
    match tokio::task::spawn_blocking(move || source()).await {
        Ok(Ok(status)) => axum::Json(status).into_response(),
        Ok(Err(error)) => {
            tracing::error!(%error, "the status could not be read");
            refuse::STORE.into_response()
        }
        Err(_) => refuse::PANICKED.into_response(),
    }
}

#[derive(Deserialize)]
pub(super) struct Page {
    after: Option<i64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Entries {
    entries: Vec<LedgerEntry>,
    /// What to ask for next; the same as asked when nothing is new.
    next_after: i64,
}

pub(super) async fn egress(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    page: Result<Query<Page>, QueryRejection>,
) -> Response {
    if let Err(refusal) = token::check_operator(&app, &headers) {
        return refusal.into_response();
    }
    let Ok(Query(page)) = page else { return answer::QUERY.into_response() };
    let (after, limit) = (page.after.unwrap_or(0), page.limit.unwrap_or(DEFAULT_ENTRIES));
    if limit > MAX_ENTRIES {
        return answer::QUERY.into_response();
    }
    let ledger = Arc::clone(&app.reports.ledger);
    match tokio::task::spawn_blocking(move || ledger.read_after(after, limit)).await {
        Ok(Ok(entries)) => {
            let next_after = entries.last().map_or(after, |entry| entry.id);
            axum::Json(Entries { entries, next_after }).into_response()
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "the ledger could not be read");
            refuse::STORE.into_response()
        }
        Err(_) => refuse::PANICKED.into_response(),
    }
}

pub(super) async fn not_found() -> Response {
    answer::NOT_FOUND.into_response()
}

pub(super) async fn wrong_method() -> Response {
    answer::METHOD.into_response()
}
