//! What waits: how long, in which order, and what becomes of it when the disk damages it.

use std::io::{Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use modelstat_daemon::KeyState;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::client;
use crate::upstream::{Say, Seen, Upstream, ids_of, say};
use crate::world::{World, batch, event, wait_until};

/// An event of a session of one's own choice.
fn of_session(id: &str, session: &str) -> Value {
    let mut event = event(id, "a");
    event["session_id"] = session.into();
    event
}

fn send_one(world: &World, id: &str, session: &str) {
    assert_eq!(world.send(&batch(&[of_session(id, session)])).status, 200);
}

/// Opens the spool of a daemon that does not run.
fn spool_of(world: &World) -> Connection {
    Connection::open(world.data().join("spool.db")).expect("a file")
}

#[test]
fn what_is_too_old_expires_is_counted_and_told() {
    let upstream = Upstream::start();
    upstream.hang_up(true);
    let world = World::start_with(upstream.url(), |config| {
        config.spool.age = Some(Duration::from_hours(24));
    });
    world.send(&batch(&[event("evt_1", "a"), event("evt_2", "b")]));
    world.wait("queued", |status| status.spool.outbox.rows == 1);
    world.clock.advance(Duration::from_hours(23));
    send_one(&world, "evt_3", "sess_2");
    world.clock.advance(Duration::from_hours(2));
    let status = world.wait("the old one gone", |status| status.outcomes.contains_key("expired"));
    assert_eq!((status.outcomes["accepted"], status.outcomes["expired"]), (3, 2));
    assert_eq!(status.spool.max_age_seconds, Some(24 * 3_600));
    upstream.hang_up(false);
    wait_until("the server was told", || told(&upstream).is_some());
    world.wait_shipped();
    assert_eq!(upstream.event_ids(), ["evt_3"]);
    let told = told(&upstream).expect("a report");
    assert_eq!((&told["app"], &told["device_id"]), (&json!("checkout"), &json!("dev_sdk")));
    assert_eq!(told["outcomes"]["dropped"]["expired"], 2);
    assert!(told["instance_id"].as_str().is_some_and(|id| id.starts_with("daemon_")));
}

#[test]
fn a_clock_that_jumps_ahead_makes_nothing_too_old() {
    let upstream = Upstream::start();
    upstream.hang_up(true);
    let world = World::start_with(upstream.url(), |config| {
        config.spool.age = Some(Duration::from_hours(24));
    });
    send_one(&world, "evt_1", "sess_1");
    world.wait("queued", |status| status.spool.outbox.rows == 1);
    // Until its clock is set, a machine may believe that it is years ago.
    world.clock.jump_hours(24 * 365);
    let day_before = world.status().now.as_millis() - 24 * 3_600_000;
    world.wait("dated forward", |status| status.spool.outbox.oldest_at_ms > Some(day_before));
    assert!(!world.status().outcomes.contains_key("expired"));
    world.clock.advance(Duration::from_hours(25));
    world.wait("time passed all the same", |status| status.outcomes.contains_key("expired"));
}

fn told(upstream: &Upstream) -> Option<Value> {
    upstream.seen().iter().map(Seen::json).find(|batch| batch["outcomes"].is_object())
}

#[test]
fn nothing_is_too_old_unless_the_operator_says_so() {
    let upstream = Upstream::start();
    upstream.hang_up(true);
    let world = World::start(upstream.url());
    send_one(&world, "evt_1", "sess_1");
    world.wait("queued", |status| status.spool.outbox.rows == 1);
    world.clock.advance(Duration::from_hours(365 * 24));
    upstream.hang_up(false);
    world.wait_shipped();
    assert_eq!(upstream.event_ids(), ["evt_1"]);
}

#[test]
fn the_clock_may_jump() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    for (number, hours) in [0_i64, 72, -96, 24, 8_760, -8_760].into_iter().enumerate() {
        world.clock.jump_hours(hours);
        send_one(&world, &format!("evt_{number}"), &format!("sess_{number}"));
    }
    world.clock.advance(Duration::from_secs(61));
    world.wait("every turn told", |status| {
        status.spool.incoming.rows + status.spool.turns.rows == 0
    });
    let status = world.wait_shipped();
    assert_eq!(status.summaries["template"], 6);
    let mut ids = upstream.event_ids();
    ids.sort();
    assert_eq!(ids, (0..6).map(|number| format!("evt_{number}")).collect::<Vec<_>>());
}

