//! Settings, calls and receivers that nobody would want.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use modelstat::{
    Client, DropReason, FakeTransport, HttpTransport, IngestBatch, LlmCall, Mode, Sending,
    ToolCallInput, ToolCallStatus, Transport, TransportError,
};
use serde_json::{Value, json};

use crate::receiver::{OK, Receiver, Reply};
use crate::{PATIENCE, call, config, record};

fn fake_client(change: impl FnOnce(&mut modelstat::Config)) -> (Client, Arc<FakeTransport>) {
    let fake = Arc::new(FakeTransport::new());
    let mut config = config("http://127.0.0.1:1/");
    change(&mut config);
    (Client::with_transport(config, fake.clone()), fake)
}

#[test]
fn limits_of_nothing_and_of_everything_hold() {
    let (client, _) = fake_client(|config| config.byte_budget = 0);
    record(&client, 3);
    assert_eq!(client.stats().dropped_for(DropReason::TooLarge), 3);
    assert!(client.flush_blocking(PATIENCE).complete);
    for interval in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let (client, fake) = fake_client(|config| {
            config.byte_budget = usize::MAX;
            config.buffer_capacity = usize::MAX;
            config.flush_max_batch = if interval.is_zero() { 0 } else { usize::MAX };
            config.flush_interval = interval;
        });
        record(&client, 50);
        assert!(client.shutdown_blocking(Duration::MAX).complete);
        let sent: usize = fake.batches().iter().map(|batch| batch.events.len()).sum();
        assert_eq!((sent, client.stats().pending), (50, 0), "{interval:?}");
    }
}

#[test]
fn waiting_for_no_time_at_all_comes_back_at_once() {
    let receiver = Receiver::start(|_, _| Reply::Stall(Duration::from_hours(1)));
    let client = Client::new(config(&receiver.url));
    record(&client, 2);
    let started = Instant::now();
    assert!(!client.flush_blocking(Duration::ZERO).complete);
    assert!(!client.shutdown_blocking(Duration::ZERO).complete);
    assert!(started.elapsed() < PATIENCE);
}

#[test]
fn calls_after_the_end_are_counted_whoever_makes_them() {
    let (client, fake) = fake_client(|_| ());
    record(&client, 1);
    let other = client.clone();
    assert!(client.shutdown_blocking(PATIENCE).complete);
    record(&other, 2);
    other.record_with(|| panic!("made in vain"));
    for _ in 0..2 {
        assert!(other.flush_blocking(PATIENCE).complete);
        assert!(other.shutdown_blocking(PATIENCE).complete);
    }
    let stats = other.stats();
    assert_eq!((stats.sent, stats.dropped_for(DropReason::AfterShutdown)), (1, 3));
    assert_eq!((stats.recorded, fake.batches().len()), (4, 1));
}

/// Panics where it is called, or when its future is polled.
struct Panicking(bool);

impl Transport for Panicking {
    fn send<'life0, 'life1, 'async_trait>(
        &'life0 self,
        _: &'life1 IngestBatch,
    ) -> Sending<'async_trait>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        assert!(self.0, "broken on purpose");
        Box::pin(async { panic!("broken on purpose") })
    }
}

/// Never has an answer, and never says so.
struct Silent;

impl Transport for Silent {
    fn send<'life0, 'life1, 'async_trait>(
        &'life0 self,
        _: &'life1 IngestBatch,
    ) -> Sending<'async_trait>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(std::future::pending())
    }
}

#[test]
fn a_transport_of_a_program_may_panic_or_never_answer() {
    let transports: [Arc<dyn Transport>; 3] =
        [Arc::new(Panicking(false)), Arc::new(Panicking(true)), Arc::new(Silent)];
    for transport in transports {
        let client = Client::with_transport(config("http://127.0.0.1:1/"), transport);
        record(&client, 2);
        let flushed = client.flush_blocking(Duration::from_millis(200));
        assert_eq!((flushed.complete, flushed.pending), (false, 2));
        assert!(!client.shutdown_blocking(Duration::from_millis(200)).complete);
        let until = Instant::now() + PATIENCE;
        while client.stats().pending > 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(client.stats().dropped_for(DropReason::ExitDeadline), 2);
    }
}

/// Lists in lists; as deep as no reader of JSON goes.
fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
}

