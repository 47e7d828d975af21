//! What recording costs whoever records, in bursts: back to back, with the queue emptied in between.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use crate::ours::Ours;
use crate::published::Published;
use crate::report::{Format, Gate, Row, Table, show};
use crate::span::Spans;
use crate::sparse;
use crate::subject::{Destination, Subject, Turns};
use crate::texts::{LARGE, SMALL, Texts};
use crate::timing::{Samples, clock};

/// How often all take turns.
const ROUNDS: usize = 7;
/// Calls of a burst: within the queue of both, and within our byte budget.
const SMALL_BURST: usize = 2_000;
const LARGE_BURST: usize = 256;
/// How long a stalled worker is given to take what it takes, and how often at most.
const SETTLING: Duration = Duration::from_millis(300);
const MAX_SETTLINGS: usize = 50;
/// Calls that find no room, per round.
const REFUSED_CALLS: usize = 512;

/// Measures and prints the caller's cost.
pub fn report(format: Format) {
    let clock = clock();
    let mut ours = Shapes::default();
    let mut published = Shapes::default();
    let mut spans = Samples::default();
    let our_clients = Clients::<Ours>::new();
    let published_clients = Clients::<Published>::new();
    let tracer = Spans::new();
    for _ in 0..ROUNDS {
        our_clients.round(&mut ours);
        published_clients.round(&mut published);
        spans.time_each(vec![(); SMALL_BURST], |()| tracer.span());
        tracer.drain();
        spans.time_groups(vec![(); SMALL_BURST], |()| tracer.span());
        tracer.drain();
    }
    drop((our_clients, published_clients));
    let warm = ours.small.grouped_median(clock);
    let mut rows = Vec::new();
    for ((name, ours), (_, published)) in ours.named().into_iter().zip(published.named()) {
        rows.push(row(format!("{name}: ours"), ours, clock));
        rows.push(row(format!("{name}: published"), published, clock));
    }
    rows.push(row("OpenTelemetry span, 7 attributes, no text".into(), &mut spans, clock));
    let burst = Table {
        title: format!(
            "Rust, ns on the caller's thread per call, back to back, less the clock's own {clock:.0} ns"
        ),
        columns: &["", "p50 (groups of 16)", "p50 (single)", "p99 (single)"],
        rows,
    };
    let mut paced = sparse::measure(&tracer);
    let gates = [
        Gate::at_most("record() of a warm client at 1 KB, p50 ≤ 50 ns", warm, 50.0),
        Gate::at_least("sparse, published / ours, p50 ≥ 8", paced.ratio(), 8.0),
    ];
    show(format, &[burst, paced.table()], &gates);
}

fn row(name: String, samples: &mut Samples, clock: f64) -> Row {
    let grouped = samples.grouped_median(clock);
    let [median, late] = [0.5, 0.99].map(|share| samples.quantile(share) - clock);
    Row::new(name, [grouped, median, late])
}

/// The clients of one SDK, kept so that they are warm.
struct Clients<S> {
    idle: S,
    full: S,
    full_large: S,
}

impl<S: Subject> Clients<S> {
    fn new() -> Self {
        Self {
            idle: S::start(Destination::Nowhere, Turns::Excerpts),
            full: full_client(SMALL),
            full_large: full_client(LARGE),
        }
    }

    fn round(&self, shapes: &mut Shapes) {
        for (bytes, burst, one, two) in [
            (SMALL, SMALL_BURST, &mut shapes.small, &mut shapes.small_by_two),
            (LARGE, LARGE_BURST, &mut shapes.large, &mut shapes.large_by_two),
        ] {
            one.time_each(calls::<S>(bytes, burst), |call| self.idle.record(call));
            self.idle.drain();
            one.time_groups(calls::<S>(bytes, burst), |call| self.idle.record(call));
            self.idle.drain();
            for is_grouped in [false, true] {
                two.append(self.by_two(bytes, burst, is_grouped));
                self.idle.drain();
            }
        }
        for (full, bytes, samples) in [
            (&self.full, SMALL, &mut shapes.full),
            (&self.full_large, LARGE, &mut shapes.full_large),
        ] {
            samples.time_each(calls::<S>(bytes, REFUSED_CALLS), |call| full.record(call));
            samples.time_groups(calls::<S>(bytes, REFUSED_CALLS), |call| full.record(call));
        }
        build::<S>(SMALL, SMALL_BURST, &mut shapes.building);
        build::<S>(LARGE, LARGE_BURST, &mut shapes.building_large);
    }

    /// Two threads record half of a burst each, at once.
    fn by_two(&self, bytes: usize, burst: usize, is_grouped: bool) -> Samples {
        let barrier = Barrier::new(2);
        let halves = [calls::<S>(bytes, burst / 2), calls::<S>(bytes, burst / 2)];
        let mut all = Samples::default();
        thread::scope(|scope| {
            let threads = halves.map(|half| {
                scope.spawn(|| {
                    let mut samples = Samples::default();
                    barrier.wait();
                    if is_grouped {
                        samples.time_groups(half, |call| self.idle.record(call));
                    } else {
                        samples.time_each(half, |call| self.idle.record(call));
                    }
                    samples
                })
            });
            for thread in threads {
                all.append(thread.join().expect("recording does not panic"));
            }
        });
        all
    }
}

/// Makes calls with texts of so many bytes.
pub(crate) fn calls<S: Subject>(bytes: usize, count: usize) -> Vec<S::Call> {
    (0..count).map(|number| S::call(&Texts::new(bytes, number))).collect()
}

/// Starts a client whose receiver never answers, and records until nothing more finds room.
fn full_client<S: Subject>(bytes: usize) -> S {
    let client = S::start(Destination::Stalled, Turns::Excerpts);
    let texts = Texts::new(bytes, 0);
    for _ in 0..MAX_SETTLINGS {
        let before = client.dropped();
        client.record(S::call(&texts));
        if client.dropped() > before {
            return client;
        }
        while client.dropped() == before {
            client.record(S::call(&texts));
        }
        // The worker makes room yet: it takes calls for the batches that wait to be sent.
        thread::sleep(SETTLING);
    }
    panic!("a client whose receiver never answers always finds room");
}

fn build<S: Subject>(bytes: usize, count: usize, samples: &mut Samples) {
    let texts = Texts::new(bytes, 0);
    let mut made = Vec::with_capacity(count);
    samples.time_each(vec![(); count], |()| made.push(S::call(&texts)));
    made.clear();
    samples.time_groups(vec![(); count], |()| made.push(S::call(&texts)));
}

#[derive(Default)]
struct Shapes {
    small: Samples,
    small_by_two: Samples,
    large: Samples,
    large_by_two: Samples,
    full: Samples,
    full_large: Samples,
    building: Samples,
    building_large: Samples,
}

impl Shapes {
    fn named(&mut self) -> [(&'static str, &mut Samples); 8] {
        [
            ("record, 1 KB", &mut self.small),
            ("record, 1 KB, 2 threads", &mut self.small_by_two),
            ("record, 100 KB", &mut self.large),
            ("record, 100 KB, 2 threads", &mut self.large_by_two),
            ("record without room, 1 KB (frees it)", &mut self.full),
            ("record without room, 100 KB (frees it)", &mut self.full_large),
            ("building a call, 1 KB copied", &mut self.building),
            ("building a call, 100 KB copied", &mut self.building_large),
        ]
    }
}
