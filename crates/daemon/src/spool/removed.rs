//! The encoding of what redaction removed, as it waits beside a batch.

use std::collections::BTreeMap;

use modelstat_summarize::StoredRemoved;

use super::trust::{pack_quickly, unpack};

/// Encodes what is remembered; nothing when nothing was removed.
pub(crate) fn pack_removed(stored: &BTreeMap<usize, StoredRemoved>) -> Option<Vec<u8>> {
    let listed: Vec<(&usize, &StoredRemoved)> = stored.iter().collect();
    let encode =
        || serde_json::to_vec(&listed).expect("numbers and truth values are JSON everywhere");
    (!listed.is_empty()).then(|| pack_quickly(&encode()))
}

/// Decodes what [`pack_removed`] made; `None` when it is damaged.
pub(crate) fn unpack_removed(bytes: &[u8]) -> Option<BTreeMap<usize, StoredRemoved>> {
    let stored: Vec<(usize, StoredRemoved)> = serde_json::from_slice(&unpack(bytes)?).ok()?;
    Some(stored.into_iter().collect())
}
