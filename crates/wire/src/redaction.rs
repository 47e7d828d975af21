//! From raw text to redacted text, over a whole batch.

use modelstat_redact::{RawText, RedactedText, Rule};

use crate::event::TextMap;
use crate::limits::{
    MAX_ABSTRACT_CHARS, MAX_COMMAND_FAMILY_CHARS, MAX_COUNT, MAX_EXCERPT_CHARS, MAX_LIST_ENTRIES,
    MAX_METADATA_KEY_CHARS, MAX_METADATA_VALUE_CHARS, MAX_PATH_CHARS, MAX_TITLE_CHARS,
};
use crate::{Event, FindingCounts, IngestBatch, Pairs};

/// What a text of a record is for, which decides how a finding in it is hidden and how long it may
/// be.
///
/// A text is cut only after the floor has seen it whole: half a secret is no longer known as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextRole {
    /// Names something and groups records. A finding turns the whole of it into a keyed hash, so
    /// that grouping survives. One that is too long was refused before.
    Identifier,
    /// A name that is cut when it is too long, as published clients cut it.
    Name {
        /// Most code points.
        limit_chars: usize,
    },
    /// Text to read. A finding becomes a placeholder, and what is too long is cut.
    Prose {
        /// Most code points.
        limit_chars: usize,
    },
}

impl TextRole {
    /// A turn, or a model's reasoning.
    pub const TURN: Self = Self::Prose { limit_chars: MAX_EXCERPT_CHARS };
    /// A folder, a file or an address.
    pub const PLACE: Self = Self::Prose { limit_chars: MAX_PATH_CHARS };
    /// The short text made of a segment.
    pub const ABSTRACT: Self = Self::Prose { limit_chars: MAX_ABSTRACT_CHARS };
    /// A few words that name a session or segment.
    pub const TITLE: Self = Self::Prose { limit_chars: MAX_TITLE_CHARS };
    /// The key of a caller's tag.
    pub const METADATA_KEY: Self = Self::Name { limit_chars: MAX_METADATA_KEY_CHARS };
    /// The value of a caller's tag.
    pub const METADATA_VALUE: Self = Self::Name { limit_chars: MAX_METADATA_VALUE_CHARS };
    /// The family of a command.
    pub const COMMAND_FAMILY: Self = Self::Name { limit_chars: MAX_COMMAND_FAMILY_CHARS };
}

/// The secret of this installation under which identifiers are hashed. It is never sent.
#[derive(Clone)]
pub struct IdentifierKey([u8; 32]);

impl std::fmt::Debug for IdentifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdentifierKey(…)")
    }
}

impl IdentifierKey {
    /// Takes the 32 secret bytes of an installation.
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// Hashes a text, so that equal texts stay equal and nothing can be guessed back.
    pub fn hash(&self, text: &str) -> RedactedText {
        let digest = blake3::keyed_hash(&self.0, text.as_bytes()).to_hex();
        RedactedText::hashed(&digest[..32]).expect("a digest is hexadecimal")
    }
}

struct Redactor<'a> {
    key: &'a IdentifierKey,
    /// Findings of the event at hand.
    current: FindingCounts,
    /// Findings of the batch.
    total: FindingCounts,
}

impl TextMap<RawText, RedactedText> for Redactor<'_> {
    fn text(&mut self, role: TextRole, text: RawText) -> RedactedText {
        match role {
            TextRole::Identifier => self.redact_identifier(text),
            TextRole::Name { limit_chars } => {
                self.redact_identifier(text).truncate_chars(limit_chars)
            }
            TextRole::Prose { limit_chars } => self.redact_prose(text).truncate_chars(limit_chars),
        }
    }

    fn finish_event(&mut self, mut event: Event<RedactedText>) -> Event<RedactedText> {
        let found = std::mem::take(&mut self.current);
        for (rule, count) in found.iter() {
            add_redaction(&mut event.redactions, rule, count);
        }
        self.total.merge(&found);
        event
    }
}

impl Redactor<'_> {
    fn redact_prose(&mut self, text: RawText) -> RedactedText {
        let (text, findings) = text.redact();
        self.current.add(&findings);
        text
    }

    /// An identifier with a finding is replaced whole: what is left around the finding would often
    /// give it away, and a placeholder would merge what the identifier tells apart.
    #[expect(clippy::disallowed_methods, reason = "the floor's own door, for a whole batch")]
    fn redact_identifier(&mut self, text: RawText) -> RedactedText {
        let found = modelstat_redact::redact(text.reveal());
        if found.is_clean() {
            return text.redact().0;
        }
        self.current.add(&found.findings);
        self.key.hash(text.reveal())
    }
}

fn add_redaction(redactions: &mut Pairs<RedactedText, u64>, rule: Rule, count: u64) {
    let counted = redactions.0.iter_mut().find(|(name, _)| name.as_str() == rule.name());
    // What is written here is read back by the same limits, so it keeps to them.
    if let Some((_, total)) = counted {
        *total = total.saturating_add(count).min(MAX_COUNT);
        return;
    }
    redactions.0.truncate(MAX_LIST_ENTRIES - 1);
    redactions.0.push((RedactedText::from_static(rule.name()), count));
}

/// Runs the floor over every text of a batch, and counts what it took out.
///
/// Counts are also added to each event's `redactions`, so that they travel with it.
pub fn redact_batch(
    batch: IngestBatch<RawText>,
    key: &IdentifierKey,
) -> (IngestBatch<RedactedText>, FindingCounts) {
    let mut redactor =
        Redactor { key, current: FindingCounts::default(), total: FindingCounts::default() };
    let batch = batch.map(&mut redactor);
    let around = std::mem::take(&mut redactor.current);
    redactor.total.merge(&around);
    (batch, redactor.total)
}

/// Runs the floor over one identifier, as [`redact_batch`] does.
pub fn redact_identifier(text: RawText, key: &IdentifierKey) -> RedactedText {
    let mut redactor =
        Redactor { key, current: FindingCounts::default(), total: FindingCounts::default() };
    redactor.redact_identifier(text)
}
