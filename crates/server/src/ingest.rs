//! From a request to an acknowledged batch.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State as AppState;
use axum::http::HeaderMap;
use modelstat_door::{Refusal, check_content_type, receive, refuse};
use modelstat_redact::{FLOOR_VERSION, RawText, RedactedText};
use modelstat_store::{CarriedReceipt, EntryTurns, InboxEntry, InboxError, Receipt};
use modelstat_summarize::RemovedWords;
use modelstat_wire::limits::{MAX_BODY_BYTES, MAX_RAW_BODY_BYTES};
use modelstat_wire::{
    Accepted, DEFAULT_APP, IdentifierKey, IngestAnswer, IngestBatch, ParseError, Rejection,
    count_reasons, encode_batch, parse_batch, redact_batch, redact_batch_noting,
};

use crate::auth::{Sender, authorize_ingest};
use crate::receipts;
use crate::state::{State, blocking};

/// Which of the two endpoints took a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Excerpts,
    Raw,
}

/// `POST /v1/ingest`
pub(crate) async fn ingest(
    AppState(state): AppState<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<IngestAnswer>, Refusal> {
    take(state, headers, body, Endpoint::Excerpts).await
}

/// `POST /v1/ingest/raw`
pub(crate) async fn ingest_raw(
    AppState(state): AppState<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<IngestAnswer>, Refusal> {
    take(state, headers, body, Endpoint::Raw).await
}

/// The key is checked before a byte of the body is read.
async fn take(
    state: Arc<State>,
    headers: HeaderMap,
    body: Body,
    endpoint: Endpoint,
) -> Result<Json<IngestAnswer>, Refusal> {
    check_content_type(&headers)?;
    let sender = {
        let (state, headers) = (Arc::clone(&state), headers.clone());
        let authorized = move || authorize_ingest(&state, &headers);
        tokio::task::spawn_blocking(authorized).await.map_err(|_| refuse::PANICKED)??
    };
    let limit = match endpoint {
        Endpoint::Excerpts => MAX_BODY_BYTES,
        Endpoint::Raw => MAX_RAW_BODY_BYTES,
    };
    let received = receive(&headers, body, limit, state.limits.body_time, &state.budget).await?;
    let reading = Arc::clone(&state);
    let read = blocking(&state.parsing, move || {
        let plain = received.decompress()?;
        let mut read = read_batch(&reading, sender, &plain, received.wire_bytes(), endpoint)?;
        read.entry.receipt = receipts::carried(&headers, received.as_received());
        Ok(read)
    })
    .await?;
    let receipt = commit(&state, read.entry).await?;
    state.applier.wake();
    let events = read.events;
    let (taken, repeated) = match receipt {
        Receipt::Taken => (events, 0),
        Receipt::Repeat => (0, events),
    };
    let answer = match endpoint {
        Endpoint::Excerpts => IngestAnswer { accepted: Accepted::Count(taken), ..read.answer },
        Endpoint::Raw => IngestAnswer { accepted_events: Some(taken), ..read.answer },
    };
    Ok(Json(IngestAnswer { duplicate: repeated, ..answer }))
}

/// A batch that is ready to be committed, and the answer that it will get.
struct ReadBatch {
    entry: InboxEntry,
    events: usize,
    answer: IngestAnswer,
}

/// Parses, redacts and encodes: what is encoded is what is stored, never what came.
fn read_batch(
    state: &State,
    sender: Sender,
    body: &[u8],
    wire_bytes: usize,
    endpoint: Endpoint,
) -> Result<ReadBatch, Refusal> {
    let parsed = parse_batch(body).map_err(|error| refuse_body(&error))?;
    let mut removed = RemovedWords::new(state.floor.key());
    let mut batch = match endpoint {
        Endpoint::Excerpts => redact_batch(parsed.batch, &state.floor).0,
        Endpoint::Raw => {
            let mut note = |event: usize, piece: &RawText| removed.add(event, piece);
            redact_batch_noting(parsed.batch, &state.floor, &mut note).0
        }
    };
    let app = batch.app.get_or_insert_with(|| RedactedText::from_static(DEFAULT_APP)).clone();
    if let Some(device_id) = sender.device_id {
        batch.device_id = device_id;
    }
    let turns = (endpoint == Endpoint::Raw).then(|| {
        let turns = EntryTurns::of(&batch, app, removed.into_events());
        hide_turns(&mut batch, state.floor.key());
        turns
    });
    let redacted = |rejection: Rejection<RawText>| rejection.redact(&state.floor);
    let rejected: Vec<_> = parsed.rejected.into_iter().map(redacted).collect();
    let encoded = encode_batch(&batch);
    let events = batch.events.len();
    let entry = InboxEntry {
        org_id: sender.org_id,
        key_id: sender.credential,
        received_at: state.clock.now(),
        is_raw: endpoint == Endpoint::Raw,
        request_bytes: wire_bytes as u64,
        batch_id: batch.batch_id.clone(),
        content_hash: *blake3::hash(&encoded).as_bytes(),
        events: events as u64,
        encoded,
        rejected: count_reasons(&rejected),
        floor_version: FLOOR_VERSION,
        receipt: CarriedReceipt::None,
        turns,
    };
    let answer = IngestAnswer {
        accepted: Accepted::Received(true),
        accepted_events: None,
        duplicate: 0,
        rejected,
        batch_id: batch.batch_id,
        new_sessions: 0,
        updated_sessions: 0,
        queued: None,
        warnings: parsed.warnings,
    };
    Ok(ReadBatch { entry, events, answer })
}

/// Leaves keyed hashes where whole turns stood, so that the same event still is told from another of its
/// id, and nothing that is kept of a batch holds them.
fn hide_turns(batch: &mut IngestBatch<RedactedText>, key: &IdentifierKey) {
    for event in &mut batch.events {
        for text in [&mut event.content_excerpt, &mut event.reasoning_excerpt] {
            *text = text.as_deref().map(|text| key.hash(text));
        }
    }
}

fn refuse_body(error: &ParseError) -> Refusal {
    let refusal = match error {
        ParseError::TooMany { .. } => refuse::TOO_LARGE,
        _ => refuse::UNREADABLE,
    };
    refusal.because(error.to_string())
}

async fn commit(state: &State, entry: InboxEntry) -> Result<Receipt, Refusal> {
    let (done, committed) = tokio::sync::oneshot::channel();
    let report = Box::new(move |result| {
        // A caller that went away has no use for the answer; the batch is kept all the same.
        done.send(result).ok();
    });
    state.inbox.commit(entry, report);
    match committed.await {
        Ok(Ok(receipt)) => Ok(receipt),
        Ok(Err(error)) => Err(refuse_commit(&error)),
        Err(_) => Err(refuse::STOPPING),
    }
}

fn refuse_commit(error: &InboxError) -> Refusal {
    tracing::error!(%error, "the inbox refused a batch");
    match error {
        InboxError::DiskReserve => refuse::DISK_FULL,
        InboxError::Closed => refuse::STOPPING,
        _ => refuse::STORE,
    }
}
