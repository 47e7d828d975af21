//! What becomes of batches that are not taken at once.

use std::collections::BTreeSet;
use std::time::Duration;

use modelstat::{Client, DropReason};

use crate::receiver::{OK, Receiver, Reply, Request};
use crate::{PATIENCE, config, record};

fn sessions(requests: &[Request]) -> BTreeSet<String> {
    let events = requests.iter().flat_map(|request| request.batch().events);
    events.map(|event| event.session_id).collect()
}

/// Whatever comes between, the batch arrives, with the same bytes, and is counted once.
fn check_retried(first: fn() -> Reply) {
    let receiver = Receiver::start(move |index, _| if index == 0 { first() } else { OK });
    let client = Client::new(config(&receiver.url));
    record(&client, 3);
    let flushed = client.flush_blocking(PATIENCE);
    assert!(flushed.complete, "{flushed:?}");
    let requests = receiver.all();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].body, requests[1].body);
    let stats = client.stats();
    assert_eq!((stats.recorded, stats.sent, stats.pending, stats.bytes), (3, 3, 0, 0));
    assert_eq!(stats.all_dropped(), 0);
}

#[test]
fn a_busy_receiver_is_tried_again() {
    check_retried(|| Reply::Answer(503, "", ""));
}

#[test]
fn a_wait_that_was_asked_for_is_kept() {
    check_retried(|| Reply::Answer(429, "retry-after: 1\r\n", ""));
}

#[test]
fn an_answer_that_breaks_off_is_none() {
    check_retried(|| Reply::Part);
}

#[test]
fn a_connection_that_closes_is_opened_again() {
    check_retried(|| Reply::Close);
}

#[test]
fn a_connection_that_closed_while_idle_is_opened_again() {
    // The receiver closes after each answer without saying so.
    let receiver = Receiver::start(|_, _| Reply::Answer(200, "connection: close\r\n", "{}"));
    let client = Client::new(config(&receiver.url));
    for _ in 0..3 {
        record(&client, 1);
        assert!(client.flush_blocking(PATIENCE).complete);
    }
    assert_eq!((client.stats().sent, receiver.all().len()), (3, 3));
}

#[test]
fn a_refused_batch_is_dropped_and_counted() {
    let receiver = Receiver::start(|_, _| Reply::Answer(422, "", ""));
    let client = Client::new(config(&receiver.url));
    record(&client, 3);
    assert!(client.flush_blocking(PATIENCE).complete);
    assert_eq!(client.stats().dropped_for(DropReason::Rejected), 3);
    assert_eq!(client.stats().pending, 0);
}

#[test]
fn a_refused_event_of_a_taken_batch_is_counted() {
    let body = r#"{"accepted":2,"duplicate":1,"rejected":[{"source_event_id":"","reason":"ts"}]}"#;
    let receiver = Receiver::start(move |_, _| Reply::Answer(200, "", body));
    let client = Client::new(config(&receiver.url));
    record(&client, 3);
    assert!(client.flush_blocking(PATIENCE).complete);
    let stats = client.stats();
    assert_eq!((stats.sent, stats.duplicates), (2, 1));
    assert_eq!(stats.dropped_for(DropReason::Rejected), 1);
}

#[test]
fn a_batch_that_is_too_large_is_halved_until_it_is_taken() {
    let receiver = Receiver::start(|_, request| {
        if request.batch().events.len() > 3 { Reply::Answer(413, "", "") } else { OK }
    });
    let client = Client::new(config(&receiver.url));
    record(&client, 20);
    assert!(client.flush_blocking(PATIENCE).complete);
    let taken: Vec<Request> =
        receiver.all().into_iter().filter(|request| request.batch().events.len() <= 3).collect();
    assert_eq!(sessions(&taken).len(), 20);
    assert_eq!(client.stats().sent, 20);
    for request in taken {
        let batch = request.batch();
        assert_eq!(batch.session_installs.len(), batch.events.len());
    }
}

#[test]
fn an_event_that_is_too_large_is_dropped_and_the_rest_is_sent() {
    let receiver = Receiver::start(|_, request| {
        let batch = request.batch();
        let is_refused = batch.events.iter().any(|event| event.session_id == "session-2");
        if is_refused { Reply::Answer(413, "", "") } else { OK }
    });
    let client = Client::new(config(&receiver.url));
    record(&client, 5);
    assert!(client.flush_blocking(PATIENCE).complete);
    let stats = client.stats();
    assert_eq!((stats.sent, stats.dropped_for(DropReason::TooLarge)), (4, 1));
}

#[test]
fn a_refused_credential_pauses_and_keeps_what_waits() {
    let receiver = Receiver::start(|_, _| Reply::Answer(401, "", ""));
    let client = Client::new(config(&receiver.url));
    record(&client, 2);
    // It comes back at once: nothing would happen by the deadline.
    let flushed = client.flush_blocking(PATIENCE);
    assert_eq!((flushed.complete, flushed.pending), (false, 2));
    assert_eq!(client.flush_blocking(PATIENCE).pending, 2);
    assert_eq!(receiver.all().len(), 1, "asked once, then left alone");
    assert!(!client.shutdown_blocking(PATIENCE).complete || client.stats().pending == 0);
    assert_eq!(client.stats().dropped_for(DropReason::Unauthorized), 2);
}

#[test]
fn losses_are_reported_with_later_batches() {
    let receiver = Receiver::start(|_, _| OK);
    let mut config = config(&receiver.url);
    config.buffer_capacity = 2;
    let client = Client::new(config);
    record(&client, 5);
    assert!(client.flush_blocking(PATIENCE).complete);
    let batch = receiver.next().batch();
    let outcomes = batch.outcomes.expect("counters");
    assert_eq!((outcomes.recorded, outcomes.sent), (5, 0));
    assert_eq!(outcomes.dropped.get("queue_full"), Some(&3));
    assert!(batch.instance_id.is_some_and(|id| id.starts_with("ins_")));
    assert_eq!(client.dropped(), 3);
}

#[test]
fn losses_that_no_batch_reported_are_reported_at_the_end() {
    let receiver =
        Receiver::start(|index, _| if index == 0 { Reply::Answer(400, "", "") } else { OK });
    let client = Client::new(config(&receiver.url));
    record(&client, 3);
    assert!(client.shutdown_blocking(PATIENCE).complete);
    assert_eq!(receiver.next().batch().events.len(), 3);
    let report = receiver.next().batch();
    assert!(report.events.is_empty());
    assert_eq!(report.outcomes.expect("counters").dropped.get("rejected"), Some(&3));
}

#[test]
fn a_stalled_receiver_costs_the_flush_no_more_than_its_timeout() {
    let receiver = Receiver::start(|_, _| Reply::Stall(Duration::from_hours(1)));
    let client = Client::new(config(&receiver.url));
    record(&client, 2);
    let started = std::time::Instant::now();
    let flushed = client.shutdown_blocking(Duration::from_millis(300));
    assert!(started.elapsed() < PATIENCE);
    assert_eq!((flushed.complete, flushed.pending), (false, 2));
}

#[test]
fn events_of_two_processes_have_different_ids() {
    let receiver = Receiver::start(|_, _| OK);
    let call = crate::call("session");
    for _ in 0..2 {
        let client = Client::new(config(&receiver.url));
        client.record(call.clone());
        assert!(client.shutdown_blocking(PATIENCE).complete);
    }
    let first = receiver.next().batch();
    let second = receiver.next().batch();
    assert_ne!(first.events[0].source_event_id, second.events[0].source_event_id);
    assert_ne!(first.instance_id, second.instance_id);
}
