//! This program again, as a child that does one thing and says what came of it.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::ours::Ours;
use crate::published::Published;
use crate::subject::Subject;
use crate::{memory, syscalls};

/// The first argument of a child.
pub const CHILD: &str = "--child";
/// How long a child may take.
const DEADLINE: Duration = Duration::from_mins(3);
const POLL: Duration = Duration::from_millis(50);

/// The names of those that children measure.
pub(crate) const OURS: &str = "ours";
pub(crate) const PUBLISHED: &str = "published";

/// Does what a child was told to.
///
/// # Errors
/// When told something unknown.
pub fn run(arguments: &[String]) -> Result<(), String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["memory", OURS, url] => memory::child::<Ours>(url),
        ["memory", PUBLISHED, url] => memory::child::<Published>(url),
        ["syscalls", OURS] => syscalls::child::<Ours>(),
        ["syscalls", PUBLISHED] => syscalls::child::<Published>(),
        _ => return Err(format!("a child cannot do {words:?}")),
    }
    Ok(())
}

/// Lets a child end without waiting for what its worker holds.
pub(crate) fn leave(client: impl Subject) {
    std::mem::forget(client);
}

/// Runs a child to its end and returns what it said.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let said = |error: std::io::Error| format!("`{name}`: {error}");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(said)?;
    let ends = Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(said)? {
            break status;
        }
        if Instant::now() > ends {
            child.kill().map_err(said)?;
            child.wait().map_err(said)?;
            return Err(format!("`{name}` took longer than {} s", DEADLINE.as_secs()));
        }
        thread::sleep(POLL);
    };
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut text).map_err(said)?;
    }
    if status.success() { Ok(text) } else { Err(format!("`{name}` failed ({status})")) }
}
