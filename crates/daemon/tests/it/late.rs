//! Events that arrive when their segment is closed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::segments::{close, segments};
use crate::upstream::Upstream;
use crate::world::{World, batch, event_at};

/// The segments that were sent, in their order.
fn sent(upstream: &Upstream) -> Vec<Value> {
    let batches = segments(upstream).into_iter();
    batches.flat_map(|batch| batch["segments"].as_array().cloned().unwrap_or_default()).collect()
}

/// A session of two turns, closed.
fn closed_session(upstream: &Upstream) -> World {
    let world = World::start(upstream.url());
    world.send(&batch(&[event_at("evt_1", "12:00:00"), event_at("evt_2", "12:05:00")]));
    close(&world);
    world
}

#[test]
fn a_late_event_opens_its_segment_again() {
    let upstream = Upstream::start();
    let world = closed_session(&upstream);
    let mut late = event_at("evt_3", "12:02:00");
    late["tool_calls"] = json!({"Bash": 3});
    late["error"] = json!({"type": "timeout", "status": 504});
    late["content_excerpt"] = json!("The invoice export to the accounting system is missing.");
    world.send(&batch(&[late]));
    close(&world);
    let sent = sent(&upstream);
    assert_eq!(sent.len(), 2);
    let (first, again) = (&sent[0], &sent[1]);
    assert_eq!((&first["generation"], &again["generation"]), (&json!(1), &json!(2)));
    assert_eq!(first["segment_id"], again["segment_id"]);
    assert_eq!(again["source_event_ids"], json!(["evt_1", "evt_2", "evt_3"]));
    assert_eq!((&again["tokens"]["input"], &again["tokens"]["output"]), (&json!(30), &json!(15)));
    assert_eq!(again["started_at"], json!("2026-06-19T12:00:00.000Z"));
    assert_eq!(again["ended_at"], json!("2026-06-19T12:05:00.000Z"));
    let text = again["abstract"].as_str().expect("an abstract");
    for said in ["in 3 turns", "retry policy", "invoice export", "3 tool calls (Bash)", "1 error"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert_eq!(world.status().summaries["again"], 1);
    let batches = segments(&upstream);
    assert_ne!(batches[0]["batch_id"], batches[1]["batch_id"]);
}

#[test]
fn a_segment_is_opened_again_after_a_restart_and_more_than_once() {
    let upstream = Upstream::start();
    let mut world = closed_session(&upstream);
    world.restart();
    world.send(&batch(&[event_at("evt_0", "11:50:00")]));
    close(&world);
    world.restart();
    world.send(&batch(&[event_at("evt_4", "12:15:00")]));
    close(&world);
    let sent = sent(&upstream);
    let last = sent.last().expect("a segment");
    assert_eq!((sent.len(), &last["generation"]), (3, &json!(3)));
    assert_eq!(last["source_event_ids"], json!(["evt_1", "evt_2", "evt_0", "evt_4"]));
    assert_eq!(last["started_at"], json!("2026-06-19T11:50:00.000Z"));
    assert_eq!(last["ended_at"], json!("2026-06-19T12:15:00.000Z"));
    assert_eq!(world.status().spool.closed.rows, 1);
}

#[test]
fn an_event_that_comes_again_counts_once() {
    let upstream = Upstream::start();
    let world = closed_session(&upstream);
    let mut again = batch(&[event_at("evt_2", "12:05:00")]);
    again["batch_id"] = json!("batch_again");
    world.send(&again);
    let status = world.wait_shipped();
    assert_eq!(status.spool.turns.rows, 0);
    // Together with one that is new, it is still no part of it a second time.
    world.send(&batch(&[event_at("evt_1", "12:00:00"), event_at("evt_3", "12:04:00")]));
    close(&world);
    let sent = sent(&upstream);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[1]["source_event_ids"], json!(["evt_1", "evt_2", "evt_3"]));
    assert_eq!(sent[1]["tokens"]["input"], json!(30));
}

#[test]
fn a_late_event_far_from_every_segment_makes_its_own() {
    let upstream = Upstream::start();
    let world = closed_session(&upstream);
    world.send(&batch(&[event_at("evt_3", "12:20:00"), event_at("evt_4", "11:44:59")]));
    close(&world);
    let sent = sent(&upstream);
    let ids: Vec<_> = sent.iter().map(|segment| segment["source_event_ids"].clone()).collect();
    assert_eq!(ids, [json!(["evt_1", "evt_2"]), json!(["evt_4"]), json!(["evt_3"])]);
    assert!(sent.iter().all(|segment| segment["generation"] == json!(1)));
}

