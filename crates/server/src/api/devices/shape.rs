//! What devices send and are told, in the shape of published daemons.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use modelstat_door::{Refusal, refuse};
use modelstat_redact::{RawText, RedactedText};
use modelstat_store::{Device, DeviceState, Fingerprint, Heartbeat, NewDevice, RegisteredDevice};
use modelstat_wire::limits::MAX_COUNT;
use modelstat_wire::{BatchFloor, Timestamp};
use serde::{Deserialize, Serialize};

/// Length of a device's own name for itself.
const UUID_CHARS: std::ops::RangeInclusive<usize> = 8..=64;

/// Longest text about a machine, as published.
const MAX_TEXT_CHARS: usize = 200;

/// Longest word of a heartbeat's status and version, as published.
const MAX_WORD_CHARS: usize = 40;

/// Longest claim code, as published.
const MAX_CLAIM_CODE_CHARS: usize = 40;

/// Longest key for signatures: 32 bytes in base64 or hexadecimal fit twice.
const MAX_PUBLIC_KEY_CHARS: usize = 128;

/// Most counts of a heartbeat.
const MAX_STATS: usize = 32;

/// A device that was silent for longer is shown as offline: three heartbeats.
const SILENT_MICROS: i64 = 180_000_000;

/// The envelope of every answer to a device.
#[derive(Serialize)]
pub(crate) struct Data<T> {
    pub(crate) data: T,
}

#[derive(Deserialize)]
pub(crate) struct RegisterWords {
    device_uuid: String,
    fingerprint: Option<FingerprintWords>,
    public_key: Option<String>,
}

#[derive(Default, Deserialize)]
struct FingerprintWords {
    os_family: Option<RawText>,
    os_version: Option<RawText>,
    arch: Option<RawText>,
    daemon: Option<RawText>,
    daemon_version: Option<RawText>,
    hostname: Option<RawText>,
    machine_id: Option<RawText>,
}

impl RegisterWords {
    pub(crate) fn checked_uuid(&self) -> Result<&str, Refusal> {
        let uuid = &self.device_uuid;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if UUID_CHARS.contains(&uuid.len()) && uuid.bytes().all(is_plain) {
            return Ok(uuid);
        }
        Err(refuse::MALFORMED.because("`device_uuid` has 8 to 64 letters, digits, `-`, `_`"))
    }

    pub(crate) fn checked_public_key(&self) -> Result<Option<String>, Refusal> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
        match &self.public_key {
            Some(key) if key.len() > MAX_PUBLIC_KEY_CHARS || !key.bytes().all(is_plain) => {
                let message = "`public_key` has at most 128 characters of base64 or hexadecimal";
                Err(refuse::MALFORMED.because(message))
            }
            key => Ok(key.clone().filter(|key| !key.is_empty())),
        }
    }

    pub(crate) fn redact(self, floor: &BatchFloor) -> NewDevice {
        let words = self.fingerprint.unwrap_or_default();
        let text = |text: Option<RawText>| short(floor, text, MAX_TEXT_CHARS);
        NewDevice {
            uuid: floor.redact_identifier(RawText::from(self.device_uuid)).as_str().to_owned(),
            fingerprint: Fingerprint {
                os_family: text(words.os_family),
                os_version: text(words.os_version),
                arch: text(words.arch),
                daemon: text(words.daemon),
                daemon_version: text(words.daemon_version),
                hostname: text(words.hostname),
                machine_id: text(words.machine_id),
            },
            public_key: None,
            previous_secret: None,
        }
    }
}

/// What a registration or a new secret is answered with.
#[derive(Serialize)]
pub(crate) struct DeviceWithSecret {
    device_id: String,
    device_uuid: String,
    device_secret: String,
    secret_prefix: String,
    claim_code: Option<String>,
    claim_url: Option<String>,
    status: DeviceState,
    /// A published server names its account here; this one has orgs, and tells them to keys only.
    user_id: Option<String>,
    re_registered: bool,
}

impl DeviceWithSecret {
    pub(crate) fn new(registered: RegisteredDevice, uuid: String, headers: &HeaderMap) -> Self {
        let device = registered.device;
        Self {
            claim_url: claim_url(headers, device.claim_code.as_deref()),
            device_id: device.id,
            device_uuid: uuid,
            device_secret: registered.secret,
            secret_prefix: device.secret_prefix,
            claim_code: device.claim_code,
            status: device.state,
            user_id: None,
            re_registered: registered.is_known,
        }
    }
}

/// What a device is told of itself.
#[derive(Serialize)]
pub(crate) struct DeviceMe {
    device_id: String,
    device_uuid: String,
    status: DeviceState,
    claim_code: Option<String>,
    claim_url: Option<String>,
    user_id: Option<String>,
}

impl DeviceMe {
    pub(crate) fn new(device: Device, claim_url: Option<String>) -> Self {
        Self {
            device_id: device.id,
            device_uuid: device.uuid,
            status: device.state,
            claim_code: device.claim_code,
            claim_url,
            user_id: None,
        }
    }
}

/// What is kept of a heartbeat; published daemons send more.
#[derive(Deserialize)]
pub(crate) struct HeartbeatWords {
    status: RawText,
    daemon_version: Option<RawText>,
    queue_size: Option<u64>,
    last_event_at: Option<Timestamp>,
    stats: Option<BTreeMap<String, serde_json::Value>>,
}

