//! Asking systemd.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use super::unit::{Manager, UNIT};
use crate::error::hinted;

/// What a program of systemd said.
struct Said {
    is_success: bool,
    stdout: String,
    stderr: String,
}

/// Runs `systemctl` for a manager; an error tells what to do.
pub(super) fn systemctl(manager: Manager, arguments: &[&str]) -> anyhow::Result<()> {
    let said = run(manager, arguments)?;
    if said.is_success {
        return Ok(());
    }
    let why = said.stderr.lines().next().unwrap_or("no reason was given").to_owned();
    Err(explain(manager, arguments, &why))
}

/// Asks for one word, such as `active`; `None` when systemd is not there to say it.
pub(super) fn ask(manager: Manager, question: &str) -> Option<String> {
    let said = run(manager, &[question, UNIT]).ok()?;
    let word = said.stdout.lines().next()?.trim().to_owned();
    Some(word).filter(|word| !word.is_empty())
}

/// Whether the user's services go on after logout; `None` when nobody says.
pub(super) fn lingers() -> Option<bool> {
    let user = rustix::process::getuid().as_raw().to_string();
    let mut command = Command::new("loginctl");
    command.args(["show-user", &user, "--property=Linger", "--value"]);
    let output = command.stdin(Stdio::null()).output().ok()?;
    match String::from_utf8_lossy(&output.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// The command that a person would type.
pub(super) fn typed(manager: Manager, arguments: &[&str]) -> String {
    let words = match manager {
        Manager::User => vec!["systemctl", "--user"],
        Manager::System => vec!["systemctl"],
    };
    words.into_iter().chain(arguments.iter().copied()).collect::<Vec<_>>().join(" ")
}

fn run(manager: Manager, arguments: &[&str]) -> anyhow::Result<Said> {
    let mut command = Command::new("systemctl");
    if manager == Manager::User {
        command.arg("--user");
    }
    command.args(arguments).stdin(Stdio::null());
    match command.output() {
        Ok(output) => Ok(Said {
            is_success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(hinted(
            "there is no systemctl: this system has no systemd",
            "in a container or under another supervisor, run `modelstat daemon` itself; it ends on \
             SIGTERM",
        )),
        Err(error) => Err(anyhow::Error::new(error).context("could not run systemctl")),
    }
}

fn explain(manager: Manager, arguments: &[&str], why: &str) -> anyhow::Error {
    let message = format!("`{}` failed: {why}", typed(manager, arguments));
    let is_absent = why.contains("bus") || why.contains("not been booted");
    let hint = match manager {
        Manager::User if is_absent => {
            "no systemd runs for this user: log in as the user itself (`su` and `sudo` make no \
             session), set XDG_RUNTIME_DIR=/run/user/<uid>, or take --system; in a container run \
             `modelstat daemon` itself"
        }
        Manager::System if is_absent => {
            "systemd does not run here: in a container run `modelstat daemon` itself"
        }
        Manager::System => "are you root? `journalctl -u modelstat` tells more",
        Manager::User => "`journalctl --user -u modelstat` tells more",
    };
    hinted(message, hint)
}
