//! What was received, and what became of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State as AppState};
use axum::http::HeaderMap;
use modelstat_door::Refusal;
use modelstat_store::PrivacyReport;

use super::{RangeParameters, ask, unanswered};
use crate::state::State;

/// `GET /v1/privacy`
pub(crate) async fn privacy(
    AppState(state): AppState<Arc<State>>,
    Query(range): Query<RangeParameters>,
    headers: HeaderMap,
) -> Result<Json<PrivacyReport>, Refusal> {
    let report = ask(state, headers, move |state, key| {
        let range = range.check(state.clock.now())?;
        state.ledger.privacy(&key.org_id, range).map_err(|error| unanswered(&error))
    });
    report.await.map(Json)
}
