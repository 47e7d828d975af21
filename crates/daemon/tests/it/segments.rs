//! Turns become abstracts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::upstream::{Upstream, say};
use crate::world::{World, batch, event, event_at};

pub(crate) fn segments(upstream: &Upstream) -> Vec<Value> {
    let batches = upstream.seen().into_iter().map(|seen| seen.json());
    batches.filter(|batch| !batch["segments"].is_null()).collect()
}

pub(crate) fn close(world: &World) {
    world.clock.advance(Duration::from_secs(61));
    world.wait("turns closed", |status| {
        status.spool.incoming.rows == 0 && status.spool.turns.rows == 0
    });
    world.wait_shipped();
}

#[test]
fn a_quiet_session_becomes_an_abstract() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    let mut failed = event("evt_2", "The pytest failure is a bug: the retry policy never ends.");
    failed["error"] = json!({"type": "timeout", "status": 504});
    failed["tool_calls"] = json!({"Bash": 2});
    let asked = event("evt_1", "Why is there a pytest failure after the retry policy was added?");
    world.send(&batch(&[asked, failed]));
    let status = world.wait_shipped();
    assert_eq!((status.spool.turns.rows, segments(&upstream).len()), (2, 0));
    close(&world);
    let sent = &segments(&upstream)[0];
    assert_eq!(sent["events"], json!([]));
    assert_eq!((&sent["app"], &sent["device_id"]), (&json!("checkout"), &json!("dev_sdk")));
    let segment = &sent["segments"][0];
    assert_eq!(
        segment["abstract"],
        "Debugging in 2 turns with gpt-4o: retry policy, pytest failure, bug. Code: Python. 2 tool calls (Bash), 1 error. Outcome: failed."
    );
    assert_eq!(segment["title"], "Debugging: retry policy, pytest failure, bug");
    let tags = ["retry policy", "pytest failure", "bug"];
    assert_eq!(
        segment["tags"],
        json!(tags.map(|name| json!({"root_key": "topics", "name": name})))
    );
    assert_eq!(sent["session_titles"]["sess_1"], segment["title"]);
    assert_eq!(
        (&segment["work_type"], &segment["engine"]),
        (&json!("debugging"), &json!("template"))
    );
    assert_eq!(segment["source_event_ids"], json!(["evt_1", "evt_2"]));
    assert_eq!(
        (&segment["tokens"]["input"], &segment["session_id"]),
        (&json!(20), &json!("sess_1"))
    );
    let expected = modelstat_wire::segment_id("checkout", "sess_1", ["evt_1", "evt_2"]);
    assert_eq!(segment["segment_id"], expected);
}

#[test]
fn a_pause_closes_the_segment_before_it_at_once() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    let mut later = event("evt_2", "b");
    later["ts"] = json!("2026-06-19T12:20:00.000Z");
    world.send(&batch(&[event("evt_1", "a"), later]));
    world.wait("the first segment", |status| {
        status.spool.turns.rows == 1 && status.summaries.get("template") == Some(&1)
    });
    world.wait_shipped();
    assert_eq!(segments(&upstream)[0]["segments"][0]["source_event_ids"], json!(["evt_1"]));
}

#[test]
fn turns_are_put_in_order_across_batches_and_restarts() {
    let upstream = Upstream::start();
    let mut world = World::start(upstream.url());
    world.send(&batch(&[event_at("evt_3", "12:02:00"), event_at("evt_1", "12:00:00")]));
    world.wait_shipped();
    world.restart();
    world.send(&batch(&[event_at("evt_2", "12:01:00")]));
    close(&world);
    let sent = segments(&upstream);
    assert_eq!(sent.len(), 1);
    let segment = &sent[0]["segments"][0];
    assert_eq!(segment["source_event_ids"], json!(["evt_1", "evt_2", "evt_3"]));
    assert_eq!(segment["started_at"], json!("2026-06-19T12:00:00.000Z"));
    assert_eq!(segment["ended_at"], json!("2026-06-19T12:02:00.000Z"));
    assert_eq!(segment["generation"], json!(1));
}

#[test]
fn a_session_of_two_apps_is_two() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    world.send(&batch(&[event("evt_1", "a")]));
    let mut other = batch(&[event("evt_2", "b")]);
    other["app"] = json!("search");
    world.send(&other);
    close(&world);
    let mut seen: Vec<_> = segments(&upstream)
        .iter()
        .map(|sent| (sent["app"].to_string(), sent["segments"][0]["source_event_ids"].to_string()))
        .collect();
    seen.sort();
    let pair = |app: &str, id: &str| (format!("{app:?}"), format!("[{id:?}]"));
    assert_eq!(seen, [pair("checkout", "evt_1"), pair("search", "evt_2")]);
}

#[test]
fn turns_survive_a_restart() {
    let upstream = Upstream::start();
    let mut world = World::start(upstream.url());
    world.send(&batch(&[event("evt_1", "a")]));
    world.wait_shipped();
    world.restart();
    close(&world);
    assert_eq!(segments(&upstream).len(), 1);
}

#[test]
fn a_session_that_has_a_title_keeps_it() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    let mut sent = batch(&[event("evt_1", "a")]);
    sent["session_titles"] = json!({"sess_1": "Checkout retries"});
    world.send(&sent);
    close(&world);
    assert!(segments(&upstream)[0]["session_titles"].is_null());
}

#[test]
fn a_server_that_takes_no_segment_holds_up_no_event() {
    let upstream = Upstream::start();
    upstream.rule(|seen| (!seen.json()["segments"].is_null()).then_some(say(400)));
    let world = World::start(upstream.url());
    world.send(&batch(&[event("evt_1", "a")]));
    close(&world);
    world.send(&batch(&[event("evt_2", "b")]));
    let status = world.wait_shipped();
    assert_eq!((status.shipped["events"], status.quarantined["status_400"]), (2, 1));
}
