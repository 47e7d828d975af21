//! What is planted is nowhere; and where redaction is off, the same search finds it everywhere.

mod build;
mod chain;
mod expected;
mod hostile;
mod ledger;

use std::path::Path;
use std::time::{Duration, Instant};

use modelstat_testkit::{Hit, Needle, Plant, Scanner, Shape};

use crate::support::wait_until;
use chain::{Chain, Door, Send};

/// A session's last segment closes after a minute without an arrival, and the log that still holds
/// its turns is emptied within another.
const TEXT_DEADLINE: Duration = Duration::from_secs(60 + 90);

/// Most findings that a failed test shows.
const MAX_SHOWN: usize = 200;

/// Who sends what to which door.
const SENDERS: [(&str, Door, Shape); 6] = [
    ("0.0.1 to daemon", Door::Daemon, Shape::First),
    ("0.1.0 to daemon", Door::Daemon, Shape::Current),
    ("0.1.0 to daemon raw", Door::DaemonRaw, Shape::Current),
    ("0.0.1 to server", Door::Server, Shape::First),
    ("0.1.0 to server", Door::Server, Shape::Current),
    ("0.1.0 to server raw", Door::ServerRaw, Shape::Current),
];

/// One plant for each sender.
fn plants() -> Vec<(Plant, Door, Shape)> {
    let plant = |(seed, (name, door, shape))| (Plant::new(name, seed), door, shape);
    (1..).zip(SENDERS).map(plant).collect()
}

fn needles(plants: &[(Plant, Door, Shape)]) -> Vec<Needle> {
    plants.iter().flat_map(|(plant, _, _)| plant.needles()).collect()
}

/// The sentences of those senders whose text the server must never see.
fn local_canaries(plants: &[(Plant, Door, Shape)]) -> Vec<Needle> {
    let local = plants.iter().filter(|(_, door, _)| door.is_daemon());
    local.flat_map(|(plant, _, _)| plant.canary_needles()).collect()
}

/// The sentences of those senders whose text the server deletes once it is told in abstracts.
fn raw_canaries(plants: &[(Plant, Door, Shape)]) -> Vec<Needle> {
    let raw = plants.iter().filter(|(_, door, _)| *door == Door::ServerRaw);
    raw.flat_map(|(plant, _, _)| plant.canary_needles()).collect()
}

fn sends(plants: &[(Plant, Door, Shape)]) -> Vec<Send> {
    let ts = modelstat_wire::Clock::now(&modelstat_wire::SystemClock).to_string();
    let of = |(plant, door, shape): &(Plant, Door, Shape)| {
        let door = *door;
        plant.batches(*shape, &ts).into_iter().map(move |batch| Send { door, batch })
    };
    plants.iter().flat_map(of).collect()
}

/// What was found where it must not be; all of it is told at the end.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn take(&mut self, when: &str, hits: impl IntoIterator<Item = Hit>) {
        self.0.extend(hits.into_iter().map(|hit| format!("{when}: {hit}")));
    }

    /// Fails when there is anything.
    fn check_none(mut self) {
        let count = self.0.len();
        self.0.truncate(MAX_SHOWN);
        assert!(self.0.is_empty(), "{count} hits:\n{}", self.0.join("\n"));
    }
}

/// Everything that both processes wrote: data directories and logs.
fn files(scanner: &Scanner, folder: &Path) -> Vec<Hit> {
    scanner.scan_folder_with(folder, &ledger::texts).expect("every file is readable")
}

fn recorded(scanner: &Scanner, chain: &Chain) -> Vec<Hit> {
    let all = chain.recorded().into_iter().enumerate();
    all.flat_map(|(number, recorded)| {
        let place = format!("proxy » connection {number}");
        let scan = |way: &str, bytes: &[u8]| {
            scanner.scan_bytes(&format!("{place} » {way}"), bytes).expect("bounded")
        };
        [scan("sent", &recorded.sent), scan("received", &recorded.received)].concat()
    })
    .collect()
}

fn check_no_core(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("readable") {
        let entry = entry.expect("readable");
        let name = entry.file_name();
        assert!(!name.to_string_lossy().starts_with("core"), "{}", entry.path().display());
        if entry.file_type().expect("readable").is_dir() {
            check_no_core(&entry.path());
        }
    }
}

