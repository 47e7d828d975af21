//! Requests that are refused, in the hope that a refusal repeats what it refused.

use modelstat_testkit::Plant;
use serde_json::{Value, json};

use super::chain::{Chain, Door};

/// What fits a header and an address as it is.
const PLAIN: [&str; 4] = ["github token", "stripe live key", "email", "home folder"];

/// Longer than any body that `/v1/ingest` takes.
const TOO_LONG: usize = 17 * 1024 * 1024;

/// The longest identifier; what crosses it is cut where a refusal repeats it.
const IDENTIFIER_CHARS: usize = 512;

/// Sends everything to every door.
pub(super) fn send_all(chain: &Chain, plant: &Plant) {
    for planted in plant.planted() {
        for door in Door::ALL {
            for body in bodies(&planted.text) {
                post(chain, door, &body);
            }
        }
    }
    let plain = plant
        .planted()
        .iter()
        .filter(|planted| PLAIN.iter().any(|family| planted.name.ends_with(family)));
    for text in plain.map(|planted| planted.text.as_str()) {
        for door in Door::ALL {
            send_headers(chain, door, text);
            send_addresses(chain, door, text);
            post(chain, door, text.repeat(TOO_LONG / text.len()).as_bytes());
        }
        ask_questions(chain, text);
    }
}

fn post(chain: &Chain, door: Door, body: &[u8]) {
    let bearer = format!("Bearer {}", chain.ingest_key());
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    // A door may close while a body that it refuses is still being sent.
    drop(chain.ask("POST", &chain.url(door), &headers, body));
}

/// Bodies that are wrong somewhere near a text.
fn bodies(text: &str) -> Vec<Vec<u8>> {
    let quoted = Value::from(text).to_string();
    let mut bodies: Vec<Vec<u8>> = [
        format!("{{\"events\": [{{\"kind\": {quoted}"),
        format!("{quoted} trailing"),
        text.to_owned(),
        format!("{{\"events\": NaN, \"app\": {quoted}}}"),
        "[".repeat(40) + &quoted + &"]".repeat(40),
    ]
    .map(String::into_bytes)
    .into();
    bodies.push([b"{\"app\": \"\xff\xfe".as_slice(), text.as_bytes(), b"\"}"].concat());
    let before = "word ".repeat(IDENTIFIER_CHARS);
    let long = format!("{} {text}", &before[..IDENTIFIER_CHARS - 31]);
    let whole = [
        json!({ "events": text }),
        json!({ "events": [text] }),
        json!({ "app": { text: text } }),
        json!({ "outcomes": { "dropped": { text: text } } }),
        json!({ "session_installs": { text: text } }),
        json!({ "session_titles": { text: 5 } }),
        json!({ "batch_id": long, "events": [] }),
        json!({ "segments": [{ "segment_id": text, "tags": [{ "root_key": text }] }] }),
        json!({ "tool_calls": [{ "external_call_id": text, "started_at": text }] }),
    ];
    let events = [
        json!({ "source_event_id": text }),
        json!({ "source_event_id": long, "kind": text }),
        json!({ "source_event_id": 5, "ts": text }),
        json!({ "source_event_id": "id", "ts": text }),
        json!({ "source_event_id": "id", "tokens": { "input": text } }),
        json!({ "source_event_id": "id", "tokens": text }),
        json!({ "source_event_id": "id", "metadata": { text: 5 } }),
        json!({ "source_event_id": "id", "metadata": { text: { text: text } } }),
        json!({ "source_event_id": "id", "redactions": { text: text } }),
        json!({ "source_event_id": "id", "tool_calls": { text: -1 } }),
        json!({ "source_event_id": "id", "error": { "status": text } }),
        json!({ "source_event_id": "id", "reported_cost": text }),
        json!({ "source_event_id": "id", text: text, "usage_known": text }),
    ];
    let events = events.into_iter().map(|event| json!({ "app": "hostile", "events": [event] }));
    bodies.extend(whole.into_iter().chain(events).map(|body| body.to_string().into_bytes()));
    bodies
}

fn send_headers(chain: &Chain, door: Door, text: &str) {
    let bearer = format!("Bearer {}", chain.ingest_key());
    let own = ("Authorization", bearer.as_str());
    let json = ("Content-Type", "application/json");
    let wrong_key = format!("Bearer {text}");
    let url = chain.url(door);
    let mut all = vec![
        vec![own, ("Content-Type", text)],
        vec![own, json, ("Content-Encoding", text)],
        vec![own, json, ("Origin", text)],
        vec![own, json, ("Host", text)],
        vec![own, json, ("Content-Encoding", "gzip")],
        vec![own, json, ("Content-Encoding", "zstd")],
        vec![("Authorization", text), json],
    ];
    // A daemon takes any key and ships with it; that is what keys are for.
    if !door.is_daemon() {
        all.push(vec![("Authorization", wrong_key.as_str()), json]);
    }
    for headers in all {
        drop(chain.ask("POST", &url, &headers, text.as_bytes()));
    }
}

fn send_addresses(chain: &Chain, door: Door, text: &str) {
    let root = chain.root(door);
    let bearer = format!("Bearer {}", chain.read_key());
    let text = text.trim_start_matches('/');
    for path in [
        format!("/{text}"),
        format!("/v1/{text}"),
        format!("/v1/ingest/{text}?key={text}"),
        format!("/v1/egress?after={text}"),
        format!("/v1/sessions/{text}?app={text}"),
        format!("/v1/sessions?from={text}&cursor={text}"),
        format!("/v1/events/{text}"),
        format!("/v1/privacy?from={text}"),
        format!("/v1/admin/keys/{text}"),
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let headers = [("Authorization", bearer.as_str())];
            drop(chain.ask(method, &format!("{root}{path}"), &headers, text.as_bytes()));
        }
    }
}

fn ask_questions(chain: &Chain, text: &str) {
    let url = format!("{}/v1/query", chain.root(Door::Server));
    let bearer = format!("Bearer {}", chain.read_key());
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let (from, to) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    for question in [
        json!({ "measures": [text], "from": from, "to": to }),
        json!({ "measures": ["calls"], "dimensions": [text], "from": from, "to": to }),
        json!({ "measures": ["calls"], "from": text, "to": to }),
        json!({ "measures": ["calls"], "from": from, "to": to, "time_zone": text }),
        json!({ "measures": ["calls"], "from": from, "to": to, "bucket": text }),
        json!({ "measures": ["calls"], "from": from, "to": to, text: text }),
        json!({ "measures": ["calls"], "from": from, "to": to,
            "filters": [{ "dimension": text, "op": text, "values": [text] }] }),
        Value::from(text),
    ] {
        drop(chain.ask("POST", &url, &headers, question.to_string().as_bytes()));
    }
}
