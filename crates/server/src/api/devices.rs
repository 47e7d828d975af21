//! Devices: daemons that register themselves, are claimed by the operator, and say how they do.

mod keys;
mod shape;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Path, State as AppState};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use modelstat_door::{Refusal, Via, bearer, check_content_type, receive, refuse};
use modelstat_store::{Device, DeviceState, NewDevice};
use serde::de::DeserializeOwned;

use super::admin::{self, find_org, operate};
use super::ask;
use crate::auth::{authorize_device, unavailable};
use crate::state::{State, blocking};
pub(crate) use keys::RegisteredKeys;
use shape::{
    ClaimWords, Data, DeviceList, DeviceMe, DeviceRow, DeviceWithSecret, HeartbeatAnswer,
    HeartbeatWords, RegisterWords, claim_url, normal_claim_code,
};

/// Largest body of a registration: a handful of short texts.
const MAX_REGISTRATION_BYTES: usize = 16 * 1024;

/// Largest body of a heartbeat: published daemons add what they found on the machine, which is not
/// kept.
const MAX_HEARTBEAT_BYTES: usize = 256 * 1024;

/// Most devices that a reader is shown.
const MAX_LISTED: usize = 1_000;

/// The org of a claim that names none.
const DEFAULT_ORG: &str = "default";

type Shared = AppState<Arc<State>>;
type From = Option<Extension<Via>>;

