//! What redaction removed from events, as keyed hashes that wait beside their turns.

use std::collections::BTreeMap;

use modelstat_redact::RawText;
use modelstat_wire::IdentifierKey;
use serde::{Deserialize, Serialize};

use crate::gate::Removed;

/// Tells this use of the installation's secret from others.
const PURPOSE: &str = "modelstat 2026-11 words that redaction removed";

/// Most words of one batch. Of an event beyond it nothing but bare facts is said.
const MAX_BATCH_WORDS: usize = 65_536;

/// The secret under which removed words are hashed.
pub fn removed_key(key: &IdentifierKey) -> [u8; 32] {
    key.derive(PURPOSE)
}

/// What was removed from the texts that one abstract is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRemoved {
    words: Vec<u64>,
    is_full: bool,
}

impl StoredRemoved {
    /// Takes what is remembered.
    pub fn of(removed: &Removed) -> Self {
        let mut words: Vec<u64> = removed.hashes().collect();
        words.sort_unstable();
        Self { words, is_full: removed.is_full() }
    }

    /// Whether nothing was removed.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && !self.is_full
    }

    /// Adds it to what is remembered under the same key.
    pub fn add_to(&self, removed: &mut Removed) {
        removed.extend(self.words.iter().copied(), self.is_full);
    }
}

/// What is removed from the events of a batch, by place.
#[derive(Debug)]
pub struct RemovedWords {
    key: [u8; 32],
    events: BTreeMap<usize, Removed>,
    words: usize,
}

impl RemovedWords {
    /// Begins a batch, under the secret of this installation.
    pub fn new(key: &IdentifierKey) -> Self {
        Self { key: removed_key(key), events: BTreeMap::new(), words: 0 }
    }

    /// Remembers the words of a piece that was removed.
    pub fn add(&mut self, event: usize, piece: &RawText) {
        let removed = self.events.entry(event).or_insert_with(|| Removed::new(self.key));
        if self.words >= MAX_BATCH_WORDS {
            removed.extend([], true);
            return;
        }
        let before = removed.hashes().len();
        removed.add(piece);
        self.words += removed.hashes().len() - before;
    }

    /// Returns what is remembered of each event of which something is.
    pub fn into_events(self) -> BTreeMap<usize, StoredRemoved> {
        (self.events.into_iter())
            .map(|(event, removed)| (event, StoredRemoved::of(&removed)))
            .filter(|(_, stored)| !stored.is_empty())
            .collect()
    }
}
