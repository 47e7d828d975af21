//! What a daemon that registers tells of its machine.

use std::fs;
use std::path::Path;

use modelstat_daemon::Registration;
use modelstat_wire::IdentifierKey;

/// Where the system keeps the id of the machine.
const MACHINE_ID_FILES: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/// Longest id that is read: 32 digits and a line's end.
const MAX_MACHINE_ID_BYTES: usize = 256;

/// Describes this machine. Its id is hashed under this installation's key, so that it tells the
/// machine apart and nothing else; its name is told only when that is asked for.
pub(crate) fn registration(key: &IdentifierKey, with_hostname: bool) -> Registration {
    let system = rustix::system::uname();
    let machine_id = MACHINE_ID_FILES.iter().find_map(|file| machine_id(Path::new(file)));
    Registration {
        os_family: std::env::consts::OS.to_owned(),
        os_version: Some(system.release().to_string_lossy().into_owned()),
        arch: std::env::consts::ARCH.to_owned(),
        machine_id: machine_id.map(|id| key.hash(&id).as_str().to_owned()),
        hostname: with_hostname.then(|| system.nodename().to_string_lossy().into_owned()),
    }
}

fn machine_id(file: &Path) -> Option<String> {
    let bytes = fs::read(file).ok().filter(|bytes| bytes.len() <= MAX_MACHINE_ID_BYTES)?;
    let id = String::from_utf8(bytes).ok()?.trim().to_owned();
    Some(id).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_told_apart_without_its_id_and_name() {
        let key = |byte| IdentifierKey::new([byte; 32]);
        let told = registration(&key(1), false);
        assert_eq!(told, registration(&key(1), false));
        assert_eq!(told.hostname, None);
        assert!(registration(&key(1), true).hostname.is_some());
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("machine-id");
        fs::write(&file, "0123456789abcdef0123456789abcdef\n").expect("written");
        assert_eq!(machine_id(&file).as_deref(), Some("0123456789abcdef0123456789abcdef"));
        fs::write(&file, "\n").expect("written");
        assert_eq!(machine_id(&file), None);
        if let Some(id) = &told.machine_id {
            assert!(id.starts_with("h_"));
            assert_ne!(told.machine_id, registration(&key(2), false).machine_id);
        }
    }
}
