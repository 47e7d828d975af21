//! Batches that were committed a moment ago, still in memory: taking one apart from here spares unpacking
//! and parsing it again. What has no room here, or is lost with the process, is read from the disk.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use modelstat_redact::RedactedText;
use modelstat_summarize::StoredRemoved;
use modelstat_wire::IngestBatch;

/// Most bytes of batches in memory, by their encodings: some forty of a usual size.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// A batch as it was committed.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) batch: IngestBatch<RedactedText>,
    /// What redaction removed from its events, by place.
    pub(crate) removed: BTreeMap<usize, StoredRemoved>,
    /// The length of its encoding.
    pub(crate) bytes: usize,
}

/// The batches by the rows that hold them.
#[derive(Default)]
pub(super) struct ArrivedBatches(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    batches: BTreeMap<i64, Arrived>,
    bytes: usize,
}

impl ArrivedBatches {
    /// Keeps a batch if there is room.
    pub(super) fn put(&self, row: i64, arrived: Arrived) {
        let mut waiting = self.lock();
        if waiting.bytes + arrived.bytes <= MAX_BYTES {
            waiting.bytes += arrived.bytes;
            waiting.batches.insert(row, arrived);
        }
    }

    /// Hands a batch out.
    pub(super) fn take(&self, row: i64) -> Option<Arrived> {
        let mut waiting = self.lock();
        let arrived = waiting.batches.remove(&row)?;
        waiting.bytes -= arrived.bytes;
        Some(arrived)
    }

    /// Forgets the batches before a row, which are gone from the disk.
    pub(super) fn forget_before(&self, row: i64) {
        let mut waiting = self.lock();
        let kept = waiting.batches.split_off(&row);
        waiting.bytes = kept.values().map(|arrived| arrived.bytes).sum();
        waiting.batches = kept;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(bytes: usize) -> Arrived {
        let batch = br#"{"batch_id":"b","device_id":"d","daemon_version":"v","events":[]}"#;
        let batch = modelstat_wire::parse_batch(batch).expect("readable").batch;
        let key = modelstat_wire::IdentifierKey::new([1; 32]);
        let floor = modelstat_wire::BatchFloor::new(key);
        let batch = modelstat_wire::redact_batch(batch, &floor).0;
        Arrived { batch, removed: BTreeMap::new(), bytes }
    }

    #[test]
    fn what_has_no_room_is_left_to_the_disk() {
        let batches = ArrivedBatches::default();
        batches.put(1, arrived(MAX_BYTES - 1));
        batches.put(2, arrived(2));
        batches.put(3, arrived(1));
        assert!(batches.take(2).is_none());
        assert!(batches.take(1).is_some() && batches.take(1).is_none());
        batches.put(4, arrived(MAX_BYTES - 1));
        batches.forget_before(4);
        assert!(batches.take(3).is_none(), "its row is gone");
        assert!(batches.take(4).is_some());
        assert_eq!(batches.lock().bytes, 0);
    }
}
