//! What a request must not do.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{get, post, read_answer, request};
use crate::upstream::Upstream;
use crate::world::{ADMIN, World, batch, event};

/// A daemon whose server is never asked.
fn world() -> World {
    World::start("http://127.0.0.1:9".to_owned())
}

fn check(headers: &[(&str, &str)], status: u16, code: &str) {
    let world = world();
    let body = batch(&[event("evt_1", "a")]).to_string();
    let answer = request(world.address(), "POST /v1/ingest", headers, body.as_bytes());
    assert_eq!((answer.status, answer.error().as_str()), (status, code), "{headers:?}");
    assert!(answer.json()["message"].as_str().is_some_and(|message| message.len() > 10));
    assert_eq!(world.status().refused_requests.get(code), Some(&1));
    assert!(world.status().outcomes.is_empty());
}

#[test]
fn a_web_page_cannot_post() {
    check(&[("Origin", "https://evil.example")], 403, "cross_origin");
    check(&[("Origin", "null")], 403, "cross_origin");
    check(&[("Sec-Fetch-Site", "cross-site")], 403, "cross_origin");
    let same_origin = [("Sec-Fetch-Site", "same-origin"), ("Content-Type", "text/plain")];
    check(&same_origin, 415, "content_type");
}

#[test]
fn a_rebound_name_is_refused() {
    check(&[("Host", "evil.example:4319")], 403, "host_not_local");
    check(&[("Host", "127.0.0.1:1")], 403, "host_not_local");
}

#[test]
fn a_key_is_asked_for() {
    check(&[("Authorization", "")], 401, "unauthorized");
    check(&[("Authorization", "Basic a2V5")], 401, "unauthorized");
    check(&[("Authorization", &format!("Bearer {}", "k".repeat(513)))], 401, "unauthorized");
}

#[test]
fn an_unknown_encoding_is_refused() {
    check(&[("Content-Encoding", "br")], 415, "content_encoding");
    check(&[("Content-Encoding", "gzip, gzip")], 415, "content_encoding");
    check(&[("Content-Encoding", "gzip")], 400, "unreadable");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn compressed_batches_are_taken_and_bombs_are_not() {
    let world = world();
    let send = |encoding: &str, body: &[u8]| {
        request(world.address(), "POST /v1/ingest", &[("Content-Encoding", encoding)], body).status
    };
    let body = |id: &str| batch(&[event(id, "a")]).to_string();
    assert_eq!(send("gzip", &gzip(body("evt_1").as_bytes())), 200);
    assert_eq!(send("zstd", &zstd::encode_all(body("evt_2").as_bytes(), 3).expect("memory")), 200);
    let zeros = vec![0; 64 * 1024 * 1024];
    assert_eq!(send("gzip", &gzip(&zeros)), 413);
    assert_eq!(send("zstd", &zstd::encode_all(zeros.as_slice(), 1).expect("memory")), 413);
    // A frame whose window is larger than decoders must take.
    let mut wide = zstd::Encoder::new(Vec::new(), 1).expect("memory");
    wide.window_log(27).expect("a window");
    wide.long_distance_matching(true).expect("an option");
    wide.write_all(&zeros).expect("memory");
    assert_eq!(send("zstd", &wide.finish().expect("memory")), 400);
    let status = world.status();
    assert_eq!(status.outcomes["accepted"], 2);
    let refused = status.refused_requests;
    assert_eq!((refused["too_large"], refused["unreadable"]), (2, 1));
}

#[test]
fn a_body_of_17_mib_is_refused_and_fits_raw() {
    let world = world();
    let text = "a ".repeat(120_000);
    let events: Vec<_> = (0..75).map(|number| event(&format!("evt_{number}"), &text)).collect();
    let body = batch(&events).to_string();
    assert!(body.len() > 17 * 1024 * 1024, "{}", body.len());
    assert_eq!(post(world.address(), "/v1/ingest", body.as_bytes()).status, 413);
    assert_eq!(post(world.address(), "/v1/ingest/raw", body.as_bytes()).status, 200);
}

#[test]
fn an_unreadable_body_is_told_by_place() {
    let world = world();
    let send = |body: &[u8]| {
        let answer = post(world.address(), "/v1/ingest", body);
        (answer.status, answer.json()["message"].as_str().expect("a message").to_owned())
    };
    let (status, message) = send(b"{\"events\": [NaN, \"my-canary\"]}");
    assert_eq!(status, 400);
    assert!(message.contains("line 1") && !message.contains("canary"), "{message}");
    assert_eq!(send(b"\xff\xfe").0, 400);
    assert_eq!(send(b"").0, 400);
    assert_eq!(send("[".repeat(100_000).as_bytes()).0, 400);
}

#[test]
fn a_bad_event_is_refused_alone() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    let mut bad = event("evt_bad", "a");
    bad["tokens"]["input"] = json!("12");
    let mail = ["jane", "example.com"].join("@");
    let mut worse = event(&format!("evt_{mail}"), "a");
    worse["ts"] = json!("yesterday");
    let answer = world.send(&batch(&[event("evt_1", "a"), bad, worse])).json();
    assert_eq!(answer["accepted"], 1);
    assert_eq!(answer["rejected"][0]["source_event_id"], "evt_bad");
    let hashed = answer["rejected"][1]["source_event_id"].as_str().expect("an id");
    assert!(hashed.starts_with("h_"), "{hashed}");
    let status = world.wait_shipped();
    assert_eq!(upstream.event_ids(), ["evt_1"]);
    assert_eq!((status.outcomes["accepted"], status.outcomes["rejected"]), (1, 2));
    let reason = "tokens.input: not a whole number from 0 to 9007199254740991";
    assert_eq!(status.rejected.get(reason), Some(&1));
}

