//! A daemon that ships through a recording proxy to a server, on two data directories.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use modelstat_testkit::{Proxy, Recorded};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Answer, PATIENCE, create_key, free_address, send, totals, wait_until};

/// What a key begins with; the rest is secret.
const KEY_HEAD: &str = "msk_live_";

/// Why a lock is never poisoned: a sender that panics fails the test.
const INTACT: &str = "no sender panicked";

/// Where a batch is posted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Daemon,
    DaemonRaw,
    Server,
    ServerRaw,
}

impl Door {
    pub(super) const ALL: [Self; 4] =
        [Self::Daemon, Self::DaemonRaw, Self::Server, Self::ServerRaw];

    pub(super) fn is_daemon(self) -> bool {
        matches!(self, Self::Daemon | Self::DaemonRaw)
    }

    fn path(self) -> &'static str {
        match self {
            Self::Daemon | Self::Server => "/v1/ingest",
            Self::DaemonRaw | Self::ServerRaw => "/v1/ingest/raw",
        }
    }
}

/// One batch and where it goes.
pub(super) struct Send {
    pub(super) door: Door,
    pub(super) batch: Value,
}

/// Both processes, and all that can be seen of them from outside.
pub(super) struct Chain {
    folder: tempfile::TempDir,
    binary: PathBuf,
    server_at: SocketAddr,
    daemon_at: SocketAddr,
    proxy: Proxy,
    server: Mutex<Option<Running>>,
    daemon: Mutex<Option<Running>>,
    ingest_key: String,
    read_key: String,
    answers: Mutex<Vec<u8>>,
}

impl Chain {
    pub(super) fn start(binary: &Path) -> Self {
        let server_at = free_address();
        // The server takes any loopback name in `Host`, with its own port.
        let proxy_at = SocketAddr::from(([127, 0, 0, 2], server_at.port()));
        let mut chain = Self {
            folder: tempfile::tempdir().expect("a folder"),
            binary: binary.to_owned(),
            server_at,
            daemon_at: free_address(),
            proxy: Proxy::start(proxy_at, server_at).expect("a proxy"),
            server: Mutex::default(),
            daemon: Mutex::default(),
            ingest_key: String::new(),
            read_key: String::new(),
            answers: Mutex::default(),
        };
        chain.start_server();
        chain.start_daemon();
        chain.ingest_key = create_key(&chain.server_data(), "ingest");
        chain.read_key = create_key(&chain.server_data(), "read");
        chain
    }

    pub(super) fn start_server(&self) {
        let arguments = ["--listen".to_owned(), self.server_at.to_string()];
        let running = Running::start(&self.binary, "server", &self.server_data(), &arguments);
        *self.server.lock().expect(INTACT) = Some(running);
    }

    pub(super) fn start_daemon(&self) {
        let arguments = [
            "--daemon-listen".to_owned(),
            self.daemon_at.to_string(),
            "--server-url".to_owned(),
            format!("http://{}", self.proxy.address()),
        ];
        let running = Running::start(&self.binary, "daemon", &self.daemon_data(), &arguments);
        *self.daemon.lock().expect(INTACT) = Some(running);
    }

    pub(super) fn kill_server(&self) {
        drop(self.server.lock().expect(INTACT).take());
    }

    pub(super) fn kill_daemon(&self) {
        drop(self.daemon.lock().expect(INTACT).take());
    }

