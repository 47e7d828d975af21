//! One call, all the way.

use serde_json::{Value, json};

use crate::support::{Product, batch, create_key, event, get, post, totals, wait_until};

const NOW: &str = "2026-06-19T12:34:56.789Z";

#[test]
fn a_call_posted_to_the_daemon_is_priced_on_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let product = Product::up(&data);
    let (ingest, read) = (product.word("ingest_key"), product.word("read_key"));
    let mut call = event("evt_1", "sess_1", NOW);
    call["content_excerpt"] = json!("How do I retry a failed request?\n---\nUse a backoff.");
    call["cwd"] = json!("/srv/app");
    call["metadata"] = json!({"feature": "search"});
    let answer = post(product.word("daemon_url"), ingest, &batch("checkout-api", &[call]));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["accepted"], 1);
    assert_eq!(answer.body["queued"], true);

    let server = product.server();
    wait_until("the call arrives", || totals(&server, read, &["calls"])["calls"] == 1);
    let sums = totals(&server, read, &["calls", "cost", "tokens.total", "unpriced_calls"]);
    // 1,000 × 2.50 and 100 × 10.00 USD per million.
    assert_eq!(
        sums,
        json!({"calls": 1, "cost": "0.003500000000", "tokens.total": 1100, "unpriced_calls": 0})
    );

    let session = get(&format!("{server}/v1/sessions/sess_1?app=checkout-api"), read);
    let event = &session.body["events"][0];
    assert_eq!(event["metadata"]["feature"], "search");
    assert_eq!(event["ts"], NOW);
    for field in ["content_excerpt", "cwd"] {
        assert_eq!(event[field], Value::Null, "{field} left the machine");
    }
    let detail = get(&format!("{server}/v1/events/evt_1"), read);
    let lines = detail.body["cost_lines"].as_array().expect("lines");
    let classes: Vec<_> = lines.iter().map(|line| &line["class"]).collect();
    assert_eq!(classes, ["input", "output"]);
    assert!(product.stop().success());
}

#[test]
fn the_same_batch_again_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let product = Product::up(&folder.path().join("data"));
    let (ingest, read) = (product.word("ingest_key"), product.word("read_key"));
    let url = product.word("ingest_url");
    let sent = batch("app", &[event("evt_1", "s", NOW), event("evt_2", "s", NOW)]);
    assert_eq!(post(url, ingest, &sent).body["accepted"], 2);
    let again = post(url, ingest, &sent).body;
    assert_eq!((&again["accepted"], &again["duplicate"]), (&json!(0), &json!(2)));
    // The same events in another batch are duplicates one by one.
    let mut regrouped = batch("app", &[event("evt_2", "s", NOW)]);
    regrouped["batch_id"] = json!("batch_other");
    post(url, ingest, &regrouped);
    // The same id with other content is kept under an id of its own.
    let mut other = event("evt_1", "s", NOW);
    other["tokens"]["input"] = json!(7);
    post(url, ingest, &batch("app", &[other]));
    let server = product.server();
    wait_until("the outcomes are counted", || {
        let report = get(&format!("{server}/v1/privacy?from=2000-01-01T00:00:00Z"), read).body;
        let count = |name: &str| {
            let outcomes = report["outcomes"].as_array().cloned().unwrap_or_default();
            let of_name = outcomes.iter().filter(|outcome| outcome["outcome"] == name);
            of_name.filter_map(|outcome| outcome["count"].as_u64()).sum::<u64>()
        };
        (count("accepted"), count("duplicate"), count("id_conflict")) == (2, 3, 1)
    });
    assert_eq!(totals(&server, read, &["tokens.input"])["tokens.input"], 2007);
    assert!(product.stop().success());
}

#[test]
fn a_revoked_key_is_refused_within_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let product = Product::up(&data);
    let key = create_key(&data, "ingest");
    let url = product.word("ingest_url");
    let sent = |id: &str| batch("app", &[event(id, "s", NOW)]);
    assert_eq!(post(url, &key, &sent("evt_1")).status, 200);
    let path = data.to_str().expect("a plain path");
    let listed =
        crate::support::modelstat(&["keys", "list", "--json", "--data-dir", path]).output();
    let listed: Value = serde_json::from_slice(&listed.expect("it runs").stdout).expect("JSON");
    let listed = listed.as_array().expect("a list").last().expect("our key").clone();
    assert!(!listed.to_string().contains(&key), "a listed key shows its secret");
    let id = listed["id"].as_str().expect("an id");
    let revoked = crate::support::modelstat(&["keys", "revoke", id, "--data-dir", path]).output();
    assert!(revoked.expect("it runs").status.success());
    let refused = post(url, &key, &sent("evt_2"));
    assert_eq!((refused.status, &refused.body["error"]), (401, &json!("unauthorized")));
    assert!(product.stop().success());
}

