//! The receipts that daemons signed, for whoever checks them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State as AppState};
use axum::http::HeaderMap;
use modelstat_door::{Refusal, refuse};
use modelstat_store::{InboxError, KeptReceipt, ReceiptFilter};
use modelstat_wire::Timestamp;
use serde::{Deserialize, Serialize};

use super::devices::RegisteredKeys;
use super::invalid;
use crate::auth::authorize_receipts;
use crate::state::{State, blocking};

const DEFAULT_PAGE: usize = 100;
const MAX_PAGE: usize = 1_000;

#[derive(Debug, Deserialize)]
pub(crate) struct ReceiptParameters {
    after: Option<u64>,
    limit: Option<usize>,
    device: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Page {
    receipts: Vec<Shown>,
    /// What to ask for next; the same as asked when nothing is new.
    next_after: u64,
    /// How many of the org's oldest receipts made room for others so far.
    dropped: u64,
}

/// One receipt, in words and as it was signed.
#[derive(Serialize)]
struct Shown {
    position: u64,
    device: String,
    /// The device of the org that registered the key; null where none did.
    device_id: Option<String>,
    key_id: String,
    received_at: Timestamp,
    number: u64,
    head: String,
    payload: String,
    sent_at: Timestamp,
    /// As it stood in the header; what counts, as it can be checked.
    receipt: String,
}

impl Shown {
    fn new(kept: KeptReceipt, registered: &RegisteredKeys) -> Self {
        let receipt = &kept.receipt.receipt;
        let device = receipt.device();
        Self {
            position: kept.position,
            device_id: registered.device_id(&device),
            device,
            received_at: kept.received_at,
            number: receipt.number,
            head: hex::encode(receipt.head),
            payload: hex::encode(receipt.payload),
            sent_at: receipt.at,
            receipt: kept.receipt.encode(),
            key_id: kept.key_id,
        }
    }
}

/// `GET /v1/receipts`: a reader sees those of the org; who may only send, those that came with its own key.
pub(crate) async fn receipts(
    AppState(state): AppState<Arc<State>>,
    Query(parameters): Query<ReceiptParameters>,
    headers: HeaderMap,
) -> Result<Json<Page>, Refusal> {
    let turns = Arc::clone(&state);
    blocking(&turns.queries, move || {
        let (org_id, key_id) = authorize_receipts(&state, &headers)?;
        let limit = parameters.limit.unwrap_or(DEFAULT_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(invalid(format!("`limit` must be 1 to {MAX_PAGE}")));
        }
        let after = parameters.after.unwrap_or(0);
        let filter = ReceiptFilter { after, limit, key_id, device: parameters.device };
        let page = state.inbox.receipts(&org_id, &filter).map_err(|error| unread(&error))?;
        let registered = RegisteredKeys::of_org(&state, &org_id)?;
        let show = |kept| Shown::new(kept, &registered);
        let receipts: Vec<Shown> = page.receipts.into_iter().map(show).collect();
        let next_after = receipts.last().map_or(after, |last| last.position);
        Ok(Json(Page { receipts, next_after, dropped: page.dropped }))
    })
    .await
}

pub(super) fn unread(error: &InboxError) -> Refusal {
    tracing::error!(%error, "the receipts could not be read");
    refuse::STORE.because("the receipts are not available")
}