#[test]
fn nothing_raw_is_left() {
    let plants = plants();
    let hostile = Plant::new("hostile", 100);
    let secrets = Scanner::new([needles(&plants), hostile.needles()].concat());
    let sentences = Scanner::new(local_canaries(&plants));
    let chain = Chain::start(env!("CARGO_BIN_EXE_modelstat").as_ref());

    let mut found = Findings::default();

    let sends = sends(&plants);
    chain.send_and_kill_in_the_middle(&sends, |folder| {
        found.take("after kill -9", files(&secrets, folder));
    });
    hostile::send_all(&chain, &hostile);
    let last_arrival = Instant::now();
    chain.wait_for_calls(sends.len() as u64);
    let raw = Scanner::new(raw_canaries(&plants));
    for (scanner, folder) in [(&sentences, chain.daemon_data()), (&raw, chain.server_data())] {
        found.take("after the deadline", text_after_the_deadline(&folder, scanner, last_arrival));
    }
    check_told(&chain);
    chain.kill_daemon();
    found.take("what the daemon left", files(&sentences, &chain.daemon_data()));
    chain.start_daemon();
    chain.stop();

    for scanner in [&secrets, &sentences, &raw] {
        found.take("at the end", files(scanner, chain.folder()));
    }
    for scanner in [&secrets, &sentences] {
        found.take("on the way", recorded(scanner, &chain));
        found.take("in answers", scanner.scan_bytes("answers", &chain.answers()).expect("bounded"));
    }
    found.take("the key", key_elsewhere(&chain));
    check_no_core(chain.folder());
    found.check_none();
}

/// What came to the server as whole turns is told in abstracts, which were made there.
fn check_told(chain: &Chain) {
    wait_until("whole turns are told", || {
        let report = chain.privacy();
        let waiting = &report["waiting_text"];
        let made = waiting["made"].as_object().map_or(0, serde_json::Map::len);
        made > 0 && waiting["turns"] == 0 && report["text"]["no_abstract"] == 0
    });
}

/// Waits for the redacted turns to go with their segments, while daemon and server run and without a hand
/// from outside; returns what is still there when they should have gone.
fn text_after_the_deadline(folder: &Path, sentences: &Scanner, last_arrival: Instant) -> Vec<Hit> {
    loop {
        // A file that is written meanwhile may be unreadable for a moment.
        let scanned = sentences.scan_folder(folder);
        let is_late = last_arrival.elapsed() > TEXT_DEADLINE;
        match scanned {
            Ok(hits) if hits.is_empty() || is_late => return hits,
            Err(error) if is_late => panic!("{error}"),
            _ => std::thread::sleep(Duration::from_secs(3)),
        }
    }
}

/// A key stands in the daemon's own file of keys, and in the header for which it is there.
fn key_elsewhere(chain: &Chain) -> Vec<Hit> {
    let key = Scanner::new(vec![Needle::new("ingest key", chain.key_body())]);
    let is_elsewhere = |hit: &Hit| hit.place != "daemon/daemon/keys";
    let is_no_header =
        |hit: &Hit| !hit.context.to_ascii_lowercase().contains("authorization: bearer ");
    let mut hits: Vec<Hit> = files(&key, chain.folder()).into_iter().filter(is_elsewhere).collect();
    hits.extend(recorded(&key, chain).into_iter().filter(is_no_header));
    hits.extend(key.scan_bytes("answers", &chain.answers()).expect("bounded"));
    hits
}

#[test]
fn the_scanner_finds_what_is_planted_when_redaction_is_off() {
    let plants = plants();
    let sentences = [local_canaries(&plants), raw_canaries(&plants)].concat();
    let scanner = Scanner::new([needles(&plants), sentences].concat());
    let chain = Chain::start(&build::without_redaction());

    chain.kill_server();
    let (to_daemon, to_server): (Vec<_>, Vec<_>) =
        sends(&plants).into_iter().partition(|send| send.door.is_daemon());
    chain.send_all(&to_daemon);
    chain.wait_for_intent();
    chain.kill_daemon();
    let mut hits = files(&scanner, chain.folder());

    chain.start_server();
    chain.start_daemon();
    chain.send_all(&to_server);
    chain.wait_for_calls((to_daemon.len() + to_server.len()) as u64);
    chain.kill_server();
    hits.extend(files(&scanner, chain.folder()));
    chain.stop();
    hits.extend(recorded(&scanner, &chain));
    hits.extend(scanner.scan_bytes("answers", &chain.answers()).expect("bounded"));
    expected::check(&plants, &hits);
}