/// `POST /v1/tokens`, and `POST /v1/devices/self-register` by its older name.
///
/// Anybody may call it, so that the sender's address, the body, the number and the life of what it
/// makes are bounded.
pub(crate) async fn register(
    AppState(state): Shared,
    from: From,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Data<DeviceWithSecret>>, Refusal> {
    check_content_type(&headers)?;
    let allowed = state.registrations.take(address_of(from.as_ref()), state.clock.now());
    allowed.map_err(|seconds| {
        too_many("too many devices register from this address; try again later").later(seconds)
    })?;
    let words: RegisterWords = read(&state, &headers, body, MAX_REGISTRATION_BYTES).await?;
    let turns = Arc::clone(&state);
    let registered = blocking(&turns.queries, move || {
        let uuid = words.checked_uuid()?.to_owned();
        let new = NewDevice {
            public_key: words.checked_public_key()?,
            previous_secret: bearer(&headers).map(str::to_owned),
            ..words.redact(&state.floor)
        };
        let registered = state.directory.register_device(new, state.clock.now());
        let registered = registered.map_err(admin::refuse)?;
        Ok(DeviceWithSecret::new(registered, uuid, &headers))
    });
    Ok(Json(Data { data: registered.await? }))
}

/// `GET /v1/devices/me`
pub(crate) async fn me(
    AppState(state): Shared,
    headers: HeaderMap,
) -> Result<Json<Data<DeviceMe>>, Refusal> {
    let turns = Arc::clone(&state);
    let me = blocking(&turns.queries, move || {
        let device = authorize_device(&state, &headers)?;
        let claim_url = claim_url(&headers, device.claim_code.as_deref());
        Ok(DeviceMe::new(device, claim_url))
    });
    Ok(Json(Data { data: me.await? }))
}

/// `POST /v1/devices/me/rotate-secret`
pub(crate) async fn rotate(
    AppState(state): Shared,
    headers: HeaderMap,
) -> Result<Json<Data<DeviceWithSecret>>, Refusal> {
    check_content_type(&headers)?;
    let turns = Arc::clone(&state);
    let rotated = blocking(&turns.queries, move || {
        let device = authorize_device(&state, &headers)?;
        let secret = bearer(&headers).ok_or(refuse::NO_KEY)?;
        let rotated = state.directory.rotate_device_secret(secret, state.clock.now());
        let rotated = rotated.map_err(|error| unavailable(&error))?.ok_or(refuse::NO_KEY)?;
        Ok(DeviceWithSecret::new(rotated, device.uuid, &headers))
    });
    Ok(Json(Data { data: rotated.await? }))
}

/// `POST /v1/devices/{device_id}/heartbeat`
pub(crate) async fn heartbeat(
    AppState(state): Shared,
    Path(device_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Data<HeartbeatAnswer>>, Refusal> {
    check_content_type(&headers)?;
    let device = {
        let (state, headers) = (Arc::clone(&state), headers.clone());
        let turns = Arc::clone(&state);
        blocking(&turns.queries, move || authorize_device(&state, &headers)).await?
    };
    if device.id != device_id {
        return Err(refuse::FORBIDDEN.because("the secret is another device's"));
    }
    let words: HeartbeatWords = read(&state, &headers, body, MAX_HEARTBEAT_BYTES).await?;
    let turns = Arc::clone(&state);
    let noted = blocking(&turns.queries, move || {
        let now = state.clock.now();
        let heartbeat = words.redact(&state.floor);
        let noted = state.directory.note_heartbeat(&device.id, &heartbeat, now);
        noted.map_err(|error| unavailable(&error))?;
        Ok(HeartbeatAnswer::new(device.state, now))
    });
    Ok(Json(Data { data: noted.await? }))
}

/// `POST /v1/devices/claim`, for the operator.
pub(crate) async fn claim(
    AppState(state): Shared,
    from: From,
    headers: HeaderMap,
    Json(words): Json<ClaimWords>,
) -> Result<Json<Data<Device>>, Refusal> {
    let address = address_of(from.as_ref());
    let Json(data) = operate(state, headers, move |state| {
        state.claims.take(address, state.clock.now()).map_err(|seconds| {
            too_many("too many wrong claim codes; try again later").later(seconds)
        })?;
        let code = normal_claim_code(&words.claim_code)?;
        let org = find_org(state, words.org_id.as_deref().unwrap_or(DEFAULT_ORG))?;
        let claimed = state.directory.claim_device(&code, &org.id, state.clock.now());
        let device = claimed.map_err(admin::refuse)?.ok_or_else(|| {
            refuse::NOT_FOUND.because(
                "no device waits under this claim code: `modelstat status` on the device's machine \
                 shows the code that is good now",
            )
        })?;
        state.claims.give_back(address);
        Ok(device)
    })
    .await?;
    Ok(Json(Data { data }))
}

/// `GET /v1/admin/devices`
pub(crate) async fn all(AppState(state): Shared, headers: HeaderMap) -> admin::Answer<Vec<Device>> {
    operate(state, headers, |state| {
        state.directory.devices(state.clock.now()).map_err(|error| unavailable(&error))
    })
    .await
}

/// `DELETE /v1/admin/devices/{device_id}`
pub(crate) async fn revoke(
    AppState(state): Shared,
    Path(device_id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let revoked = operate(state, headers, move |state| {
        let revoked = state.directory.revoke_device(&device_id, state.clock.now());
        if revoked.map_err(admin::refuse)? {
            return Ok(());
        }
        Err(refuse::NOT_FOUND.because("there is no such device in force: `modelstat devices list`"))
    });
    revoked.await.map(|_| StatusCode::NO_CONTENT)
}

/// `GET /v1/devices`: the devices of the reader's org, those heard of last first.
pub(crate) async fn of_org(
    AppState(state): Shared,
    headers: HeaderMap,
) -> Result<Json<DeviceList>, Refusal> {
    let list = ask(state, headers, |state, key| {
        let now = state.clock.now();
        let devices = state.directory.devices(now).map_err(|error| unavailable(&error))?;
        let is_own = |device: &Device| {
            device.org_id.as_ref() == Some(&key.org_id) && device.state != DeviceState::Unclaimed
        };
        let mut devices: Vec<_> = devices.into_iter().filter(is_own).collect();
        devices.sort_by_key(|device| std::cmp::Reverse((device.last_seen_at, device.claimed_at)));
        devices.truncate(MAX_LISTED);
        let row = |device| DeviceRow::new(device, now);
        Ok(DeviceList { devices: devices.into_iter().map(row).collect() })
    });
    list.await.map(Json)
}

/// `GET /device/{claim_code}`: a page for whoever follows a claim address. It does not tell whether
/// the code is good.
pub(crate) async fn how_to_claim(Path(claim_code): Path<String>) -> Response {
    let Ok(code) = normal_claim_code(&claim_code) else {
        return refuse::NOT_FOUND.because("this is no claim code").into_response();
    };
    let text = format!(
        "A device waits to be claimed. On the machine that runs this server:\n\n    \
         modelstat devices claim {code}\n\nClaim it only if this is the code that the device's own \
         machine shows (`modelstat status`).\n"
    );
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// Reads a body of JSON; unknown keys are ignored.
async fn read<T: DeserializeOwned + Send + 'static>(
    state: &Arc<State>,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<T, Refusal> {
    let received = receive(headers, body, limit, state.limits.body_time, &state.budget).await?;
    blocking(&state.parsing, move || {
        let plain = received.decompress()?;
        // The parser's message may quote what came.
        serde_json::from_slice(&plain).map_err(|_| refuse::MALFORMED)
    })
    .await
}

fn address_of(from: Option<&Extension<Via>>) -> IpAddr {
    match from {
        Some(Extension(Via::Tcp(peer))) => peer.ip(),
        _ => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}

fn too_many(message: &'static str) -> Refusal {
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many", message)
}
