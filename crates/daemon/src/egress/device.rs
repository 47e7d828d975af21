//! The device key: what vouches for the egress ledger of this machine.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use modelstat_wire::SignedReceipt;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::files::FileError;

/// The file in the daemon's folder, as PKCS #8.
pub(crate) const DEVICE_KEY_FILE: &str = "device.key";

/// Longest file that is read; a key has 83 bytes.
const MAX_FILE_BYTES: u64 = 1024;

/// The device key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceKeyError {
    /// The file failed.
    #[error("the device key's file failed")]
    File(#[source] FileError),
    /// The file holds something else.
    #[error(
        "`{DEVICE_KEY_FILE}` is damaged: restore it, or move it away and a new key is made, which the \
         egress ledger then says"
    )]
    Damaged,
    /// The system gives no randomness for a new key.
    #[error("the system gives no randomness")]
    Randomness,
}

/// An Ed25519 key pair, of which the private half never leaves its file and this value.
pub(crate) struct DeviceKey {
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({})", modelstat_wire::device_id(&self.public))
    }
}

impl DeviceKey {
    /// Reads the key of a folder, and makes it at the first start.
    pub(crate) fn open(folder: &Path) -> Result<Self, DeviceKeyError> {
        if let Some(key) = Self::read(folder)? {
            return Ok(key);
        }
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| DeviceKeyError::Randomness)?;
        let failed = |source| file_error("write", source);
        write_private(folder, document.as_ref()).map_err(failed)?;
        Self::from_document(document.as_ref())
    }

    /// Reads the key of a folder; `None` when there is none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, DeviceKeyError> {
        let file = match File::open(folder.join(DEVICE_KEY_FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(file_error("read", error)),
        };
        let mut document = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(file, MAX_FILE_BYTES), &mut document)
            .map_err(|error| file_error("read", error))?;
        Self::from_document(&document).map(Some)
    }

    fn from_document(document: &[u8]) -> Result<Self, DeviceKeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(document).map_err(|_| DeviceKeyError::Damaged)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| DeviceKeyError::Damaged)?;
        Ok(Self { pair, public })
    }

    pub(crate) fn public(&self) -> &[u8; 32] {
        &self.public
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.pair.sign(message);
        signature.as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }
}

/// Returns whether the holder of a public key's other half signed a message.
pub(super) fn has_signed(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key).verify(message, signature).is_ok()
}

/// Returns whether the device that a receipt names has signed it.
pub fn is_receipt_signed(signed: &SignedReceipt) -> bool {
    has_signed(&signed.receipt.public_key, &signed.receipt.message(), &signed.signature)
}

fn file_error(action: &'static str, source: io::Error) -> DeviceKeyError {
    DeviceKeyError::File(FileError::new(action, DEVICE_KEY_FILE, source))
}

/// Writes the file whole or not at all, and its name with it: the ledger names the key from now on.
fn write_private(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = folder.join("device.key.new");
    let mut options = OpenOptions::new();
    let mut file = options.create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, folder.join(DEVICE_KEY_FILE))?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_signs() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = DeviceKey::open(folder.path()).expect("made");
        let again = DeviceKey::open(folder.path()).expect("read");
        assert_eq!(made.public(), again.public());
        let signature = again.sign(b"message");
        assert!(has_signed(made.public(), b"message", &signature));
        assert!(!has_signed(made.public(), b"massage", &signature));
        let file = folder.path().join(DEVICE_KEY_FILE);
        let permissions = fs::metadata(&file).expect("there").permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
        // Neither half of the seed is in what a log would print.
        assert_eq!(format!("{made:?}").len(), "DeviceKey(dk_0123456789abcdef)".len());
    }

    #[test]
    fn a_damaged_file_is_told_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(DEVICE_KEY_FILE);
        fs::write(&file, "not a key").expect("written");
        assert!(matches!(DeviceKey::open(folder.path()), Err(DeviceKeyError::Damaged)));
        assert_eq!(fs::read(&file).expect("still there"), b"not a key");
    }
}
