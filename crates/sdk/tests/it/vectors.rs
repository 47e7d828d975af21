//! The batches that the published clients make of the same calls.

use std::io::Read;
use std::time::Duration;

use modelstat::engine::{ArgumentDigest, build_batch};
use modelstat::{Config, LlmCall, Mode, RedactionPolicy, ToolCallInput};
use serde_json::{Value, json};

fn vectors() -> Value {
    unpacked(include_bytes!("../../../wire/tests/vectors/wire-0.1.0.json.gz"))
}

/// What the Python package 0.0.1 made; no crate of that version is like ours.
fn first_vectors() -> Value {
    unpacked(include_bytes!("../../../wire/tests/vectors/wire-0.0.1.json.gz"))
}

fn unpacked(packed: &[u8]) -> Value {
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("packed text");
    serde_json::from_str(&text).expect("JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn optional(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn small(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap_or_default()).expect("small")
}

fn config(given: &Value) -> Config {
    let key = text(&given["ingest_key"]);
    let app = optional(&given["app"]).unwrap_or_else(|| "default".into());
    let mut config = Config::new(key, text(&given["agent"]), app);
    config.device_id = text(&given["device_id"]);
    config.client_version = text(&given["client_version"]);
    config.redaction = match given["redaction"].as_str() {
        Some("none") => RedactionPolicy::None,
        _ => RedactionPolicy::Floor,
    };
    let base_url = "https://api.example.test".to_owned();
    config.mode = match given["mode"].as_str() {
        Some("remote") => Mode::Remote { base_url, raw: false },
        Some("remote_raw") => Mode::Remote { base_url, raw: true },
        _ => Mode::LocalDaemon { url: Mode::DEFAULT_DAEMON_URL.into() },
    };
    config.metadata = tags(&given["metadata"]);
    config
}

fn tags(value: &Value) -> std::collections::BTreeMap<String, String> {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

fn call(given: &Value) -> LlmCall {
    let mut call = LlmCall::new(text(&given["provider"]), text(&given["session_id"]));
    call.model = optional(&given["model"]);
    call.kind = serde_json::from_value(given["kind"].clone()).expect("a kind");
    call.tokens = serde_json::from_value(given["tokens"].clone()).expect("tokens");
    call.started_at = text(&given["started_at"]).parse().expect("a time");
    call.first_token_at = optional(&given["first_token_at"]).map(|at| at.parse().expect("a time"));
    call.duration = given["duration_ms"].as_u64().map(Duration::from_millis);
    call.prompt = optional(&given["prompt"]);
    call.completion = optional(&given["completion"]);
    call.cwd = optional(&given["cwd"]);
    call.git = serde_json::from_value(given["git"].clone()).expect("a repository or none");
    call.metadata = tags(&given["metadata"]);
    call.tool_calls = list(&given["tool_calls"]).iter().map(tool_call).collect();
    call
}

fn tool_call(given: &Value) -> ToolCallInput {
    let status = serde_json::from_value(given["status"].clone()).expect("a status");
    let mut tool = ToolCallInput::new(text(&given["name"]), status);
    tool.server = text(&given["server"]);
    tool.args = Some(given["args"].clone()).filter(|args| !args.is_null());
    tool.result_bytes = small(&given["result_bytes"]);
    tool.started_at = text(&given["started_at"]).parse().expect("a time");
    tool.command_families = list(&given["command_families"]).iter().map(text).collect();
    tool
}

/// Python prints arguments in the order in which they were given, and escapes what is not ASCII.
fn without_python_json(mut batch: Value) -> Value {
    for call in batch["tool_calls"].as_array_mut().into_iter().flatten() {
        call["args_hash"].take();
        call["args_bytes"].take();
    }
    batch
}

fn without_texts(mut batch: Value) -> Value {
    for event in batch["events"].as_array_mut().into_iter().flatten() {
        event["content_excerpt"].take();
    }
    batch
}

/// Deliberate: the published floor rewrites the sign and the quotes around a value, ours keeps them,
/// so that the cut may fall elsewhere.
fn check_text(made: Option<String>, published: Option<String>, batch: usize) {
    let plain = |text: String| {
        let text = text.replace(": '[REDACTED:env_secret]'", "=[REDACTED:env_secret]");
        text.strip_suffix('…').map(str::to_owned).unwrap_or(text)
    };
    if made == published {
        return;
    }
    let made = made.map(plain).expect("there is a published text");
    let published = published.map(plain).expect("there is a text");
    assert!(published.starts_with(&made), "batch {batch}: {made} is not {published}");
    assert!(published.len() - made.len() < 16, "batch {batch}: {made} is cut early");
}

/// Makes the batches of the vectors, and compares them as `adapt` leaves ours.
fn check_batches(vectors: &Value, adapt: impl Fn(Value) -> Value) {
    let batches = list(&vectors["batches"]);
    assert!(!batches.is_empty());
    for (index, vector) in batches.iter().enumerate() {
        let config = config(&vector["config"]);
        assert_eq!(config.mode.endpoint(), text(&vector["endpoint"]));
        let mut seq = vector["seq"].as_u64().expect("a number");
        let calls = list(&vector["calls"]).iter().map(call).collect();
        let made = build_batch(&config, calls, &mut seq);
        assert_eq!(Some(seq), vector["seq_after"].as_u64());
        let made = adapt(without_python_json(made));
        let published = without_python_json(vector["expect"].clone());
        for (made, published) in list(&made["events"]).iter().zip(list(&published["events"])) {
            let (made, published) = (&made["content_excerpt"], &published["content_excerpt"]);
            check_text(optional(made), optional(published), index);
        }
        assert!(without_texts(made) == without_texts(published), "batch {index}");
    }
}

#[test]
fn every_batch_is_made_as_published() {
    check_batches(&vectors(), |made| made);
}

/// Deliberate: ours says as much more as 0.1.0 does.
#[test]
fn every_batch_of_the_first_clients_is_made_with_what_was_added_since() {
    check_batches(&first_vectors(), |mut made| {
        let batch = made.as_object_mut().expect("a batch");
        assert_eq!(batch.remove("app"), Some(json!("default")));
        assert_eq!(batch.remove("auto_taxonomy"), Some(json!(false)));
        assert!(batch.remove("session_installs").is_some());
        for event in batch["events"].as_array_mut().into_iter().flatten() {
            let event = event.as_object_mut().expect("an event");
            let started_at = event.remove("started_at");
            assert_eq!(started_at.as_ref(), event.get("ts"));
        }
        made
    });
}

/// Deliberate: ours finds what the published floor finds, and more.
#[test]
fn texts_are_redacted_at_least_as_published() {
    for vectors in [first_vectors(), vectors()] {
        for vector in list(&vectors["redact"]) {
            let redacted = modelstat::redact(&text(&vector["text"]));
            let found = u64::from(redacted.secrets) + u64::from(redacted.pii);
            let published = ["secrets", "pii"].map(|class| vector[class].as_u64().unwrap_or(0));
            assert!(found >= published.iter().sum::<u64>(), "{}", redacted.text);
        }
    }
}

#[test]
fn arguments_are_hashed_as_published() {
    let digest = ArgumentDigest::of(
        r#"{"command":"rm -rf /tmp/secret","timeout":5}"#,
        Some(vec!["timeout", "command"]),
    );
    assert_eq!(
        digest.args_hash,
        "032a7d880b6a62e9a7f05d8e4250485354a2ace52fd25166d23d68391ed9837f"
    );
    assert_eq!(
        digest.signature_hash,
        "b68249d007c3884b61b1a9160d42ccd5baf8a5b8c995de79fa8ddee1da1b0d3d"
    );
    assert_eq!(digest.args_bytes, 44);
    let list = ArgumentDigest::of(&json!([1, 2]).to_string(), None);
    assert_eq!(list.args_hash, "49a64717d5d4cb19952e6eac2946415cf6879adacf9908e7d872332d32c6e684");
    assert_eq!((list.signature_hash.as_str(), list.args_bytes), ("none", 5));
    assert_eq!(ArgumentDigest::none().signature_hash, "none");
}
