//! The data directory: its lock, its secret, and the note of the process that runs on it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use modelstat_wire::IdentifierKey;
use serde::{Deserialize, Serialize};

use crate::args::HomeArguments;
use crate::config::environment;
use crate::error::hinted;

/// Shortest secret in `daemon.token`: what nobody guesses.
const MIN_TOKEN_CHARS: usize = 16;

/// Longest secret in `daemon.token`: what fits a header comfortably.
const MAX_TOKEN_CHARS: usize = 512;

/// A data directory.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    folder: PathBuf,
}

/// The right to open the files of a data directory, held as long as this lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// How to reach the process that runs on a data directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunNote {
    pub(crate) pid: u32,
    pub(crate) token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) daemon_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) daemon_socket: Option<String>,
}

impl Home {
    /// Finds the data directory, and makes it when there is none.
    pub(crate) fn open(arguments: &HomeArguments) -> anyhow::Result<Self> {
        let folder = Self::folder_of(arguments)?;
        make_private(&folder)?;
        Ok(Self { folder })
    }

    /// Finds where the data directory is or would be.
    pub(crate) fn folder_of(arguments: &HomeArguments) -> anyhow::Result<PathBuf> {
        match &arguments.data_dir {
            Some(folder) => Ok(folder.clone()),
            None => platform_folder(environment),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn server_folder(&self) -> PathBuf {
        self.folder.join("server")
    }

    pub(crate) fn daemon_folder(&self) -> PathBuf {
        self.folder.join("daemon")
    }

    pub(crate) fn models_folder(&self) -> PathBuf {
        self.folder.join("models")
    }

    /// Takes the lock; `None` when another process holds it.
    pub(crate) fn try_lock(&self) -> anyhow::Result<Option<Lock>> {
        let path = self.folder.join("lock");
        let file = private_file().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("could not open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("could not lock {}", path.display()))
            }
        }
    }

    /// Takes the lock, or says who holds it.
    pub(crate) fn lock(&self) -> anyhow::Result<Lock> {
        if let Some(lock) = self.try_lock()? {
            return Ok(lock);
        }
        let holder = match self.run_note() {
            Some(note) => format!("process {}", note.pid),
            None => "another modelstat process".to_owned(),
        };
        Err(hinted(
            format!("{holder} works on {}", self.folder.display()),
            "stop it, or give this one a folder of its own with --data-dir; `modelstat up` runs \
             server and daemon in one process",
        ))
    }

    /// Reads this installation's secret, and makes it at the first start.
    fn secret(&self) -> anyhow::Result<[u8; 32]> {
        let path = self.folder.join("secret");
        let mut secret = [0; 32];
        match File::open(&path) {
            Ok(mut file) => {
                file.read_exact(&mut secret)
                    .with_context(|| format!("{} is damaged", path.display()))?;
                return Ok(secret);
            }
            // Only then: another secret would change every hashed identifier.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("could not read {}", path.display()));
            }
        }
        getrandom::fill(&mut secret)
            .map_err(|_| anyhow::anyhow!("the system gives no randomness"))?;
        write_private(&path, &secret)?;
        Ok(secret)
    }

    /// Derives the key under which one part of the product hashes identifiers.
    pub(crate) fn identifier_key(&self, part: &str) -> anyhow::Result<IdentifierKey> {
        let context = format!("modelstat 2026-11 identifiers of the {part}");
        Ok(IdentifierKey::new(blake3::derive_key(&context, &self.secret()?)))
    }

