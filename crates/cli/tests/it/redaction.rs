//! What a host adds to the floor, and what the floor refuses, from daemon to dashboard.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Product, batch, event, get, log_of, modelstat, post, totals, wait_until};

const NOW: &str = "2026-06-19T12:34:56.789Z";

const PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--daemon-listen", "127.0.0.1:0"];

const RULES: &str =
    "[[rule]]\nid = \"acme-ticket\"\ntype = \"acme_ticket\"\nshape = [\"ACME-[digit:6]\"]\n";

fn status(data: &Path) -> Value {
    let path = data.to_str().expect("a plain path");
    let output = modelstat(&["status", "--json", "--data-dir", path]).output().expect("it runs");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn findings(product: &Product) -> Value {
    let url = format!("{}/v1/privacy?from=2000-01-01T00:00:00Z", product.server());
    get(&url, product.word("read_key")).body["findings"].clone()
}

/// Starts `up` as a user of that name, whose home is empty.
fn up_as(user: &str, data: &Path) -> Product {
    let home = data.with_extension("home");
    std::fs::create_dir_all(&home).expect("a folder");
    let started = Product::try_start_with("up", data, &PORTS, |command| {
        command.env("USER", user).env("HOME", home).env_remove("MODELSTAT_REDACT_IDENTIFIERS");
    });
    started.expect("it starts")
}

#[test]
fn rules_and_names_of_this_host_are_in_force_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    std::fs::write(data.join("redact.toml"), RULES).expect("writable");
    let product = up_as("zebulon", &data);
    let mut call = event("evt_1", "zebulon-1", NOW);
    call["content_excerpt"] = json!("zebulon asked for ACME-123456");
    call["metadata"] = json!({"ticket": "ACME-123456"});
    call["git"] = json!({"branch": "zebulon/fix"});
    post(product.word("daemon_url"), product.word("ingest_key"), &batch("zebulon", &[call]));
    let (server, read) = (product.server(), product.word("read_key"));
    wait_until("it ships", || totals(&server, read, &["calls"])["calls"] == 1);
    let kept = get(&format!("{server}/v1/sessions/zebulon-1?app=zebulon"), read);
    let kept = &kept.body["events"][0];
    for place in ["/metadata/ticket", "/git/branch"] {
        let shown = kept.pointer(place).and_then(Value::as_str);
        assert!(shown.is_some_and(|shown| shown.starts_with("h_")), "{place}: {kept}");
    }
    let counted = findings(&product);
    let expected = [
        json!({"rule": "acme_ticket", "class": "secret", "count": 2}),
        json!({"rule": "identifier", "class": "pii", "count": 2}),
    ];
    assert_eq!(counted, json!(expected));
    let status = status(&data);
    assert_eq!(status["server"]["redaction"], json!({"user_rules": 1, "identifiers": 0}));
    assert_eq!(status["daemon"]["redaction"]["user_rules"], 1);
    assert!(status["daemon"]["redaction"]["identifiers"].as_u64() >= Some(1));
    assert_eq!(status["daemon"]["findings"], json!({"acme_ticket": 2, "identifier": 2}));
    assert!(!status.to_string().contains("zebulon"), "status shows a name");
    assert!(product.stop().success());
}

#[test]
fn names_of_this_host_can_be_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    std::fs::write(data.join("modelstat.toml"), "[redact]\nidentifiers = false\n")
        .expect("writable");
    let product = up_as("zebulon", &data);
    assert_eq!(status(&data)["daemon"]["redaction"], json!({"user_rules": 0, "identifiers": 0}));
    assert!(product.stop().success());
    let told = Product::try_start_with("up", &data, &PORTS, |command| {
        command.env("USER", "zebulon").env("MODELSTAT_REDACT_IDENTIFIERS", "yes");
    });
    let product = told.expect("it starts");
    assert!(status(&data)["daemon"]["redaction"]["identifiers"].as_u64() >= Some(1));
    assert!(product.stop().success());
}

/// A rule set is in force whole or not at all: with a wrong rule nothing starts.
#[test]
fn a_wrong_rule_refuses_the_start() {
    for verb in ["up", "server", "daemon"] {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a folder");
        let rules = folder.path().join("ours.toml");
        std::fs::write(&rules, format!("{RULES}[[rule]]\nid = \"acme-late\"\ntype = \"Late!\"\nshape = [\"LATE-[digit:6]\"]\n"))
            .expect("writable");
        std::fs::write(data.join("modelstat.toml"), "[redact]\nrules = \"../ours.toml\"\n")
            .expect("writable");
        let listen = if verb == "daemon" { "--daemon-listen" } else { "--listen" };
        assert!(
            Product::try_start(verb, &data, &[listen, "127.0.0.1:0"]).is_none(),
            "{verb} starts"
        );
        let told = std::fs::read_to_string(log_of(&data)).expect("a log");
        assert!(told.contains("acme-late") && told.contains("hint: "), "{verb}: {told}");
        assert!(!data.join("server").exists() && !data.join("daemon").exists(), "{verb}");
    }
}

/// Fail closed, all the way: a text beyond what the engine looks at goes, its numbers stay, and the loss
/// is counted in the daemon, on the wire and on the server.
#[test]
fn a_text_that_the_engine_refuses_is_counted_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let product = up_as("zebulon", &data);
    let mut call = event("evt_1", "s", NOW);
    call["content_excerpt"] = json!("canary ".repeat(17 * 1024 * 1024 / 7));
    let url = format!("{}/raw", product.word("daemon_url"));
    let answer = post(&url, product.word("ingest_key"), &batch("app", &[call]));
    assert_eq!(answer.status, 200, "{}", answer.text);
    let (server, read) = (product.server(), product.word("read_key"));
    wait_until("it ships", || totals(&server, read, &["calls"])["calls"] == 1);
    assert_eq!(totals(&server, read, &["tokens.total"])["tokens.total"], 1100);
    assert_eq!(status(&data)["daemon"]["findings"], json!({"redaction_failed": 1}));
    let counted = json!([{"rule": "redaction_failed", "class": "secret", "count": 1}]);
    assert_eq!(findings(&product), counted);
    assert!(product.stop().success());
}
