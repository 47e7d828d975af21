//! The encoding of what redaction removed, as it waits beside a batch.

use std::collections::BTreeMap;

use modelstat_summarize::{RemovedWords, StoredRemoved};

use super::trust::{Packer, unpack};

/// Encodes what is remembered; nothing when nothing was removed.
pub(crate) fn pack_removed(removed: RemovedWords) -> Option<Vec<u8>> {
    let stored: Vec<(usize, StoredRemoved)> = removed.into_events().into_iter().collect();
    let encode =
        || serde_json::to_vec(&stored).expect("numbers and truth values are JSON everywhere");
    (!stored.is_empty()).then(|| Packer::new().pack(&encode()))
}

/// Decodes what [`pack_removed`] made; `None` when it is damaged.
pub(crate) fn unpack_removed(bytes: &[u8]) -> Option<BTreeMap<usize, StoredRemoved>> {
    let stored: Vec<(usize, StoredRemoved)> = serde_json::from_slice(&unpack(bytes)?).ok()?;
    Some(stored.into_iter().collect())
}
