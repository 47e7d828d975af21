//! A server with a clock that is set by hand, and what its files hold.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use modelstat_server::{
    Config, Engines, ModelEngines, OperatorToken, SegmentLimits, Server, StartError,
};
use modelstat_store::{Org, Scope};
use modelstat_wire::{BatchFloor, Clock, IdentifierKey, Timestamp};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_mins(1);

const TOKEN: &str = "of-the-operator";

/// When every test begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_781_870_096_789);

/// A clock that stands still until it is moved.
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn pass(&self, time: Duration) {
        let micros = i64::try_from(time.as_micros()).expect("a short time");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// One org's keys.
pub(crate) struct Keys {
    pub(crate) ingest: String,
    pub(crate) read: String,
}

/// A server at work.
pub(crate) struct World {
    runtime: Runtime,
    server: Option<Server>,
    folder: tempfile::TempDir,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) keys: Keys,
}

/// How a server is started.
pub(crate) struct Setup {
    pub(crate) engines: Engines,
    pub(crate) models: ModelEngines,
    pub(crate) text_bytes: u64,
    pub(crate) at: Timestamp,
}

impl Default for Setup {
    fn default() -> Self {
        let text_bytes = modelstat_server::DEFAULT_TEXT_BYTES;
        Self { engines: Engines::default(), models: ModelEngines::default(), text_bytes, at: START }
    }
}

impl World {
    pub(crate) fn start(setup: Setup) -> Self {
        Self::on(tempfile::tempdir().expect("a folder"), setup)
    }

    /// Returns why a server does not start.
    pub(crate) fn refused(setup: Setup) -> StartError {
        let started = Self::try_on(tempfile::tempdir().expect("a folder"), setup);
        started.err().expect("it does not start")
    }

    /// Starts on what a folder holds.
    fn on(folder: tempfile::TempDir, setup: Setup) -> Self {
        Self::try_on(folder, setup).expect("started")
    }

    fn try_on(folder: tempfile::TempDir, setup: Setup) -> Result<Self, StartError> {
        let clock = Arc::new(HandClock(AtomicI64::new(setup.at.as_micros())));
        let config = Config {
            listen: "127.0.0.1:0".parse().expect("an address"),
            data_dir: folder.path().join("server"),
            floor: BatchFloor::new(IdentifierKey::new([7; 32])),
            operator: OperatorToken::new(TOKEN.to_owned()),
            daemon_url: None,
            segments: SegmentLimits::default(),
            engines: setup.engines,
            models: setup.models,
            text_bytes: setup.text_bytes,
        };
        let runtime = Runtime::new().expect("a runtime");
        let shared: Arc<dyn Clock> = Arc::<HandClock>::clone(&clock);
        let server = runtime.block_on(Server::start(config, shared))?;
        let org = server.ensure_org("first").expect("an org").0;
        let keys = keys_of(&server, &org);
        Ok(Self { runtime, server: Some(server), folder, clock, keys })
    }

