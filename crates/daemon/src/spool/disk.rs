//! The disk's free space, which is left to others below a reserve.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::SpoolLimits;

/// How long one look holds: disks fill in seconds, not in milliseconds.
const LOOK_TIME: Duration = Duration::from_secs(1);

pub(super) struct Disk {
    folder: PathBuf,
    limits: SpoolLimits,
    last: Mutex<Option<(Instant, bool)>>,
}

impl Disk {
    pub(super) fn of(file: &Path, limits: SpoolLimits) -> Self {
        let folder = file.parent().unwrap_or(file).to_owned();
        Self { folder, limits, last: Mutex::new(None) }
    }

    /// Whether more free space is left than the reserve. A disk that cannot be asked counts as having
    /// room: the commit itself will tell.
    pub(super) fn has_room(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, has_room)) = *last
            && at.elapsed() < LOOK_TIME
        {
            return has_room;
        }
        let has_room = rustix::fs::statvfs(&self.folder)
            .map_or(true, |disk| disk.f_bavail.saturating_mul(disk.f_frsize) > self.reserve(&disk));
        *last = Some((Instant::now(), has_room));
        has_room
    }

    /// Returns the reserve on this disk.
    pub(super) fn reserve_bytes(&self) -> u64 {
        let disk = rustix::fs::statvfs(&self.folder);
        disk.map_or(self.limits.reserve_bytes, |disk| self.reserve(&disk))
    }

    fn reserve(&self, disk: &rustix::fs::StatVfs) -> u64 {
        let share = disk.f_blocks / 100 * self.limits.reserve_percent;
        let share = share.saturating_mul(disk.f_frsize).min(self.limits.reserve_share_bytes);
        self.limits.reserve_bytes.max(share)
    }
}
