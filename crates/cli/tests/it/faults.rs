//! `kill -9` at random moments: what was acknowledged is there exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{
    PATIENCE, Product, batch, create_key, event, free_address, get, totals, try_post, wait_until,
};

/// Rounds in the test run; `cargo xtask faults` asks for more.
const ROUNDS: u32 = 5;
const SENDERS: usize = 4;
const BATCH_EVENTS: usize = 7;
/// A session's events are listed up to 1,000.
const SESSION_BATCHES: usize = 100;

/// Which process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Daemon,
    Server,
}

#[test]
fn kill_9_of_the_daemon_loses_nothing_acknowledged() {
    check(Victim::Daemon);
}

#[test]
fn kill_9_of_the_server_loses_nothing_acknowledged() {
    check(Victim::Server);
}

fn rounds() -> u32 {
    #[expect(clippy::disallowed_methods, reason = "`cargo xtask faults` asks for more rounds")]
    let asked = std::env::var("MODELSTAT_FAULT_ROUNDS");
    asked.ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

fn check(victim: Victim) {
    let folder = tempfile::tempdir().expect("a folder");
    let (server_data, daemon_data) = (folder.path().join("server"), folder.path().join("daemon"));
    let (server_at, daemon_at) = (free_address().to_string(), free_address().to_string());
    let server_url = format!("http://{server_at}");
    let start_server = || Product::start("server", &server_data, &["--listen", &server_at]);
    let daemon_arguments = ["--daemon-listen", &daemon_at, "--server-url", &server_url];
    let start_daemon = || Product::start("daemon", &daemon_data, &daemon_arguments);
    let mut server = Some(start_server());
    let mut daemon = Some(start_daemon());
    let (ingest, read) = (create_key(&server_data, "ingest"), create_key(&server_data, "read"));
    let doors = [format!("http://{daemon_at}/v1/ingest"), format!("{server_url}/v1/ingest")];

    let log = Log::default();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let door = &doors[sender % doors.len()];
            let (log, stop, ingest) = (&log, &stop, &ingest);
            scope.spawn(move || send_until(stop, sender, door, ingest, log));
        }
        // Also when a round fails: senders that nobody stops would keep the test from ending.
        let _end = StopAtEnd(&stop);
        let mut dice = u64::from(std::process::id()) | 1;
        for _ in 0..rounds() {
            std::thread::sleep(Duration::from_millis(200 + roll(&mut dice) % 900));
            match victim {
                Victim::Daemon => {
                    daemon.take().expect("it runs").kill9();
                    daemon = Some(start_daemon());
                }
                Victim::Server => {
                    server.take().expect("it runs").kill9();
                    server = Some(start_server());
                }
            }
        }
    });
    log.check_against(&server_url, &read);
    assert!(daemon.expect("it runs").stop().success());
    assert!(server.expect("it runs").stop().success());
}

/// Stops the senders when the rounds are over, however they ended.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The ids of the events that were acknowledged, by session.
#[derive(Default)]
struct Log(Mutex<BTreeMap<String, BTreeSet<String>>>);

/// Sends batch after batch, each again until it is acknowledged.
fn send_until(stop: &AtomicBool, sender: usize, door: &str, key: &str, log: &Log) {
    for number in 0.. {
        let session = format!("sess-{sender}-{}", number / SESSION_BATCHES);
        let ids: Vec<String> =
            (0..BATCH_EVENTS).map(|index| format!("evt-{sender}-{number}-{index}")).collect();
        let events: Vec<Value> =
            ids.iter().map(|id| event(id, &session, "2026-11-01T10:00:00.000Z")).collect();
        let batch = batch("faults", &events);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = try_post(door, key, &batch);
            if answer.as_ref().is_some_and(|answer| answer.status == 200) {
                break;
            }
            assert!(Instant::now() < deadline, "{door} took nothing; its last answer: {answer:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        log.0.lock().expect("no sender panicked").entry(session).or_default().extend(ids);
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

impl Log {
    /// Every acknowledged event is there exactly once, and there is nothing else.
    fn check_against(&self, server: &str, read: &str) {
        let sessions = self.0.lock().expect("no sender panicked");
        let acknowledged: usize = sessions.values().map(BTreeSet::len).sum();
        assert!(acknowledged > 0, "nothing was acknowledged");
        let calls = || totals(server, read, &["calls"])["calls"].as_u64();
        wait_until("every acknowledged event is there", || {
            calls().is_some_and(|calls| calls >= acknowledged as u64)
        });
        assert_eq!(calls(), Some(acknowledged as u64));
        for (session, ids) in sessions.iter() {
            let found = get(&format!("{server}/v1/sessions/{session}?app=faults"), read).body;
            let events = found["events"].as_array().expect("events");
            let found: Vec<&str> =
                events.iter().filter_map(|event| event["source_event_id"].as_str()).collect();
            assert_eq!(found.len(), ids.len(), "{session}");
            assert_eq!(found.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), *ids);
        }
    }
}

/// A number that differs from run to run (xorshift).
fn roll(dice: &mut u64) -> u64 {
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    *dice
}
