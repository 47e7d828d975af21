//! What was received, and what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State as AppState};
use axum::http::HeaderMap;
use modelstat_door::Refusal;
use modelstat_store::{PrivacyReport, ReceiptDevice, ReceiptSummary, TextSummary};
use modelstat_wire::Timestamp;
use serde::Serialize;

use super::devices::RegisteredKeys;
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
    receipts: Receipts,
    waiting_text: TextSummary,
    /// What the org should know of where its text goes.
    warnings: Vec<String>,
}

/// What daemons signed, with the names of the devices that they registered as.
#[derive(Serialize)]
struct Receipts {
    valid: u64,
    invalid: BTreeMap<&'static str, u64>,
    dropped: u64,
    newest_at: Option<Timestamp>,
    known_devices: u64,
    devices: Vec<Signer>,
}

impl Receipts {
    fn new(summary: ReceiptSummary, registered: &RegisteredKeys) -> Self {
        let ReceiptSummary { valid, invalid, dropped, newest_at, known_devices, devices } = summary;
        let signer = |signed: ReceiptDevice| Signer {
            device_id: registered.device_id(&signed.device),
            signed,
        };
        let devices = devices.into_iter().map(signer).collect();
        Self { valid, invalid, dropped, newest_at, known_devices, devices }
    }
}

/// One key that signed.
#[derive(Serialize)]
struct Signer {
    #[serde(flatten)]
    signed: ReceiptDevice,
    /// The device of the org that registered the key; null where none did.
    device_id: Option<String>,
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
        let summary = receipts.map_err(|error| unread(&error))?;
        let registered = RegisteredKeys::of_org(state, &key.org_id)?;
        let waiting_text = state.inbox.text_summary(Some(&key.org_id));
        Ok(Privacy {
            report,
            receipts: Receipts::new(summary, &registered),
            waiting_text: waiting_text.map_err(|error| unread(&error))?,
            warnings: state.models.warning().into_iter().collect(),
        })
    });
    report.await.map(Json)
}
