//! The unix socket: for programs of the daemon's own user, out of reach of web pages and other users.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Longest path of a socket in bytes: the kernel's field without its terminator, less [`DRAFT`].
const MAX_PATH_BYTES: usize = KERNEL_PATH_BYTES - 1 - DRAFT.len();

const KERNEL_PATH_BYTES: usize = if cfg!(target_os = "linux") { 108 } else { 104 };

/// Added to the path until the socket is ready.
const DRAFT: &str = ".new";

/// Why the unix socket could not be listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// The system's limit.
    #[error("the unix socket's path has {bytes} bytes and may have {limit}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest.
        limit: usize,
    },
    /// A process listens there.
    #[error("another process listens on the unix socket")]
    Taken,
    /// Something that is not ours to remove.
    #[error("there is a file at the unix socket's path that is no socket")]
    NoSocket,
    /// The system refused.
    #[error("could not {action} the unix socket")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A socket's file, removed when this is dropped unless it is another's by then.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and number of the file.
    identity: (u64, u64),
}

/// Whether a path is short enough for a unix socket.
pub fn is_socket_path(path: &Path) -> bool {
    path.as_os_str().len() <= MAX_PATH_BYTES
}

/// Listens on a path, which is made readable for its owner alone before anybody can find it.
pub(crate) fn bind(path: &Path) -> Result<(UnixListener, SocketFile), SocketError> {
    if !is_socket_path(path) {
        let bytes = path.as_os_str().len();
        return Err(SocketError::TooLong { bytes, limit: MAX_PATH_BYTES });
    }
    make_folder(path)?;
    check_free(path)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(DRAFT);
    let draft = PathBuf::from(draft);
    // Only we make this name, and whoever left it behind is not here any more: `path` is free.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed("prepare")(error)),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&draft).map_err(failed("make"))?;
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o600)).map_err(failed("close"))?;
    let about = fs::symlink_metadata(&draft).map_err(failed("find"))?;
    fs::rename(&draft, path).map_err(failed("place"))?;
    let file = SocketFile { path: path.to_owned(), identity: (about.dev(), about.ino()) };
    Ok((listener, file))
}

fn failed(action: &'static str) -> impl Fn(io::Error) -> SocketError {
    move |source| SocketError::System { action, source }
}

/// Makes the folder if it is missing; the rights of one that exists are its owner's affair.
fn make_folder(path: &Path) -> Result<(), SocketError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(failed("make the folder of"))
}

/// A socket that nobody listens on was left by a process that was killed.
fn check_free(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at")(error)),
        Ok(about) if !about.file_type().is_socket() => return Err(SocketError::NoSocket),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("try")(error)),
        Ok(_) => Err(SocketError::Taken),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let about = fs::symlink_metadata(&self.path);
        if about.is_ok_and(|about| (about.dev(), about.ino()) == self.identity) {
            // One that stays is replaced at the next start.
            fs::remove_file(&self.path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn only_the_owner_gets_in_and_the_file_goes_with_the_daemon() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("made").join("daemon.sock");
        let (_listener, file) = bind(&path).expect("listens");
        assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
        assert!(UnixStream::connect(&path).is_ok());
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("daemon.sock");
        drop(UnixListener::bind(&path).expect("listens"));
        let (_listener, first) = bind(&path).expect("the dead one is replaced");
        assert!(matches!(bind(&path), Err(SocketError::Taken)));
        // A file that took its place is not removed with it.
        fs::remove_file(&path).expect("removed");
        fs::write(&path, "mine").expect("written");
        assert!(matches!(bind(&path), Err(SocketError::NoSocket)));
        drop(first);
        assert_eq!(fs::read(&path).expect("still there"), b"mine");
    }

    #[test]
    fn a_path_may_be_as_long_as_the_system_takes() {
        let folder = tempfile::tempdir().expect("a folder");
        let room = MAX_PATH_BYTES - folder.path().as_os_str().len() - 1;
        assert!(bind(&folder.path().join("s".repeat(room))).is_ok());
        let longer = bind(&folder.path().join("s".repeat(room + 1)));
        assert!(matches!(longer, Err(SocketError::TooLong { .. })));
    }
}