    /// Reads the secret that tells this user from others on the machine, and makes it at the first start.
    /// Unlike the token of a running process it stays until the file is removed.
    pub(crate) fn daemon_token(&self) -> anyhow::Result<String> {
        let path = self.folder.join("daemon.token");
        match fs::read_to_string(&path) {
            Ok(text) => {
                let token = text.trim();
                let is_usable = (MIN_TOKEN_CHARS..=MAX_TOKEN_CHARS).contains(&token.len())
                    && token.bytes().all(|byte| byte.is_ascii_graphic());
                if is_usable {
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
                        .with_context(|| format!("could not close {} to others", path.display()))?;
                    return Ok(token.to_owned());
                }
                Err(hinted(
                    format!("{} holds no usable secret", path.display()),
                    format!(
                        "it is one line of {MIN_TOKEN_CHARS} to {MAX_TOKEN_CHARS} printable characters; \
                         remove the file, and a new one is made"
                    ),
                ))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let token = random_token()?;
                write_private(&path, format!("{token}\n").as_bytes())?;
                Ok(token)
            }
            Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
        }
    }

    /// Notes how to reach this process; readable by its owner only.
    pub(crate) fn write_run_note(&self, note: &RunNote) -> anyhow::Result<()> {
        let text = serde_json::to_vec(note).context("a note is plain text")?;
        write_private(&self.run_note_path(), &text)
    }

    /// Reads how to reach the process that runs on this directory.
    pub(crate) fn run_note(&self) -> Option<RunNote> {
        serde_json::from_slice(&fs::read(self.run_note_path()).ok()?).ok()
    }

    /// Removes the note of this process. It is harmless when it stays: the lock decides.
    pub(crate) fn remove_run_note(&self) {
        fs::remove_file(self.run_note_path()).ok();
    }

    fn run_note_path(&self) -> PathBuf {
        self.folder.join("run.json")
    }
}

/// A random secret for one running process.
pub(crate) fn random_token() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no randomness"))?;
    Ok(hex::encode(bytes))
}

fn platform_folder(environment: impl Fn(&str) -> Option<String>) -> anyhow::Result<PathBuf> {
    let absolute = |path: String| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    if let Some(data) = environment("XDG_DATA_HOME").and_then(absolute) {
        return Ok(data.join("modelstat"));
    }
    let home = environment("HOME").and_then(absolute).ok_or_else(|| {
        hinted("there is no home directory", "name a data directory with --data-dir")
    })?;
    Ok(match std::env::consts::OS {
        "macos" => home.join("Library/Application Support/modelstat"),
        _ => home.join(".local/share/modelstat"),
    })
}

/// Makes a folder that only its owner can enter.
fn make_private(folder: &Path) -> anyhow::Result<()> {
    let failed = || format!("could not make the data directory {}", folder.display());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(failed)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).with_context(failed)
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Writes a file that only its owner can read, whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("could not write {}", path.display());
    let draft = path.with_extension("new");
    let file = private_file().create(true).truncate(true).write(true).open(&draft);
    let mut file = file.with_context(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(failed)?;
    fs::rename(&draft, path).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_folder_follows_the_environment() {
        let with = |pairs: &'static [(&str, &str)]| {
            platform_folder(move |name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let data = with(&[("XDG_DATA_HOME", "/data"), ("HOME", "/h")]).expect("a folder");
        assert_eq!(data, PathBuf::from("/data/modelstat"));
        assert!(with(&[("HOME", "relative")]).is_err());
    }

    #[test]
    fn the_daemon_token_is_made_once_and_kept_to_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home { folder: folder.path().to_owned() };
        let path = folder.path().join("daemon.token");
        let token = home.daemon_token().expect("made");
        assert_eq!(token.len(), 64);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
        assert_eq!(home.daemon_token().expect("read"), token);
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        fs::write(&path, "short").expect("written");
        assert!(home.daemon_token().is_err());
        fs::remove_file(&path).expect("there");
        assert_ne!(home.daemon_token().expect("made again"), token);
    }

    #[test]
    fn the_lock_is_held_by_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home { folder: folder.path().to_owned() };
        let lock = home.lock().expect("free");
        assert!(home.try_lock().expect("readable").is_none());
        drop(lock);
        assert!(home.try_lock().expect("readable").is_some());
    }
}
