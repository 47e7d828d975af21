//! What a device keeps of its registration: one file for each server, so that no server is shown
//! what another gave.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::FileError;

const NAME: &str = "device.json";

const PRIVATE_FILE: u32 = 0o600;

/// The device's name for itself, and what the server gave it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Random, and made before the first request, so that a lost answer changes nothing.
    pub(super) device_uuid: String,
    pub(super) registered: Option<Registered>,
}

/// What the server gave.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Registered {
    pub(super) device_id: String,
    pub(super) secret: String,
    pub(super) is_claimed: bool,
    pub(super) claim_code: Option<String>,
    pub(super) claim_url: Option<String>,
}

/// The file for one server.
pub(super) struct KeptFile {
    path: PathBuf,
}

impl KeptFile {
    pub(super) fn of_server(folder: &Path, destination: &str) -> Self {
        let digest = blake3::hash(destination.as_bytes()).to_hex();
        Self { path: folder.join(format!("device-{}.json", &digest[..16])) }
    }

    /// Reads the file, and makes the device's name at the first time.
    pub(super) fn open(&self) -> Result<Kept, FileError> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
                let remedy = "it is damaged: remove it, and the device registers again";
                FileError::new("read", NAME, io::Error::new(ErrorKind::InvalidData, remedy))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let uuid = random_uuid().map_err(|error| FileError::new("make", NAME, error))?;
                let kept = Kept { device_uuid: uuid, registered: None };
                self.save(&kept)?;
                Ok(kept)
            }
            Err(error) => Err(FileError::new("read", NAME, error)),
        }
    }

    /// Writes the file, whole or not at all.
    pub(super) fn save(&self, kept: &Kept) -> Result<(), FileError> {
        self.write(kept).map_err(|error| FileError::new("write", NAME, error))
    }

    fn write(&self, kept: &Kept) -> io::Result<()> {
        let draft = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(PRIVATE_FILE);
        let mut file = options.open(&draft)?;
        file.write_all(&serde_json::to_vec(kept)?)?;
        file.sync_all()?;
        fs::rename(&draft, &self.path)?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::File::open(folder)?.sync_all()
    }
}

/// A random UUID of version 4.
fn random_uuid() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no randomness"))?;
    let bits = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | 4 << 76 | 2 << 62;
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(parts.join("-"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_registration_is_kept_for_its_server_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = KeptFile::of_server(folder.path(), "a.example:443");
        let mut kept = file.open().expect("made");
        let secret = "made-up".to_owned();
        kept.registered = Some(Registered {
            device_id: "dev_1".to_owned(),
            secret,
            is_claimed: false,
            claim_code: None,
            claim_url: None,
        });
        file.save(&kept).expect("saved");
        assert_eq!(file.path.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
        let again = file.open().expect("read");
        assert_eq!(again.device_uuid, kept.device_uuid);
        assert_eq!(again.registered.expect("registered").device_id, "dev_1");
        let other = KeptFile::of_server(folder.path(), "b.example:443").open().expect("made");
        assert!(other.registered.is_none() && other.device_uuid != kept.device_uuid);
        fs::write(&file.path, "{").expect("written");
        assert!(file.open().is_err());
    }

    #[test]
    fn a_uuid_says_that_it_is_random() {
        let uuid = random_uuid().expect("random");
        let parts: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
    }
}
