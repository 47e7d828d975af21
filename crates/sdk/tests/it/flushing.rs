//! Flushing, shutting down, and dropping.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use modelstat::engine::{Body, Convert, Item, Outcome, Recorder, Transport};
use modelstat::{Client, DropReason, FakeTransport, LlmCall, WorkerState};

use crate::receiver::{OK, Receiver};
use crate::runtimes::block_on;
use crate::{PATIENCE, config, record};

#[test]
fn the_programs_of_the_published_crate_work_without_a_runtime() {
    let fake = Arc::new(FakeTransport::new());
    let client = Client::with_transport(config("http://127.0.0.1:1/v1/ingest"), fake.clone());
    record(&client, 3);
    block_on(client.flush());
    assert_eq!(fake.batches().len(), 1);
    assert_eq!(fake.batches()[0].events[0].provider, "openai");
    record(&client, 1);
    block_on(client.clone().shutdown());
    assert_eq!(fake.batches().len(), 2);
    record(&client, 1);
    assert_eq!(client.stats().dropped_for(DropReason::AfterShutdown), 1);
}

#[test]
fn a_client_that_recorded_nothing_starts_nothing_and_ends_at_once() {
    let client = Client::new(config("http://127.0.0.1:1/v1/ingest"));
    assert!(client.flush_blocking(PATIENCE).complete);
    assert!(client.shutdown_blocking(PATIENCE).complete);
    assert!(client.shutdown_blocking(PATIENCE).complete);
    block_on(client.shutdown());
}

#[test]
fn nobody_listening_costs_the_flush_its_timeout_and_the_calls_are_kept() {
    let client = Client::new(config("http://127.0.0.1:1/v1/ingest"));
    record(&client, 2);
    let flushed = client.flush_blocking(Duration::from_millis(300));
    assert_eq!((flushed.complete, flushed.pending), (false, 2));
    assert_eq!(flushed.worker, WorkerState::Alive);
    let flushed = block_on(client.flush_within(Duration::from_millis(300)));
    assert_eq!((flushed.complete, flushed.pending), (false, 2));
    let ended = client.shutdown_blocking(Duration::from_millis(300));
    assert!(!ended.complete);
    let until = Instant::now() + PATIENCE;
    while client.stats().pending > 0 && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(client.stats().dropped_for(DropReason::ExitDeadline), 2);
}

#[test]
fn dropping_the_last_handle_sends_what_waits() {
    let receiver = Receiver::start(|_, _| OK);
    let client = Client::new(config(&receiver.url));
    let other = client.clone();
    record(&client, 2);
    drop(client);
    record(&other, 1);
    drop(other);
    let sent: usize = receiver.all().iter().map(|request| request.batch().events.len()).sum();
    assert_eq!(sent, 3);
}

#[test]
fn what_waits_is_sent_by_itself() {
    let receiver = Receiver::start(|_, _| OK);
    let mut config = config(&receiver.url);
    config.flush_interval = Duration::from_millis(20);
    let client = Client::new(config);
    record(&client, 1);
    assert_eq!(receiver.next().batch().events.len(), 1);
}

#[test]
fn a_full_batch_is_sent_before_its_time() {
    let receiver = Receiver::start(|_, _| OK);
    let mut config = config(&receiver.url);
    config.flush_max_batch = 4;
    let client = Client::new(config);
    record(&client, 4);
    assert_eq!(receiver.next().batch().events.len(), 4);
}

#[test]
fn ten_thousand_calls_then_the_end() {
    let receiver = Receiver::start(|_, _| OK);
    let mut config = config(&receiver.url);
    config.buffer_capacity = 20_000;
    let client = Client::new(config);
    record(&client, 10_000);
    assert!(client.shutdown_blocking(PATIENCE).complete);
    let stats = client.stats();
    assert_eq!((stats.recorded, stats.sent, stats.pending), (10_000, 10_000, 0));
}

#[test]
fn every_call_has_one_outcome_whoever_records_and_stops() {
    let receiver = Receiver::start(|_, _| OK);
    let mut config = config(&receiver.url);
    config.buffer_capacity = 100;
    let client = Client::new(config);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| record(&client, 500));
        }
        scope.spawn(|| client.shutdown_blocking(PATIENCE));
    });
    assert!(client.shutdown_blocking(PATIENCE).complete);
    let until = Instant::now() + PATIENCE;
    while client.stats().pending > 0 && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    let stats = client.stats();
    assert_eq!(stats.recorded, 2_000);
    assert_eq!(stats.sent + stats.all_dropped(), 2_000, "{stats:?}");
}

#[test]
fn a_child_of_a_fork_has_a_state_of_its_own() {
    let receiver = Receiver::start(|_, _| OK);
    let client = Client::new(config(&receiver.url));
    record(&client, 3);
    client.after_fork_in_child();
    let stats = client.stats();
    assert_eq!((stats.recorded, stats.pending), (3, 0));
    assert_eq!(stats.dropped_for(DropReason::ForkDiscarded), 3);
    record(&client, 1);
    assert!(client.flush_blocking(PATIENCE).complete);
    let sent: usize = receiver.all().iter().map(|request| request.batch().events.len()).sum();
    assert_eq!((sent, client.stats().sent), (1, 1));
}

struct Broken;

impl Transport for Broken {
    fn send(&mut self, _: &Body) -> Outcome {
        panic!("broken on purpose")
    }

    fn fresh(&self) -> Box<dyn Transport> {
        Box::new(Self)
    }
}

struct Number(u64);

impl Item for Number {
    fn size(&self) -> usize {
        8
    }

    fn vacant() -> Self {
        Self(0)
    }
}

struct OddOnly;

impl Convert<Number> for OddOnly {
    fn convert(&mut self, items: Vec<Number>, to: &mut Vec<LlmCall>) -> usize {
        let all = items.len();
        let odd = items.into_iter().filter(|item| item.0 % 2 == 1);
        to.extend(odd.map(|item| LlmCall::new("openai", item.0.to_string())));
        all - to.len()
    }

    fn fresh(&self) -> Box<dyn Convert<Number>> {
        Box::new(Self)
    }
}

#[test]
fn a_transport_that_panics_neither_ends_the_worker_nor_hangs_the_flush() {
    let recorder =
        Recorder::new(config("http://127.0.0.1:1/"), Box::new(Broken), Box::new(OddOnly));
    for number in 0..10 {
        recorder.record(Number(number));
    }
    let flushed = recorder.flush(Duration::from_millis(300));
    assert_eq!((flushed.complete, flushed.worker), (false, WorkerState::Alive));
    let stats = recorder.stats();
    assert_eq!(stats.dropped_for(DropReason::ConversionFailed), 5);
    assert_eq!(stats.pending, 5);
    assert!(!recorder.shutdown(Duration::from_millis(300)).complete);
}

#[test]
fn what_is_not_taken_is_not_made() {
    let mut config = config("http://127.0.0.1:1/");
    config.buffer_capacity = 0;
    let client = Client::new(config.clone());
    client.record_with(|| panic!("made in vain"));
    assert_eq!(client.stats().dropped_for(DropReason::QueueFull), 1);
    config.is_disabled = true;
    let client = Client::new(config);
    client.record_with(|| panic!("made in vain"));
    record(&client, 1);
    assert_eq!(client.stats(), modelstat::Stats::default());
    // A caller's own panic is the caller's.
    let client = Client::new(crate::config("http://127.0.0.1:1/"));
    let made = catch_unwind(AssertUnwindSafe(|| client.record_with(|| panic!("the caller's"))));
    assert!(made.is_err());
    assert_eq!(client.stats().pending, 0);
}
