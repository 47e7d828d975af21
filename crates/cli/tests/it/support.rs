//! Starting, stopping and asking the real binary.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest wait for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A process of the binary, with the line that it printed when it was ready.
pub(crate) struct Product {
    child: Child,
    pub(crate) ready: Value,
}

/// What an HTTP request got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) text: String,
}

/// Describes a run of the binary, away from the environment of the machine.
pub(crate) fn modelstat(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modelstat"));
    command.args(arguments).stdin(Stdio::null());
    for name in [
        "MODELSTAT_HOME",
        "MODELSTAT_LISTEN",
        "MODELSTAT_DAEMON_LISTEN",
        "MODELSTAT_DAEMON_SOCKET",
        "MODELSTAT_DAEMON_ALLOW_REMOTE",
        "MODELSTAT_REQUIRE_TOKEN",
        "MODELSTAT_CONFIG",
        "MODELSTAT_REDACT_RULES",
        "MODELSTAT_MODEL_MIRROR",
        "MODELSTAT_ENGINE",
        "MODELSTAT_ENGINE_URL",
        "MODELSTAT_ENGINE_URL_MODEL",
        "MODELSTAT_ENGINE_ALLOW_REMOTE",
        "MODELSTAT_ENGINE_API_KEY",
    ] {
        command.env_remove(name);
    }
    // The names of whoever runs the tests are in none of them.
    command.env("MODELSTAT_REDACT_IDENTIFIERS", "false");
    command
}

impl Product {
    /// Starts `modelstat up` on free ports.
    pub(crate) fn up(data: &Path) -> Self {
        let ports = ["--listen", "127.0.0.1:0", "--daemon-listen", "127.0.0.1:0"];
        Self::start("up", data, &ports)
    }

    /// Starts a verb that serves, and waits until it is ready. Its standard error goes to a file
    /// beside the data directory.
    pub(crate) fn start(verb: &str, data: &Path, arguments: &[&str]) -> Self {
        Self::try_start(verb, data, arguments).unwrap_or_else(|| {
            panic!(
                "`{verb}` did not start: {}",
                std::fs::read_to_string(log_of(data)).unwrap_or_default()
            )
        })
    }

    /// Starts a verb that serves; `None` when it ends instead.
    pub(crate) fn try_start(verb: &str, data: &Path, arguments: &[&str]) -> Option<Self> {
        Self::try_start_with(verb, data, arguments, |_| ())
    }

    /// The same, with a change to how it is run.
    pub(crate) fn try_start_with(
        verb: &str,
        data: &Path,
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Option<Self> {
        let log = File::options().create(true).append(true).open(log_of(data)).expect("a log");
        let data = data.to_str().expect("a plain path");
        let mut command = modelstat(&[verb, "--json", "--data-dir", data]);
        command.args(arguments).stdout(Stdio::piped()).stderr(log);
        change(&mut command);
        let mut child = command.spawn().expect("the binary is built");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        stdout.read_line(&mut line).expect("readable");
        if line.is_empty() {
            child.wait().expect("ended");
            return None;
        }
        let ready = serde_json::from_str(&line).expect("one line of JSON");
        Some(Self { child, ready })
    }

    /// Returns one word of the line that it printed.
    pub(crate) fn word(&self, field: &str) -> &str {
        self.ready[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {}", self.ready))
    }

    /// Returns the server's address without a path.
    pub(crate) fn server(&self) -> String {
        self.word("ingest_url").trim_end_matches("/v1/ingest").to_owned()
    }

    /// Returns the daemon's address without a path.
    pub(crate) fn daemon(&self) -> String {
        self.word("daemon_url").trim_end_matches("/v1/ingest").to_owned()
    }

    /// Returns its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it the hard way.
    pub(crate) fn kill9(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ended");
    }

    /// Asks it to end.
    pub(crate) fn ask_to_end(&self) {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a pid"), rustix::process::Signal::TERM)
            .expect("it runs");
    }

    /// Waits until it has ended.
    pub(crate) fn ended(mut self) -> ExitStatus {
        self.child.wait().expect("it ended")
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(self) -> ExitStatus {
        self.ask_to_end();
        self.ended()
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Where the standard error of a process on a data directory goes.
pub(crate) fn log_of(data: &Path) -> PathBuf {
    data.with_extension("stderr")
}

/// Finds a port that is free now.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

/// Sends a request with any method, headers and body.
pub(crate) fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Answer> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .proxy(None)
        .allow_non_standard_methods(true)
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = agent.run(request.body(body).expect("a request")).ok()?;
    let status = answer.status().as_u16();
    let text = answer.body_mut().with_config().limit(1 << 28).read_to_string().ok()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Some(Answer { status, body, text })
}

/// Posts JSON with a key; `None` when nobody answered.
pub(crate) fn try_post(url: &str, key: &str, body: &Value) -> Option<Answer> {
    let bearer = format!("Bearer {key}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    send("POST", url, &headers, body.to_string().as_bytes())
}

/// Posts JSON with a key.
pub(crate) fn post(url: &str, key: &str, body: &Value) -> Answer {
    try_post(url, key, body).expect("an answer")
}

/// Gets with a key.
pub(crate) fn get(url: &str, key: &str) -> Answer {
    let bearer = format!("Bearer {key}");
    send("GET", url, &[("Authorization", &bearer)], b"").expect("an answer")
}

/// Asks for the totals of all time.
pub(crate) fn totals(server: &str, read_key: &str, measures: &[&str]) -> Value {
    let question = json!({
        "measures": measures, "from": "1970-01-01T00:00:00Z", "to": "2300-01-01T00:00:00Z",
    });
    let answer = post(&format!("{server}/v1/query"), read_key, &question);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["totals"].clone()
}

/// Waits until something holds.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Makes a key on a running data directory.
pub(crate) fn create_key(data: &Path, scope: &str) -> String {
    let data = data.to_str().expect("a plain path");
    let output = modelstat(&["keys", "create", "--scope", scope, "--data-dir", data])
        .output()
        .expect("the binary is built");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// One event of a plain call.
pub(crate) fn event(id: &str, session: &str, ts: &str) -> Value {
    json!({
        "source_event_id": id, "ts": ts, "kind": "assistant_message", "agent": "raw_sdk_openai",
        "provider": "openai", "session_id": session, "model": "gpt-4o",
        "tokens": {"input": 1000, "output": 100, "cache_creation": 0, "cache_read": 0, "reasoning": 0},
        "duration_ms": 1200,
    })
}

/// A batch of events, as a published client sends it.
pub(crate) fn batch(app: &str, events: &[Value]) -> Value {
    let ids = events.iter().filter_map(|event| event["source_event_id"].as_str());
    json!({
        "batch_id": modelstat_wire::batch_id(ids), "device_id": "dev_sdk",
        "daemon_version": "python-sdk/0.1.0", "app": app, "events": events,
    })
}
