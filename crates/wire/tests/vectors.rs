//! What the published clients send: their ids are reproduced, and every batch is read whole.

use std::io::Read;

use modelstat_wire::{
    BatchFloor, IdentifierKey, Timestamp, batch_id, content_hash, encode_batch, parse_batch,
    redact_batch, source_event_id, tool_call_id,
};
use serde_json::Value;

fn vectors() -> Vec<Value> {
    let read = |packed: &[u8]| {
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("packed text");
        serde_json::from_str(&text).expect("JSON")
    };
    vec![
        read(include_bytes!("vectors/wire-0.0.1.json.gz")),
        read(include_bytes!("vectors/wire-0.1.0.json.gz")),
    ]
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

#[test]
fn content_hashes_are_reproduced() {
    for vector in vectors() {
        for id in list(&vector["ids"]) {
            let parts = list(&id["parts"]).iter().map(text);
            assert_eq!(content_hash(parts), text(&id["content_hash"]));
        }
    }
}

#[test]
fn event_tool_call_and_batch_ids_are_reproduced() {
    for vector in vectors() {
        for batch in list(&vector["batches"]) {
            let sent = &batch["expect"];
            let device = text(&batch["config"]["device_id"]);
            let mut seq = batch["seq"].as_u64().expect("a number");
            for (call, event) in list(&batch["calls"]).iter().zip(list(&sent["events"])) {
                seq += 1;
                let started: Timestamp = text(&call["started_at"]).parse().expect("a time");
                let session = text(&call["session_id"]);
                let place = format!("{session}::{}::{seq}", started.as_millis());
                assert_eq!(source_event_id(device, &place), text(&event["source_event_id"]));
            }
            for call in list(&sent["tool_calls"]) {
                let index = call["call_index"].as_u64().expect("a number");
                let index = usize::try_from(index).expect("small");
                let id = tool_call_id(text(&call["source_event_id"]), index);
                assert_eq!(id, text(&call["external_call_id"]));
            }
            let ids = list(&sent["events"]).iter().map(|event| text(&event["source_event_id"]));
            assert_eq!(batch_id(ids), text(&sent["batch_id"]));
        }
    }
}

/// Reads, redacts and encodes every batch: nothing is refused, and what comes out is what went in
/// but for what the floor hides.
#[test]
fn every_batch_comes_through_whole() {
    let key = IdentifierKey::new([9; 32]);
    for vector in vectors() {
        for batch in list(&vector["batches"]) {
            let sent = &batch["expect"];
            let parsed = parse_batch(sent.to_string().as_bytes()).expect("readable");
            assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
            let (redacted, _) = redact_batch(parsed.batch, &BatchFloor::new(key.clone()));
            let kept: Value = serde_json::from_slice(&encode_batch(&redacted)).expect("JSON");
            check_kept(sent, &kept, &key, "");
        }
    }
}

/// Every value of `sent` stands in `kept`, as the floor leaves it.
fn check_kept(sent: &Value, kept: &Value, key: &IdentifierKey, place: &str) {
    match sent {
        Value::Object(fields) => {
            for (name, value) in fields {
                let kept_name = identifier(name, key);
                check_kept(value, &kept[kept_name.as_str()], key, &format!("{place}.{name}"));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_kept(item, &kept[index], key, &format!("{place}[{index}]"));
            }
        }
        Value::String(value) => {
            let field = place.rsplit('.').next();
            let is_prose = matches!(field, Some("content_excerpt" | "cwd"));
            let expected = if is_prose {
                modelstat_redact::redact(value).text.into_owned()
            } else {
                identifier(value, key)
            };
            assert_eq!(kept.as_str(), Some(expected.as_str()), "{place}");
        }
        // What is empty may be left out.
        other => assert!(kept == other || kept.is_null(), "{place}: {kept}"),
    }
}

fn identifier(name: &str, key: &IdentifierKey) -> String {
    // That a name is random is no finding: ids are.
    let mut findings = modelstat_redact::redact(name).findings;
    findings.retain(|finding| finding.rule.name() != "high_entropy");
    if findings.is_empty() { name.to_owned() } else { key.hash(name).as_str().to_owned() }
}
