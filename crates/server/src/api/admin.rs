//! Orgs and keys, for the operator of this machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as AppState};
use axum::http::{HeaderMap, StatusCode};
use modelstat_door::{Refusal, refuse};
use modelstat_engine::EngineStatus;
use modelstat_store::{DirectoryError, Key, NewKey, Org, Scope, TextSummary};
use modelstat_wire::{FloorAdditions, Timestamp};
use serde::{Deserialize, Serialize};

use crate::auth::{authorize_operator, unavailable};
use crate::state::{State, blocking};

const MAX_NAME_CHARS: usize = 80;

/// When a device that found no room may ask again, in seconds: somebody has to make room.
const UNCLAIMED_RETRY_S: u16 = 600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrgWords {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKeyWords {
    /// An org's id or name.
    org: String,
    scope: Scope,
    #[serde(default)]
    label: String,
    expires_at: Option<Timestamp>,
}

/// A key with the secret that is shown once.
#[derive(Serialize)]
pub(crate) struct KeyWithSecret {
    #[serde(flatten)]
    key: Key,
    secret: String,
}

#[derive(Serialize)]
pub(crate) struct Status {
    version: &'static str,
    floor_version: &'static str,
    redaction: FloorAdditions,
    price_book: String,
    inbox: InboxStatus,
    text: TextStatus,
    ledger_position: u64,
    refused_requests: BTreeMap<&'static str, u64>,
    /// What the operator should know of where text goes.
    warnings: Vec<String>,
}

/// Text of whole turns that waits for its abstract.
#[derive(Serialize)]
struct TextStatus {
    #[serde(flatten)]
    summary: TextSummary,
    /// What one org's text may take.
    max_bytes: u64,
    /// What makes abstracts, in the order in which it is asked.
    engines: Vec<&'static str>,
    /// How those with a model do.
    engine_states: Vec<EngineStatus>,
}

#[derive(Serialize)]
struct InboxStatus {
    batches: u64,
    bytes: u64,
    newest_position: u64,
    quarantined: u64,
}

type Shared = AppState<Arc<State>>;

/// `GET /v1/admin/orgs`
pub(crate) async fn orgs(AppState(state): Shared, headers: HeaderMap) -> Answer<Vec<Org>> {
    operate(state, headers, |state| state.directory.orgs().map_err(|error| unavailable(&error)))
        .await
}

/// `POST /v1/admin/orgs`
pub(crate) async fn create_org(
    AppState(state): Shared,
    headers: HeaderMap,
    Json(words): Json<NewOrgWords>,
) -> Answer<Org> {
    operate(state, headers, move |state| {
        let name = checked_name(&words.name)?;
        state.directory.create_org(name, state.clock.now()).map_err(refuse)
    })
    .await
}

/// `DELETE /v1/admin/orgs/{org}`: the org, its keys, its devices and all that it sent.
pub(crate) async fn remove_org(
    AppState(state): Shared,
    Path(org): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let applier = state.applier.clone();
    let directory = Arc::clone(&state);
    let closed = operate(state, headers, move |state| {
        let org = find_org(state, &org)?;
        let now = state.clock.now();
        let keys = state.directory.keys().map_err(|error| unavailable(&error))?;
        for key in keys.iter().filter(|key| key.org_id == org.id) {
            state.directory.revoke_key(&key.id, now).map_err(refuse)?;
        }
        let devices = state.directory.devices(now).map_err(refuse)?;
        for device in devices.iter().filter(|device| device.org_id.as_ref() == Some(&org.id)) {
            state.directory.revoke_device(&device.id, now).map_err(refuse)?;
        }
        Ok(org.id)
    });
    let Json(org_id) = closed.await?;
    // The org goes last: while it is there, a removal that broke off can be asked for again.
    applier.forget_org(org_id.clone()).await.map_err(|why| refuse::STORE.because(why))?;
    directory.known.forget_org(&org_id);
    let turns = Arc::clone(&directory);
    blocking(&turns.queries, move || directory.directory.remove_org(&org_id).map_err(refuse))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/admin/keys`
pub(crate) async fn keys(AppState(state): Shared, headers: HeaderMap) -> Answer<Vec<Key>> {
    operate(state, headers, |state| state.directory.keys().map_err(|error| unavailable(&error)))
        .await
}

/// `POST /v1/admin/keys`
pub(crate) async fn create_key(
    AppState(state): Shared,
    headers: HeaderMap,
    Json(words): Json<NewKeyWords>,
) -> Answer<KeyWithSecret> {
    operate(state, headers, move |state| {
        let org = find_org(state, &words.org)?;
        if words.label.chars().count() > MAX_NAME_CHARS {
            let message = format!("a label has at most {MAX_NAME_CHARS} characters");
            return Err(refuse::MALFORMED.because(message));
        }
        let new = NewKey {
            org_id: org.id,
            scope: words.scope,
            label: words.label,
            expires_at: words.expires_at,
        };
        let created = state.directory.create_key(new, state.clock.now()).map_err(refuse)?;
        Ok(KeyWithSecret { key: created.key, secret: created.secret })
    })
    .await
}

/// `DELETE /v1/admin/keys/{key_id}`
pub(crate) async fn revoke_key(
    AppState(state): Shared,
    Path(key_id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let revoked = operate(state, headers, move |state| {
        let revoked = state.directory.revoke_key(&key_id, state.clock.now()).map_err(refuse)?;
        if revoked {
            return Ok(());
        }
        Err(refuse::NOT_FOUND.because("there is no such key in force: `modelstat keys list`"))
    });
    revoked.await.map(|_| StatusCode::NO_CONTENT)
}

/// `GET /v1/admin/status`
pub(crate) async fn status(AppState(state): Shared, headers: HeaderMap) -> Answer<Status> {
    operate(state, headers, |state| {
        let failed = |error: modelstat_store::InboxError| {
            tracing::error!(%error, "the inbox did not answer");
            refuse::STORE.because("the inbox is not available")
        };
        let (batches, bytes) = state.inbox.depth().map_err(failed)?;
        Ok(Status {
            version: env!("CARGO_PKG_VERSION"),
            floor_version: modelstat_redact::FLOOR_VERSION,
            redaction: state.floor.additions(),
            price_book: state.book.version().to_owned(),
            inbox: InboxStatus {
                batches,
                bytes,
                newest_position: state.inbox.newest_position().map_err(failed)?,
                quarantined: state.inbox.quarantined().map_err(failed)?,
            },
            text: TextStatus {
                summary: state.inbox.text_summary(None).map_err(failed)?,
                max_bytes: state.text_bytes,
                engines: state.engines.names(),
                engine_states: state.models.status(),
            },
            ledger_position: state.ledger.position().map_err(|error| super::unanswered(&error))?,
            refused_requests: state.refused.counts(),
            warnings: state.models.warning().into_iter().collect(),
        })
    })
    .await
}

pub(super) type Answer<T> = Result<Json<T>, Refusal>;

pub(super) async fn operate<T: Send + 'static>(
    state: Arc<State>,
    headers: HeaderMap,
    work: impl FnOnce(&State) -> Result<T, Refusal> + Send + 'static,
) -> Answer<T> {
    let turns = Arc::clone(&state);
    let done = blocking(&turns.queries, move || {
        authorize_operator(&state, &headers)?;
        work(&state)
    });
    done.await.map(Json)
}

pub(super) fn find_org(state: &State, name_or_id: &str) -> Result<Org, Refusal> {
    let orgs = state.directory.orgs().map_err(|error| unavailable(&error))?;
    let found = orgs.into_iter().find(|org| org.id == name_or_id || org.name == name_or_id);
    found.ok_or_else(|| refuse::NOT_FOUND.because("there is no such org: `modelstat orgs list`"))
}

fn checked_name(name: &str) -> Result<&str, Refusal> {
    let name = name.trim();
    let is_plain = name.chars().all(|letter| letter.is_alphanumeric() || "-_. ".contains(letter));
    if name.is_empty() || !is_plain || name.chars().count() > MAX_NAME_CHARS {
        let message =
            format!("a name has 1 to {MAX_NAME_CHARS} letters, digits, `-`, `_`, `.`, spaces");
        return Err(refuse::MALFORMED.because(message));
    }
    Ok(name)
}

pub(super) fn refuse(error: DirectoryError) -> Refusal {
    match error {
        DirectoryError::NameTaken => {
            Refusal::new(StatusCode::CONFLICT, "name_taken", "an org of that name exists")
        }
        DirectoryError::NoSuchOrg => refuse::NOT_FOUND.because("there is no such org"),
        DirectoryError::TooManyUnclaimed => Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_unclaimed",
            "too many devices wait to be claimed; the operator claims or revokes some: \
             `modelstat devices list`",
        )
        .later(UNCLAIMED_RETRY_S),
        other => unavailable(&other),
    }
}
