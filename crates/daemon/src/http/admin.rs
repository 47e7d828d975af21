//! What a daemon says of itself.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use modelstat_door::refuse;

use super::{App, StatusSource, answer, token};
use crate::CAPABILITIES;
use crate::egress::{Door, Ledger};

/// Where reports come from.
pub(crate) struct Reports {
    pub(crate) status: Arc<StatusSource>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) door: Arc<Door>,
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

pub(super) async fn not_found() -> Response {
    answer::NOT_FOUND.into_response()
}

pub(super) async fn wrong_method() -> Response {
    answer::METHOD.into_response()
}
