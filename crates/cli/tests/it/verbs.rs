//! The verbs of the command line.

use serde_json::Value;

use crate::support::{Product, batch, event, get, modelstat, post, totals, wait_until};

fn json_of(arguments: &[&str]) -> Value {
    let output = modelstat(arguments).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn status_and_egress_tell_what_happened() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let path = data.to_str().expect("a plain path");
    let product = Product::up(&data);
    let key = product.word("ingest_key");
    post(
        product.word("daemon_url"),
        key,
        &batch("app", &[event("evt_1", "s", "2026-06-19T12:34:56Z")]),
    );
    let read = product.word("read_key");
    wait_until("it ships", || totals(&product.server(), read, &["calls"])["calls"] == 1);
    let status = json_of(&["status", "--json", "--data-dir", path]);
    assert_eq!(status["server"]["inbox"]["quarantined"], 0);
    assert!(!status.to_string().contains(key), "status shows a key");
    let output = modelstat(&["egress", "--json", "--data-dir", path]).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let entry: Value = serde_json::from_str(text.lines().next().expect("an entry")).expect("JSON");
    assert_eq!(entry["status"], 200, "{entry}");
    assert!(!text.contains(key), "the egress ledger shows a key");
    assert!(product.stop().success());
    let output = modelstat(&["status", "--data-dir", path]).output().expect("it runs");
    let told = String::from_utf8(output.stderr).expect("text");
    assert!(told.contains("modelstat up"), "{told}");
}

#[test]
fn sample_data_is_added_and_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let path = data.to_str().expect("a plain path");
    let ports = ["--listen", "127.0.0.1:0", "--daemon-listen", "127.0.0.1:0", "--demo"];
    let product = Product::start("up", &data, &ports);
    let key_of = |address: &str| address.split_once("#key=").expect("a key").1.to_owned();
    let demo = key_of(product.word("demo_dashboard"));
    let server = product.server();
    let calls = || totals(&server, &demo, &["calls"])["calls"].as_u64().unwrap_or(0);
    wait_until("the sample data is there", || calls() > 1_000);
    let own = key_of(product.word("dashboard"));
    assert_eq!(totals(&server, &own, &["calls"])["calls"], 0, "orgs see each other");
    let removed = modelstat(&["demo", "rm", "--data-dir", path]).output().expect("it runs");
    assert!(removed.status.success());
    assert_eq!(get(&format!("{server}/v1/me"), &demo).status, 401);
    assert_eq!(get(&format!("{server}/v1/me"), &own).status, 200);
    assert!(product.stop().success());
}

#[test]
fn keys_can_be_made_while_nothing_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let path = data.to_str().expect("a plain path");
    assert!(Product::up(&data).stop().success());
    let key = crate::support::create_key(&data, "read");
    let product = Product::up(&data);
    assert_eq!(get(&format!("{}/v1/me", product.server()), &key).status, 200);
    assert!(product.ready["ingest_key"].is_null(), "keys are shown at the first start only");
    assert!(product.stop().success());
    let orgs = json_of(&["orgs", "list", "--json", "--data-dir", path]);
    assert_eq!(orgs[0]["name"], "default");
}
