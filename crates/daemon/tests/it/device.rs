//! A daemon as a device of its server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use modelstat_daemon::{Config, DeviceState, KeyState, Registration};
use modelstat_wire::{RECEIPT_HEADER, SignedReceipt};
use serde_json::Value;

use crate::client;
use crate::upstream::{OK, Say, Seen, Upstream, say};
use crate::world::{ADMIN, World, batch, event, wait_until};

const UNCLAIMED: &str = r#"{"data":{"device_id":"dev_1","device_uuid":"u","device_secret":"made-up-1",
    "secret_prefix":"made","claim_code":"babab-dodod-gugug","claim_url":"http://a.example/device/x",
    "status":"unclaimed","re_registered":false}}"#;
const AGAIN: &str = r#"{"data":{"device_id":"dev_1","device_uuid":"u","device_secret":"made-up-2",
    "secret_prefix":"made","claim_code":null,"status":"claimed","re_registered":true}}"#;
const WAITS: &str = r#"{"data":{"server_time":"2026-06-19T12:00:00Z","status":"unclaimed"}}"#;
const CLAIMED: &str = r#"{"data":{"server_time":"2026-06-19T12:00:00Z","status":"claimed"}}"#;

const fn with(body: &'static str) -> Say {
    Say { status: 200, header: "", body: Some(body) }
}

fn registers(config: &mut Config) {
    config.register = Some(Registration {
        os_family: "linux".to_owned(),
        os_version: Some("6.1".to_owned()),
        arch: "x86_64".to_owned(),
        machine_id: Some("h_0123".to_owned()),
        hostname: None,
    });
    config.pace.heartbeat = Duration::from_millis(50);
    config.pace.claim_poll = Duration::from_millis(20);
}

fn claims_at_once(seen: &Seen) -> Say {
    match path_of(seen) {
        "/v1/tokens" => with(UNCLAIMED),
        "/v1/ingest" => OK,
        _ => with(CLAIMED),
    }
}

fn path_of(seen: &Seen) -> &str {
    seen.head.split(' ').nth(1).expect("a path")
}

fn to_path(upstream: &Upstream, path: &str) -> Vec<Seen> {
    upstream.seen().into_iter().filter(|seen| path_of(seen) == path).collect()
}

#[test]
fn events_wait_until_the_device_is_claimed() {
    let upstream = Upstream::start();
    let is_claimed = Arc::new(AtomicBool::new(false));
    let claimed = Arc::clone(&is_claimed);
    upstream.rule(move |seen| {
        let is_claimed = claimed.load(Ordering::Acquire);
        Some(match path_of(seen) {
            "/v1/tokens" => with(UNCLAIMED),
            "/v1/devices/dev_1/heartbeat" if is_claimed => with(CLAIMED),
            "/v1/devices/dev_1/heartbeat" => with(WAITS),
            _ if is_claimed => OK,
            _ => say(403),
        })
    });
    let mut world = World::start_with(upstream.url(), |config| {
        registers(config);
        // What is claimed must not wait for the next look at a refused key.
        config.pace.probe = Duration::from_mins(10);
    });
    world.send_with_key("a-clients-key", &batch(&[event("evt_1", "")]));
    let status = world.wait("the refusal pauses", |status| {
        status.keys.iter().any(|key| key.state == KeyState::Paused)
            && status.device.as_ref().is_some_and(|device| device.last_heartbeat_at.is_some())
    });
    let device = status.device.expect("a device");
    assert_eq!(
        (device.state, device.device_id.as_deref()),
        (DeviceState::Unclaimed, Some("dev_1"))
    );
    assert_eq!(device.claim_code.as_deref(), Some("babab-dodod-gugug"));
    assert_eq!(status.spool.outbox.rows, 1);

    is_claimed.store(true, Ordering::Release);
    let status = world.wait("it is claimed and ships", |status| {
        status.spool.outbox.rows == 0
            && status.device.as_ref().is_some_and(|device| device.state == DeviceState::Claimed)
    });
    assert_eq!(status.device.expect("a device").claim_code, None);
    let shipped = to_path(&upstream, "/v1/ingest");
    assert!(shipped.iter().all(|seen| seen.key() == "made-up-1"), "a client's key was used");

    world.restart();
    let beats = || to_path(&upstream, "/v1/devices/dev_1/heartbeat").len();
    let before = beats();
    wait_until("it goes on after a restart", || beats() > before + 1);
    let registrations = to_path(&upstream, "/v1/tokens");
    assert_eq!(registrations.len(), 1, "it registers once");
    assert!(!registrations[0].head.to_lowercase().contains("authorization"));
}