    /// Starts another server on what would be there if this one were killed now.
    pub(crate) fn after_a_kill(&self, setup: Setup) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("server");
        std::fs::create_dir(&to).expect("a folder");
        let mut files = self.files();
        // Logs go before their files, since what they hold may move there meanwhile, and the ledger last,
        // since it may be ahead of the inbox but not behind it.
        files.sort_by_key(|file| {
            let name = file.to_string_lossy();
            (name.contains("ledger"), !name.ends_with("wal"))
        });
        for file in files {
            // What SQLite shares between processes goes with them.
            if file.extension().is_some_and(|extension| extension == "db-shm") {
                continue;
            }
            let name = file.file_name().expect("a name");
            std::fs::copy(&file, to.join(name)).expect("copied");
        }
        Self::on(folder, setup)
    }

    /// Stops the server, and starts another on its folder at the same time of day.
    pub(crate) fn after_a_stop(mut self, engines: Engines) -> Self {
        let server = self.server.take().expect("it runs");
        self.runtime.block_on(server.stop());
        let empty = tempfile::tempdir().expect("a folder");
        let folder = std::mem::replace(&mut self.folder, empty);
        Self::on(folder, Setup { engines, at: self.clock.now(), ..Setup::default() })
    }

    pub(crate) fn stop(mut self) {
        let server = self.server.take().expect("it runs");
        self.runtime.block_on(server.stop());
    }

    pub(crate) fn org(&self, name: &str) -> Keys {
        let server = self.server.as_ref().expect("it runs");
        keys_of(server, &server.ensure_org(name).expect("an org").0)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.data()).expect("readable");
        let paths = entries.map(|entry| entry.expect("readable").path());
        paths.filter(|path| path.is_file()).collect()
    }

    /// The files that hold some bytes.
    pub(crate) fn files_with(&self, needle: &[u8]) -> Vec<PathBuf> {
        let holds = |path: &PathBuf| {
            let bytes = std::fs::read(path).expect("readable");
            bytes.windows(needle.len()).any(|window| window == needle)
        };
        self.files().into_iter().filter(holds).collect()
    }

    /// A piece of each turn that waits, as its bytes stand in the file.
    pub(crate) fn pieces(&self) -> Vec<Vec<u8>> {
        let connection = open(&self.data().join("inbox.db"));
        let mut statement = connection
            .prepare("SELECT body FROM pending_text WHERE spent = 0 ORDER BY id")
            .expect("a table");
        let bodies = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).expect("rows");
        bodies
            .map(|body| body.expect("a body"))
            .map(|body| body[body.len() / 2..][..32].to_vec())
            .collect()
    }

    pub(crate) fn ask(&self, method: &str, path: &str, key: &str, body: &Value) -> Answer {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .allow_non_standard_methods(true)
            .build()
            .into();
        let address = self.server.as_ref().expect("it runs").address();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{address}{path}"))
            .header("Authorization", format!("Bearer {key}"))
            .header("Content-Type", "application/json");
        let bytes = if body.is_null() { String::new() } else { body.to_string() };
        let mut answer = agent.run(request.body(bytes).expect("a request")).expect("an answer");
        let text = answer.body_mut().read_to_string().expect("text");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: answer.status().as_u16(), body }
    }

    /// Sends whole turns, which must be taken.
    pub(crate) fn send(&self, keys: &Keys, batch: &Value) -> Value {
        let answer = self.ask("POST", "/v1/ingest/raw", &keys.ingest, batch);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    pub(crate) fn get(&self, path: &str, key: &str) -> Value {
        self.ask("GET", path, key, &Value::Null).body
    }

    pub(crate) fn operate(&self, method: &str, path: &str) -> Answer {
        self.ask(method, path, TOKEN, &Value::Null)
    }

    /// What the operator sees of text that waits.
    pub(crate) fn text(&self) -> Value {
        self.operate("GET", "/v1/admin/status").body["text"].clone()
    }

    /// What an org sees of its own.
    pub(crate) fn text_of(&self, keys: &Keys) -> Value {
        self.get("/v1/privacy", &keys.read)["waiting_text"].clone()
    }

    /// The segments of a session of `app`, as they are shown.
    pub(crate) fn segments(&self, keys: &Keys, session: &str) -> Vec<Value> {
        let path = format!("/v1/sessions/{session}?app=app");
        self.get(&path, &keys.read)["segments"].as_array().cloned().unwrap_or_default()
    }

    /// Waits for as many segments of a session.
    pub(crate) fn wait_for_segments(&self, keys: &Keys, session: &str, count: usize) -> Vec<Value> {
        let mut segments = Vec::new();
        wait_until("an abstract is in the ledger", || {
            segments = self.segments(keys, session);
            segments.len() >= count
        });
        segments
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }
}

fn keys_of(server: &Server, org: &Org) -> Keys {
    let key = |scope| server.create_key(org, scope, "test", None).expect("a key");
    Keys { ingest: key(Scope::Ingest), read: key(Scope::Read) }
}

fn open(file: &Path) -> rusqlite::Connection {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    rusqlite::Connection::open_with_flags(file, flags).expect("a file")
}

/// Waits until something holds.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One turn of a session.
pub(crate) fn turn(id: &str, session: &str, second: i64, text: &str) -> Value {
    let ts = Timestamp::from_millis(START.as_millis() + second * 1_000).to_string();
    json!({
        "source_event_id": id, "ts": ts, "kind": "assistant_message", "agent": "raw_sdk_openai",
        "provider": "openai", "session_id": session, "model": "gpt-4o", "content_excerpt": text,
        "tokens": {"input": 10, "output": 5, "cache_creation": 0, "cache_read": 0, "reasoning": 0},
    })
}

/// A batch of turns, as a published client sends it.
pub(crate) fn batch(turns: &[Value]) -> Value {
    let ids = turns.iter().filter_map(|turn| turn["source_event_id"].as_str());
    json!({
        "batch_id": modelstat_wire::batch_id(ids), "device_id": "dev_sdk",
        "daemon_version": "python-sdk/0.1.0", "app": "app", "events": turns,
    })
}
