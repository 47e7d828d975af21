//! Load with retries, trouble on all sides, and the account at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{self, exchange};
use crate::process::{ADMIN, Process, Setup};
use crate::upstream::{Seen, Upstream, ids_of, say};

const SENDERS: usize = 3;

/// Batches of one sender; each sends until the process was killed, and this many at least.
const BATCHES: usize = 12;

const BATCH_EVENTS: usize = 4;

/// Sessions of one sender, whose turns come mixed.
const SESSIONS: usize = 3;

/// Longest wait for anything; far more than it takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Events of one request from which on the server finds it too large, now and then.
const TOO_LARGE: usize = 3;

/// Runs one storm around a daemon that is killed at a place.
pub(crate) fn killed_at(point: &str, passes: u32) {
    let folder = tempfile::tempdir().expect("a folder");
    let upstream = Upstream::start();
    upstream.rule(trouble);
    let setup = Setup::new(folder.path(), upstream.url());
    let (taken, is_over) = (Taken::default(), AtomicBool::new(false));
    let (was_killed, mut daemon) = (AtomicBool::new(false), None);
    std::thread::scope(|scope| {
        let _end = SetAtEnd(&is_over);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (taken, was_killed, address) = (&taken, &was_killed, setup.address);
                scope.spawn(move || send_all(address, sender, taken, was_killed))
            })
            .collect();
        scope.spawn(|| come_and_go(&upstream, &is_over));
        scope.spawn(|| mean_harm(setup.address, &is_over));
        let doomed = setup.start(point, passes);
        if let Some(doomed) = doomed {
            wait_for_the_end(doomed, point);
        }
        // It is killed again where it can be: by what the first kill left behind.
        if let Some(again) = setup.start(point, 0) {
            give_time(again);
        }
        daemon = setup.start("", 0);
        was_killed.store(true, Ordering::Release);
        for sender in senders {
            sender.join().expect("every batch was taken");
        }
    });
    let daemon = daemon.expect("it starts when nothing kills it");
    upstream.hang_up(false);
    let status = wait_until_empty(setup.address, point);
    taken.check_against(&upstream.seen(), &status, point);
    drop(daemon);
}

