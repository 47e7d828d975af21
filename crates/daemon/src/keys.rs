//! The keys that brought events: kept once, in one file, and known by number everywhere else.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use modelstat_engine::Secret;

use crate::files::{FileError, private_file};

/// Most keys of one daemon: far more than teams on one machine, and few enough to hold in memory.
const MAX_KEYS: usize = 1_000;

/// The number of the daemon's own key, which is in its configuration and not in the file.
pub(crate) const OWN_KEY: u32 = 0;

/// A key could not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The file failed.
    #[error("the file of keys failed")]
    File(#[source] FileError),
    /// There are as many keys as a daemon takes.
    #[error("there are {MAX_KEYS} keys already")]
    TooMany,
    /// A line of the file is damaged.
    #[error("line {line} of the file of keys is damaged")]
    Damaged {
        /// The line, from 1.
        line: usize,
    },
}

/// The keys by number, and what ships with them.
pub(crate) struct KeyRing {
    own: Own,
    kept: Mutex<Kept>,
}

/// The daemon's own key, which ships everything.
enum Own {
    /// There is none: what a key brought is shipped with it.
    None,
    /// The operator gave it.
    Given(Secret),
    /// The server gave it to this device, or will.
    Device(Mutex<Option<Secret>>),
}

struct Kept {
    file: File,
    secrets: Vec<Secret>,
    numbers: HashMap<String, u32>,
}

impl KeyRing {
    /// Opens the file. A last line that a crash cut short was never used, so it goes.
    pub(crate) fn open(path: &Path, own: Option<Secret>) -> Result<Self, KeysError> {
        let failed = |source| KeysError::File(FileError::new("read", "keys", source));
        let mut file = private_file(path, "keys").map_err(KeysError::File)?;
        let mut text = String::new();
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        file.read_to_string(&mut text).map_err(failed)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64).map_err(failed)?;
            file.sync_all().map_err(failed)?;
        }
        let mut kept = Kept { file, secrets: Vec::new(), numbers: HashMap::new() };
        for (index, line) in text[..whole].lines().enumerate() {
            let number = kept.next_number();
            let secret = line.strip_prefix(&format!("{number} "));
            kept.hold(secret.ok_or(KeysError::Damaged { line: index + 1 })?);
        }
        let own = own.map_or(Own::None, Own::Given);
        Ok(Self { own, kept: Mutex::new(kept) })
    }

    /// Ships everything as a device, unless the operator gave a key.
    #[must_use]
    pub(crate) fn for_device(mut self) -> Self {
        if matches!(self.own, Own::None) {
            self.own = Own::Device(Mutex::new(None));
        }
        self
    }

    /// Takes what the server gave this device; a key that the operator gave goes before it.
    pub(crate) fn set_device_secret(&self, secret: Secret) {
        if let Own::Device(own) = &self.own {
            *own.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret);
        }
    }

    /// Returns the number under which what this key brings is filed; a new key is on disk by then.
    pub(crate) fn number_of(&self, secret: &str) -> Result<u32, KeysError> {
        if self.has_own() {
            return Ok(OWN_KEY);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = kept.numbers.get(secret) {
            return Ok(*number);
        }
        if kept.secrets.len() >= MAX_KEYS {
            return Err(KeysError::TooMany);
        }
        kept.append(secret)
    }

    /// Returns what the events filed under a number ship with.
    pub(crate) fn secret(&self, number: u32) -> Option<Secret> {
        match &self.own {
            Own::None => {}
            Own::Given(own) => return Some(own.clone()),
            Own::Device(own) => {
                return own.lock().unwrap_or_else(PoisonError::into_inner).clone();
            }
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.secrets.get((number as usize).checked_sub(1)?).cloned()
    }

    /// Whether everything ships with what the server gave this device.
    pub(crate) fn is_device(&self) -> bool {
        matches!(self.own, Own::Device(_))
    }

    /// Whether everything ships with the daemon's own key.
    pub(crate) fn has_own(&self) -> bool {
        !matches!(self.own, Own::None)
    }
}

impl Kept {
    fn next_number(&self) -> u32 {
        u32::try_from(self.secrets.len()).unwrap_or(u32::MAX) + 1
    }

    fn hold(&mut self, secret: &str) {
        self.numbers.insert(secret.to_owned(), self.next_number());
        self.secrets.push(Secret::new(secret));
    }

    fn append(&mut self, secret: &str) -> Result<u32, KeysError> {
        let number = self.next_number();
        let end = self.file.seek(SeekFrom::End(0));
        let written = end.and_then(|end| {
            let line = format!("{number} {secret}\n");
            let done = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
            if done.is_err() {
                // Half a line would spoil the next one.
                self.file.set_len(end)?;
            }
            done
        });
        written.map_err(|source| KeysError::File(FileError::new("write", "keys", source)))?;
        self.hold(secret);
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_number_over_restarts_and_torn_writes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys");
        let ring = KeyRing::open(&path, None).expect("opens");
        assert_eq!(ring.number_of("first").expect("kept"), 1);
        assert_eq!(ring.number_of("second").expect("kept"), 2);
        assert_eq!(ring.number_of("first").expect("kept"), 1);
        drop(ring);
        private_file(&path, "keys").expect("opens").write_all(b"3 thi").expect("written");
        let ring = KeyRing::open(&path, None).expect("opens");
        assert_eq!(ring.number_of("third").expect("kept"), 3);
        assert_eq!(ring.secret(2), Some(Secret::new("second")));
        assert_eq!(ring.secret(4), None);
    }

    #[test]
    fn the_own_key_ships_everything() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys");
        let ring = KeyRing::open(&path, Some(Secret::new("own"))).expect("opens");
        assert_eq!(ring.number_of("any").expect("taken"), OWN_KEY);
        assert_eq!(ring.secret(7), Some(Secret::new("own")));
    }

    #[test]
    fn a_device_ships_everything_once_it_has_a_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys");
        let ring = KeyRing::open(&path, None).expect("opens").for_device();
        assert_eq!(ring.number_of("any").expect("taken"), OWN_KEY);
        assert_eq!(ring.secret(OWN_KEY), None);
        ring.set_device_secret(Secret::new("device"));
        assert_eq!(ring.secret(OWN_KEY), Some(Secret::new("device")));
        let ring = KeyRing::open(&path, Some(Secret::new("given"))).expect("opens").for_device();
        ring.set_device_secret(Secret::new("device"));
        assert_eq!(ring.secret(OWN_KEY), Some(Secret::new("given")));
    }

    #[test]
    fn there_is_an_end_to_keys() {
        let folder = tempfile::tempdir().expect("a folder");
        let ring = KeyRing::open(&folder.path().join("keys"), None).expect("opens");
        for number in 0..MAX_KEYS {
            ring.kept.lock().expect("unpoisoned").hold(&format!("key-{number}"));
        }
        assert!(matches!(ring.number_of("one more"), Err(KeysError::TooMany)));
    }
}