#[test]
fn what_leaves_is_the_closed_list_and_stands_in_the_ledger() {
    let upstream = Upstream::start();
    upstream.rule(|seen| Some(claims_at_once(seen)));
    let mut world = World::start_with(upstream.url(), registers);
    world.send(&batch(&[event("evt_1", "")]));
    world.wait_shipped();
    world.wait("a heartbeat", |status| {
        status.device.as_ref().is_some_and(|device| device.state == DeviceState::Claimed)
    });
    let ledger = client::get(world.address(), "/v1/egress", ADMIN).json();
    let entries = ledger["entries"].as_array().expect("entries");
    let of = |path: &str| {
        let is_it =
            |entry: &&Value| entry["destination"].as_str().expect("a destination").ends_with(path);
        let entry = entries.iter().find(is_it).unwrap_or_else(|| panic!("no {path} in {ledger}"));
        serde_json::from_str::<Value>(entry["payload"].as_str().expect("a payload")).expect("JSON")
    };
    let names =
        |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let registration = of("/v1/tokens");
    assert_eq!(names(&registration), ["device_uuid", "fingerprint", "public_key"]);
    let batch = &to_path(&upstream, "/v1/ingest")[0];
    let receipt = batch.header(RECEIPT_HEADER).expect("a receipt");
    let receipt = SignedReceipt::parse(receipt).expect("readable").receipt;
    assert_eq!(registration["public_key"], hex::encode(receipt.public_key));
    assert_eq!(
        names(&registration["fingerprint"]),
        ["arch", "daemon", "daemon_version", "machine_id", "os_family", "os_version"]
    );
    let heartbeat = of("/heartbeat");
    assert_eq!(
        names(&heartbeat),
        ["daemon_version", "device_id", "last_event_at", "queue_size", "stats", "status"]
    );
    assert!(!ledger.to_string().contains("made-up-1"), "the ledger holds the secret");
    let status = client::get(world.address(), "/v1/status", ADMIN);
    assert!(!status.json().to_string().contains("made-up-1"), "the status shows the secret");

    world.stop(Duration::from_secs(5));
    let beats = to_path(&upstream, "/v1/devices/dev_1/heartbeat");
    let words: Vec<_> = beats.iter().map(|beat| beat.json()["status"].clone()).collect();
    assert_eq!((&words[0], &words[words.len() - 1]), (&"starting".into(), &"offline".into()));
}

#[test]
fn a_refused_device_registers_again_once_and_then_pauses() {
    let upstream = Upstream::start();
    let registrations = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&registrations);
    let refuses_all = Arc::new(AtomicBool::new(false));
    let refuses = Arc::clone(&refuses_all);
    upstream.rule(move |seen| {
        Some(match path_of(seen) {
            "/v1/tokens" if counted.fetch_add(1, Ordering::AcqRel) == 0 => with(UNCLAIMED),
            "/v1/tokens" => with(AGAIN),
            _ if refuses.load(Ordering::Acquire) || seen.key() == "made-up-1" => say(401),
            _ => with(CLAIMED),
        })
    });
    let world = World::start_with(upstream.url(), |config| {
        registers(config);
        config.pace.probe = Duration::from_millis(50);
    });
    world.wait("it is a device again", |status| {
        status.device.as_ref().is_some_and(|device| device.last_heartbeat_at.is_some())
    });
    let asked = to_path(&upstream, "/v1/tokens");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].key(), "made-up-1", "the old secret proves who asks");
    assert_eq!(asked[0].json()["device_uuid"], asked[1].json()["device_uuid"]);

    refuses_all.store(true, Ordering::Release);
    world.wait("it pauses", |status| {
        status.device.as_ref().is_some_and(|device| {
            device.state == DeviceState::Paused && device.reason.as_deref() == Some("status_401")
        })
    });
    let beats = || to_path(&upstream, "/v1/devices/dev_1/heartbeat").len();
    let before = beats();
    wait_until("it looks now and then", || beats() > before + 3);
    assert_eq!(registrations.load(Ordering::Acquire), 3, "once for each loss");
    refuses_all.store(false, Ordering::Release);
    world.wait("it comes back by itself", |status| {
        status.device.as_ref().is_some_and(|device| device.state == DeviceState::Claimed)
    });
}

#[test]
fn a_server_that_is_not_there_costs_nothing_but_time() {
    let upstream = Upstream::start();
    upstream.rule(|seen| Some(claims_at_once(seen)));
    upstream.hang_up(true);
    let world = World::start_with(upstream.url(), registers);
    world.send(&batch(&[event("evt_1", "")]));
    world.wait("it tries", |status| {
        status.device.as_ref().is_some_and(|device| device.reason.is_some())
    });
    upstream.hang_up(false);
    world.wait_shipped();
    assert_eq!(upstream_ids(&upstream), ["evt_1"]);
}

#[test]
fn nothing_is_said_of_a_machine_without_being_asked() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    world.send(&batch(&[event("evt_1", "")]));
    assert!(world.wait_shipped().device.is_none());
    assert!(upstream.seen().iter().all(|seen| path_of(seen) == "/v1/ingest"));
}

fn upstream_ids(upstream: &Upstream) -> Vec<String> {
    let shipped = to_path(upstream, "/v1/ingest");
    shipped.iter().flat_map(|seen| crate::upstream::ids_of(&seen.json())).collect()
}