#[test]
fn calls_of_any_shape_are_sent() {
    let mut tool = ToolCallInput::new("", ToolCallStatus::Unknown);
    tool.args = Some(nested(1_000));
    tool.result_bytes = u32::MAX;
    tool.command_families = vec!["family ".repeat(100); 50];
    tool.started_at = chrono::DateTime::<chrono::Utc>::MAX_UTC;
    tool.ended_at = Some(chrono::DateTime::<chrono::Utc>::MIN_UTC);
    let mut many = call("");
    many.tool_calls = vec![tool; 500];
    let mut long =
        call(&"session".repeat(1_000)).duration(Duration::MAX).model("\0\u{feff}\u{202e}");
    long.tokens.input = u64::MAX;
    long.metadata =
        (0..2_000).map(|at| (format!("{at:05}{}", "é".repeat(80)), "ü".repeat(400))).collect();
    let (client, fake) = fake_client(|config| config.client_version = "v".repeat(10_000));
    client.record(many);
    client.record(long);
    client.record(LlmCall::new("", ""));
    assert!(client.flush_blocking(PATIENCE).complete);
    assert_eq!(client.stats().sent, 3);
    let batches = fake.batches();
    let events: Vec<_> = batches.iter().flat_map(|batch| &batch.events).collect();
    let tools: Vec<_> = batches.iter().flat_map(|batch| &batch.tool_calls).collect();
    assert_eq!((events.len(), tools.len()), (3, 500));
    assert_eq!(tools[0].command_families.len(), 3);
    assert!(tools[0].command_families.iter().all(|name| name.chars().count() <= 40));
    let tags = events[1].metadata.as_ref().expect("tags");
    assert_eq!(tags.len(), 16);
    assert!(tags.keys().all(|key| key.chars().count() == 64));
    assert!(tags.values().all(|value| value.chars().count() == 256));
    assert_eq!((events[1].duration_ms, batches[0].daemon_version.len()), (Some(u64::MAX), 40));
}

#[test]
fn a_burst_and_the_end_hang_nothing_and_repeat_nothing() {
    let receiver = Receiver::start(|_, _| OK);
    let client = Client::new(config(&receiver.url));
    let started = Instant::now();
    record(&client, 10_000);
    let stats = client.stats();
    assert_eq!(stats.recorded, 10_000);
    drop(client);
    assert!(started.elapsed() < PATIENCE);
    let requests = receiver.all();
    let ids: Vec<_> = requests
        .iter()
        .flat_map(|request| request.batch().events)
        .map(|event| event.source_event_id)
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert!(ids.len() as u64 + stats.all_dropped() <= 10_000);
}

#[test]
fn a_client_that_is_dropped_by_a_panic_sends_what_waits() {
    let receiver = Receiver::start(|_, _| OK);
    let client = Client::new(config(&receiver.url));
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        record(&client, 2);
        panic!("the program's own");
    }));
    assert!(panicked.is_err());
    assert_eq!(receiver.next().batch().events.len(), 2);
}

/// One whole answer, of which the pieces come as they are.
fn check_answered(pieces: Vec<&'static [u8]>, pause: Duration) {
    let receiver = Receiver::start(move |_, _| Reply::Bytes(pieces.clone(), pause));
    let client = Client::new(config(&receiver.url));
    for _ in 0..2 {
        record(&client, 1);
        assert!(client.flush_blocking(PATIENCE).complete);
    }
    assert_eq!((client.stats().sent, receiver.all().len()), (2, 2));
}