    /// Ends both in good order.
    pub(super) fn stop(&self) {
        for part in [&self.daemon, &self.server] {
            if let Some(running) = part.lock().expect(INTACT).take() {
                running.stop();
            }
        }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn daemon_data(&self) -> PathBuf {
        self.folder.path().join("daemon")
    }

    pub(super) fn server_data(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    /// The part of the ingest key that is secret.
    pub(super) fn key_body(&self) -> &str {
        self.ingest_key.strip_prefix(KEY_HEAD).expect("a key of ours")
    }

    pub(super) fn read_key(&self) -> &str {
        &self.read_key
    }

    pub(super) fn ingest_key(&self) -> &str {
        &self.ingest_key
    }

    pub(super) fn recorded(&self) -> Vec<Recorded> {
        self.proxy.recorded()
    }

    /// Every answer until now, whatever it was to.
    pub(super) fn answers(&self) -> Vec<u8> {
        self.answers.lock().expect(INTACT).clone()
    }

    pub(super) fn url(&self, door: Door) -> String {
        let address = if door.is_daemon() { self.daemon_at } else { self.server_at };
        format!("http://{address}{}", door.path())
    }

    pub(super) fn root(&self, door: Door) -> String {
        self.url(door).replace(door.path(), "")
    }

    /// Sends any request, and keeps the answer.
    pub(super) fn ask(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        let answer = send(method, url, headers, body)?;
        let mut answers = self.answers.lock().expect(INTACT);
        answers.extend_from_slice(answer.text.as_bytes());
        answers.push(b'\n');
        Some(answer)
    }

    /// Posts a batch until it is acknowledged.
    fn deliver(&self, send: &Send) {
        let bearer = format!("Bearer {}", self.ingest_key);
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let (url, body) = (self.url(send.door), send.batch.to_string());
        wait_until("a batch is acknowledged", || {
            let answer = self.ask("POST", &url, &headers, body.as_bytes());
            let Some(answer) = answer else { return false };
            assert!(matches!(answer.status, 200 | 503), "{}: {}", answer.status, answer.text);
            if answer.status == 200 {
                assert_eq!(
                    answer.body["rejected"].as_array().map_or(0, Vec::len),
                    0,
                    "{}",
                    answer.text
                );
            }
            answer.status == 200
        });
    }

    pub(super) fn send_all(&self, sends: &[Send]) {
        for send in sends {
            self.deliver(send);
        }
    }

    /// Kills both processes while batches are being sent, looks at what they left, and goes on.
    pub(super) fn send_and_kill_in_the_middle(&self, sends: &[Send], look: impl FnOnce(&Path)) {
        let acknowledged = AtomicUsize::new(0);
        let (halves, acknowledged) = (sends.split_at(sends.len() / 2), &acknowledged);
        std::thread::scope(|scope| {
            for half in [halves.0, halves.1] {
                scope.spawn(move || {
                    for send in half {
                        self.deliver(send);
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            wait_until("half is acknowledged", || {
                acknowledged.load(Ordering::SeqCst) >= sends.len() / 2
            });
            self.kill_daemon();
            self.kill_server();
            look(self.folder());
            self.start_server();
            self.start_daemon();
        });
    }

    /// What the server says of the text that came to it.
    pub(super) fn privacy(&self) -> Value {
        let url = format!("{}/v1/privacy?from=2000-01-01T00:00:00Z", self.root(Door::Server));
        let bearer = format!("Bearer {}", self.read_key);
        let answer = self.ask("GET", &url, &[("Authorization", &bearer)], b"");
        answer.expect("an answer").body
    }

    /// Waits until the server has so many calls.
    pub(super) fn wait_for_calls(&self, expected: u64) {
        let url = self.root(Door::Server);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let calls = totals(&url, &self.read_key, &["calls"])["calls"].as_u64();
            if calls >= Some(expected) {
                return;
            }
            let status = || self.daemon_report("/v1/status");
            assert!(Instant::now() < deadline, "{calls:?} of {expected} calls: {:#}", status());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Chain {
    /// What the running daemon says at an address that only its operator may read.
    fn daemon_report(&self, path: &str) -> Value {
        let note = std::fs::read(self.daemon_data().join("run.json")).expect("it runs");
        let note: Value = serde_json::from_slice(&note).expect("our own note");
        let bearer = format!("Bearer {}", note["token"].as_str().unwrap_or_default());
        let url = format!("{}{path}", self.root(Door::Daemon));
        send("GET", &url, &[("Authorization", &bearer)], b"").expect("an answer").body
    }

    /// Waits until the daemon has tried to ship.
    pub(super) fn wait_for_intent(&self) {
        wait_until("the daemon tries to ship", || {
            let report = self.daemon_report("/v1/egress");
            report["entries"].as_array().is_some_and(|entries| !entries.is_empty())
        });
    }
}

/// A process; it is killed when it is dropped.
struct Running(Child);

impl Running {
    /// Starts a verb that serves, logs as much as it can, and waits until it is ready.
    fn start(binary: &Path, verb: &str, data: &Path, arguments: &[String]) -> Self {
        let folder = data.parent().expect("it is in a folder");
        let log_path = data.with_extension("stderr");
        let log = File::options().create(true).append(true).open(&log_path).expect("a log");
        let mut child = Command::new(binary)
            .args([verb, "--json", "--data-dir"])
            .arg(data)
            .args(arguments)
            .env_remove("MODELSTAT_CONFIG")
            .env_remove("MODELSTAT_DAEMON_KEY")
            .env_remove("MODELSTAT_EXCERPT")
            .env("MODELSTAT_LOG", "trace")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary is built");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("readable");
        let running = Self(child);
        assert!(!line.is_empty(), "`{verb}` did not start, see {}", log_path.display());
        running
    }

    fn stop(mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, Signal::TERM).expect("it runs");
        assert!(self.0.wait().expect("it ended").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already when it was asked to.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
