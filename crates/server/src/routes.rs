//! Which handler answers which address.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State as AppState};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use modelstat_door::{RefusalCode, refuse};

use crate::api::{admin, devices, me, privacy, query, receipts, sessions};
use crate::ingest::{ingest, ingest_raw};
use crate::state::State;

/// Longest time from a question's head to its answer.
const MAX_ANSWER_TIME: Duration = Duration::from_mins(1);

/// Largest body of an operator's request.
const MAX_ADMIN_BYTES: usize = 64 * 1024;

/// Puts the whole address space together.
pub(crate) fn router(state: Arc<State>) -> Router {
    // Bodies of these two are bounded by `read_body`, which also unpacks them.
    let ingest = Router::new()
        .route("/v1/ingest", post(ingest))
        .route("/v1/ingest/raw", post(ingest_raw))
        .layer(DefaultBodyLimit::disable());
    let questions = Router::new()
        .route("/v1/me", get(me::me))
        .route("/v1/dimensions", get(me::dimensions))
        .route("/v1/query", post(query::query))
        .route("/v1/sessions", get(sessions::sessions))
        .route("/v1/sessions/{session_id}", get(sessions::session))
        .route("/v1/events/{source_event_id}", get(sessions::event))
        .route("/v1/privacy", get(privacy::privacy))
        .route("/v1/receipts", get(receipts::receipts))
        .route("/v1/devices", get(devices::of_org))
        .layer(DefaultBodyLimit::max(query::MAX_QUESTION_BYTES))
        .layer(middleware::from_fn(in_time));
    let admin = Router::new()
        .route("/v1/admin/orgs", get(admin::orgs).post(admin::create_org))
        .route("/v1/admin/orgs/{org}", delete(admin::remove_org))
        .route("/v1/admin/keys", get(admin::keys).post(admin::create_key))
        .route("/v1/admin/keys/{key_id}", delete(admin::revoke_key))
        .route("/v1/admin/devices", get(devices::all))
        .route("/v1/admin/devices/{device_id}", delete(devices::revoke))
        .route("/v1/devices/claim", post(devices::claim))
        .route("/v1/admin/status", get(admin::status))
        .layer(DefaultBodyLimit::max(MAX_ADMIN_BYTES))
        .layer(middleware::from_fn(in_time));
    // Bodies of these are bounded by `receive`, as daemons compress them.
    let devices = Router::new()
        .route("/v1/tokens", post(devices::register))
        .route("/v1/devices/self-register", post(devices::register))
        .route("/v1/devices/me", get(devices::me))
        .route("/v1/devices/me/rotate-secret", post(devices::rotate))
        .route("/v1/devices/{device_id}/heartbeat", post(devices::heartbeat))
        .route("/device/{claim_code}", get(devices::how_to_claim))
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(in_time));
    Router::new()
        .merge(ingest)
        .merge(devices)
        .merge(questions)
        .merge(admin)
        .route("/healthz", get(healthz))
        .fallback(dashboard)
        .layer(middleware::from_fn_with_state(Arc::clone(&state), guarded))
        .with_state(state)
}

/// Guards every request, and says what our own pages may load.
async fn guarded(AppState(state): AppState<Arc<State>>, request: Request, next: Next) -> Response {
    let mut response = modelstat_door::around(state.address, request, next).await;
    if let Some(RefusalCode(code)) = response.extensions().get() {
        state.refused.count(code);
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let policy = HeaderName::from_static("content-security-policy");
    headers.insert(policy, HeaderValue::from_static(modelstat_web::CONTENT_SECURITY_POLICY));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Bounds a request from its head to its answer, so that who sends half a body holds nothing for
/// long.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(MAX_ANSWER_TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refuse::TOO_SLOW.into_response(),
    }
}

async fn healthz() -> Json<serde_json::Value> {
    Json(serde_json::json!({
        "ok": true,
        "version": env!("CARGO_PKG_VERSION"),
        "floor_version": modelstat_redact::FLOOR_VERSION,
        "capabilities": ["gzip", "zstd"],
    }))
}

/// The dashboard's files; what looks like an API address is told that it is none.
async fn dashboard(request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/v1/") || path == "/v1" {
        return refuse::NOT_FOUND
            .because("there is no such address; docs/protocol.md lists them")
            .into_response();
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return refuse::METHOD.because("this path is read with GET").into_response();
    }
    let asset = modelstat_web::asset(path);
    let etag = asset.etag.as_deref().and_then(|etag| HeaderValue::from_str(etag).ok());
    let is_known = etag.is_some() && request.headers().get(header::IF_NONE_MATCH) == etag.as_ref();
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let status =
            StatusCode::from_u16(asset.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, asset.body.into_owned()).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(asset.cache_control));
    if let Some(etag) = etag {
        headers.insert(header::ETAG, etag);
    }
    response
}
