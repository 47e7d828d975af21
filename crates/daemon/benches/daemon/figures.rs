//! The parts of the benchmark, each with its table.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::load::{BATCH_EVENTS, Client, Maker, USUAL_TURNS};
use crate::packing;
use crate::process::{Process, Program};
use crate::sink::Sink;

const CLIENTS: usize = 4;

/// Batches before the clock starts: every thread has its memory, and every statement is prepared.
const WARM_UP: usize = 40;

/// Rounds of the waiting part: the disk and the daemon take turns, so that both see the same neighbours.
const WAIT_ROUNDS: usize = 10;
const WAITS_PER_ROUND: usize = 50;

/// What a commit of one batch writes, about: 256 packed turns of 1 KB.
const COMMIT_BYTES: usize = 128 * 1024;

/// A block of a file system.
const BLOCK_BYTES: usize = 4 * 1024;

/// How long catching up is looked at.
const CATCH_UP: Duration = Duration::from_secs(15);

/// Between two batches that arrive while the daemon catches up.
const LIVE_PAUSE: Duration = Duration::from_millis(250);

/// From the last turn of a session to its abstract: a minute, and a few ticks.
const QUIET: Duration = Duration::from_secs(64);

/// What is measured.
pub(crate) struct Bench {
    pub(crate) program: Program,
    pub(crate) parts: Vec<String>,
    pub(crate) batches: usize,
    pub(crate) backlog_mib: u64,
    pub(crate) folder: PathBuf,
}

impl Bench {
    pub(crate) fn run(&self) {
        println!("daemon: {}\n\n| figure | value |\n|---|---|", self.program.name());
        let wants = |part: &str| self.parts.iter().any(|wanted| wanted == part);
        if wants("idle") {
            self.idle();
        }
        if wants("ingest") {
            self.ingest();
        }
        if wants("wait") {
            self.wait();
        }
        if wants("backlog") {
            self.backlog();
        }
        if wants("packing") {
            for (name, bytes, micros) in packing::compare() {
                let value = format!("{bytes:.0} / {micros:.2}");
                say(&format!("packing a request: {name}, bytes / µs an event"), &value);
            }
        }
    }

    fn folder(&self) -> TempDir {
        tempfile::tempdir_in(&self.folder).expect("a folder")
    }

    fn start(&self, folder: &TempDir, sink: &Sink) -> Process {
        Process::start(&self.program, folder.path(), &sink.url, self.backlog_mib)
    }

    /// The same with more room, so that new events are taken beside a backlog.
    fn start_with_room(&self, folder: &TempDir, sink: &Sink) -> Process {
        Process::start(&self.program, folder.path(), &sink.url, 2 * self.backlog_mib)
    }

    fn idle(&self) {
        let (folder, sink) = (self.folder(), Sink::start());
        let process = self.start(&folder, &sink);
        std::thread::sleep(Duration::from_secs(3));
        say("idle, resident MiB", &format!("{:.1}", process.resident_mib()));
    }

    fn ingest(&self) {
        let (folder, sink) = (self.folder(), Sink::start());
        let process = self.start(&folder, &sink);
        let warm = bodies("warm", WARM_UP);
        send_all(&process, &warm);
        wait_for("the warm-up to ship", || sink.events() == events_of(WARM_UP));
        let bodies = bodies("evt", self.batches);
        let bytes: usize = bodies.iter().map(Vec::len).sum();
        let (events, before) = (events_of(self.batches), process.time());
        let threads_before = process.time_by_thread();
        let started = Instant::now();
        send_all(&process, &bodies);
        let (acknowledged, time) = (started.elapsed(), process.time().saturating_sub(before));
        let threads = process.time_by_thread();
        let of = |name: &str| {
            let now = threads.get(name).copied().unwrap_or_default();
            now.saturating_sub(threads_before.get(name).copied().unwrap_or_default())
        };
        let door = ["modelstat-http", "modelstat-spool", "modelstat-liste"].map(of);
        let door = door.into_iter().sum::<Duration>();
        wait_for("everything to ship", || sink.events() == events_of(WARM_UP) + events);
        let (shipped, whole) = (started.elapsed(), process.time().saturating_sub(before));
        say("ingest, events of 256 a batch", &events.to_string());
        say("bytes an event on the wire", &(bytes as u64 / events).to_string());
        say("acknowledged events/s", &rate(events, acknowledged));
        say("events per core-second to acknowledgement (door and spool)", &rate(events, door));
        say("the same, µs an event", &micros(events, door));
        say(
            "events per core-second, whole process until the last acknowledgement",
            &rate(events, time),
        );
        say("events per core-second, whole process until all is shipped", &rate(events, whole));
        say("the same, µs an event", &micros(events, whole));
        say("shipped events/s", &rate(events, shipped));
        for name in threads.keys() {
            say(
                &format!("µs an event until the last acknowledgement, `{name}`"),
                &micros(events, of(name)),
            );
        }
        say("peak, resident MiB", &format!("{:.1}", process.peak_mib()));
    }

