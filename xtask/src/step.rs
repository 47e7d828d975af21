//! Running commands and saying what happens.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what xtask prints with")]

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// Longest that one command may take where nobody watches, well beyond the slowest: what hangs is to be
/// named while there is still somebody to tell.
const UNWATCHED_LIMIT: Duration = Duration::from_mins(40);

/// Between two looks at a command that nobody watches.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// What can go wrong, in words for the person at the keyboard.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// Prints a line of result.
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Prints a line of progress.
pub(crate) fn progress(text: &str) {
    eprintln!("xtask: {text}");
}

/// Prints an error.
pub(crate) fn complain(text: &str) {
    eprintln!("error: {text}");
}

/// The root of the checkout that `cargo xtask` was called in: clones that share a target folder share this program.
pub(crate) fn root() -> PathBuf {
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo tells where xtask lies");
    Path::new(&xtask).parent().expect("xtask lies in the checkout").to_owned()
}

/// The folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Starts to describe a command that runs in the checkout.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Starts to describe a cargo command. All of them ask for the dashboard in the same way, as another
/// environment would build half of the workspace again.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).env("MODELSTAT_REQUIRE_UI", "1");
    without_cargo(cargo)
}

/// Keeps from a command what cargo told xtask of itself: it would tell build scripts that their world has changed.
pub(crate) fn without_cargo(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end, with its output shown, and tells how long it took.
pub(crate) fn run(what: &str, command: &mut Command) -> Outcome {
    progress(&format!("{what} …"));
    let started = Instant::now();
    let status = if is_unwatched() {
        // A group of its own, so that what it has started can be ended with it.
        let child = command.process_group(0).spawn().map_err(|error| missing(command, &error))?;
        wait(what, child, UNWATCHED_LIMIT)?
    } else {
        command.status().map_err(|error| missing(command, &error))?
    };
    if !status.success() {
        return Err(format!("{what} failed ({status})"));
    }
    progress(&format!("{what}: done in {:.0} s", started.elapsed().as_secs_f64()));
    Ok(())
}

/// Whether this is a run of CI.
fn is_unwatched() -> bool {
    std::env::var_os("CI").is_some_and(|value| value != "false")
}

/// Waits for the leader of a process group; after the limit the whole group is ended.
fn wait(what: &str, mut child: Child, limit: Duration) -> Outcome<ExitStatus> {
    let failed = |error: std::io::Error| format!("{what} could not be waited for: {error}");
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(status);
        }
        if started.elapsed() > limit {
            let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
            if let Some(group) = group {
                rustix::process::kill_process_group(group, rustix::process::Signal::KILL)
                    .map_err(|error| failed(error.into()))?;
            }
            child.wait().map_err(failed)?;
            let seconds = limit.as_secs();
            return Err(format!("{what} hung: it had not ended after {seconds} s"));
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}

/// Runs a command to its end and returns what it printed on standard output.
pub(crate) fn output(what: &str, command: &mut Command) -> Outcome<String> {
    let output = command.output().map_err(|error| missing(command, &error))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{what} failed ({}): {}", output.status, told.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn missing(command: &Command, error: &std::io::Error) -> String {
    let program = command.get_program().to_string_lossy();
    match error.kind() {
        std::io::ErrorKind::NotFound => match crate::tools::remedy(&program) {
            Some(remedy) => format!("`{program}` is missing: {remedy}"),
            None => format!("`{program}` is missing"),
        },
        _ => format!("could not start `{program}`: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Child {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).process_group(0).spawn().expect("a shell")
    }

    #[test]
    fn what_hangs_is_ended_with_all_that_it_started() {
        let folder = target().join("xtask-hang");
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join(std::process::id().to_string());
        let script = format!("(sleep 1; echo late > {}) & sleep 60", file.display());
        let told = wait("it", shell(&script), Duration::from_millis(100)).expect_err("it hung");
        assert_eq!(told, "it hung: it had not ended after 0 s");
        std::thread::sleep(Duration::from_millis(1_500));
        assert!(!file.exists(), "its child went on");
    }

    #[test]
    fn what_ends_in_time_tells_how() {
        let status = wait("it", shell("exit 3"), Duration::from_mins(1)).expect("it ended");
        assert_eq!(status.code(), Some(3));
    }
}
