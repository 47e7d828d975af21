//! What left this machine, and what the server can show of it.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use modelstat_door::refuse;
use modelstat_wire::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::token::check_operator;
use super::{App, answer};
use crate::egress::{LedgerEntry, Question, ReadStart, SendError};

/// Most ledger entries of one reading.
const MAX_ENTRIES: u32 = 1_000;

/// Ledger entries of one reading, unless the caller says.
const DEFAULT_ENTRIES: u32 = 100;

/// Receipts of one question to the server.
const RECEIPTS_PER_QUESTION: u32 = 1_000;

#[derive(Deserialize)]
pub(super) struct Page {
    after: Option<i64>,
    tail: Option<u32>,
    since: Option<Timestamp>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Entries {
    entries: Vec<LedgerEntry>,
    /// What to ask for next; the same as asked when nothing is new.
    next_after: i64,
}

/// `GET /v1/egress`
pub(super) async fn entries(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    page: Result<Query<Page>, QueryRejection>,
) -> Response {
    if let Err(refusal) = check_operator(&app, &headers) {
        return refusal.into_response();
    }
    let Ok(Query(page)) = page else { return answer::QUERY.into_response() };
    let limit = page.limit.unwrap_or(DEFAULT_ENTRIES);
    if limit > MAX_ENTRIES {
        return answer::QUERY.into_response();
    }
    let ledger = Arc::clone(&app.reports.ledger);
    let read = move || {
        let start = ReadStart { tail: page.tail, since: page.since };
        let after = match page.after {
            Some(after) => after,
            None => ledger.place_before(&start)?,
        };
        let entries = ledger.read_after(after, limit)?;
        let next_after = entries.last().map_or(after, |entry| entry.id);
        Ok::<_, crate::database::DatabaseError>(Entries { entries, next_after })
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(entries)) => axum::Json(entries).into_response(),
        Ok(Err(error)) => {
            tracing::error!(%error, "the ledger could not be read");
            refuse::STORE.into_response()
        }
        Err(_) => refuse::PANICKED.into_response(),
    }
}

#[derive(Deserialize)]
pub(super) struct ReceiptsPage {
    key: u32,
    after: Option<u64>,
}

/// What the server said when it was asked for receipts.
#[derive(Serialize)]
struct ServerSaid {
    /// Host, port and path of where batches go.
    destination: String,
    /// The status; absent when there was no answer.
    status: Option<u16>,
    /// Why there was no answer.
    failure: Option<String>,
    /// What it answered, if that is JSON.
    answer: Option<Box<RawValue>>,
}

/// `GET /v1/egress/receipts`: asks the server, through the one door, for the receipts that it holds of this
/// device and a key.
pub(super) async fn receipts(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    page: Result<Query<ReceiptsPage>, QueryRejection>,
) -> Response {
    if let Err(refusal) = check_operator(&app, &headers) {
        return refusal.into_response();
    }
    let Ok(Query(page)) = page else { return answer::QUERY.into_response() };
    let Some(secret) = app.keys.secret(page.key) else {
        return answer::NOT_FOUND.because("the daemon has no key of that number").into_response();
    };
    let door = Arc::clone(&app.reports.door);
    let asked = tokio::task::spawn_blocking(move || {
        let path = format!(
            "/v1/receipts?device={}&after={}&limit={RECEIPTS_PER_QUESTION}",
            door.device(),
            page.after.unwrap_or(0),
        );
        let reply = door.ask(&Question { path: &path, key: page.key, secret: &secret });
        let destination = door.destination();
        match reply {
            Ok(reply) => Ok(ServerSaid {
                destination,
                status: Some(reply.status),
                failure: None,
                answer: serde_json::from_slice(&reply.body).ok(),
            }),
            Err(SendError::Transport(word)) => Ok(ServerSaid {
                destination,
                status: None,
                failure: Some(word.to_owned()),
                answer: None,
            }),
            Err(error @ SendError::Ledger(_)) => Err(error),
        }
    });
    match asked.await {
        Ok(Ok(said)) => axum::Json(said).into_response(),
        Ok(Err(error)) => {
            tracing::error!(%error, "nothing is asked while the ledger cannot be written");
            refuse::STORE.into_response()
        }
        Err(_) => refuse::PANICKED.into_response(),
    }
}
