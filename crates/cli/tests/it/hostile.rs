//! Bad input at the doors: a clear refusal, and nothing good is lost.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::support::{Product, batch, event, get, modelstat, post, send, totals, wait_until};

const NOW: &str = "2026-06-19T12:34:56.789Z";

fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

#[test]
fn bodies_that_cannot_be_read_are_refused_at_both_doors() {
    let folder = tempfile::tempdir().expect("a folder");
    let product = Product::up(&folder.path().join("data"));
    let key = bearer(product.word("ingest_key"));
    let huge = vec![b' '; 17 << 20];
    let bomb = vec![b'['; 80 << 20];
    let (gzip_bomb, zstd_bomb) = (gzip(&bomb), zstd::encode_all(&bomb[..], 3).expect("in memory"));
    let deep = format!("{}1{}", "[".repeat(33), "]".repeat(33));
    let nan = br#"{"batch_id":"b","device_id":"d","daemon_version":"v","events":[{"ts":NaN}]}"#;
    let cases: [(&str, &[u8], Option<&str>, u16); 9] = [
        ("17 MiB", &huge, None, 413),
        ("gzip bomb", &gzip_bomb, Some("gzip"), 413),
        ("zstd bomb", &zstd_bomb, Some("zstd"), 413),
        ("not gzip", b"{}", Some("gzip"), 400),
        ("unknown encoding", b"{}", Some("br"), 415),
        ("no JSON", b"{\"batch_id\": ", None, 400),
        ("no UTF-8", b"{\"batch_id\": \"\xff\"}", None, 400),
        ("NaN", nan, None, 400),
        ("nesting", deep.as_bytes(), None, 400),
    ];
    for url in [product.word("ingest_url"), product.word("daemon_url")] {
        for (what, body, encoding, status) in &cases {
            let mut headers =
                vec![("Authorization", key.as_str()), ("Content-Type", "application/json")];
            headers.extend(encoding.map(|encoding| ("Content-Encoding", encoding)));
            let answer = send("POST", url, &headers, body).expect("an answer");
            assert_eq!(answer.status, *status, "{what} at {url}: {}", answer.text);
            assert!(answer.body["error"].is_string() && answer.body["message"].is_string());
        }
    }
    assert!(product.stop().success());
}

#[test]
fn a_bad_event_is_named_and_the_rest_is_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let product = Product::up(&folder.path().join("data"));
    let (key, read) = (product.word("ingest_key"), product.word("read_key"));
    let with_input = |id: &str, count: &str| {
        let mut bad = event(id, "s", NOW);
        bad["tokens"]["input"] = serde_json::from_str(count).expect("JSON");
        bad
    };
    let mut missing = event("evt_missing", "s", NOW);
    missing.as_object_mut().expect("an object").remove("session_id");
    let mut odd = event("evt_odd", "s", NOW);
    odd["kind"] = json!("a_kind_of_tomorrow");
    odd["model"] = Value::Null;
    odd["field_of_tomorrow"] = json!({"x": [1, 2]});
    let events = [
        event("evt_good", "s", NOW),
        with_input("evt_text", "\"12\""),
        with_input("evt_float", "1.5"),
        with_input("evt_negative", "-1"),
        with_input("evt_huge", "9223372036854775808"),
        missing,
        odd,
    ];
    let mut accepted = 0;
    for (url, app) in
        [(product.word("ingest_url"), "direct"), (product.word("daemon_url"), "daemon")]
    {
        let answer = post(url, key, &batch(app, &events));
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body["accepted"], 2);
        let rejected = answer.body["rejected"].as_array().expect("a list");
        let ids: Vec<_> =
            rejected.iter().map(|entry| entry["source_event_id"].as_str().unwrap_or("")).collect();
        assert_eq!(ids, ["evt_text", "evt_float", "evt_negative", "evt_huge", "evt_missing"]);
        assert_eq!(rejected[4]["reason"], "session_id: missing");
        accepted += 2;
        let server = product.server();
        wait_until("the good ones arrive", || {
            totals(&server, read, &["calls"])["calls"] == accepted
        });
    }
    assert!(product.stop().success());
}

