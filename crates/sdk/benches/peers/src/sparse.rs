//! What recording costs when calls come one by one, with the worker asleep between them.

use std::time::Instant;

use rustix::thread::nanosleep;
use rustix::time::Timespec;

use crate::caller::calls;
use crate::ours::Ours;
use crate::published::Published;
use crate::report::{Row, Table};
use crate::span::Spans;
use crate::subject::{Destination, Subject, Turns};
use crate::texts::SMALL;
use crate::timing::Samples;

/// How often all take turns.
const ROUNDS: usize = 3;
/// Calls of a round.
const CALLS: usize = 1_000;
/// The pause before each call.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000 };

/// What calls after a pause cost.
#[derive(Default)]
pub(crate) struct Paced {
    nothing: Samples,
    ours: Samples,
    published: Samples,
    span: Samples,
}

/// Measures all in turn.
pub(crate) fn measure(tracer: &Spans) -> Paced {
    let ours = Ours::start(Destination::Nowhere, Turns::Excerpts);
    let published = Published::start(Destination::Nowhere, Turns::Excerpts);
    let mut paced = Paced::default();
    for _ in 0..ROUNDS {
        pace(vec![(); CALLS], &mut paced.nothing, |()| {});
        pace(calls::<Ours>(SMALL, CALLS), &mut paced.ours, |call| ours.record(call));
        ours.drain();
        let made = calls::<Published>(SMALL, CALLS);
        pace(made, &mut paced.published, |call| published.record(call));
        published.drain();
        pace(vec![(); CALLS], &mut paced.span, |()| tracer.span());
        tracer.drain();
    }
    paced
}

fn pace<T>(items: Vec<T>, samples: &mut Samples, mut work: impl FnMut(T)) {
    for item in items {
        pause();
        let began = Instant::now();
        work(item);
        samples.push(began.elapsed());
    }
}

/// Sleeps without a futex; a signal that ends it early does no harm.
pub(crate) fn pause() {
    // The outcome only says how much was left.
    let _ = nanosleep(&PAUSE);
}

impl Paced {
    /// How many times dearer the published SDK is, the clock included in both.
    pub(crate) fn ratio(&mut self) -> f64 {
        self.published.quantile(0.5) / self.ours.quantile(0.5)
    }

    pub(crate) fn table(&mut self) -> Table {
        let named = [
            ("the clock alone", &mut self.nothing),
            ("record, 1 KB: ours", &mut self.ours),
            ("record, 1 KB: published", &mut self.published),
            ("OpenTelemetry span, 7 attributes, no text", &mut self.span),
        ];
        let rows = named
            .into_iter()
            .map(|(name, samples)| Row::new(name, [0.5, 0.99].map(|at| samples.quantile(at))));
        Table {
            title: "Rust, ns on the caller's thread per call, one in 0.5 ms, clock included".into(),
            columns: &["", "p50", "p99"],
            rows: rows.collect(),
        }
    }
}
