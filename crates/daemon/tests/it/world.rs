//! A daemon in a folder of its own, with a clock that the test sets.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use modelstat_daemon::{Config, Daemon, Pace, Secret, Status};
use modelstat_wire::{Clock, IdentifierKey, Timestamp};
use serde_json::{Value, json};

use crate::client::{self, Answer};

pub(crate) const ADMIN: &str = "admin-token";

/// Longest wait for anything; far more than it takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A clock that stands still until it is set.
#[derive(Debug)]
pub(crate) struct TestClock {
    micros: AtomicI64,
    /// By how much it was set, as opposed to what passed.
    jumped: AtomicI64,
}

impl TestClock {
    pub(crate) fn advance(&self, time: Duration) {
        let micros = i64::try_from(time.as_micros()).expect("a short time");
        self.micros.fetch_add(micros, Ordering::AcqRel);
    }

    /// Jumps, also back.
    pub(crate) fn jump_hours(&self, hours: i64) {
        self.jumped.fetch_add(hours * 3_600_000_000, Ordering::AcqRel);
        self.micros.fetch_add(hours * 3_600_000_000, Ordering::AcqRel);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::Acquire))
    }

    fn uptime(&self) -> Duration {
        let jumped = self.jumped.load(Ordering::Acquire);
        let passed = self.micros.load(Ordering::Acquire) - jumped;
        Duration::from_micros(u64::try_from(passed).expect("after 1970"))
    }
}

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) config: Config,
    daemon: Option<Daemon>,
}

impl World {
    pub(crate) fn start(server_url: String) -> Self {
        Self::start_with(server_url, |_| ())
    }

    pub(crate) fn start_with(server_url: String, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now: Timestamp = "2026-06-19T12:00:00Z".parse().expect("a time");
        let clock = Arc::new(TestClock {
            micros: AtomicI64::new(now.as_micros()),
            jumped: AtomicI64::new(0),
        });
        let mut config = Config::new(
            folder.path().join("daemon"),
            server_url,
            Secret::new(ADMIN),
            IdentifierKey::new([7; 32]),
        );
        config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.pace = Pace {
            tick: Duration::from_millis(10),
            checkpoint: Duration::from_millis(50),
            rewrite: Duration::from_millis(200),
            backoff_base: Duration::from_millis(20),
            backoff_cap: Duration::from_millis(100),
            probe: Duration::from_millis(300),
            ..Pace::default()
        };
        change(&mut config);
        let mut world = Self { folder, clock, config, daemon: None };
        world.restart();
        world
    }

    /// Ends the daemon at once, and starts it again on the same folder.
    pub(crate) fn restart(&mut self) {
        self.daemon = None;
        self.start_again();
    }

    /// Starts a daemon that was stopped.
    pub(crate) fn start_again(&mut self) {
        let clock = Arc::clone(&self.clock);
        self.daemon = Some(Daemon::start(self.config.clone(), clock).expect("starts"));
    }

    pub(crate) fn stop(&mut self, deadline: Duration) {
        self.daemon.take().expect("runs").shutdown(deadline);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.daemon.as_ref().expect("runs").address()
    }

    pub(crate) fn status(&self) -> Status {
        self.daemon.as_ref().expect("runs").status().expect("readable")
    }

    pub(crate) fn data(&self) -> &Path {
        &self.config.data_dir
    }

    pub(crate) fn send(&self, batch: &Value) -> Answer {
        client::post(self.address(), "/v1/ingest", batch.to_string().as_bytes())
    }

    pub(crate) fn send_with_key(&self, key: &str, batch: &Value) -> Answer {
        let headers = [("Authorization", format!("Bearer {key}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        client::request(self.address(), "POST /v1/ingest", &headers, batch.to_string().as_bytes())
    }

    /// Waits until the status is as asked, and returns it.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&Status) -> bool) -> Status {
        let start = Instant::now();
        loop {
            let status = self.status();
            if is_so(&status) {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "waited in vain: {what}: {status:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until nothing is left to ship.
    pub(crate) fn wait_shipped(&self) -> Status {
        self.wait("everything shipped", |status| {
            status.spool.incoming.rows == 0 && status.spool.outbox.rows == 0
        })
    }
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An event with a text.
pub(crate) fn event(id: &str, text: &str) -> Value {
    json!({
        "source_event_id": id, "ts": "2026-06-19T12:00:00.000Z", "kind": "assistant_message",
        "agent": "raw_sdk_openai", "provider": "openai", "session_id": "sess_1", "model": "gpt-4o",
        "tokens": {"input": 10, "output": 5, "cache_creation": 0, "cache_read": 0, "reasoning": 0},
        "content_excerpt": text,
    })
}

/// An event at a time of the day.
pub(crate) fn event_at(id: &str, time: &str) -> Value {
    let mut event = event(id, "The retry policy never ends.");
    event["ts"] = json!(format!("2026-06-19T{time}.000Z"));
    event
}

/// A batch as published clients make it.
pub(crate) fn batch(events: &[Value]) -> Value {
    let ids: Vec<String> =
        events.iter().map(|event| event["source_event_id"].to_string()).collect();
    json!({
        "batch_id": modelstat_wire::batch_id(ids), "device_id": "dev_sdk",
        "daemon_version": "python-sdk/0.1.0", "app": "checkout", "events": events,
    })
}