/// Ends what runs beside the test, also when the test fails.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn wait_for_the_end(mut daemon: Process, point: &str) {
    let started = Instant::now();
    while daemon.ended().is_none() {
        assert!(started.elapsed() < PATIENCE, "`{point}` was never reached");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A second kill at the same place: it may not be reached again, as what led there may be done.
fn give_time(mut daemon: Process) {
    let started = Instant::now();
    while daemon.ended().is_none() && started.elapsed() < Duration::from_millis(500) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the server answers: some requests are too large, and one session is not to its taste.
fn trouble(seen: &Seen) -> Option<crate::upstream::Say> {
    let batch = seen.json();
    let ids = ids_of(&batch);
    let number = ids.first().and_then(|id| id.split('-').nth(2)?.parse::<usize>().ok());
    if ids.len() > TOO_LARGE && number.is_some_and(|number| number % 3 == 0) {
        return Some(say(413));
    }
    (ids.len() == 1 && ids[0].starts_with("refused")).then(|| say(400))
}

/// The server hangs up for a moment, again and again.
fn come_and_go(upstream: &Upstream, is_over: &AtomicBool) {
    let mut is_away = false;
    while !is_over.load(Ordering::Acquire) {
        is_away = !is_away;
        upstream.hang_up(is_away);
        std::thread::sleep(Duration::from_millis(if is_away { 40 } else { 120 }));
    }
    upstream.hang_up(false);
}

/// A client of the same machine that sends what nobody should.
fn mean_harm(address: SocketAddr, is_over: &AtomicBool) {
    let host = format!("Host: {address}\r\n");
    let bearer = "Authorization: Bearer key-0\r\n";
    let attacks: [Vec<u8>; 7] = [
        b"\x00\xff\xfe garbage \r\n\r\n".to_vec(),
        format!("POST /v1/ingest HTTP/1.1\r\n{host}{bearer}Content-Length: 99999999999\r\n\r\n").into(),
        format!("POST /v1/ingest HTTP/1.1\r\nHost: evil.example\r\n{bearer}Content-Length: 2\r\n\r\n{{}}").into(),
        format!("POST /v1/ingest HTTP/1.1\r\n{host}{bearer}Origin: http://evil.example\r\nContent-Length: 2\r\n\r\n{{}}").into(),
        format!("POST /v1/ingest HTTP/1.1\r\n{host}{bearer}Content-Length: 9\r\n\r\n[[[[[[[[[").into(),
        format!("GET /v1/status HTTP/1.1\r\n{host}Authorization: Bearer guess\r\n\r\n").into(),
        format!("POST /v1/ingest HTTP/1.1\r\n{host}{bearer}X: {}\r\n\r\n", "a".repeat(100_000)).into(),
    ];
    // Half a request each: they hold a connection until they are thrown out.
    let mut held = Vec::new();
    for attack in attacks.iter().cycle() {
        if is_over.load(Ordering::Acquire) {
            return;
        }
        if let Ok(mut stream) = TcpStream::connect(address) {
            // It is refused in the middle of what it says, or the daemon was just killed.
            stream.write_all(attack).ok();
            held.push(stream);
        }
        if held.len() > 32 {
            held.clear();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What was acknowledged, by session.
#[derive(Default)]
struct Taken(Mutex<BTreeMap<String, BTreeSet<String>>>);

/// Sends batch after batch, each until it is taken, and every third one again.
fn send_all(address: SocketAddr, sender: usize, taken: &Taken, was_killed: &AtomicBool) {
    let mut number = 0;
    while number < BATCHES || !was_killed.load(Ordering::Acquire) {
        let batch = batch(sender, number);
        send(address, sender, &batch);
        taken.add(&batch);
        if number % 3 == 0 {
            send(address, sender, &batch);
        }
        number += 1;
        std::thread::sleep(Duration::from_millis(15));
    }
}

fn send(address: SocketAddr, sender: usize, batch: &Value) {
    let body = batch.to_string();
    let head = format!(
        "POST /v1/ingest HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer key-{sender}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let started = Instant::now();
    loop {
        let answer = exchange(address, head.as_bytes(), body.as_bytes());
        if answer.is_ok_and(|answer| answer.status == 200) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "a batch was never taken");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Turns of all sessions of a sender, the later ones first; and now and then one that the server refuses.
pub(crate) fn batch(sender: usize, number: usize) -> Value {
    let is_refused = number % 5 == 4;
    let count = if is_refused { 1 } else { BATCH_EVENTS };
    let events: Vec<Value> = (0..count)
        .rev()
        .map(|index| {
            let session = (number + index) % SESSIONS;
            let prefix = if is_refused { "refused" } else { "evt" };
            // Out of order: every second batch lies before the one that was sent before it.
            let second = 2 * number + index - if number % 2 == 1 { 3.min(2 * number) } else { 0 };
            json!({
                "source_event_id": format!("{prefix}-{sender}-{number}-{index}"),
                "ts": format!("2026-06-19T12:{:02}:{:02}.000Z", second / 60 % 60, second % 60),
                "kind": "assistant_message", "agent": "raw_sdk_openai", "provider": "openai",
                "session_id": format!("sess-{sender}-{session}"), "model": "gpt-4o",
                "tokens": {"input": 10, "output": 5, "cache_creation": 0, "cache_read": 0,
                           "reasoning": 0},
                "content_excerpt": "the retry policy of the queue was wrong, now the test passes",
            })
        })
        .collect();
    let ids = events.iter().filter_map(|event| event["source_event_id"].as_str());
    json!({
        "batch_id": modelstat_wire::batch_id(ids), "device_id": "dev_sdk",
        "daemon_version": "python-sdk/0.1.0", "app": "checkout", "events": events,
    })
}

/// Waits until nothing waits any more; returns the status.
pub(crate) fn wait_until_empty(address: SocketAddr, point: &str) -> Value {
    let started = Instant::now();
    loop {
        let status = client::get(address, "/v1/status", ADMIN).json();
        let rows = |queue: &str| status["spool"][queue]["rows"].as_u64().expect("a count");
        if rows("incoming") + rows("outbox") + rows("turns") == 0 {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "`{point}`: something waits for ever: {status:#}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Taken {
    fn add(&self, batch: &Value) {
        let mut taken = self.0.lock().expect("no sender panicked");
        for event in batch["events"].as_array().expect("events") {
            let word = |field: &str| event[field].as_str().expect("text").to_owned();
            taken.entry(word("session_id")).or_default().insert(word("source_event_id"));
        }
    }

    /// Every event reached the server in one request, and one segment tells of its turn.
    fn check_against(&self, seen: &[Seen], status: &Value, point: &str) {
        let taken = self.0.lock().expect("no sender panicked");
        let wanted: BTreeSet<String> = taken.values().flatten().cloned().collect();
        // A request whose answer was lost comes again byte for byte, which a server stores once.
        let distinct: BTreeMap<&[u8], Value> = seen
            .iter()
            .filter(|seen| trouble(seen).is_none())
            .map(|seen| (seen.body.as_slice(), seen.json()))
            .collect();
        let mut arrived: Vec<String> = distinct.values().flat_map(ids_of).collect();
        let refused: BTreeSet<String> =
            wanted.iter().filter(|id| id.starts_with("refused")).cloned().collect();
        arrived.extend(refused.iter().cloned());
        arrived.sort();
        assert!(!wanted.is_empty(), "nothing was taken");
        assert_eq!(arrived, wanted.iter().cloned().collect::<Vec<_>>(), "`{point}`: lost or twice");
        let set_aside = status["quarantined"]["status_400"].as_u64().unwrap_or(0);
        assert_eq!(set_aside, refused.len() as u64, "`{point}`: refused ones are set aside, once");
        let segments = distinct
            .values()
            .flat_map(|batch| batch["segments"].as_array().cloned().unwrap_or_default());
        // A turn that came late makes its segment anew; the newest making counts, as on a server.
        let mut newest: BTreeMap<String, Value> = BTreeMap::new();
        for segment in segments {
            assert!(segment["abstract"].is_string(), "`{point}`: a segment without an abstract");
            let id = segment["segment_id"].as_str().expect("an id").to_owned();
            let made = |segment: &Value| segment["generation"].as_u64().expect("a count");
            if newest.get(&id).is_none_or(|known| made(known) < made(&segment)) {
                newest.insert(id, segment);
            }
        }
        let mut told: Vec<String> = Vec::new();
        for segment in newest.values() {
            let ids = segment["source_event_ids"].as_array().expect("ids").iter();
            told.extend(ids.map(|id| id.as_str().expect("text").to_owned()));
        }
        told.sort();
        assert_eq!(
            told,
            wanted.into_iter().collect::<Vec<_>>(),
            "`{point}`: turns without abstract, or in two"
        );
    }
}
