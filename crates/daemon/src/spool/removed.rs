//! What redaction removed from events, as keyed hashes that wait beside their turns.

use std::collections::BTreeMap;

use modelstat_redact::RawText;
use modelstat_summarize::Removed;
use modelstat_wire::IdentifierKey;
use serde::{Deserialize, Serialize};

use super::trust::{pack_quickly, unpack};

/// Tells this use of the installation's secret from others.
const PURPOSE: &str = "modelstat 2026-11 words that redaction removed";

/// Most words of one batch. Of an event beyond it nothing but bare facts is said.
const MAX_BATCH_WORDS: usize = 65_536;

/// The secret under which removed words are hashed.
pub(crate) fn removed_key(key: &IdentifierKey) -> [u8; 32] {
    key.derive(PURPOSE)
}

/// What was removed from the texts that one abstract is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredRemoved {
    words: Vec<u64>,
    is_full: bool,
}

impl StoredRemoved {
    pub(crate) fn of(removed: &Removed) -> Self {
        let mut words: Vec<u64> = removed.hashes().collect();
        words.sort_unstable();
        Self { words, is_full: removed.is_full() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty() && !self.is_full
    }

    pub(crate) fn add_to(&self, removed: &mut Removed) {
        removed.extend(self.words.iter().copied(), self.is_full);
    }
}

/// What is removed from the events of a batch, by place.
pub(crate) struct RemovedWords {
    key: [u8; 32],
    events: BTreeMap<usize, Removed>,
    words: usize,
}

impl RemovedWords {
    pub(crate) fn new(key: &IdentifierKey) -> Self {
        Self { key: removed_key(key), events: BTreeMap::new(), words: 0 }
    }

    /// Remembers the words of a piece that was removed.
    pub(crate) fn add(&mut self, event: usize, piece: &RawText) {
        let removed = self.events.entry(event).or_insert_with(|| Removed::new(self.key));
        if self.words >= MAX_BATCH_WORDS {
            removed.extend([], true);
            return;
        }
        let before = removed.hashes().len();
        removed.add(piece);
        self.words += removed.hashes().len() - before;
    }

    /// Returns what is remembered, by place.
    pub(crate) fn stored(&self) -> BTreeMap<usize, StoredRemoved> {
        let events = self.events.iter();
        let stored = events.map(|(event, removed)| (*event, StoredRemoved::of(removed)));
        stored.filter(|(_, stored)| !stored.is_empty()).collect()
    }
}

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