#[test]
fn a_batch_may_carry_outcomes_alone() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    let mut sent = batch(&[]);
    sent["instance_id"] = json!("inst_1");
    sent["outcomes"] = json!({"recorded": 7, "sent": 5, "dropped": {"queue_full": 2}});
    assert_eq!(world.send(&sent).json()["accepted"], 0);
    world.wait("shipped", |status| status.shipped.get("batches") == Some(&1));
    assert_eq!(upstream.seen()[0].json()["outcomes"]["dropped"]["queue_full"], 2);
}

#[test]
fn health_is_public_and_reports_are_not() {
    let world = world();
    let health = get(world.address(), "/healthz", "");
    assert_eq!(
        health.json(),
        json!({"ok": true, "version": env!("CARGO_PKG_VERSION"),
               "capabilities": ["full_turns", "gzip", "zstd"],
               "floor_version": modelstat_redact::FLOOR_VERSION})
    );
    for path in ["/v1/status", "/v1/egress"] {
        assert_eq!(get(world.address(), path, "key-one").status, 401);
        assert_eq!(get(world.address(), path, ADMIN).status, 200);
    }
    assert_eq!(get(world.address(), "/", "").status, 200);
    assert_eq!(get(world.address(), "/nothing", "").status, 404);
    assert_eq!(get(world.address(), "/v1/ingest", "").status, 405);
    assert_eq!(get(world.address(), "/v1/egress?limit=many", ADMIN).status, 400);
}

#[test]
fn a_taken_port_is_told() {
    let world = world();
    let mut second = world.config.clone();
    second.data_dir = world.folder.path().join("second");
    second.listen = world.address();
    let clock = std::sync::Arc::clone(&world.clock);
    let error = modelstat_daemon::Daemon::start(second, clock).err().expect("refused");
    assert!(matches!(error, modelstat_daemon::StartError::PortTaken { .. }), "{error}");
}

#[test]
fn a_slow_body_and_a_slow_head_are_cut_off() {
    let world = World::start_with("http://127.0.0.1:9".to_owned(), |config| {
        config.http.head_time = Duration::from_millis(100);
        config.http.body_time = Duration::from_millis(100);
    });
    let start = Instant::now();
    let begin = |text: &str| {
        let mut stream = TcpStream::connect(world.address()).expect("the daemon listens");
        stream.write_all(text.as_bytes()).expect("written");
        stream
    };
    let host = world.address();
    let head = format!("POST /v1/ingest HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer k\r\n");
    let mut slow = begin(&format!("{head}Content-Length: 100\r\n\r\n{{"));
    assert_eq!(read_answer(&mut slow).expect("an answer").status, 408);
    let mut slow = begin(&head);
    let answer = read_answer(&mut slow).expect("an answer");
    assert_eq!((answer.status, answer.error().as_str()), (408, "head_too_slow"));
    assert_eq!(answer.header("connection"), Some("close"));
    // Who has said nothing is told nothing.
    let mut silent = begin("");
    assert!(read_answer(&mut silent).is_err());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    world.wait("both are counted", |status| {
        let counted = |code| status.refused_requests.get(code) == Some(&1);
        counted("too_slow") && counted("head_too_slow")
    });
}

#[test]
fn a_chunked_body_is_bounded_too() {
    let world = world();
    let body = batch(&[event("evt_1", "a")]).to_string();
    let chunked = |body: &str| format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let headers = [("Transfer-Encoding", "chunked"), ("Content-Length", "")];
    let send = |body: &str| {
        request(world.address(), "POST /v1/ingest", &headers, chunked(body).as_bytes()).status
    };
    assert_eq!(send(&body), 200);
    assert_eq!(send(&" ".repeat(17 * 1024 * 1024)), 413);
}

#[test]
fn bodies_in_memory_are_bounded_together() {
    let world = World::start_with("http://127.0.0.1:9".to_owned(), |config| {
        config.http.bodies_bytes = 8 * 1024 * 1024;
    });
    let body = batch(&[event("evt_1", "a")]).to_string();
    assert_eq!(post(world.address(), "/v1/ingest", body.as_bytes()).status, 200);
    // A compressed body may need the endpoint's whole limit.
    let zipped = gzip(body.as_bytes());
    let headers = [("Content-Encoding", "gzip")];
    let answer = request(world.address(), "POST /v1/ingest", &headers, &zipped);
    assert_eq!((answer.status, answer.error().as_str()), (503, "busy"));
}
