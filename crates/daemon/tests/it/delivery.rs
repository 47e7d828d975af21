//! From acknowledgement to the server: once, in order, the same bytes.

use std::time::{Duration, Instant};

use modelstat_daemon::{KeyState, Secret};
use serde_json::json;

use crate::client;
use crate::upstream::{Say, Seen, Upstream, ids_of, say};
use crate::world::{ADMIN, World, batch, event, wait_until};

#[test]
fn a_batch_is_acknowledged_and_shipped_without_its_text() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    let mut first = event("evt_1", "the canary sentence that nobody else may read");
    first["metadata"] = json!({"feature": "search"});
    first["cwd"] = json!("/srv/app");
    let answer = world.send(&batch(&[first, event("evt_2", "more")]));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["accepted"], 2);
    assert_eq!(answer.json()["queued"], true);
    assert_eq!(answer.json()["new_sessions"], 0);
    let status = world.wait_shipped();
    let seen = upstream.seen();
    let shipped = seen[0].json();
    assert_eq!((seen.len(), seen[0].key()), (1, "key-one"));
    assert_eq!(ids_of(&shipped), ["evt_1", "evt_2"]);
    assert_eq!(shipped["app"], "checkout");
    assert_eq!(shipped["summarizer_mode"], "local");
    assert_eq!(shipped["daemon_version"], "python-sdk/0.1.0");
    assert_eq!(shipped["events"][0]["metadata"]["feature"], "search");
    assert!(!shipped.to_string().contains("canary") && shipped["events"][0]["cwd"].is_null());
    assert_eq!((status.outcomes["accepted"], status.shipped["accepted"]), (2, 2));
    assert_eq!(status.last_ship.map(|ship| (ship.status, ship.events)), Some((200, 2)));
}

#[test]
fn raw_answers_in_its_own_shape_and_ships_to_ingest() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    let body = batch(&[event("evt_1", "a")]).to_string();
    let answer = client::post(world.address(), "/v1/ingest/raw", body.as_bytes()).json();
    assert_eq!((&answer["accepted"], &answer["accepted_events"]), (&json!(true), &json!(1)));
    world.wait_shipped();
    assert!(upstream.seen()[0].head.starts_with("POST /v1/ingest HTTP/1.1"));
}

#[test]
fn a_retry_sends_the_same_bytes_and_the_ledger_has_every_try() {
    let upstream = Upstream::start();
    upstream.script([say(500), say(503), say(404), say(302)]);
    let portal = Say { body: Some("<html>welcome</html>"), ..say(200) };
    upstream.script([portal]);
    let world = World::start(upstream.url());
    world.send(&batch(&[event("evt_1", "a")]));
    world.wait_shipped();
    let seen = upstream.seen();
    assert_eq!(seen.len(), 6);
    assert!(seen.iter().all(|other| other.body == seen[0].body));
    let ledger = client::get(world.address(), "/v1/egress", ADMIN).json();
    let entries = ledger["entries"].as_array().expect("entries");
    let statuses: Vec<_> = entries.iter().map(|entry| entry["status"].as_u64()).collect();
    assert_eq!(statuses, [500, 503, 404, 302, 200, 200].map(Some));
    let payload = entries[0]["payload"].as_str().expect("text");
    assert_eq!(payload, seen[0].text());
    let further = client::get(world.address(), "/v1/egress?after=4&limit=1", ADMIN).json();
    assert_eq!(further["entries"].as_array().map(Vec::len), Some(1));
    assert_eq!(further["next_after"], 5);
}

