//! What the worker does in a second of processor time.

use rustix::time::ClockId;

use crate::caller::calls;
use crate::ours::{Ours, OursEncoded};
use crate::published::Published;
use crate::report::{Format, Gate, Row, Table, show};
use crate::subject::{Destination, Subject, Turns};
use crate::texts::{LARGE, SMALL};
use crate::timing::{float, processor_s, quantile};

/// How often all take turns; the median counts.
const ROUNDS: usize = 5;
/// The shortest processor time that counts.
const MIN_STRETCH_S: f64 = 0.2;
/// Calls recorded before the worker is waited for: within all limits.
const SMALL_CALLS: usize = 2_000;
const LARGE_CALLS: usize = 256;

/// An SDK with a destination, at one size: events per second of processor time.
type Work = fn(usize, usize) -> f64;

/// Measures and prints how much the workers do.
pub fn report(format: Format) {
    let works: [(&str, Work); 6] = [
        ("ours, encoded as JSON", |size, count| {
            rate::<OursEncoded>(Destination::Nowhere, Turns::Excerpts, size, count)
        }),
        ("ours, encoded, then decoded for a transport of the published kind", |size, count| {
            rate::<Ours>(Destination::Nowhere, Turns::Excerpts, size, count)
        }),
        ("ours, whole turns, encoded", |size, count| {
            rate::<OursEncoded>(Destination::Nowhere, Turns::Whole, size, count)
        }),
        ("published, not encoded", |size, count| {
            rate::<Published>(Destination::Nowhere, Turns::Excerpts, size, count)
        }),
        ("published, encoded", |size, count| {
            rate::<Published>(Destination::Encoded, Turns::Excerpts, size, count)
        }),
        ("published, whole turns, encoded", |size, count| {
            rate::<Published>(Destination::Encoded, Turns::Whole, size, count)
        }),
    ];
    let small = medians(&works, SMALL, SMALL_CALLS);
    let large = medians(&works, LARGE, LARGE_CALLS);
    let figures = small.iter().zip(&large);
    let rows = works
        .iter()
        .zip(figures)
        .map(|((name, _), (small, large))| Row::new(*name, [*small, *large]));
    let table = Table {
        title: "Rust worker, events per second of its processor time, the batch forgotten".into(),
        columns: &["", "1 KB", "100 KB"],
        rows: rows.collect(),
    };
    let gates = [
        Gate::at_least(
            "worker at 1 KB, ours encoded / published not encoded ≥ 10",
            small[0] / small[3],
            10.0,
        ),
        Gate::at_least("worker at 1 KB, both encoded ≥ 10", small[0] / small[4], 10.0),
        Gate::at_least(
            "worker at 100 KB, ours encoded / published not encoded ≥ 10",
            large[0] / large[3],
            10.0,
        ),
        Gate::at_least(
            "worker at 100 KB, whole turns of both, encoded ≥ 10",
            large[2] / large[5],
            10.0,
        ),
    ];
    show(format, &[table], &gates);
}

fn medians(works: &[(&str, Work)], bytes: usize, count: usize) -> Vec<f64> {
    let mut rounds = vec![Vec::new(); works.len()];
    for _ in 0..ROUNDS {
        for ((_, work), rounds) in works.iter().zip(&mut rounds) {
            rounds.push(work(bytes, count));
        }
    }
    rounds.iter_mut().map(|rounds| quantile(rounds, 0.5)).collect()
}

/// Events per second of processor time of everything but this thread, which only records and waits.
fn rate<S: Subject>(destination: Destination, turns: Turns, bytes: usize, count: usize) -> f64 {
    let client = S::start(destination, turns);
    let (mut spent, mut events) = (0.0, 0);
    while spent < MIN_STRETCH_S {
        let calls = calls::<S>(bytes, count);
        let began = workers_s();
        for call in calls {
            client.record(call);
        }
        client.drain();
        spent += workers_s() - began;
        events += count;
    }
    assert_eq!(client.dropped(), 0, "the calls were meant to find room");
    float(events) / spent
}

fn workers_s() -> f64 {
    processor_s(ClockId::ProcessCPUTime) - processor_s(ClockId::ThreadCPUTime)
}