#[test]
fn what_is_kept_and_damaged_costs_a_segment_of_its_own() {
    let upstream = Upstream::start();
    let world = closed_session(&upstream);
    let spool = rusqlite::Connection::open(world.data().join("spool.db")).expect("a database");
    spool.execute("UPDATE closed SET body = x'00'", []).expect("writable");
    world.send(&batch(&[event_at("evt_3", "12:02:00")]));
    close(&world);
    let sent = sent(&upstream);
    assert_eq!((sent.len(), &sent[1]["generation"]), (2, &json!(1)));
    assert_eq!(sent[1]["source_event_ids"], json!(["evt_3"]));
    assert_eq!(sent[1]["started_at"], sent[1]["ended_at"]);
}

#[test]
fn turns_that_go_on_after_a_quiet_minute_wait_for_each_other() {
    let upstream = Upstream::start();
    let world = closed_session(&upstream);
    for (id, time) in [("evt_3", "12:06:00"), ("evt_4", "12:08:00")] {
        world.send(&batch(&[event_at(id, time)]));
        world.wait_shipped();
    }
    close(&world);
    let sent = sent(&upstream);
    assert_eq!((sent.len(), &sent[1]["generation"]), (2, &json!(2)));
    assert_eq!(sent[1]["source_event_ids"], json!(["evt_1", "evt_2", "evt_3", "evt_4"]));
}

#[test]
fn a_late_event_does_not_wait_for_a_busy_session() {
    let upstream = Upstream::start();
    let world = closed_session(&upstream);
    world.send(&batch(&[event_at("evt_3", "12:02:00"), event_at("evt_4", "13:00:00")]));
    // The clock stands still: nothing is quiet.
    world.wait("the late turn told", |status| {
        status.spool.incoming.rows == 0 && status.spool.turns.rows == 1
    });
    world.wait_shipped();
    let sent = sent(&upstream);
    assert_eq!(sent[1]["source_event_ids"], json!(["evt_1", "evt_2", "evt_3"]));
}

#[test]
fn a_full_segment_takes_no_late_event() {
    let upstream = Upstream::start();
    let world = World::start_with(upstream.url(), |config| config.segments.max_turns = 2);
    world.send(&batch(&[event_at("evt_1", "12:00:00"), event_at("evt_2", "12:05:00")]));
    close(&world);
    world.send(&batch(&[event_at("evt_3", "12:02:00")]));
    close(&world);
    let sent = sent(&upstream);
    assert_eq!((sent.len(), &sent[1]["source_event_ids"]), (2, &json!(["evt_3"])));
    assert_ne!(sent[0]["segment_id"], sent[1]["segment_id"]);
}

#[test]
fn an_earlier_segment_that_is_opened_again_does_not_name_the_session() {
    let upstream = Upstream::start();
    let world = closed_session(&upstream);
    world.send(&batch(&[event_at("evt_3", "13:00:00")]));
    close(&world);
    world.send(&batch(&[event_at("evt_4", "12:01:00")]));
    close(&world);
    let named: Vec<bool> =
        segments(&upstream).iter().map(|batch| !batch["session_titles"].is_null()).collect();
    assert_eq!(named, [true, true, false]);
}

#[test]
fn after_a_day_a_closed_segment_is_forgotten() {
    let upstream = Upstream::start();
    let world = closed_session(&upstream);
    world.clock.advance(Duration::from_hours(23));
    world.send(&batch(&[event_at("evt_3", "12:01:00")]));
    close(&world);
    assert!(world.status().spool.used_bytes > 0, "what is kept of it counts too");
    world.clock.advance(Duration::from_hours(25));
    world.wait("the closed segment forgotten", |status| {
        status.spool.closed.rows == 0 && status.spool.used_bytes == 0
    });
    world.send(&batch(&[event_at("evt_4", "12:01:00")]));
    close(&world);
    let generations: Vec<_> =
        sent(&upstream).iter().map(|segment| segment["generation"].clone()).collect();
    assert_eq!(generations, [json!(1), json!(2), json!(1)]);
}
