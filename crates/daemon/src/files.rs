//! Folders and files that only their owner can read.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

const PRIVATE_FOLDER: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// A file of the daemon's own could not be used.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} `{name}` in the data directory")]
pub struct FileError {
    action: &'static str,
    name: &'static str,
    #[source]
    source: io::Error,
}

impl FileError {
    pub(crate) fn new(action: &'static str, name: &'static str, source: io::Error) -> Self {
        Self { action, name, source }
    }
}

/// Makes the folder, or takes everybody else's rights to it away.
pub(crate) fn private_folder(path: &Path) -> Result<(), FileError> {
    let failed = |source| FileError::new("prepare", "the folder itself", source);
    fs::DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(PRIVATE_FOLDER)).map_err(failed)
}

/// Opens a file for reading and appending, made if it is missing.
pub(crate) fn private_file(path: &Path, name: &'static str) -> Result<File, FileError> {
    let failed = |source| FileError::new("open", name, source);
    let mut options = OpenOptions::new();
    let file = options.read(true).append(true).create(true).mode(PRIVATE_FILE).open(path);
    let file = file.map_err(failed)?;
    file.set_permissions(fs::Permissions::from_mode(PRIVATE_FILE)).map_err(failed)?;
    Ok(file)
}
