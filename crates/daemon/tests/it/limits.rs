//! Each limit of a segment takes effect as it is configured.

use modelstat_daemon::SegmentOptions;
use serde_json::Value;

use crate::segments::segments;
use crate::upstream::Upstream;
use crate::world::{World, batch, event_at};

/// Sends turns at seconds of a minute, each with a text of so many characters, and waits until those are
/// closed at once that should be; the clock stands still, so nothing is quiet.
fn check(options: SegmentOptions, turns: &[(u32, usize)], closed: &[usize]) {
    let upstream = Upstream::start();
    let limits = options.limits().expect("in range");
    let world = World::start_with(upstream.url(), |config| config.segments = limits);
    let events: Vec<Value> = turns
        .iter()
        .enumerate()
        .map(|(number, (second, chars))| {
            let time = format!("12:{:02}:{:02}", second / 60, second % 60);
            let mut event = event_at(&format!("evt_{number}"), &time);
            event["content_excerpt"] = "x ".repeat(*chars)[..*chars].into();
            event
        })
        .collect();
    world.send(&batch(&events));
    let left = (turns.len() - closed.iter().sum::<usize>()) as u64;
    world.wait("full segments closed", |status| {
        status.spool.turns.rows == left && status.spool.incoming.rows == 0
    });
    world.wait_shipped();
    let sizes: Vec<usize> = segments(&upstream)
        .iter()
        .flat_map(|batch| batch["segments"].as_array().cloned().unwrap_or_default())
        .map(|segment| segment["source_event_ids"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(sizes, closed);
}

#[test]
fn the_gap() {
    let options = SegmentOptions { gap_seconds: Some(90), ..SegmentOptions::default() };
    check(options, &[(0, 1), (89, 1), (179, 1)], &[2]);
    check(SegmentOptions::default(), &[(0, 1), (899, 1), (1_799, 1)], &[2]);
}

#[test]
fn the_turns() {
    let options = SegmentOptions { max_turns: Some(10), ..SegmentOptions::default() };
    let turns: Vec<_> = (0..21).map(|second| (second, 1)).collect();
    check(options, &turns, &[10, 10]);
    let turns: Vec<_> = (0..101).map(|second| (second, 1)).collect();
    check(SegmentOptions::default(), &turns, &[100]);
}

#[test]
fn the_span() {
    let options = SegmentOptions { max_span_seconds: Some(180), ..SegmentOptions::default() };
    check(options, &[(0, 1), (100, 1), (179, 1), (180, 1)], &[3]);
    let turns = [(0, 1), (600, 1), (1_200, 1), (1_799, 1), (1_800, 1)];
    check(SegmentOptions::default(), &turns, &[4]);
}

#[test]
fn the_characters() {
    let options = SegmentOptions { max_chars: Some(1_200), ..SegmentOptions::default() };
    check(options, &[(0, 600), (1, 600), (2, 1)], &[2]);
    check(options, &[(0, 600), (1, 599)], &[]);
    check(SegmentOptions::default(), &[(0, 6_000), (1, 6_000), (2, 1)], &[2]);
}

#[test]
fn the_quiet() {
    let upstream = Upstream::start();
    let options = SegmentOptions { quiet_seconds: Some(6), ..SegmentOptions::default() };
    let limits = options.limits().expect("in range");
    let world = World::start_with(upstream.url(), |config| config.segments = limits);
    world.send(&batch(&[event_at("evt_1", "12:00:00")]));
    world.wait_shipped();
    world.clock.advance(std::time::Duration::from_millis(5_999));
    world.send(&batch(&[event_at("evt_2", "12:00:01")]));
    world.wait_shipped();
    world.clock.advance(std::time::Duration::from_millis(5_999));
    // It would have been closed by now if the second turn did not count as an arrival.
    world.send(&batch(&[event_at("evt_3", "12:00:02")]));
    world.wait_shipped();
    assert_eq!(world.status().spool.turns.rows, 3);
    world.clock.advance(std::time::Duration::from_secs(6));
    world.wait("quiet", |status| status.spool.turns.rows == 0);
    world.wait_shipped();
    assert_eq!(segments(&upstream).len(), 1);
}