#[test]
fn retry_after_is_honoured() {
    let upstream = Upstream::start();
    upstream.script([Say { header: "Retry-After: 1\r\n", ..say(429) }]);
    let world = World::start(upstream.url());
    let start = Instant::now();
    world.send(&batch(&[event("evt_1", "a")]));
    let status = world.wait("backing off", |status| {
        status.keys.first().is_some_and(|key| key.state == KeyState::BackingOff)
    });
    assert_eq!(status.keys[0].reason.as_deref(), Some("status_429"));
    world.wait_shipped();
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn a_refused_key_pauses_alone_and_resumes() {
    let upstream = Upstream::start();
    upstream.rule(|seen| (seen.key() == "bad-key").then_some(say(401)));
    let world = World::start(upstream.url());
    world.send_with_key("bad-key", &batch(&[event("evt_bad", "a")]));
    world.send_with_key("good-key", &batch(&[event("evt_good", "a")]));
    let status = world.wait("paused, the other shipped", |status| {
        let bad = status.keys.iter().find(|key| key.key == 1);
        bad.is_some_and(|key| key.state == KeyState::Paused)
            && status.shipped.get("events") == Some(&1)
    });
    assert_eq!(status.keys[0].reason.as_deref(), Some("status_401"));
    assert!(!format!("{status:?}").contains("bad-key"));
    upstream.rule(|_| None);
    let status = world.wait("nothing left to say of any key", |status| status.keys.is_empty());
    assert_eq!(status.shipped["events"], 2);
}

#[test]
fn too_large_a_request_is_halved() {
    let upstream = Upstream::start();
    upstream.rule(|seen| (ids_of(&seen.json()).len() > 2).then_some(say(413)));
    let world = World::start(upstream.url());
    let events: Vec<_> = (0..7).map(|number| event(&format!("evt_{number}"), "a")).collect();
    let mut sent = batch(&events);
    sent["tool_calls"] = (0..7)
        .map(|number| {
            json!({"external_call_id": format!("tc_{number}"), "session_id": "sess_1",
                   "source_event_id": format!("evt_{number}"), "name": "bash",
                   "started_at": "2026-06-19T12:00:00.000Z"})
        })
        .collect();
    world.send(&sent);
    let status = world.wait_shipped();
    let taken: Vec<_> =
        upstream.seen().iter().map(Seen::json).filter(|b| ids_of(b).len() <= 2).collect();
    let mut ids: Vec<_> = taken.iter().flat_map(ids_of).collect();
    ids.sort();
    assert_eq!(ids, (0..7).map(|number| format!("evt_{number}")).collect::<Vec<_>>());
    for batch in &taken {
        let of_events: Vec<_> = batch["tool_calls"]
            .as_array()
            .expect("tool calls")
            .iter()
            .map(|call| call["source_event_id"].as_str().expect("an id").to_owned())
            .collect();
        assert_eq!(of_events, ids_of(batch));
    }
    assert_eq!((status.shipped["events"], status.spool.quarantine.rows), (7, 0));
}

#[test]
fn what_the_server_will_never_take_is_set_aside() {
    let upstream = Upstream::start();
    upstream.script([say(400)]);
    upstream.rule(|seen| (ids_of(&seen.json()) == ["evt_huge"]).then_some(say(413)));
    let world = World::start(upstream.url());
    for id in ["evt_huge", "evt_bad", "evt_good"] {
        world.send(&batch(&[event(id, "a")]));
    }
    // The rule answers the first request, the script the second.
    let status = world.wait("both set aside", |status| status.spool.quarantine.rows == 2);
    world.wait_shipped();
    assert_eq!(status.quarantined.values().sum::<u64>(), 2);
    assert!(upstream.event_ids().contains(&"evt_good".to_owned()));
}

#[test]
fn a_backlog_survives_a_restart_and_keeps_its_order() {
    let upstream = Upstream::start();
    upstream.hang_up(true);
    let mut world = World::start(upstream.url());
    for number in 0..20 {
        let answer = world.send(&batch(&[event(&format!("evt_{number:02}"), "a")]));
        assert_eq!(answer.status, 200);
    }
    world.restart();
    world.wait("a failed try", |status| status.last_failure.is_some());
    upstream.hang_up(false);
    world.wait_shipped();
    let expected: Vec<_> = (0..20).map(|number| format!("evt_{number:02}")).collect();
    assert_eq!(upstream.event_ids(), expected);
}

#[test]
fn a_repeat_is_told_and_not_shipped_twice() {
    let upstream = Upstream::start();
    let mut world = World::start(upstream.url());
    let sent = batch(&[event("evt_1", "a"), event("evt_2", "b")]);
    assert_eq!(world.send(&sent).json()["duplicate"], 0);
    let again = world.send(&sent).json();
    assert_eq!((&again["accepted"], &again["duplicate"]), (&json!(0), &json!(2)));
    // A batch that is on its way at the restart would be sent again, and rightly so.
    world.wait_shipped();
    world.restart();
    assert_eq!(world.send(&sent).json()["duplicate"], 2);
    // The same batch id with other content is no repeat, nor is the same batch with another key.
    let mut other = sent.clone();
    other["events"][0]["tokens"]["input"] = json!(11);
    assert_eq!(world.send(&other).json()["accepted"], 2);
    assert_eq!(world.send_with_key("key-two", &sent).json()["accepted"], 2);
    let status = world.wait_shipped();
    assert_eq!(upstream.seen().len(), 3);
    assert_eq!((status.outcomes["accepted"], status.outcomes["duplicate"]), (6, 4));
}

#[test]
fn the_own_key_ships_everything() {
    let upstream = Upstream::start();
    let world = World::start_with(upstream.url(), |config| {
        config.own_key = Some(Secret::new("own-key"));
    });
    world.send_with_key("any-key", &batch(&[event("evt_1", "a")]));
    world.wait_shipped();
    assert_eq!(upstream.seen()[0].key(), "own-key");
    let keys = std::fs::read_to_string(world.data().join("keys")).expect("readable");
    assert_eq!(keys, "");
}

#[test]
fn shutdown_ships_what_is_there() {
    let upstream = Upstream::start();
    let mut world = World::start(upstream.url());
    for number in 0..50 {
        world.send(&batch(&[event(&format!("evt_{number}"), "a")]));
    }
    world.stop(Duration::from_secs(5));
    assert_eq!(upstream.event_ids().len(), 50);
}

#[test]
fn shutdown_does_not_wait_for_a_silent_server() {
    let upstream = Upstream::start();
    upstream.fall_silent();
    let mut world = World::start(upstream.url());
    world.send(&batch(&[event("evt_1", "a")]));
    wait_until("the request at hand", || upstream.seen().len() == 1);
    let start = Instant::now();
    world.stop(Duration::from_millis(300));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let next = Upstream::start();
    world.config.server_url = next.url();
    world.restart();
    world.wait_shipped();
    assert_eq!(next.seen()[0].body, upstream.seen()[0].body);
}

#[test]
fn a_full_spool_is_told_and_takes_again_once_it_is_shipped() {
    let upstream = Upstream::start();
    upstream.hang_up(true);
    let world = World::start_with(upstream.url(), |config| config.spool.bytes = 8_192);
    let send = |key: &str, number: u32| {
        let answer = world.send_with_key(key, &batch(&[event(&format!("evt_{number}"), "a")]));
        (answer.status, answer)
    };
    let refused = (0..100).map(|number| send("key-one", number)).find(|(status, _)| *status != 200);
    let (status, answer) = refused.expect("the share is full");
    assert_eq!((status, answer.error().as_str()), (503, "key_share_full"));
    assert!(answer.head.to_lowercase().contains("retry-after: 30"), "{}", answer.head);
    let refused = (0..100).map(|number| send("key-two", number)).find(|(status, _)| *status != 200);
    assert_eq!(refused.expect("the spool is full").0, 503);
    upstream.hang_up(false);
    world.wait_shipped();
    world.clock.advance(Duration::from_secs(61));
    world.wait("turns closed", |status| status.spool.turns.rows == 0);
    world.wait_shipped();
    assert_eq!(send("key-one", 1_000).0, 200);
}

#[test]
fn every_acknowledged_event_ships_exactly_once_over_restarts() {
    let upstream = Upstream::start();
    let mut world = World::start(upstream.url());
    world.config.listen = world.address();
    let address = world.address();
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            std::thread::spawn(move || {
                for number in 0..40 {
                    send_until_taken(address, sender, number);
                }
            })
        })
        .collect();
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(60));
        world.restart();
    }
    for sender in senders {
        sender.join().expect("every batch was taken");
    }
    let status = world.wait_shipped();
    // A request that was cut is sent again, byte for byte, as a server that stores once expects.
    let distinct: std::collections::BTreeMap<_, _> =
        upstream.seen().into_iter().map(|seen| (seen.body.clone(), seen)).collect();
    let mut ids: Vec<_> = distinct.values().flat_map(|seen| ids_of(&seen.json())).collect();
    ids.sort();
    let mut expected: Vec<_> = (0..4)
        .flat_map(|sender| {
            (0..40).flat_map(move |number| (0..5).map(move |at| (sender, number, at)))
        })
        .map(|(sender, number, at)| format!("evt_{sender}_{number}_{at}"))
        .collect();
    expected.sort();
    assert_eq!(ids, expected);
    assert_eq!(status.outcomes["accepted"], 800);
}

fn send_until_taken(address: std::net::SocketAddr, sender: u32, number: u32) {
    let ids = (0..5).map(|at| format!("evt_{sender}_{number}_{at}"));
    let body = batch(&ids.map(|id| event(&id, "a")).collect::<Vec<_>>()).to_string();
    let head = format!(
        "POST /v1/ingest HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer key-{sender}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    wait_until("a batch is taken", || {
        let answer = client::exchange(address, head.as_bytes(), body.as_bytes());
        answer.is_ok_and(|answer| answer.status == 200)
    });
}
