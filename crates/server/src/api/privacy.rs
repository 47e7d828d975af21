//! What was received, and what became of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State as AppState};
use axum::http::HeaderMap;
use modelstat_door::Refusal;
use modelstat_store::{PrivacyReport, ReceiptSummary, TextSummary};
use serde::Serialize;

use super::receipts::unread;
use super::{RangeParameters, ask, unanswered};
use crate::state::State;

/// Most devices whose receipts are listed: what a page can show.
const MAX_DEVICES: usize = 1_000;

/// What was received in a range, what daemons signed since ever, and the text that waits for its abstract.
#[derive(Serialize)]
pub(crate) struct Privacy {
    #[serde(flatten)]
    report: PrivacyReport,
    receipts: ReceiptSummary,
    waiting_text: TextSummary,
}

/// `GET /v1/privacy`
pub(crate) async fn privacy(
    AppState(state): AppState<Arc<State>>,
    Query(range): Query<RangeParameters>,
    headers: HeaderMap,
) -> Result<Json<Privacy>, Refusal> {
    let report = ask(state, headers, move |state, key| {
        let range = range.check(state.clock.now())?;
        let report =
            state.ledger.privacy(&key.org_id, range).map_err(|error| unanswered(&error))?;
        let receipts = state.inbox.receipt_summary(&key.org_id, MAX_DEVICES);
        let waiting_text = state.inbox.text_summary(Some(&key.org_id));
        Ok(Privacy {
            report,
            receipts: receipts.map_err(|error| unread(&error))?,
            waiting_text: waiting_text.map_err(|error| unread(&error))?,
        })
    });
    report.await.map(Json)
}
