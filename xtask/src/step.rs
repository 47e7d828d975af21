//! Running commands and saying what happens.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what xtask prints with")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

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
    let status = command.status().map_err(|error| missing(command, &error))?;
    if !status.success() {
        return Err(format!("{what} failed ({status})"));
    }
    progress(&format!("{what}: done in {:.0} s", started.elapsed().as_secs_f64()));
    Ok(())
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