#[test]
fn a_damaged_row_is_set_aside_and_the_others_go_on() {
    let upstream = Upstream::start();
    upstream.hang_up(true);
    let mut world = World::start(upstream.url());
    for number in 0..3 {
        send_one(&world, &format!("evt_{number}"), &format!("sess_{number}"));
    }
    world.wait("queued", |status| status.spool.outbox.rows == 3);
    world.stop(Duration::ZERO);
    let spool = spool_of(&world);
    let sql =
        "UPDATE outbox SET body = CAST(substr(body, 1, length(body) - 9) || 'damage!!!' AS BLOB)
                   WHERE id = 2;
               UPDATE turns SET body = X'28B52FFD00' WHERE event_id = 'evt_0';
               INSERT INTO incoming (key, received_at, body) VALUES (1, 0, X'0102')";
    spool.execute_batch(sql).expect("damaged");
    drop(spool);
    upstream.hang_up(false);
    world.restart();
    world.clock.advance(Duration::from_secs(61));
    world.wait("turns closed", |status| status.spool.turns.rows == 0);
    let status = world.wait_shipped();
    let counted = |code: &str| status.quarantined.get(code).copied();
    assert_eq!(counted("damaged"), Some(1), "{:?}", status.quarantined);
    assert_eq!(counted("damaged_request"), Some(1), "{:?}", status.quarantined);
    assert_eq!(counted("damaged_turn"), Some(1), "{:?}", status.quarantined);
    assert_eq!(status.spool.quarantine.rows, 3);
    assert_eq!(upstream.event_ids(), ["evt_0", "evt_2"]);
}

/// Writes garbage over a part of a file.
fn scribble(world: &World, name: &str, at: u64, bytes: usize) {
    let mut file = std::fs::File::options().write(true).open(world.data().join(name)).expect("it");
    file.seek(SeekFrom::Start(at)).expect("a place");
    file.write_all(&vec![0xA5; bytes]).expect("written");
}

/// Damages a table that everything needs.
fn scribble_on_repeats(world: &World) {
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'repeats'";
    let page: u32 = spool_of(world).query_row(sql, [], |row| row.get(0)).expect("a page");
    scribble(world, "spool.db", u64::from(page - 1) * 4_096, 4_096);
}

/// A stopped daemon with a backlog, and no log beside its file.
fn stopped_with_backlog(upstream: &Upstream, events: usize) -> World {
    upstream.hang_up(true);
    let mut world = World::start(upstream.url());
    for number in 0..events {
        send_one(&world, &format!("evt_{number:03}"), &format!("sess_{number}"));
    }
    world.wait("queued", |status| status.spool.outbox.rows == events as u64);
    world.stop(Duration::ZERO);
    upstream.hang_up(false);
    world
}

#[test]
fn a_damaged_file_is_moved_aside_and_what_is_readable_goes_on() {
    let upstream = Upstream::start();
    let mut world = stopped_with_backlog(&upstream, 200);
    scribble_on_repeats(&world);
    // And a few pages in the middle of the others.
    scribble(&world, "spool.db", 40 * 4_096, 3 * 4_096);
    world.restart();
    send_one(&world, "evt_new", "sess_new");
    let status = world.wait("moved aside", |status| status.spool.damaged_files == 1);
    assert_eq!(status.quarantined["damaged_file"], 1);
    world.wait_shipped();
    let ids = upstream.event_ids();
    assert!(ids.contains(&"evt_new".to_owned()));
    assert!(ids.len() > 100, "only {} of 200 were saved", ids.len());
}

/// The last requests were lost with their pages, and what names them was not: their numbers are given to
/// new ones.
#[test]
fn the_numbers_of_lost_rows_are_free_again() {
    let upstream = Upstream::start();
    let mut world = stopped_with_backlog(&upstream, 10);
    let lost = "DELETE FROM outbox WHERE id > (SELECT MAX(id) FROM outbox) - 5";
    assert_eq!(spool_of(&world).execute(lost, []).expect("deleted"), 5);
    scribble_on_repeats(&world);
    world.restart();
    for number in 0..5 {
        send_one(&world, &format!("new_{number}"), &format!("sess_new_{number}"));
    }
    assert_eq!(world.wait_shipped().spool.damaged_files, 1);
    assert_eq!(upstream.event_ids().len(), 10);
}

#[test]
fn a_file_that_is_no_database_keeps_nobody_from_starting() {
    let upstream = Upstream::start();
    let mut world = stopped_with_backlog(&upstream, 3);
    scribble(&world, "spool.db", 0, 4_096);
    scribble(&world, "egress.db", 0, 4_096);
    world.restart();
    send_one(&world, "evt_new", "sess_new");
    let status = world.wait_shipped();
    assert_eq!((upstream.event_ids(), status.spool.damaged_files), (vec!["evt_new".to_owned()], 1));
    let is_aside = |name: &str| name.starts_with("egress.db.damaged-");
    let files = std::fs::read_dir(world.data()).expect("readable").flatten();
    assert!(files.into_iter().any(|file| is_aside(&file.file_name().to_string_lossy())));
}

