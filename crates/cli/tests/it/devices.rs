//! Devices: from a registration to events under the device's id.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{
    Answer, Product, batch, event, get, modelstat, post, send, totals, wait_until,
};

const NOW: &str = "2026-06-19T12:34:56.789Z";

/// What a published daemon sends.
fn registration(uuid: &str) -> Value {
    json!({"device_uuid": uuid, "fingerprint": {
        "hostname": "build-7", "os_family": "linux", "os_version": "6.1", "arch": "x86_64",
        "daemon": "modelstat", "daemon_version": "0.9.0", "machine_id": "m-1"},
        "public_key": null, "of_tomorrow": 1})
}

fn without_key(url: &str, body: &[u8]) -> Answer {
    send("POST", url, &[("Content-Type", "application/json")], body).expect("an answer")
}

fn register(server: &str, uuid: &str) -> Value {
    let answer =
        without_key(&format!("{server}/v1/tokens"), registration(uuid).to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["data"].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn json_of(data: &Path, arguments: &[&str]) -> Value {
    let data = data.to_str().expect("a plain path");
    let mut command = modelstat(arguments);
    let output = command.args(["--json", "--data-dir", data]).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_registered_daemon_ships_under_its_own_id_once_it_is_claimed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, other) = (folder.path().join("server"), folder.path().join("daemon"));
    let product = Product::up(&data);
    let (server, read) = (product.server(), product.word("read_key").to_owned());
    let options = ["--server-url", &server, "--daemon-listen", "127.0.0.1:0", "--register"];
    let daemon = Product::start("daemon", &other, &options);
    let device = daemon.ready["device"].clone();
    let (id, code) = (text(&device["device_id"]), text(&device["claim_code"]));
    assert_eq!(device["state"], "unclaimed");
    assert!(id.starts_with("dev_") && id.len() == 36, "{id}");
    assert_eq!(text(&device["claim_url"]), format!("{server}/device/{code}"));
    let page = get(text(&device["claim_url"]), "none");
    assert!(page.status == 200 && page.text.contains(code), "{}", page.text);

    let sent = batch("app", &[event("evt_1", "s", NOW)]);
    assert_eq!(post(daemon.word("daemon_url"), "a-key-of-nobody", &sent).status, 200);
    wait_until("the server refuses it", || {
        let status = json_of(&other, &["status"]);
        status["daemon"]["keys"][0]["state"] == "paused"
    });
    let status = json_of(&other, &["status"]);
    assert_eq!(status["daemon"]["device"]["claim_code"], code);
    assert_eq!(status["daemon"]["spool"]["outbox"]["rows"], 1);

    let typed = code.to_uppercase().replace('-', " ");
    let claimed = json_of(&data, &["devices", "claim", &typed]);
    assert_eq!(text(&claimed["id"]), id);
    wait_until("the event arrives", || totals(&server, &read, &["calls"])["calls"] == 1);
    let event = get(&format!("{server}/v1/events/evt_1"), &read).body["event"].clone();
    assert_eq!(text(&event["device_id"]), id);

    let listed = get(&format!("{server}/v1/devices"), &read).body["devices"][0].clone();
    assert_eq!((text(&listed["device_id"]), text(&listed["state"])), (id, "claimed"));
    assert_eq!(listed["hostname"], Value::Null, "the machine's name was not asked for");
    assert!(listed["queue_size"].is_u64(), "{listed}");
    let summary = get(&format!("{server}/v1/privacy"), &read).body["receipts"]["devices"].clone();
    assert_eq!(text(&summary[0]["device_id"]), id, "{summary}");
    let receipts = get(&format!("{server}/v1/receipts"), &read).body["receipts"].clone();
    assert_eq!(receipts[0]["device"], summary[0]["device"]);
    assert_eq!(text(&receipts[0]["device_id"]), id, "{receipts}");
    let on_disk = std::fs::read_dir(other.join("daemon")).expect("a folder").flatten();
    let kept = on_disk.map(|entry| entry.path()).find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("device-"))
    });
    let kept = std::fs::read_to_string(kept.expect("the device's file")).expect("text");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    let secret = text(&kept["registered"]["secret"]);
    let prefix = ["ds", "live", ""].join("_");
    assert!(secret.starts_with(&prefix) && secret.len() == prefix.len() + 64);
    let told = [json_of(&other, &["status"]), json_of(&data, &["devices", "list"])];
    assert!(told.iter().all(|told| !told.to_string().contains(secret)), "the secret is shown");

    json_of(&data, &["devices", "revoke", id]);
    let refused = post(product.word("ingest_url"), secret, &batch("app", &[]));
    assert_eq!(refused.status, 401, "{}", refused.text);
    assert!(daemon.stop().success());
    assert!(product.stop().success());
}

