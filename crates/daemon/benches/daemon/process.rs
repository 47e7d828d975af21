//! The daemon as a process of its own, so that the kernel tells its time and memory apart from ours.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use modelstat_daemon::{Config, Daemon, Secret};
use modelstat_wire::{IdentifierKey, SystemClock};
use serde_json::Value;

/// The word that makes this program a daemon.
pub(crate) const SERVE: &str = "serve";

/// What runs as the daemon.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// This program again, with the library alone: quick to build.
    Library,
    /// The binary `modelstat`, as it is shipped.
    Binary(PathBuf),
}

impl Program {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Library => "the library alone",
            Self::Binary(_) => "the binary `modelstat`",
        }
    }
}

/// A daemon at work.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts a daemon on a folder, and waits until it listens.
    pub(crate) fn start(program: &Program, folder: &Path, server: &str, spool_mib: u64) -> Self {
        let mut command = match program {
            Program::Library => {
                let mut command = Command::new(std::env::current_exe().expect("its own path"));
                command.arg(SERVE).arg(folder).args([server, &spool_mib.to_string()]);
                command
            }
            Program::Binary(path) => {
                std::fs::create_dir_all(folder).expect("a folder");
                let settings = format!("[spool]\nmax_bytes = \"{spool_mib} MiB\"\n");
                std::fs::write(folder.join("modelstat.toml"), settings).expect("a file");
                let mut command = Command::new(path);
                command.args(["daemon", "--json", "--data-dir"]).arg(folder);
                command.args(["--daemon-listen", "127.0.0.1:0", "--server-url", server]);
                command.env("MODELSTAT_LOG", "error");
                command
            }
        };
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.expect("the program is built");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        output.read_line(&mut line).expect("readable");
        let ready: Value = serde_json::from_str(&line).expect("one line of JSON");
        let url = ready["daemon_url"].as_str().expect("an address");
        let address = url.trim_start_matches("http://").trim_end_matches("/v1/ingest");
        Self { child, address: address.parse().expect("an address") }
    }

    /// Time of the whole process, user and system; the kernel counts in ticks of 10 ms.
    pub(crate) fn time(&self) -> Duration {
        time_of(&format!("/proc/{}/stat", self.child.id()))
    }

    /// The same by thread, added up by name.
    pub(crate) fn time_by_thread(&self) -> BTreeMap<String, Duration> {
        let mut times = BTreeMap::new();
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        for task in tasks.flatten() {
            let path = task.path();
            // A thread may end while it is looked at.
            let Ok(name) = std::fs::read_to_string(path.join("comm")) else { continue };
            let time = time_of(path.join("stat").to_str().expect("a plain path"));
            *times.entry(name.trim().to_owned()).or_default() += time;
        }
        times
    }

    /// Resident memory now, in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        self.memory("VmRSS:")
    }

    /// The most that was ever resident, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a field");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
    }
}

impl Drop for Process {
    /// Ends it the hard way: what was acknowledged is on disk.
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn time_of(path: &str) -> Duration {
    let Ok(stat) = std::fs::read_to_string(path) else { return Duration::ZERO };
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<u64>().expect("a number");
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Runs a daemon until standard input ends.
pub(crate) fn serve(arguments: &[String]) {
    let [folder, server, spool_mib] = arguments else { panic!("folder, server and MiB") };
    let admin = Secret::new("bench-admin");
    let key = IdentifierKey::new([7; 32]);
    let mut config = Config::new(PathBuf::from(folder), server.clone(), admin, key);
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.spool.bytes = spool_mib.parse::<u64>().expect("a number") << 20;
    let daemon = Daemon::start(config, Arc::new(SystemClock)).expect("starts");
    println!("{{\"daemon_url\": \"http://{}/v1/ingest\"}}", daemon.address());
    std::io::stdin().read_to_end(&mut Vec::new()).ok();
    daemon.shutdown(Duration::ZERO);
}
