//! How often recording a call, and building one, asks the allocator for memory, on the caller's thread.

use modelstat_sdk_bench::ours::Ours;
use modelstat_sdk_bench::published::Published;
use modelstat_sdk_bench::report::{Format, Gate, Row, Table, show};
use modelstat_sdk_bench::span::Spans;
use modelstat_sdk_bench::subject::{Destination, Subject, Turns};
use modelstat_sdk_bench::texts::{LARGE, SMALL, Texts};

/// Calls that are counted together.
const CALLS: u32 = 200;

fn main() {
    let is_json = std::env::args().skip(1).any(|argument| argument == "--json");
    let format = if is_json { Format::Json } else { Format::Markdown };
    let (ours, published) = (count::<Ours>(), count::<Published>());
    let tracer = Spans::new();
    tracer.span();
    let span = per_call(|| (0..CALLS).for_each(|_| tracer.span()));
    let rows = vec![
        Row::new("record: ours", ours.recording),
        Row::new("record: published", published.recording),
        Row::new("building a call: ours", ours.building),
        Row::new("building a call: published", published.building),
        Row { name: "OpenTelemetry span, 7 attributes".into(), figures: vec![Some(span), None] },
    ];
    let table = Table {
        title: "Rust, allocations per call on the caller's thread".into(),
        columns: &["", "1 KB", "100 KB"],
        rows,
    };
    let most = ours.recording.into_iter().fold(0.0, f64::max);
    show(format, &[table], &[Gate::at_most("allocations per record() = 0", most, 0.0)]);
}

/// Allocations per call, at both sizes.
struct Counts {
    recording: [f64; 2],
    building: [f64; 2],
}

fn count<S: Subject>() -> Counts {
    let client = S::start(Destination::Nowhere, Turns::Excerpts);
    client.record(S::call(&Texts::new(SMALL, 0)));
    client.drain();
    let sizes = [SMALL, LARGE].map(|bytes| {
        let texts = Texts::new(bytes, 0);
        let mut calls = Vec::with_capacity(CALLS as usize);
        let building = per_call(|| calls.extend((0..CALLS).map(|_| S::call(&texts))));
        let recording = per_call(|| calls.drain(..).for_each(|call| client.record(call)));
        client.drain();
        (recording, building)
    });
    Counts { recording: sizes.map(|size| size.0), building: sizes.map(|size| size.1) }
}

fn per_call(work: impl FnOnce()) -> f64 {
    let counted = allocation_counter::measure(work);
    let total = u32::try_from(counted.count_total).unwrap_or(u32::MAX);
    f64::from(total) / f64::from(CALLS)
}
