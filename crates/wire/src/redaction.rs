//! From raw text to redacted text, over a whole batch.

use modelstat_redact::{RawText, RedactedText, Rule};

use crate::event::TextMap;
use crate::limits::{MAX_ABSTRACT_CHARS, MAX_TITLE_CHARS};
use crate::{Event, FindingCounts, IngestBatch, Pairs};

/// What a text of a record is for, which decides how a finding in it is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextRole {
    /// Names something and groups records. A finding turns the whole of it into a keyed hash, so
    /// that grouping survives.
    Identifier,
    /// Text to read. A finding becomes a placeholder.
    Prose,
    /// An abstract: text to read, and short.
    Abstract,
    /// A title: text to read, and very short.
    Title,
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
            TextRole::Prose => self.redact_prose(text),
            TextRole::Abstract => self.redact_prose(text).truncate_chars(MAX_ABSTRACT_CHARS),
            TextRole::Title => self.redact_prose(text).truncate_chars(MAX_TITLE_CHARS),
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
    match counted {
        Some((_, total)) => *total = total.saturating_add(count),
        None => redactions.0.push((RedactedText::from_static(rule.name()), count)),
    }
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
