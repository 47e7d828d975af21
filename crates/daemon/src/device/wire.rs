//! What a device sends of itself, and what it reads of the answers.
//!
//! Every field here leaves the machine: `docs/protocol.md#devices` lists them.

use std::collections::BTreeMap;

use modelstat_wire::Timestamp;
use serde::{Deserialize, Serialize};

use super::Registration;

/// Most bytes of each text of an answer that is kept.
const MAX_ANSWER_TEXT: usize = 512;

#[derive(Serialize)]
pub(super) struct RegisterBody<'a> {
    pub(super) device_uuid: &'a str,
    /// By which the receipts of its batches are checked, in hexadecimal digits.
    pub(super) public_key: &'a str,
    pub(super) fingerprint: Fingerprint<'a>,
}

#[derive(Serialize)]
pub(super) struct Fingerprint<'a> {
    os_family: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_version: Option<&'a str>,
    arch: &'a str,
    daemon: &'static str,
    daemon_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine_id: Option<&'a str>,
}

impl<'a> Fingerprint<'a> {
    pub(super) fn of(registration: &'a Registration) -> Self {
        Self {
            os_family: &registration.os_family,
            os_version: registration.os_version.as_deref(),
            arch: &registration.arch,
            daemon: "modelstat-daemon",
            daemon_version: env!("CARGO_PKG_VERSION"),
            hostname: registration.hostname.as_deref(),
            machine_id: registration.machine_id.as_deref(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct HeartbeatBody<'a> {
    pub(super) device_id: &'a str,
    pub(super) status: &'static str,
    pub(super) queue_size: u64,
    pub(super) stats: BTreeMap<String, u64>,
    pub(super) last_event_at: Option<Timestamp>,
    pub(super) daemon_version: &'static str,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

/// What a registration is answered with.
#[derive(Deserialize)]
pub(super) struct RegisterAnswer {
    pub(super) device_id: String,
    pub(super) device_secret: String,
    pub(super) status: Option<String>,
    pub(super) claim_code: Option<String>,
    pub(super) claim_url: Option<String>,
}

#[derive(Deserialize)]
struct HeartbeatAnswer {
    status: Option<String>,
}

impl RegisterAnswer {
    /// Reads an answer; `None` if it gives no usable device. What it gives ends up in an address, a
    /// header and on a screen.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let answer: Envelope<Self> = serde_json::from_slice(body).ok()?;
        let answer = answer.data;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let is_usable = !answer.device_id.is_empty()
            && answer.device_id.len() <= MAX_ANSWER_TEXT
            && answer.device_id.bytes().all(is_name)
            && !answer.device_secret.is_empty()
            && answer.device_secret.len() <= MAX_ANSWER_TEXT
            && answer.device_secret.bytes().all(|byte| byte.is_ascii_graphic());
        is_usable.then(|| Self {
            claim_code: answer.claim_code.filter(|code| is_shown(code)),
            claim_url: answer.claim_url.filter(|url| is_shown(url)),
            ..answer
        })
    }

    /// Whether the device may send its events. A server that gives no claim code claims nothing.
    pub(super) fn is_claimed(&self) -> bool {
        self.status.as_deref() == Some(CLAIMED) || self.claim_code.is_none()
    }
}

/// What a server says of a device that belongs to somebody.
const CLAIMED: &str = "claimed";

/// Reads from a heartbeat's answer whether the device is claimed, if the server says.
pub(super) fn read_claimed(body: &[u8]) -> Option<bool> {
    let answer: Envelope<HeartbeatAnswer> = serde_json::from_slice(body).ok()?;
    answer.data.status.map(|status| status == CLAIMED)
}

/// Whether a text may stand on a terminal.
fn is_shown(text: &str) -> bool {
    text.len() <= MAX_ANSWER_TEXT
        && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_would_break_an_address_or_a_screen_is_not_taken() {
        let read = |id: &str, secret: &str, code: &str| {
            let answer = serde_json::json!({"data": {
                "device_id": id, "device_secret": secret, "claim_code": code, "more": 1,
            }});
            RegisterAnswer::read(answer.to_string().as_bytes())
        };
        let good = read("dev_1", "made-up", "babab-babab").expect("usable");
        assert_eq!(good.claim_code.as_deref(), Some("babab-babab"));
        assert!(!good.is_claimed());
        assert!(read("../x", "made-up", "").is_none());
        assert!(read("dev_1", "two words\n", "").is_none());
        assert!(read("", "made-up", "").is_none());
        let odd = read("dev_1", "made-up", "\u{1b}[2J").expect("usable");
        assert_eq!(odd.claim_code, None);
        assert!(RegisterAnswer::read(b"<html>").is_none());
        assert_eq!(read_claimed(br#"{"data":{"status":"claimed"}}"#), Some(true));
        assert_eq!(read_claimed(br#"{"data":{"server_time":"x"}}"#), None);
    }
}
