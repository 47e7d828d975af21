//! Which system calls recording makes on the caller's thread, as strace sees them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::getppid;

use crate::caller::calls;
use crate::children::{CHILD, OURS, PUBLISHED, leave, output};
use crate::report::{Format, Gate, Row, Table, show};
use crate::sparse::pause;
use crate::subject::{Destination, Subject, Turns};
use crate::texts::{SMALL, Texts};
use crate::timing::float;

/// How many calls are recorded, one in 0.5 ms and more under strace.
const CALLS: usize = 10_000;
/// Says in the trace where recording begins and ends: nothing else here makes it.
const MARK: &str = "getppid(";
/// The pause itself.
const PAUSES: [&str; 2] = ["nanosleep", "clock_nanosleep"];

/// Counts and prints the system calls.
///
/// # Errors
/// When strace is missing or a child fails.
pub fn report(format: Format) -> Result<(), String> {
    let mut rows = Vec::new();
    let mut futexes = Vec::new();
    for (name, child) in [("ours", OURS), ("published", PUBLISHED)] {
        let counts = traced(child)?;
        let count = |wanted: fn(&str) -> bool| {
            float(counts.iter().filter(|(name, _)| wanted(name)).map(|(_, count)| count).sum())
        };
        let futex = count(|name| name == "futex");
        let write = count(|name| name == "write");
        let pauses = count(|name| PAUSES.contains(&name));
        let all = count(|_| true);
        futexes.push(futex);
        rows.push(Row::new(name, [futex, write, all - futex - write - pauses, pauses]));
    }
    let table = Table {
        title: "Rust, system calls of the caller's thread in 10,000 sparse records (strace -f)"
            .into(),
        columns: &["", "futex", "write (to an eventfd)", "others", "the pauses themselves"],
        rows,
    };
    let gate = Gate::at_most("futex calls in 10,000 sparse records = 0", futexes[0], 0.0);
    show(format, &[table], &[gate]);
    Ok(())
}

/// Runs a child under strace; returns what the recording thread called between the marks.
fn traced(subject: &str) -> Result<BTreeMap<String, usize>, String> {
    let said = |error: std::io::Error| error.to_string();
    let folder = std::env::temp_dir().join(format!("modelstat-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(said)?;
    let program = std::env::current_exe().map_err(said)?;
    let mut strace = Command::new("strace");
    strace.args(["-q", "-f", "-ff", "-o"]).arg(folder.join("thread")).arg(program);
    let outcome = output(strace.args([CHILD, "syscalls", subject]))
        .map_err(|error| format!("{error}; strace is needed: apt-get install strace"))
        .and_then(|_| marked(&folder));
    fs::remove_dir_all(&folder).map_err(said)?;
    outcome
}

/// Reads the trace of the thread that set the marks; each thread has a file of its own.
fn marked(folder: &Path) -> Result<BTreeMap<String, usize>, String> {
    let files = fs::read_dir(folder).map_err(|error| error.to_string())?.flatten();
    let traces = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    let trace = traces.into_iter().find(|trace| trace.contains(MARK));
    let trace = trace.ok_or("no thread of the trace has the marks")?;
    let mut lines = trace.lines().skip_while(|line| !line.starts_with(MARK)).skip(1);
    let mut counts = BTreeMap::new();
    for line in lines.by_ref().take_while(|line| !line.starts_with(MARK)) {
        if let Some((name, _)) = line.split_once('(') {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    let pauses: usize = PAUSES.iter().filter_map(|name| counts.get(*name)).sum();
    if pauses < CALLS { Err(format!("{pauses} of {CALLS} pauses were traced")) } else { Ok(counts) }
}

/// Records sparsely between two marks, warm.
pub(crate) fn child<S: Subject>() {
    let client = S::start(Destination::Nowhere, Turns::Excerpts);
    client.record(S::call(&Texts::new(SMALL, 0)));
    client.drain();
    let calls = calls::<S>(SMALL, CALLS);
    let _ = getppid();
    for call in calls {
        pause();
        client.record(call);
    }
    let _ = getppid();
    leave(client);
}
