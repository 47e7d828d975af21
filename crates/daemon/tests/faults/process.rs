//! This program as a daemon.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use modelstat_daemon::{Config, Daemon, Pace, Secret, failpoint};
use modelstat_wire::{IdentifierKey, SystemClock};

/// The word that makes this program a daemon.
pub(crate) const SERVE: &str = "serve";

/// Opens the status.
pub(crate) const ADMIN: &str = "admin-token";

/// From a session's last turn to its abstract; the product waits a minute.
const QUIET: Duration = Duration::from_millis(300);

/// What a daemon is started with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) folder: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) server: String,
}

impl Setup {
    /// A daemon in a folder, on a port that is free now.
    pub(crate) fn new(folder: &Path, server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        Self { folder: folder.join("daemon"), address, server }
    }

    /// Starts it, to be killed at a place or not at all; returns once it listens, or `None` when it was
    /// killed before.
    pub(crate) fn start(&self, point: &str, passes: u32) -> Option<Process> {
        let mut command = Command::new(std::env::current_exe().expect("its own path"));
        command.arg(SERVE).arg(&self.folder).arg(self.address.to_string()).arg(&self.server);
        command.arg(point).arg(passes.to_string());
        let path = self.folder.with_extension("stderr");
        let log = std::fs::File::options().create(true).append(true).open(path).expect("a log");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("this program can be started");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("readable");
        if line.is_empty() {
            child.wait().expect("ended");
            return None;
        }
        Some(Process(child))
    }
}

/// A daemon at work.
pub(crate) struct Process(Child);

impl Process {
    /// Returns how it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("a child")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Runs a daemon until standard input ends, or until it is killed at the place.
pub(crate) fn serve(arguments: &[String]) {
    let [folder, address, server, point, passes] = arguments else { panic!("five words") };
    let admin = Secret::new(ADMIN);
    let key = IdentifierKey::new([7; 32]);
    let mut config = Config::new(PathBuf::from(folder), server.clone(), admin, key);
    config.listen = address.parse().expect("an address");
    config.segments.quiet = QUIET;
    // What a full disk is tested with is small.
    config.spool.reserve_bytes = 0;
    config.spool.reserve_percent = 0;
    config.pace = Pace {
        tick: Duration::from_millis(10),
        checkpoint: Duration::from_millis(50),
        backoff_base: Duration::from_millis(10),
        backoff_cap: Duration::from_millis(50),
        ..Pace::default()
    };
    failpoint::arm(point, passes.parse().expect("a number"));
    let daemon = Daemon::start(config, Arc::new(SystemClock)).expect("starts");
    println!("{}", daemon.address());
    std::io::stdin().read_to_end(&mut Vec::new()).ok();
    daemon.shutdown(Duration::from_secs(2));
}
