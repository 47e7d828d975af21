//! What a key can see, and by what it can group.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State as AppState};
use axum::http::HeaderMap;
use modelstat_door::{Refusal, refuse};
use modelstat_wire::Timestamp;
use serde::Serialize;

use super::{RangeParameters, ask, unanswered};
use crate::auth::unavailable;
use crate::state::State;

#[derive(Serialize)]
pub(crate) struct Me {
    org: OrgName,
    scopes: Vec<&'static str>,
    expires_at: Option<Timestamp>,
    server_version: &'static str,
    first_event_at: Option<Timestamp>,
    last_event_at: Option<Timestamp>,
    daemon_url: Option<String>,
}

#[derive(Serialize)]
struct OrgName {
    id: String,
    name: String,
}

#[derive(Serialize)]
pub(crate) struct Dimensions {
    dimensions: [&'static str; 6],
    metadata_keys: Vec<String>,
}

/// `GET /v1/me`
pub(crate) async fn me(
    AppState(state): AppState<Arc<State>>,
    headers: HeaderMap,
) -> Result<Json<Me>, Refusal> {
    let me = ask(state, headers, |state, key| {
        let orgs = state.directory.orgs().map_err(|error| unavailable(&error))?;
        let org = orgs.into_iter().find(|org| org.id == key.org_id);
        let org = org.ok_or_else(|| refuse::NOT_FOUND.because("the key's org was removed"))?;
        let activity = state.ledger.activity(&org.id).map_err(|error| unanswered(&error))?;
        Ok(Me {
            org: OrgName { id: org.id, name: org.name },
            scopes: vec![key.scope.as_str()],
            expires_at: key.expires_at,
            server_version: env!("CARGO_PKG_VERSION"),
            first_event_at: activity.first_event_at,
            last_event_at: activity.last_event_at,
            daemon_url: state.daemon_url.clone(),
        })
    });
    me.await.map(Json)
}

/// `GET /v1/dimensions`
pub(crate) async fn dimensions(
    AppState(state): AppState<Arc<State>>,
    Query(range): Query<RangeParameters>,
    headers: HeaderMap,
) -> Result<Json<Dimensions>, Refusal> {
    let dimensions = ask(state, headers, move |state, key| {
        let range = range.check(state.clock.now())?;
        let metadata_keys =
            state.ledger.metadata_keys(&key.org_id, range).map_err(|error| unanswered(&error))?;
        Ok(Dimensions {
            dimensions: ["provider", "model", "app", "agent", "session", "kind"],
            metadata_keys,
        })
    });
    dimensions.await.map(Json)
}
