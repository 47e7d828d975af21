//! What is planted is nowhere; and where redaction is off, the same search finds it everywhere.

mod chain;
mod expected;
mod hostile;

use std::path::Path;
use std::time::{Duration, Instant};

use modelstat_testkit::{Hit, Needle, Plant, Scanner, Shape};

use chain::{Chain, Door, Send};

/// A session's last segment closes after a minute without an arrival, and the log that still holds
/// its turns is emptied within another.
const TEXT_DEADLINE: Duration = Duration::from_secs(60 + 90);

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

/// The sentences of those senders whose text the server deletes once it is applied.
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

fn check_none(what: &str, hits: &[Hit]) {
    let shown: Vec<String> = hits.iter().take(40).map(Hit::to_string).collect();
    assert!(hits.is_empty(), "{what}: {} hits\n{}", hits.len(), shown.join("\n"));
}

/// Everything that both processes wrote: data directories and logs.
fn files(scanner: &Scanner, folder: &Path) -> Vec<Hit> {
    scanner.scan_folder_with(folder, &chain::ledger_texts).expect("every file is readable")
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

    let sends = sends(&plants);
    chain.send_and_kill_in_the_middle(&sends, |folder| {
        check_none("files after kill -9", &files(&secrets, folder));
    });
    hostile::send_all(&chain, &hostile);
    let last_arrival = Instant::now();
    chain.wait_for_calls(sends.len() as u64);

    wait_for_text_to_go(&chain, &sentences, last_arrival);
    chain.kill_daemon();
    check_none("the daemon's files", &files(&sentences, &chain.daemon_data()));
    chain.start_daemon();
    chain.stop();

    check_none("files", &files(&secrets, chain.folder()));
    check_none("bytes sent", &recorded(&secrets, &chain));
    let answers = chain.answers();
    check_none("answers", &secrets.scan_bytes("answers", &answers).expect("bounded"));
    check_none("sentences in files", &files(&sentences, chain.folder()));
    check_none("sentences sent", &recorded(&sentences, &chain));
    let raw = Scanner::new(raw_canaries(&plants));
    check_none("raw text on the server", &files(&raw, chain.folder()));
    check_keys(&chain);
    check_no_core(chain.folder());
}

/// The redacted turns go with their segments, while the daemon runs and without a hand from outside.
fn wait_for_text_to_go(chain: &Chain, sentences: &Scanner, last_arrival: Instant) {
    loop {
        let late = last_arrival.elapsed() > TEXT_DEADLINE;
        // A file that is written meanwhile may be unreadable for a moment.
        match sentences.scan_folder(&chain.daemon_data()) {
            Ok(hits) if hits.is_empty() => return,
            Ok(hits) if late => check_none("turns after the deadline", &hits),
            Err(error) if late => panic!("{error}"),
            _ => std::thread::sleep(Duration::from_secs(3)),
        }
    }
}

/// A key stands in the daemon's own file of keys, and in the header for which it is there.
fn check_keys(chain: &Chain) {
    let keys = Scanner::new(vec![Needle::new("ingest key", chain.key_body())]);
    let elsewhere = |hit: &Hit| hit.place != "daemon/daemon/keys";
    let hits: Vec<Hit> = files(&keys, chain.folder()).into_iter().filter(elsewhere).collect();
    check_none("the key in files", &hits);
    let not_the_header =
        |hit: &Hit| !hit.context.to_ascii_lowercase().contains("authorization: bearer ");
    let hits: Vec<Hit> = recorded(&keys, chain).into_iter().filter(not_the_header).collect();
    check_none("the key in bytes sent", &hits);
    let answers = chain.answers();
    check_none("the key in answers", &keys.scan_bytes("answers", &answers).expect("bounded"));
}

#[test]
fn the_scanner_finds_what_is_planted_when_redaction_is_off() {
    let plants = plants();
    let scanner = Scanner::new([needles(&plants), local_canaries(&plants)].concat());
    let chain = Chain::start(&chain::build_without_redaction());

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
