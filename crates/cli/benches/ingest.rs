//! How fast events get in: client process → acknowledged → queryable, and what it costs the server.
//!
//! Run by `cargo xtask bench ingest`. Clients post batches over loopback as published clients do; the
//! server's CPU time is read from the kernel, so that the clients' own work is not in it.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../tests/it/support.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Product, create_key, free_address, post, totals};

const CLIENTS: usize = 4;
const RUNS: usize = 3;

/// One way of sending.
struct Shape {
    name: &'static str,
    batch_events: usize,
    batches: usize,
}

const SHAPES: [Shape; 3] = [
    Shape { name: "1 event a batch", batch_events: 1, batches: 4_000 },
    Shape { name: "256 events a batch", batch_events: 256, batches: 400 },
    Shape { name: "1,000 events a batch", batch_events: 1_000, batches: 100 },
];

/// What one run took.
struct Figures {
    acknowledged: Duration,
    queryable: Duration,
    cpu: Duration,
    peak_mib: u64,
}

fn main() {
    println!("| shape | events | acknowledged/s | queryable/s | CPU µs per event | peak RSS MiB |");
    println!("|---|---|---|---|---|---|");
    for shape in &SHAPES {
        let mut runs: Vec<Figures> = (0..RUNS).map(|_| run(shape)).collect();
        runs.sort_by_key(|figures| figures.queryable);
        let median = &runs[RUNS / 2];
        let events = shape.batch_events * shape.batches;
        println!(
            "| {} | {events} | {} | {} | {:.1} | {} |",
            shape.name,
            rate(events, median.acknowledged),
            rate(events, median.queryable),
            median.cpu.as_secs_f64() * 1e6 / f64::from(u32::try_from(events).unwrap_or(u32::MAX)),
            median.peak_mib,
        );
    }
}

fn run(shape: &Shape) -> Figures {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let address = free_address().to_string();
    let url = format!("http://{address}");
    let server = Product::start("server", &data, &["--listen", &address]);
    let (ingest, read) = (create_key(&data, "ingest"), create_key(&data, "read"));
    let bodies: Vec<Value> = (0..shape.batches).map(|number| batch(shape, number)).collect();
    let events = u64::try_from(shape.batch_events * shape.batches).expect("few");
    let cpu_before = cpu_time(server.pid());
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let door = format!("{url}/v1/ingest");
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let answer = post(&door, &ingest, body);
                    assert_eq!(answer.status, 200, "{}", answer.text);
                }
            });
        }
    });
    let acknowledged = started.elapsed();
    while totals(&url, &read, &["calls"])["calls"].as_u64() != Some(events) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let queryable = started.elapsed();
    let cpu = cpu_time(server.pid()).saturating_sub(cpu_before);
    let peak_mib = peak_mib(server.pid());
    assert!(server.stop().success());
    Figures { acknowledged, queryable, cpu, peak_mib }
}

fn batch(shape: &Shape, number: usize) -> Value {
    let events: Vec<Value> = (0..shape.batch_events)
        .map(|index| {
            let mut event = support::event(
                &format!("evt_{number:06}_{index:04}_9f31c2d47a5be80"),
                &format!("session-{}", (number * shape.batch_events + index) / 8),
                "2026-11-01T10:00:00.000Z",
            );
            event["metadata"] =
                json!({"feature": "search", "customer": format!("customer-{}", index % 50)});
            event["content_excerpt"] = json!(
                "Summarise the incident in two sentences for the status page, without names.\n---\n\
                 Between 10:02 and 10:19 UTC some checkouts failed because a cache node restarted. \
                 All orders were retried and none was lost; we have added a second node."
            );
            event
        })
        .collect();
    support::batch("checkout-api", &events)
}

fn rate(events: usize, time: Duration) -> String {
    let rate = f64::from(u32::try_from(events).unwrap_or(u32::MAX)) / time.as_secs_f64();
    format!("{rate:.0}")
}

/// User and system time of a process; the kernel counts in ticks of 10 ms.
fn cpu_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<u64>().expect("a number");
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

fn peak_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
}
