//! What recording costs, and how much may wait.

use std::fs;

use modelstat::{Client, DropReason};

use crate::{call, config};

#[test]
fn a_warm_record_allocates_nothing() {
    let client = Client::new(config("http://127.0.0.1:1/"));
    client.record(call("the first one starts the worker"));
    let mut calls: Vec<_> = (0..100).map(|_| call("session")).collect();
    let counted = allocation_counter::measure(|| {
        for call in calls.drain(..) {
            client.record(call);
        }
    });
    assert_eq!(counted.count_total, 0);
    assert_eq!(client.stats().pending, 101);
}

/// A wake would be a voluntary switch of the worker at the least; polls are counted in seconds.
#[cfg(target_os = "linux")]
#[test]
fn sparse_records_do_not_wake_the_worker() {
    let client = Client::new(config("http://127.0.0.1:1/"));
    client.record(call("the first one starts the worker"));
    let switches = || -> u64 {
        let tasks = fs::read_dir("/proc/self/task").expect("threads").flatten();
        let named = tasks.filter(|task| {
            fs::read_to_string(task.path().join("comm"))
                .is_ok_and(|name| name.trim() == "modelstat")
        });
        let statuses = named.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
        let lines = statuses.map(|status| {
            let line =
                status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or_default()
        });
        lines.sum()
    };
    let before = switches();
    for _ in 0..500 {
        client.record(call("session"));
        std::thread::yield_now();
    }
    // Other tests of this process have workers too, which poll now and then.
    assert!(switches().saturating_sub(before) < 250, "each record wakes a worker");
}

#[test]
fn bytes_are_bounded_and_given_back() {
    let fake = std::sync::Arc::new(modelstat::FakeTransport::new());
    let mut config = config("http://127.0.0.1:1/");
    config.byte_budget = 100_000;
    let client = Client::with_transport(config, fake);
    for _ in 0..10 {
        client.record(call("session").text("a".repeat(30_000), ""));
    }
    client.record(call("session").text("a".repeat(200_000), ""));
    let stats = client.stats();
    assert_eq!(stats.pending, 3);
    assert!(stats.bytes <= 100_000);
    assert_eq!(stats.dropped_for(DropReason::BytesFull), 7);
    assert_eq!(stats.dropped_for(DropReason::TooLarge), 1);
    assert!(client.flush_blocking(crate::PATIENCE).complete);
    assert_eq!((client.stats().bytes, client.stats().pending), (0, 0));
}

#[test]
fn a_prompt_of_a_hundred_megabytes_is_cut_not_lost() {
    let fake = std::sync::Arc::new(modelstat::FakeTransport::new());
    let client = Client::with_transport(config("http://127.0.0.1:1/"), fake.clone());
    client.record(call("session").text("word ".repeat(20_000_000), "answer"));
    assert!(client.stats().bytes < 2 * 1024 * 1024);
    assert!(client.flush_blocking(crate::PATIENCE).complete);
    let batches = fake.batches();
    let excerpt = batches[0].events[0].content_excerpt.as_deref().expect("a text");
    assert!(excerpt.starts_with("word word") && excerpt.ends_with('…'));
}

#[test]
fn any_capacity_holds() {
    for capacity in [0, 1, 2, 5_000, 9_000, usize::MAX] {
        let mut config = config("http://127.0.0.1:1/");
        config.buffer_capacity = capacity;
        config.flush_max_batch = usize::MAX;
        let client = Client::new(config);
        crate::record(&client, 10);
        let stats = client.stats();
        assert_eq!(stats.pending, capacity.min(10), "{capacity}");
        assert_eq!(stats.dropped_for(DropReason::QueueFull), 10 - stats.pending as u64);
        let ended = client.shutdown_blocking(std::time::Duration::ZERO);
        assert_eq!(ended.complete, capacity == 0);
    }
}