#[test]
fn times_far_off_are_kept_flagged_and_stored_under_the_day_they_came() {
    let folder = tempfile::tempdir().expect("a folder");
    let product = Product::up(&folder.path().join("data"));
    let (key, read) = (product.word("ingest_key"), product.word("read_key"));
    let events = [
        event("evt_old", "s", "1970-01-01T00:00:00Z"),
        event("evt_new", "s", "2200-01-01T00:00:00Z"),
    ];
    let answer = post(product.word("ingest_url"), key, &batch("app", &events));
    assert_eq!(answer.body["accepted"], 2, "{}", answer.text);
    let server = product.server();
    wait_until("both arrive", || totals(&server, read, &["calls"])["calls"] == 2);
    for (id, flag, ts) in [
        ("evt_old", "ts_past", "1970-01-01T00:00:00.000Z"),
        ("evt_new", "ts_future", "2200-01-01T00:00:00.000Z"),
    ] {
        let event = get(&format!("{server}/v1/events/{id}"), read).body["event"].clone();
        assert_eq!(event["ts"], ts);
        assert_eq!(event["flags"], json!([flag]));
    }
    assert!(product.stop().success());
}

#[test]
fn keys_are_asked_for_and_their_scope_is_held() {
    let folder = tempfile::tempdir().expect("a folder");
    let product = Product::up(&folder.path().join("data"));
    let (ingest, read) = (product.word("ingest_key"), product.word("read_key"));
    let sent = batch("app", &[event("evt_1", "s", NOW)]);
    let url = product.word("ingest_url");
    assert_eq!(send("POST", url, &[], sent.to_string().as_bytes()).expect("an answer").status, 401);
    assert_eq!(post(url, "msk_live_unknown", &sent).status, 401);
    assert_eq!(post(url, read, &sent).status, 403);
    assert_eq!(get(&format!("{}/v1/me", product.server()), ingest).status, 403);
    assert_eq!(get(&format!("{}/v1/admin/keys", product.server()), read).status, 401);
    assert_eq!(
        send("POST", product.word("daemon_url"), &[], b"{}").expect("an answer").status,
        401
    );
    let address = product.server().trim_start_matches("http://").to_owned();
    let mut nonsense = std::net::TcpStream::connect(address).expect("the server listens");
    nonsense.write_all(b"nonsense\r\n\r\n").expect("written");
    nonsense.read_to_end(&mut Vec::new()).expect("the end");
    let data = folder.path().join("data");
    wait_until("what was refused is shown by its reason", || {
        let mut status = modelstat(&["status", "--json", "--data-dir"]);
        let shown = status.arg(&data).output().expect("it runs").stdout;
        let shown: Value = serde_json::from_slice(&shown).expect("JSON");
        let refused = &shown["server"]["refused_requests"];
        let of = |code: &str| refused[code].as_u64().unwrap_or(0);
        (of("unauthorized"), of("forbidden"), of("head_malformed")) == (3, 2, 1)
    });
    assert!(product.stop().success());
}

#[test]
fn a_page_of_another_origin_cannot_post() {
    let folder = tempfile::tempdir().expect("a folder");
    let product = Product::up(&folder.path().join("data"));
    let key = bearer(product.word("ingest_key"));
    let sent = batch("app", &[event("evt_1", "s", NOW)]).to_string();
    for url in [product.word("daemon_url"), product.word("ingest_url")] {
        for (name, value) in [
            ("Origin", "https://evil.example"),
            ("Origin", "null"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Host", "evil.example"),
        ] {
            let headers = [
                ("Authorization", key.as_str()),
                ("Content-Type", "application/json"),
                (name, value),
            ];
            let answer = send("POST", url, &headers, sent.as_bytes()).expect("an answer");
            assert_eq!(answer.status, 403, "{name}: {value} at {url}: {}", answer.text);
        }
    }
    assert!(product.stop().success());
}

#[test]
fn a_taken_port_and_a_taken_folder_are_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let product = Product::up(&data);
    let told = |arguments: &[&str]| {
        let output = modelstat(arguments).output().expect("it runs");
        assert!(!output.status.success());
        String::from_utf8(output.stderr).expect("text")
    };
    let path = data.to_str().expect("a plain path");
    let taken = told(&["up", "--data-dir", path]);
    assert!(taken.contains("works on") && taken.contains("--data-dir"), "{taken}");

    let address = product.server().replace("http://", "");
    let other = folder.path().join("other");
    let other = other.to_str().expect("a plain path");
    let taken =
        told(&["up", "--data-dir", other, "--listen", &address, "--daemon-listen", "127.0.0.1:0"]);
    assert!(taken.contains("is taken") && taken.contains("--listen"), "{taken}");
    let address = product.daemon().replace("http://", "");
    let taken =
        told(&["up", "--data-dir", other, "--listen", "127.0.0.1:0", "--daemon-listen", &address]);
    assert!(taken.contains("is taken") && taken.contains("--daemon-listen"), "{taken}");
    assert!(product.stop().success());
}
