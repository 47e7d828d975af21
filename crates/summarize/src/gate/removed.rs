//! What the floor removed from an input, remembered only so far that it is known again.

use std::collections::HashSet;
use std::fmt;

use modelstat_redact::RawText;

use super::fold::fold;
use super::shape::squeeze;
use crate::vocabulary::VOCABULARY;

/// Most words that are remembered of one segment; with more, only bare facts are said of it.
pub const MAX_REMOVED_WORDS: usize = 8_192;

/// Shorter words stand everywhere.
const MIN_WORD_CHARS: usize = 3;

/// Keyed hashes of the words that the floor removed from the turns of a segment.
///
/// No word can be read from it, and without the key none can be tried. Words of the shipped vocabulary are
/// left out: saying `home` tells nothing of the folder that was removed.
#[derive(Clone, Default)]
pub struct Removed {
    key: [u8; 32],
    hashes: HashSet<u64>,
    is_full: bool,
}

impl Removed {
    /// Remembers nothing, which is right for a caller that collects nothing.
    pub fn none() -> &'static Self {
        static NONE: std::sync::LazyLock<Removed> = std::sync::LazyLock::new(Removed::default);
        &NONE
    }

    /// Remembers words under the key of this installation.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, ..Self::default() }
    }

    /// Remembers a text that was removed: the whole, and its words.
    #[expect(clippy::disallowed_methods, reason = "only keyed hashes of it are kept")]
    pub fn add(&mut self, removed_text: &RawText) {
        let folded = fold(removed_text.reveal());
        let words = folded.split(|c: char| !c.is_alphanumeric());
        for word in words.chain([folded.as_ref()]) {
            let squeezed = squeeze(word);
            if squeezed.chars().count() >= MIN_WORD_CHARS && !VOCABULARY.is_common_form(&squeezed) {
                self.insert(self.hash(&squeezed));
            }
        }
    }

    /// Adds what another remembers, under the same key.
    pub fn extend(&mut self, hashes: impl IntoIterator<Item = u64>, is_full: bool) {
        for hash in hashes {
            self.insert(hash);
        }
        self.is_full |= is_full;
    }

    /// What is remembered, for a store to keep beside the turns.
    pub fn hashes(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.hashes.iter().copied()
    }

    /// Whether words were left out for want of room, so that no text can be told clean.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    pub(super) fn holds(&self, squeezed: &str) -> bool {
        !squeezed.is_empty() && self.hashes.contains(&self.hash(squeezed))
    }

    fn insert(&mut self, hash: u64) {
        if self.hashes.len() < MAX_REMOVED_WORDS {
            self.hashes.insert(hash);
        } else if !self.hashes.contains(&hash) {
            self.is_full = true;
        }
    }

    fn hash(&self, squeezed: &str) -> u64 {
        let digest = blake3::keyed_hash(&self.key, squeezed.as_bytes());
        u64::from_le_bytes(digest.as_bytes()[..8].try_into().expect("a digest has 32 bytes"))
    }
}

impl fmt::Debug for Removed {
    /// Shows neither key nor hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Removed({} words)", self.hashes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_again_under_their_key_alone() {
        let mut removed = Removed::new([7; 32]);
        removed.add(&RawText::from("/home/zebedee/src"));
        assert!(removed.holds("zebedee") && !removed.holds("home"));
        let kept_under = |key| {
            let mut kept = Removed::new(key);
            kept.extend(removed.hashes(), false);
            kept
        };
        assert!(kept_under([7; 32]).holds("zebedee"));
        assert!(!kept_under([8; 32]).holds("zebedee"));
    }

    #[test]
    fn more_than_fits_is_said() {
        let mut removed = Removed::new([7; 32]);
        for number in 0..=MAX_REMOVED_WORDS {
            removed.add(&RawText::from(format!("qz{number}x")));
        }
        assert!(removed.is_full());
    }
}
