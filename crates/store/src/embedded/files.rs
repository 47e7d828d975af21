//! Private folders and files, and the space that is left for them.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const MODE_BITS: u32 = 0o777;
const MIB: u64 = 1024 * 1024;

/// Free disk space that is left alone, so that the ledger can always checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskReserve {
    /// In percent of the file system.
    pub percent: u8,
    /// At least this many bytes.
    pub least_bytes: u64,
    /// At most this many bytes, unless that is less than the least.
    pub most_bytes: u64,
}

impl Default for DiskReserve {
    fn default() -> Self {
        // A share alone would refuse calls on a large disk while a hundred checkpoints had room.
        Self { percent: 5, least_bytes: 512 * MIB, most_bytes: 4096 * MIB }
    }
}

impl DiskReserve {
    /// No reserve.
    pub const NONE: Self = Self { percent: 0, least_bytes: 0, most_bytes: 0 };

    /// Returns whether the folder's file system has more free space than the reserve and `needed`.
    pub(super) fn is_kept(self, folder: &Path, needed: u64) -> io::Result<bool> {
        if self == Self::NONE {
            return Ok(true);
        }
        let space = rustix::fs::statvfs(folder)?;
        let share =
            u128::from(space.f_blocks) * u128::from(space.f_frsize) * u128::from(self.percent)
                / 100;
        let free = u128::from(space.f_bavail) * u128::from(space.f_frsize);
        Ok(free >= self.of_share(share) + u128::from(needed))
    }

    /// The reserve where its share of the file system is so many bytes.
    fn of_share(self, share: u128) -> u128 {
        share.min(u128::from(self.most_bytes)).max(u128::from(self.least_bytes))
    }
}

/// Makes a folder that only its owner may enter; an existing one is closed to others.
pub(super) fn create_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    restrict(folder, FOLDER_MODE)
}

/// Makes an empty file that only its owner may read, unless there is one, and closes it to others.
pub(super) fn create_private_file(file: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(file)?;
    restrict(file, FILE_MODE)
}

/// Closes a file to others if it exists: some engines make files of their own.
pub(super) fn keep_private(file: &Path) -> io::Result<()> {
    match restrict(file, FILE_MODE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    let now = fs::metadata(path)?.permissions().mode() & MODE_BITS;
    if now == mode {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("the path exists").permissions().mode() & MODE_BITS
    }

    #[test]
    fn an_open_folder_and_file_are_closed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("a file");
        fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("permissions");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("permissions");
        create_private_folder(folder.path()).expect("closed");
        create_private_file(&file).expect("closed");
        assert_eq!((mode(folder.path()), mode(&file)), (FOLDER_MODE, FILE_MODE));
        keep_private(&folder.path().join("absent")).expect("nothing to close");
    }

    #[test]
    fn a_reserve_is_a_share_between_two_bounds() {
        let reserve = |disk_bytes: u64| {
            let share = u128::from(disk_bytes) * u128::from(DiskReserve::default().percent) / 100;
            DiskReserve::default().of_share(share)
        };
        let gib = 1024 * MIB;
        assert_eq!(reserve(gib), u128::from(512 * MIB));
        assert_eq!(reserve(40 * gib), u128::from(2 * gib));
        assert_eq!(reserve(4_000 * gib), u128::from(4 * gib));
    }

    #[test]
    fn a_reserve_beyond_the_disk_is_never_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let beyond = DiskReserve { percent: 0, least_bytes: u64::MAX, most_bytes: 0 };
        assert!(!beyond.is_kept(folder.path(), 0).expect("a file system"));
        assert!(DiskReserve::NONE.is_kept(folder.path(), u64::MAX).expect("a file system"));
    }
}
