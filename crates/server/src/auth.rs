//! Who asks.

use axum::http::HeaderMap;
use modelstat_door::{Refusal, bearer, refuse};
use modelstat_redact::RedactedText;
use modelstat_store::{DEVICE_SECRET_PREFIX, Device, DeviceState, DirectoryError, Key, Scope};

use crate::state::State;

/// Who sends a batch.
pub(crate) struct Sender {
    pub(crate) org_id: String,
    /// The key's id or the device's.
    pub(crate) credential: String,
    /// Whose batch it is, whatever the batch says, where a device sends it.
    pub(crate) device_id: Option<RedactedText>,
}

/// Finds who sends a batch: the holder of a key, or a device that was claimed.
pub(crate) fn authorize_ingest(state: &State, headers: &HeaderMap) -> Result<Sender, Refusal> {
    if !bearer(headers).is_some_and(is_of_device) {
        let key = authorize(state, headers, Scope::Ingest)?;
        return Ok(Sender { org_id: key.org_id, credential: key.id, device_id: None });
    }
    let device = authorize_device(state, headers)?;
    let device_id = Some(device.wire_id());
    if let (DeviceState::Claimed, Some(org_id)) = (device.state, device.org_id) {
        return Ok(Sender { org_id, credential: device.id, device_id });
    }
    let code = device.claim_code.unwrap_or_default();
    let message =
        format!("the device is not claimed yet: `modelstat devices claim {code}` on the server");
    Err(Refusal::new(refuse::FORBIDDEN.status(), "unclaimed", "").because(message))
}

/// Finds who asks for receipts, and the credential to whose own receipts it is held unless it may read all.
pub(crate) fn authorize_receipts(
    state: &State,
    headers: &HeaderMap,
) -> Result<(String, Option<String>), Refusal> {
    if bearer(headers).is_some_and(is_of_device) {
        let sender = authorize_ingest(state, headers)?;
        return Ok((sender.org_id, Some(sender.credential)));
    }
    let key = authorize_one_of(state, headers, &[Scope::Read, Scope::Ingest])?;
    let may_read_all = key.scope.allows(Scope::Read);
    Ok((key.org_id, (!may_read_all).then_some(key.id)))
}

/// Finds the device that asks, claimed or not.
pub(crate) fn authorize_device(state: &State, headers: &HeaderMap) -> Result<Device, Refusal> {
    let secret = bearer(headers).ok_or(refuse::NO_KEY)?;
    let found = state.directory.device_of(secret, state.clock.now());
    found.map_err(|error| unavailable(&error))?.ok_or_else(|| {
        refuse::NO_KEY.because(
            "the device is unknown, revoked, or was not claimed in time: register it again with `POST /v1/tokens`",
        )
    })
}

fn is_of_device(secret: &str) -> bool {
    secret.starts_with(DEVICE_SECRET_PREFIX)
}

/// Finds the key of a request and checks that it allows what is asked.
pub(crate) fn authorize(state: &State, headers: &HeaderMap, needed: Scope) -> Result<Key, Refusal> {
    authorize_one_of(state, headers, &[needed])
}

/// Finds the key of a request and checks that it allows one of several things, of which the first is told
/// to whom none is allowed.
fn authorize_one_of(state: &State, headers: &HeaderMap, needed: &[Scope]) -> Result<Key, Refusal> {
    let secret = bearer(headers).ok_or(refuse::NO_KEY)?;
    if is_of_device(secret) {
        return Err(refuse::FORBIDDEN.because(format!(
            "a device's secret sends events and heartbeats only: `modelstat keys create --scope {}`",
            needed.first().map_or("none", |needed| needed.as_str())
        )));
    }
    let found = state
        .directory
        .authenticate(secret, state.clock.now())
        .map_err(|error| unavailable(&error))?;
    let Some(key) = found else {
        return Err(refuse::NO_KEY.because(
            "the key is unknown, revoked or expired: make one with `modelstat keys create`",
        ));
    };
    if needed.iter().any(|needed| key.scope.allows(*needed)) {
        return Ok(key);
    }
    let (has, wants) =
        (key.scope.as_str(), needed.first().map_or("none", |needed| needed.as_str()));
    Err(refuse::FORBIDDEN.because(format!(
        "the key has scope `{has}`, this needs `{wants}`: `modelstat keys create --scope {wants}`"
    )))
}

/// Checks that the operator of this machine asks.
pub(crate) fn authorize_operator(state: &State, headers: &HeaderMap) -> Result<(), Refusal> {
    if state.operator.matches(bearer(headers).ok_or(refuse::NO_KEY)?) {
        return Ok(());
    }
    Err(refuse::NO_KEY.because("this needs the token of the running process, from its run.json"))
}

pub(crate) fn unavailable(error: &DirectoryError) -> Refusal {
    tracing::error!(%error, "the directory failed");
    refuse::STORE.because("the directory of keys is not available")
}