    fn wait(&self) {
        let (folder, sink) = (self.folder(), Sink::start());
        let process = self.start(&folder, &sink);
        let bodies = bodies("evt", WARM_UP + WAIT_ROUNDS * WAITS_PER_ROUND);
        let mut client = Client::connect(process.address, "key-0");
        for body in &bodies[..WARM_UP] {
            assert_eq!(client.send(body).0, 200);
        }
        let mut file = tempfile::tempfile_in(folder.path()).expect("a file");
        let (mut block, mut commit, mut acknowledged) = (Vec::new(), Vec::new(), Vec::new());
        for round in bodies[WARM_UP..].chunks(WAITS_PER_ROUND) {
            for body in round {
                block.push(flush(&mut file, BLOCK_BYTES));
                commit.push(flush(&mut file, COMMIT_BYTES));
                let (status, wait) = client.send(body);
                assert_eq!(status, 200);
                acknowledged.push(wait);
            }
        }
        for (name, waits) in [
            ("bare fdatasync of 4 KiB", &mut block),
            ("bare fdatasync of 128 KiB, as a commit", &mut commit),
            ("acknowledgement of 256 events", &mut acknowledged),
        ] {
            waits.sort_unstable();
            say(
                &format!("{name}, p50 / p99 ms"),
                &format!("{} / {}", ms(at(waits, 50)), ms(at(waits, 99))),
            );
        }
        let ratio =
            |bare: &[Duration]| at(&acknowledged, 99).as_secs_f64() / at(bare, 99).as_secs_f64();
        say("acknowledgement p99 / fdatasync p99, 4 KiB", &format!("{:.1}", ratio(&block)));
        say("acknowledgement p99 / fdatasync p99, 128 KiB", &format!("{:.1}", ratio(&commit)));
    }

    fn backlog(&self) {
        let (folder, sink) = (self.folder(), Sink::start());
        sink.go_away(true);
        let process = self.start(&folder, &sink);
        let started = Instant::now();
        let events = fill(&process);
        let filled = started.elapsed();
        say("backlog, MiB", &self.backlog_mib.to_string());
        say("its events, each a session of its own", &events.to_string());
        say("taken at events/s", &rate(events, filled));
        say("full, resident MiB", &format!("{:.1}", process.resident_mib()));
        std::thread::sleep(QUIET);
        say("after a minute of quiet, resident MiB", &format!("{:.1}", process.resident_mib()));
        say("peak, resident MiB", &format!("{:.1}", process.peak_mib()));
        drop(process);
        let process = self.start_with_room(&folder, &sink);
        std::thread::sleep(Duration::from_secs(3));
        say("started again, resident MiB", &format!("{:.1}", process.resident_mib()));
        sink.go_away(false);
        Self::catch_up(&process, &sink);
        say("peak since the second start, resident MiB", &format!("{:.1}", process.peak_mib()));
    }

    /// Ships the backlog while new events arrive.
    fn catch_up(process: &Process, sink: &Sink) {
        wait_for("the first request", || sink.requests() > 0);
        let (before, segments) = (sink.events(), sink.segments());
        let started = Instant::now();
        let mut maker = Maker::new("live", 77, USUAL_TURNS);
        let mut client = Client::connect(process.address, "key-live");
        let (mut waits, mut sent, mut first) = (Vec::new(), 0, None);
        while started.elapsed() < CATCH_UP {
            let (status, wait) = client.send(&maker.batch());
            if status == 200 {
                waits.push(wait);
                sent += BATCH_EVENTS as u64;
            }
            std::thread::sleep(LIVE_PAUSE);
            if first.is_none() && sink.live() > 0 {
                first = Some(started.elapsed());
            }
        }
        let time = started.elapsed();
        waits.sort_unstable();
        say("catching up, events/s", &rate(sink.events() - before, time));
        say("catching up, abstracts/s", &rate(sink.segments() - segments, time));
        say("new events meanwhile, sent / shipped", &format!("{sent} / {}", sink.live()));
        let first = first.map_or_else(
            || "not within the time".to_owned(),
            |first| format!("{:.1}", first.as_secs_f64()),
        );
        say("first new event at the server after s", &first);
        if !waits.is_empty() {
            say(
                "acknowledgement meanwhile, p50 / p99 ms",
                &format!("{} / {}", ms(at(&waits, 50)), ms(at(&waits, 99))),
            );
        }
    }
}

fn bodies(name: &str, batches: usize) -> Vec<Vec<u8>> {
    let mut maker = Maker::new(name, 0x9E37_79B9_7F4A_7C15, USUAL_TURNS);
    (0..batches).map(|_| maker.batch()).collect()
}

fn send_all(process: &Process, bodies: &[Vec<u8>]) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let next = &next;
            scope.spawn(move || {
                let mut client = Client::connect(process.address, &format!("key-{client}"));
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    assert_eq!(client.send(body).0, 200);
                }
            });
        }
    });
}

/// Sends until the spool is full; returns how many events were taken.
fn fill(process: &Process) -> u64 {
    let (is_full, taken) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (is_full, taken) = (&is_full, &taken);
            scope.spawn(move || {
                let mut maker = Maker::new(&format!("old{client}"), client as u64 * 2 + 3, 1);
                let mut client = Client::connect(process.address, &format!("key-{client}"));
                while !is_full.load(Ordering::Relaxed) {
                    match client.send(&maker.batch()).0 {
                        200 => taken.fetch_add(BATCH_EVENTS as u64, Ordering::Relaxed),
                        status => {
                            assert_eq!(status, 503);
                            is_full.store(true, Ordering::Relaxed);
                            0
                        }
                    };
                }
            });
        }
    });
    taken.into_inner()
}

/// Appends and flushes; returns how long both took.
fn flush(file: &mut File, bytes: usize) -> Duration {
    let started = Instant::now();
    file.write_all(&vec![7; bytes]).expect("room on the disk");
    file.sync_data().expect("a disk");
    started.elapsed()
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_mins(2), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn events_of(batches: usize) -> u64 {
    (batches * BATCH_EVENTS) as u64
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn say(figure: &str, value: &str) {
    println!("| {figure} | {value} |");
}

fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
fn rate(events: u64, time: Duration) -> String {
    format!("{:.0}", events as f64 / time.as_secs_f64().max(1e-9))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
fn micros(events: u64, time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e6 / events as f64)
}