#[test]
fn an_unclaimed_device_may_only_say_that_it_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let product = Product::up(&data);
    let server = product.server();
    let device = register(&server, "0f0e0d0c-0000-4000-8000-000000000001");
    let (id, secret) = (text(&device["device_id"]), text(&device["device_secret"]));
    assert_eq!((&device["status"], &device["re_registered"]), (&json!("unclaimed"), &json!(false)));
    assert_eq!(device["user_id"], Value::Null);

    let me = get(&format!("{server}/v1/devices/me"), secret).body["data"].clone();
    assert_eq!(
        (&me["device_id"], &me["claim_code"]),
        (&device["device_id"], &device["claim_code"])
    );
    let beat = json!({"status": "idle", "queue_size": 3, "stats": {"a": 1, "b": "x"}, "message": "m",
        "daemon_version": "0.9.0", "installations": [{"agent": "claude_code"}]});
    let url = format!("{server}/v1/devices/{id}/heartbeat");
    let answer = post(&url, secret, &beat);
    assert_eq!((answer.status, &answer.body["data"]["status"]), (200, &json!("unclaimed")));
    assert_eq!(answer.body["data"]["daemon_release"], Value::Null);
    let listed = json_of(&data, &["devices", "list"]);
    assert_eq!(listed[0]["heartbeat"]["queue_size"], 3);
    assert_eq!(listed[0]["heartbeat"]["stats"], json!({"a": 1}));

    let ingest = post(product.word("ingest_url"), secret, &batch("app", &[event("e", "s", NOW)]));
    assert_eq!((ingest.status, text(&ingest.body["error"])), (403, "unclaimed"));
    assert!(text(&ingest.body["message"]).contains("modelstat devices claim"));
    for path in ["/v1/me", "/v1/devices", "/v1/privacy"] {
        assert_eq!(get(&format!("{server}{path}"), secret).status, 403, "{path}");
    }
    let of_another = post(&format!("{server}/v1/devices/dev_x/heartbeat"), secret, &beat);
    assert_eq!(of_another.status, 403);
    assert_eq!(post(&url, "not-the-secret", &beat).status, 401);
    let claim = json!({"claim_code": device["claim_code"]});
    for key in [secret, product.word("read_key")] {
        let answer = post(&format!("{server}/v1/devices/claim"), key, &claim);
        assert_eq!(answer.status, 401, "only the operator claims");
    }

    let rotated = post(&format!("{server}/v1/devices/me/rotate-secret"), secret, &json!({}));
    let fresh = text(&rotated.body["data"]["device_secret"]);
    assert_eq!(get(&format!("{server}/v1/devices/me"), secret).status, 401);
    assert_eq!(get(&format!("{server}/v1/devices/me"), fresh).status, 200);
    let again = post(
        &format!("{server}/v1/devices/self-register"),
        fresh,
        &registration("0f0e0d0c-0000-4000-8000-000000000001"),
    );
    let again = again.body["data"].clone();
    assert_eq!(
        (&again["device_id"], &again["re_registered"]),
        (&device["device_id"], &json!(true))
    );
    let stranger = register(&server, "0f0e0d0c-0000-4000-8000-000000000001");
    assert_ne!(stranger["device_id"], device["device_id"], "no proof, no device");
    assert!(product.stop().success());
}

#[test]
fn what_anybody_may_send_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let product = Product::up(&data);
    let server = product.server();
    let url = format!("{server}/v1/tokens");
    let huge = format!("{{\"device_uuid\": \"{}\"}}", "x".repeat(1 << 20));
    let deep = format!("{{\"device_uuid\": {}", "[".repeat(10_000));
    for (body, status) in [
        (huge.as_str(), 413),
        (deep.as_str(), 400),
        ("", 400),
        ("[]", 400),
        ("{\"device_uuid\": 7}", 400),
        ("{\"device_uuid\": \"short\"}", 400),
        ("{\"device_uuid\": \"../../etc/passwd\"}", 400),
        ("{\"device_uuid\": \"12345678\", \"fingerprint\": {\"arch\": 7}}", 400),
        ("{\"device_uuid\": \"12345678\", \"public_key\": \"<script>\"}", 400),
    ] {
        let answer = without_key(&url, body.as_bytes());
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(!answer.text.contains("passwd") && !answer.text.contains("script"));
    }
    let page = [("Content-Type", "text/plain"), ("Origin", "http://127.0.0.1:1")];
    let body = registration("0f0e0d0c-0000-4000-8000-000000000002").to_string();
    let from_page = send("POST", &url, &page, body.as_bytes()).expect("an answer");
    assert_eq!(from_page.status, 403);

    // What is left of this address's allowance, and then no more.
    let answers = (0..40).map(|number| {
        let body = registration(&format!("00000000-0000-4000-8000-0000000000{number:02}"));
        without_key(&url, body.to_string().as_bytes())
    });
    let statuses: Vec<_> = answers.map(|answer| answer.status).collect();
    let made = statuses.iter().filter(|status| **status == 200).count();
    assert!((1..=20).contains(&made), "{statuses:?}");
    assert!(statuses.iter().skip(made).all(|status| *status == 429), "{statuses:?}");
    let listed = json_of(&data, &["devices", "list"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(made));

    let note = std::fs::read(data.join("run.json")).expect("a running process");
    let note: Value = serde_json::from_slice(&note).expect("JSON");
    let guess = |_| {
        let claim = json!({"claim_code": "babab-babab-babab"});
        post(&format!("{server}/v1/devices/claim"), text(&note["token"]), &claim).status
    };
    let guesses: Vec<_> = (0..60).map(guess).collect();
    assert_eq!(guesses[0], 404);
    assert!(guesses.contains(&429), "{guesses:?}");
    assert!(product.stop().success());
}
