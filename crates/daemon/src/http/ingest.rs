//! A batch arrives: parsed, redacted, committed, acknowledged.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use modelstat_door::{Refusal, Via, bearer, check_content_type, receive, refuse};
use modelstat_redact::{RawText, RedactedText};
use modelstat_summarize::RemovedWords;
use modelstat_wire::limits::{MAX_BODY_BYTES, MAX_RAW_BODY_BYTES};
use modelstat_wire::{
    Accepted, BatchFloor, IngestAnswer, IngestBatch, ParseError, ParsedBatch, Rejection, Timestamp,
    count_reasons,
};

use super::{App, answer, token};
use crate::keys::KeysError;
use crate::spool::{Arrived, CommitError, Entry, Receipt, pack_quickly, pack_removed};

/// The two endpoints, which differ in a limit and in the shape of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Ingest,
    Raw,
}

impl Endpoint {
    const fn max_body_bytes(self) -> usize {
        match self {
            Self::Ingest => MAX_BODY_BYTES,
            Self::Raw => MAX_RAW_BODY_BYTES,
        }
    }
}

pub(super) async fn ingest(State(app): State<Arc<App>>, request: Request) -> Response {
    handle(&app, request, Endpoint::Ingest).await
}

pub(super) async fn ingest_raw(State(app): State<Arc<App>>, request: Request) -> Response {
    handle(&app, request, Endpoint::Raw).await
}

async fn handle(app: &App, request: Request, endpoint: Endpoint) -> Response {
    match take(app, request, endpoint).await {
        Ok(answer) => axum::Json(answer).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn take(app: &App, request: Request, endpoint: Endpoint) -> Result<IngestAnswer, Refusal> {
    let (parts, body) = request.into_parts();
    token::check_sender(app, parts.extensions.get::<Via>().copied(), &parts.headers)?;
    let secret = bearer(&parts.headers).ok_or(refuse::NO_KEY)?.to_owned();
    check_content_type(&parts.headers)?;
    let limit = endpoint.max_body_bytes();
    let received = receive(&parts.headers, body, limit, app.limits.body_time, &app.budget).await?;
    let worker = Arc::clone(&app.workers).acquire_owned().await.map_err(|_| refuse::STOPPING)?;
    let (keys, floor) = (Arc::clone(&app.keys), app.floor.clone());
    let now = app.clock.now();
    let prepared = tokio::task::spawn_blocking(move || {
        let _worker = worker;
        let plain = received.decompress()?;
        let parsed = modelstat_wire::parse_batch(&plain).map_err(|error| refuse_body(&error))?;
        drop(plain);
        let key = keys.number_of(&secret).map_err(|error| refuse_key(&error))?;
        Ok(Prepared::new(parsed, key, &floor, now))
    });
    let prepared = prepared.await.map_err(|_| refuse::PANICKED)??;
    let events = prepared.events;
    let receipt = app.writer.commit(prepared.entry).await.map_err(refuse_commit)?;
    let (taken, duplicate) = match receipt {
        Receipt::Taken => (events, 0),
        Receipt::Repeat => (0, events),
    };
    let (accepted, accepted_events) = match endpoint {
        Endpoint::Ingest => (Accepted::Count(taken), None),
        Endpoint::Raw => (Accepted::Received(true), Some(taken)),
    };
    Ok(IngestAnswer {
        accepted,
        accepted_events,
        duplicate,
        rejected: prepared.rejected,
        batch_id: prepared.batch_id,
        new_sessions: 0,
        updated_sessions: 0,
        queued: Some(true),
        warnings: prepared.warnings,
    })
}

/// What is left of a request once it is redacted.
struct Prepared {
    entry: Entry,
    events: usize,
    batch_id: RedactedText,
    rejected: Vec<Rejection<RedactedText>>,
    warnings: Vec<&'static str>,
}

impl Prepared {
    fn new(parsed: ParsedBatch, key: u32, floor: &BatchFloor, now: Timestamp) -> Self {
        let mut removed = RemovedWords::new(floor.key());
        let mut note = |event: usize, piece: &RawText| removed.add(event, piece);
        let (batch, findings) = modelstat_wire::redact_batch_noting(parsed.batch, floor, &mut note);
        let encoded = modelstat_wire::encode_batch(&batch);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&key.to_be_bytes()).update(&encoded);
        let redacted = |rejection: Rejection<RawText>| rejection.redact(floor);
        let rejected: Vec<_> = parsed.rejected.into_iter().map(redacted).collect();
        let (events, batch_id) = (batch.events.len(), batch.batch_id.clone());
        let removed = removed.into_events();
        let is_kept = holds_anything(&batch);
        let entry = Entry {
            key,
            received_at: now,
            hash: *hasher.finalize().as_bytes(),
            events: events as u64,
            removed: pack_removed(&removed),
            body: is_kept.then(|| pack_quickly(&encoded)),
            rejected: count_reasons(&rejected),
            findings,
            arrived: is_kept.then_some(Arrived { batch, removed, bytes: encoded.len() }),
        };
        Self { entry, events, batch_id, rejected, warnings: parsed.warnings }
    }
}

fn holds_anything(batch: &IngestBatch<RedactedText>) -> bool {
    !batch.events.is_empty()
        || !batch.segments.is_empty()
        || !batch.tool_calls.is_empty()
        || !batch.session_installs.is_empty()
        || !batch.session_titles.is_empty()
        || batch.outcomes.is_some()
}

fn refuse_body(error: &ParseError) -> Refusal {
    let refusal = match error {
        ParseError::TooMany { .. } => refuse::TOO_LARGE,
        _ => refuse::UNREADABLE,
    };
    refusal.because(error.to_string())
}

fn refuse_key(error: &KeysError) -> Refusal {
    match error {
        KeysError::TooMany => answer::KEYS_FULL,
        KeysError::File(_) | KeysError::Damaged { .. } => {
            tracing::error!(%error, "a key could not be kept");
            refuse::STORE
        }
    }
}

fn refuse_commit(error: CommitError) -> Refusal {
    match error {
        CommitError::Full => answer::SPOOL_FULL,
        CommitError::KeyFull => answer::KEY_FULL,
        CommitError::DiskReserve => refuse::DISK_FULL,
        CommitError::Closed => refuse::STOPPING,
        CommitError::Database(error) => {
            tracing::error!(%error, "a batch could not be committed");
            refuse::STORE
        }
    }
}