impl HeartbeatWords {
    pub(crate) fn redact(self, floor: &BatchFloor) -> Heartbeat {
        let is_plain = |name: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.".contains(&byte);
            !name.is_empty() && name.len() <= MAX_WORD_CHARS && name.bytes().all(is_plain)
        };
        // The map is open: what is no count is somebody else's, and is left out.
        let counts = self.stats.unwrap_or_default().into_iter().filter_map(|(name, value)| {
            let count = value.as_u64().filter(|count| *count <= MAX_COUNT)?;
            is_plain(&name)
                .then(|| floor.redact_identifier(RawText::from(name)))
                .map(|name| (name.as_str().to_owned(), count))
        });
        Heartbeat {
            status: short(floor, Some(self.status), MAX_WORD_CHARS)
                .unwrap_or_else(|| RedactedText::from_static("unknown")),
            daemon_version: short(floor, self.daemon_version, MAX_WORD_CHARS),
            queue_size: self.queue_size.map(|size| size.min(MAX_COUNT)),
            last_event_at: self.last_event_at,
            stats: counts.take(MAX_STATS).collect(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct HeartbeatAnswer {
    server_time: Timestamp,
    /// A published server names a version to update to; this one leaves that to the operator.
    daemon_release: Option<String>,
    installations_upserted: u64,
    identities_upserted: u64,
    /// Whether the device is claimed by now. Published servers don't say it here.
    status: DeviceState,
}

impl HeartbeatAnswer {
    pub(crate) fn new(status: DeviceState, server_time: Timestamp) -> Self {
        Self {
            server_time,
            daemon_release: None,
            installations_upserted: 0,
            identities_upserted: 0,
            status,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimWords {
    pub(crate) claim_code: String,
    /// An org's id or name.
    pub(crate) org_id: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct DeviceList {
    pub(crate) devices: Vec<DeviceRow>,
}

/// A device as its org sees it.
#[derive(Serialize)]
pub(crate) struct DeviceRow {
    device_id: String,
    state: DeviceState,
    /// What it said last, or `offline` when that was long ago; null before its first heartbeat.
    activity: Option<RedactedText>,
    os_family: Option<RedactedText>,
    os_version: Option<RedactedText>,
    arch: Option<RedactedText>,
    hostname: Option<RedactedText>,
    daemon: Option<RedactedText>,
    daemon_version: Option<RedactedText>,
    queue_size: Option<u64>,
    last_event_at: Option<Timestamp>,
    stats: BTreeMap<String, u64>,
    claimed_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    last_seen_at: Option<Timestamp>,
}

impl DeviceRow {
    pub(crate) fn new(device: Device, now: Timestamp) -> Self {
        let is_silent = device
            .last_seen_at
            .is_some_and(|seen| now.as_micros().saturating_sub(seen.as_micros()) > SILENT_MICROS);
        let is_over = is_silent || device.state == DeviceState::Revoked;
        let (fingerprint, heartbeat) = (device.fingerprint, device.heartbeat);
        let (activity, running, queue_size, last_event_at, stats) = match heartbeat {
            Some(said) => (
                Some(if is_over { RedactedText::from_static("offline") } else { said.status }),
                said.daemon_version,
                said.queue_size,
                said.last_event_at,
                said.stats,
            ),
            None => (None, None, None, None, BTreeMap::new()),
        };
        Self {
            device_id: device.id,
            state: device.state,
            activity,
            os_family: fingerprint.os_family,
            os_version: fingerprint.os_version,
            arch: fingerprint.arch,
            hostname: fingerprint.hostname,
            daemon: fingerprint.daemon,
            daemon_version: running.or(fingerprint.daemon_version),
            queue_size,
            last_event_at,
            stats,
            claimed_at: device.claimed_at,
            revoked_at: device.revoked_at,
            last_seen_at: device.last_seen_at,
        }
    }
}

/// The address where a person reads how to claim, as the device reached us.
pub(crate) fn claim_url(headers: &HeaderMap, claim_code: Option<&str>) -> Option<String> {
    let code = claim_code?;
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_plain) {
        return None;
    }
    // It is shown to nobody but the sender, so that a made-up header misleads nobody else.
    let is_https = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let scheme = if is_https { "https" } else { "http" };
    Some(format!("{scheme}://{host}/device/{code}"))
}

/// Brings a code that a person typed into the form in which it was given out.
pub(crate) fn normal_claim_code(typed: &str) -> Result<String, Refusal> {
    let words = typed.split(|letter: char| letter == '-' || letter.is_whitespace());
    let words: Vec<_> =
        words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
    let code = words.join("-");
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    if !code.is_empty() && code.len() <= MAX_CLAIM_CODE_CHARS && code.bytes().all(is_plain) {
        return Ok(code);
    }
    Err(refuse::MALFORMED.because("a claim code is three words such as `babab-dodod-gugug`"))
}

/// Runs the floor over a text, and cuts it; a blank one says nothing.
fn short(floor: &BatchFloor, text: Option<RawText>, limit_chars: usize) -> Option<RedactedText> {
    let (text, _) = text?.redact_with(floor.texts());
    let text = text.truncate_chars(limit_chars);
    Some(text).filter(|text| !text.as_str().trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_code_may_be_typed_loosely() {
        for typed in ["babab-dodod-gugug", " Babab dodod  GUGUG\n", "babab - dodod - gugug"] {
            assert_eq!(normal_claim_code(typed).ok().as_deref(), Some("babab-dodod-gugug"));
        }
        for wrong in ["", " - ", "a".repeat(41).as_str(), "babab/../x", "<b>", "бабаб"] {
            assert!(normal_claim_code(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_claim_address_takes_nothing_odd_from_a_header() {
        let url = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, header::HeaderValue::from_static(host));
            claim_url(&headers, Some("babab"))
        };
        assert_eq!(url("a.example:8080").as_deref(), Some("http://a.example:8080/device/babab"));
        assert_eq!(url("a.example/x?<script>"), None);
        assert_eq!(claim_url(&HeaderMap::new(), Some("babab")), None);
    }
}
