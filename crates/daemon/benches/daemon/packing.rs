//! What a request costs to pack, by format: the bytes that leave, and the time.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::load::{BATCH_EVENTS, Maker, USUAL_TURNS};

const REQUESTS: u32 = 40;

type Pack = fn(&[u8]) -> Vec<u8>;

/// Bytes and µs an event of each format.
pub(crate) fn compare() -> Vec<(&'static str, f64, f64)> {
    let mut maker = Maker::new("evt", 5, USUAL_TURNS);
    let requests: Vec<Vec<u8>> = (0..REQUESTS).map(|_| without_turns(&maker.batch())).collect();
    let formats: [(&str, Pack); 4] = [
        ("as it is", <[u8]>::to_vec),
        ("gzip 4, what the daemon sends", |bytes| gzip(bytes, 4)),
        ("zstd 1", |bytes| zstd::bulk::compress(bytes, 1).expect("memory")),
        ("zstd 3", |bytes| zstd::bulk::compress(bytes, 3).expect("memory")),
    ];
    let events = f64::from(REQUESTS) * f64::from(u32::try_from(BATCH_EVENTS).unwrap_or(u32::MAX));
    let measure = |(name, pack): (&'static str, Pack)| {
        let (mut bytes, mut time) = (0_u32, Duration::ZERO);
        for request in &requests {
            let started = Instant::now();
            let packed = pack(request);
            time += started.elapsed();
            bytes += u32::try_from(packed.len()).unwrap_or(u32::MAX);
        }
        (name, f64::from(bytes) / events, time.as_secs_f64() * 1e6 / events)
    };
    formats.into_iter().map(measure).collect()
}

/// What the daemon sends of a batch, about: turns stay.
fn without_turns(batch: &[u8]) -> Vec<u8> {
    let mut batch: Value = serde_json::from_slice(batch).expect("JSON");
    for event in batch["events"].as_array_mut().into_iter().flatten() {
        event.as_object_mut().expect("an event").remove("content_excerpt");
    }
    serde_json::to_vec(&batch).expect("plain JSON")
}

fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