#[test]
fn answers_come_in_any_form() {
    let now = Duration::ZERO;
    check_answered(vec![b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;a=b\r\n{\r\n1\r\n}\r\n0\r\nx: y\r\n\r\n"], now);
    check_answered(vec![b"HTTP/1.1 100 .\r\n\r\nHTTP/1.1 204 .\r\n\r\n"], now);
    check_answered(vec![b"HTTP/1.1 202 .\ncontent-length: 2\n\n{}"], now);
    let slow: Vec<&[u8]> = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".chunks(1).collect();
    check_answered(slow, Duration::from_millis(2));
}

/// What is no answer is held in little memory, and tried again.
fn check_refused(pieces: &[&'static [u8]]) {
    let pieces = pieces.to_vec();
    let answer = move |index: usize, _: &_| match index {
        0 => Reply::Bytes(pieces.clone(), Duration::ZERO),
        _ => OK,
    };
    let receiver = Receiver::start(answer);
    let client = Client::new(config(&receiver.url));
    record(&client, 1);
    assert!(client.flush_blocking(PATIENCE).complete);
    assert_eq!((client.stats().sent, receiver.all().len()), (1, 2));
}

/// So often the same, for the life of the process.
fn repeated(bytes: &[u8], times: usize) -> &'static [u8] {
    Box::leak(bytes.repeat(times).into_boxed_slice())
}

#[test]
fn answers_without_measure_are_none() {
    let megabytes = repeated(b"x", 4 << 20);
    let headers = repeated(b"name: value\r\n", 300_000);
    check_refused(&[b"HTTP/1.1 200 .\r\n", headers, b"content-length: 0\r\n\r\n"]);
    check_refused(&[b"HTTP/1.1 200 .\r\nname: ", megabytes, b"\r\ncontent-length: 0\r\n\r\n"]);
    check_refused(&[b"HTTP/1.1 200 .\r\ncontent-length: 4194304\r\n\r\n", megabytes]);
    let chunked = b"HTTP/1.1 200 .\r\ntransfer-encoding: chunked\r\n\r\n";
    check_refused(&[chunked, repeated(b"1\r\nx\r\n", 500_000), b"0\r\n\r\n"]);
    check_refused(&[chunked, b"0\r\n", headers, b"\r\n"]);
    let interim = repeated(b"HTTP/1.1 100 .\r\n\r\n", 200_000);
    check_refused(&[interim, b"HTTP/1.1 200 .\r\ncontent-length: 0\r\n\r\n"]);
}

#[test]
fn what_is_not_http_is_no_answer() {
    check_refused(&[b"HTTP/1.1 200 .\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n"]);
    check_refused(&[b"HTTP/1.1 200 .\r\ncontent-length: -1\r\n\r\n"]);
    check_refused(&[b"HTTP/1.1 twohundred .\r\n\r\n"]);
    check_refused(&[b"SSH-2.0-OpenSSH_9.2\r\n"]);
    check_refused(&[&[0xff; 100], b"\n"]);
}

#[test]
fn a_wait_of_no_time_is_no_invitation_to_hammer() {
    let receiver = Receiver::start(|_, _| Reply::Answer(503, "retry-after: 0\r\n", ""));
    let client = Client::new(config(&receiver.url));
    record(&client, 1);
    assert!(!client.flush_blocking(Duration::from_millis(500)).complete);
    let requests = receiver.all().len();
    assert!((1..=12).contains(&requests), "{requests}");
}

#[test]
fn the_other_loopback_is_a_destination() {
    // A machine without IPv6 has no such address.
    let Ok(receiver) = Receiver::on_address("[::1]:0", "{}", |_, _| OK) else { return };
    let client = Client::new(config(&receiver.url));
    record(&client, 1);
    assert!(client.flush_blocking(PATIENCE).complete);
    assert!(receiver.next().headers.contains("host: [::1]:"));
}

#[cfg(unix)]
#[test]
fn a_socket_that_nobody_serves_costs_the_flush_no_more_than_its_timeout() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("modelstat.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    for url in [format!("unix:{}", path.display()), "unix:/nowhere/modelstat.sock".to_owned()] {
        let client = Client::new(config(&url));
        record(&client, 2);
        let started = Instant::now();
        assert!(!client.flush_blocking(Duration::from_millis(200)).complete);
        assert!(!client.shutdown_blocking(Duration::from_millis(200)).complete);
        assert!(started.elapsed() < PATIENCE);
    }
    drop(listener);
}

#[test]
fn a_batch_without_a_destination_is_rejected_not_kept() {
    for url in ["", "not an address", "ftp://127.0.0.1/", "http://a b/", "unix:relative"] {
        let client = Client::new(config(url));
        record(&client, 2);
        assert!(client.flush_blocking(PATIENCE).complete, "{url}");
        assert_eq!(client.stats().dropped_for(DropReason::Rejected), 2, "{url}");
    }
}

fn sent_by_hand(url: &str) -> Result<(), TransportError> {
    let transport = HttpTransport::from_config(&config(url));
    let batch: IngestBatch = serde_json::from_value(json!({
        "batch_id": "batch_1", "device_id": "dev_7", "daemon_version": "program/1", "events": []
    }))
    .expect("a batch");
    crate::runtimes::block_on(transport.send(&batch))
}

#[test]
fn the_http_transport_says_what_the_server_said() {
    for status in [200, 204, 302, 400, 401, 403, 404, 408, 413, 429, 500, 503] {
        let receiver = Receiver::start(move |_, _| Reply::Answer(status, "", ""));
        let expected = if status < 300 { Ok(()) } else { Err(TransportError::Status(status)) };
        assert_eq!(sent_by_hand(&receiver.url), expected);
    }
    assert!(matches!(sent_by_hand("http://127.0.0.1:1/"), Err(TransportError::Other(_))));
}

#[test]
fn nothing_shows_the_credential() {
    let key = ["secret", "credential", "of", "this", "test"].join("-");
    for url in ["http://127.0.0.1:1/", "https://127.0.0.1:1/", "not an address"] {
        let mut config = config(url);
        config.ingest_key.clone_from(&key);
        config.mode = Mode::LocalDaemon { url: url.into() };
        let transport = HttpTransport::from_config(&config);
        let batch: IngestBatch = serde_json::from_value(json!({
            "batch_id": "", "device_id": "", "daemon_version": "", "events": []
        }))
        .expect("a batch");
        let error = crate::runtimes::block_on(transport.send(&batch)).expect_err("nobody is there");
        let client = Client::new(config.clone());
        let shown = format!("{config:?} {client:?} {error} {error:?} {:?}", client.stats());
        assert!(!shown.contains(&key), "{shown}");
    }
}
