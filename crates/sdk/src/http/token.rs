//! The secret that a daemon may ask for, against other users of its machine.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::answer::Answer;
use crate::environment::Environment;

/// What a daemon that wants the secret calls its refusal.
const ASKED: &str = "daemon_token";

/// Longest file that is read: a line.
const MAX_BYTES: u64 = 4 * 1024;

/// The secret of the daemon on this machine. It is read when a daemon asks for it, and again when the
/// daemon refuses the one that it got; who never asks is never told.
#[derive(Clone)]
pub(super) struct DaemonToken {
    place: Place,
    held: Option<String>,
}

#[derive(Clone)]
enum Place {
    Here(String),
    File(PathBuf),
    Nowhere,
}

impl DaemonToken {
    /// Finds out where the secret is, without reading it: `MODELSTAT_DAEMON_TOKEN`, the file that
    /// `MODELSTAT_DAEMON_TOKEN_FILE` names, or `daemon.token` in the default data directory.
    pub(super) fn of(environment: &Environment) -> Self {
        let named = || environment.text("MODELSTAT_DAEMON_TOKEN_FILE").map(PathBuf::from);
        let place = match environment.text("MODELSTAT_DAEMON_TOKEN") {
            Some(token) => Place::Here(token),
            None => {
                named().or_else(|| default_file(environment)).map_or(Place::Nowhere, Place::File)
            }
        };
        Self { place, held: None }
    }

    pub(super) fn held(&self) -> Option<&str> {
        self.held.as_deref()
    }

    /// Reads the secret after a refusal; false when there is none, or it is the one that was refused.
    pub(super) fn renew(&mut self) -> bool {
        let read = match &self.place {
            Place::Here(token) => usable(token),
            Place::File(path) => read(path),
            Place::Nowhere => None,
        };
        let is_new = read.is_some() && read != self.held;
        if is_new {
            self.held = read;
        }
        is_new
    }
}

/// Whether a daemon refused a batch for want of its secret.
pub(super) fn is_asked(answer: &Answer) -> bool {
    let is_refusal = answer.status == 401;
    is_refusal
        && serde_json::from_slice::<Value>(&answer.body).is_ok_and(|body| body["error"] == ASKED)
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    usable(&text)
}

/// What could end the header line is no secret.
fn usable(text: &str) -> Option<String> {
    let token = text.trim();
    let is_usable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_usable.then(|| token.to_owned())
}

/// The daemon's file, where the daemon itself has it by default.
fn default_file(environment: &Environment) -> Option<PathBuf> {
    let absolute =
        |name| environment.text(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = environment.text("MODELSTAT_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| Some(absolute("XDG_DATA_HOME")?.join("modelstat")));
    let folder = folder.or_else(|| {
        let home = absolute("HOME")?;
        Some(match std::env::consts::OS {
            "macos" => home.join("Library/Application Support/modelstat"),
            _ => home.join(".local/share/modelstat"),
        })
    });
    Some(folder?.join("daemon.token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> DaemonToken {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        DaemonToken::of(&Environment::of(variables.collect()))
    }

    fn check_file(variables: &[(&str, &str)], wanted: &str) {
        match of(variables).place {
            Place::File(path) => assert_eq!(path, Path::new(wanted)),
            Place::Here(_) | Place::Nowhere => panic!("{variables:?}: no file"),
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_file_is_where_the_daemon_has_it() {
        check_file(&[("HOME", "/h")], "/h/.local/share/modelstat/daemon.token");
        let data = [("HOME", "/h"), ("XDG_DATA_HOME", "/d")];
        check_file(&data, "/d/modelstat/daemon.token");
        check_file(&[("MODELSTAT_HOME", "/m"), ("XDG_DATA_HOME", "/d")], "/m/daemon.token");
        check_file(&[("MODELSTAT_DAEMON_TOKEN_FILE", "/t"), ("MODELSTAT_HOME", "/m")], "/t");
        assert!(matches!(of(&[("HOME", "relative")]).place, Place::Nowhere));
    }

    #[test]
    fn a_file_is_read_when_it_is_asked_for_and_again_when_it_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("daemon.token");
        let mut token = of(&[("MODELSTAT_DAEMON_TOKEN_FILE", path.to_str().expect("plain"))]);
        assert!(!token.renew());
        std::fs::write(&path, "first-secret\n").expect("written");
        assert_eq!(token.held(), None);
        assert!(token.renew() && !token.renew());
        assert_eq!(token.held(), Some("first-secret"));
        std::fs::write(&path, "second-secret\n").expect("written");
        assert!(token.renew());
        for unusable in ["", "two words", "line\r\nheader: x"] {
            std::fs::write(&path, unusable).expect("written");
            assert!(!token.renew());
        }
        assert_eq!(token.held(), Some("second-secret"));
    }
}
