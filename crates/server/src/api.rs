//! The query API: each handler reads a question, asks the ledger, and shows the answer.

pub(crate) mod admin;
pub(crate) mod devices;
pub(crate) mod me;
pub(crate) mod privacy;
pub(crate) mod query;
pub(crate) mod receipts;
pub(crate) mod sessions;

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::HeaderMap;
use modelstat_door::{Refusal, refuse};
use modelstat_store::{Key, LedgerError, Scope, TimeRange};
use modelstat_wire::Timestamp;
use serde::Deserialize;

use crate::auth::authorize;
use crate::state::{State, blocking};

/// How far back a question without `from` looks.
const DEFAULT_DAYS: i64 = 30;

const DAY_MICROS: i64 = 86_400_000_000;

/// The range of a question in its address.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RangeParameters {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl RangeParameters {
    /// Fills in what was left out: the last 30 days, and what is coming.
    pub(crate) fn check(&self, now: Timestamp) -> Result<TimeRange, Refusal> {
        let to = self.to.unwrap_or(Timestamp::from_micros(now.as_micros() + DAY_MICROS));
        let from = self
            .from
            .unwrap_or(Timestamp::from_micros(to.as_micros() - (DEFAULT_DAYS + 1) * DAY_MICROS));
        if from >= to {
            return Err(invalid("`from` must be before `to`"));
        }
        Ok(TimeRange { from, to })
    }
}

/// Authorises a reader and runs the question off the threads that serve connections.
pub(crate) async fn ask<T: Send + 'static>(
    state: Arc<State>,
    headers: HeaderMap,
    question: impl FnOnce(&State, &Key) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let turns = Arc::clone(&state);
    blocking(&turns.queries, move || {
        let key = authorize(&state, &headers, Scope::Read)?;
        question(&state, &key)
    })
    .await
}

pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Refusal {
    refuse::QUERY.because(message)
}

pub(crate) fn unanswered(error: &LedgerError) -> Refusal {
    if let LedgerError::Query(message) = error {
        return invalid(*message);
    }
    tracing::error!(%error, "the ledger did not answer");
    refuse::STORE.because("the ledger is not available")
}