#[test]
fn halves_stand_where_the_whole_stood() {
    let upstream = Upstream::start();
    upstream.hang_up(true);
    upstream.rule(|seen| (ids_of(&seen.json()).len() > 1).then_some(say(413)));
    let world = World::start(upstream.url());
    let whole: Vec<_> = (0..5).map(|number| event(&format!("evt_{number}"), "a")).collect();
    world.send(&batch(&whole));
    world.send(&batch(&[event("evt_5", "a")]));
    world.send(&batch(&[event("evt_6", "a"), event("evt_7", "a")]));
    world.wait("queued", |status| status.spool.outbox.rows == 3);
    upstream.hang_up(false);
    world.wait_shipped();
    let taken = upstream.seen().into_iter().map(|seen| ids_of(&seen.json()));
    let taken: Vec<String> = taken.filter(|ids| ids.len() == 1).flatten().collect();
    assert_eq!(taken, (0..8).map(|number| format!("evt_{number}")).collect::<Vec<_>>());
}

#[test]
fn what_is_new_does_not_wait_for_a_backlog() {
    let upstream = Upstream::start();
    upstream.hang_up(true);
    let world = World::start(upstream.url());
    for number in 0..120 {
        send_one(&world, &format!("old_{number:03}"), &format!("sess_{}", number % 40));
    }
    world.wait("queued", |status| status.spool.outbox.rows == 120);
    // One of a session that waits, which has to keep its turn, and one of its own.
    send_one(&world, "old_120", "sess_7");
    send_one(&world, "new_0", "sess_new");
    send_one(&world, "new_1", "sess_new");
    world.wait("queued", |status| status.spool.outbox.rows == 123);
    upstream.hang_up(false);
    world.wait_shipped();
    let ids = upstream.event_ids();
    let place = |id: &str| ids.iter().position(|other| other == id).expect("shipped");
    assert!(place("new_0") < 10, "the new event was number {}", place("new_0"));
    assert!(place("new_0") < place("new_1"));
    for session in 0..40 {
        let of_session =
            [session, session + 40, session + 80].map(|number| format!("old_{number:03}"));
        let places = of_session.each_ref().map(|id| place(id));
        assert!(places.is_sorted(), "session {session}: {places:?}");
    }
    assert!(place("old_087") < place("old_120"));
    assert_eq!(ids.len(), 123);
}

#[test]
fn retry_after_is_honoured_as_a_date() {
    let upstream = Upstream::start();
    // The world's clock stands at 12:00:00.
    let date = "Retry-After: Fri, 19 Jun 2026 12:00:01 GMT\r\n";
    upstream.script([Say { header: date, ..say(503) }]);
    let world = World::start(upstream.url());
    let start = Instant::now();
    send_one(&world, "evt_1", "sess_1");
    let status = world.wait("backing off", |status| {
        status.keys.first().is_some_and(|key| key.state == KeyState::BackingOff)
    });
    assert_eq!(status.keys[0].reason.as_deref(), Some("status_503"));
    world.wait_shipped();
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn a_forbidden_key_pauses_and_says_so() {
    let upstream = Upstream::start();
    upstream.rule(|_| Some(say(403)));
    let world = World::start(upstream.url());
    send_one(&world, "evt_1", "sess_1");
    let status = world.wait("paused", |status| {
        status.keys.first().is_some_and(|key| key.state == KeyState::Paused)
    });
    assert_eq!(status.keys[0].reason.as_deref(), Some("status_403"));
    assert_eq!((status.keys[0].waiting, status.spool.quarantine.rows), (1, 0));
}

#[test]
fn the_disk_reserve_is_kept_and_told() {
    let upstream = Upstream::start();
    let world = World::start_with(upstream.url(), |config| config.spool.reserve_bytes = u64::MAX);
    let answer = world.send(&batch(&[event("evt_1", "a")]));
    assert_eq!((answer.status, answer.error().as_str()), (503, "disk_reserve"));
    assert!(answer.head.to_lowercase().contains("retry-after: "), "{}", answer.head);
    assert_eq!(world.status().spool.reserve_bytes, u64::MAX);
    assert_eq!(client::get(world.address(), "/healthz", "").status, 200);
}