#[test]
fn what_the_daemon_took_while_the_server_was_away_arrives_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server_data, daemon_data) = (folder.path().join("server"), folder.path().join("daemon"));
    let address = crate::support::free_address().to_string();
    let server_url = format!("http://{address}");
    let server = Product::start("server", &server_data, &["--listen", &address]);
    let (ingest, read) = (create_key(&server_data, "ingest"), create_key(&server_data, "read"));
    assert!(server.stop().success());
    let daemon = Product::start(
        "daemon",
        &daemon_data,
        &["--daemon-listen", "127.0.0.1:0", "--server-url", &server_url],
    );
    let sent = batch("app", &[event("evt_1", "s", NOW)]);
    assert_eq!(post(daemon.word("daemon_url"), &ingest, &sent).status, 200);
    let server = Product::start("server", &server_data, &["--listen", &address]);
    wait_until("the backlog arrives", || totals(&server_url, &read, &["calls"])["calls"] == 1);
    assert!(daemon.stop().success());
    assert!(server.stop().success());
}

#[test]
fn a_usage_as_the_provider_reported_it_is_read_at_both_doors() {
    let folder = tempfile::tempdir().expect("a folder");
    let product = Product::up(&folder.path().join("data"));
    let (ingest, read) = (product.word("ingest_key"), product.word("read_key"));
    let reported = |id: &str| {
        let mut call = event(id, "s", NOW);
        call.as_object_mut().expect("an object").remove("tokens");
        call["provider_usage"] = json!({
            "prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100,
            "prompt_tokens_details": {"cached_tokens": 400},
        });
        call
    };
    for (url, id) in [(product.word("daemon_url"), "evt_1"), (product.word("ingest_url"), "evt_2")]
    {
        assert_eq!(post(url, ingest, &batch("app", &[reported(id)])).status, 200);
    }
    let server = product.server();
    wait_until("both arrive", || totals(&server, read, &["calls"])["calls"] == 2);
    let measures = ["tokens.input", "tokens.cache_read", "tokens.output", "unknown_usage_calls"];
    assert_eq!(
        totals(&server, read, &measures),
        json!({
            "tokens.input": 1_200, "tokens.cache_read": 800, "tokens.output": 200,
            "unknown_usage_calls": 0,
        })
    );
    assert!(product.stop().success());
}

/// Says what made the only abstract of a session, once the server has it.
fn making(product: &Product, session: &str) -> [Value; 3] {
    let url = format!("{}/v1/sessions/{session}?app=checkout-api", product.server());
    let segment = || get(&url, product.word("read_key")).body["segments"][0].clone();
    wait_until("the abstract arrives", || segment()["abstract"].is_string());
    ["engine", "fallback_reason", "prompt_version"].map(|field| segment()[field].clone())
}

#[test]
fn why_no_model_made_an_abstract_is_told_by_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    // Nobody listens there.
    let configuration = "[engine]\nurl = \"http://127.0.0.1:1/v1\"\nurl_model = \"qwen3\"\n\
                         [segments]\nquiet_seconds = 6\n";
    std::fs::write(data.join("modelstat.toml"), configuration).expect("writable");
    let product = Product::up(&data);
    let mut long = event("evt_1", "sess_long", NOW);
    long["content_excerpt"] = "the retry policy never ends and the build fails ".repeat(9).into();
    let mut short = event("evt_2", "sess_short", NOW);
    short["content_excerpt"] = json!("The retry policy never ends.");
    let sent = batch("checkout-api", &[long, short]);
    assert_eq!(post(product.word("daemon_url"), product.word("ingest_key"), &sent).status, 200);
    let template = |why: &str| [json!("template"), json!(why), Value::Null];
    assert_eq!(making(&product, "sess_long"), template("http.unavailable"));
    assert_eq!(making(&product, "sess_short"), template("http.too_short"));
    assert!(product.stop().success());
}
