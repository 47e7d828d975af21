//! From raw text to redacted text, over a whole batch.

use std::fmt;

use modelstat_redact::{Floor, RawText, RedactedText, Rule};
use serde::Serialize;

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
    /// An identifier that says who or where: a device, an actor, a branch. The names that this host
    /// knows count as findings in it, unlike in other identifiers: a service account is often named
    /// as its app, which must still be told apart by name.
    Origin,
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

impl fmt::Debug for IdentifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentifierKey(…)")
    }
}

impl IdentifierKey {
    /// Takes the 32 secret bytes of an installation.
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// Makes a secret for another purpose, from which this one cannot be found.
    pub fn derive(&self, purpose: &'static str) -> [u8; 32] {
        blake3::derive_key(purpose, &self.0)
    }

    /// Hashes a text, so that equal texts stay equal and nothing can be guessed back.
    pub fn hash(&self, text: &str) -> RedactedText {
        let digest = blake3::keyed_hash(&self.0, text.as_bytes()).to_hex();
        RedactedText::hashed(&digest[..32]).expect("a digest is hexadecimal")
    }
}

/// The floor as one process runs it over batches.
///
/// Its rules look at every text and name. The identifiers of this host are hidden in texts and in
/// what says where a call came from ([`TextRole::Origin`]).
#[derive(Clone)]
pub struct BatchFloor {
    key: IdentifierKey,
    names: Floor,
    texts: Floor,
    user_rules: usize,
    identifiers: usize,
}

/// How much a host added to the built-in rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FloorAdditions {
    /// Rules of its `redact.toml`.
    pub user_rules: usize,
    /// Names that it knows.
    pub identifiers: usize,
}

impl BatchFloor {
    /// Takes the built-in rules, and the key under which identifiers are hashed.
    pub fn new(key: IdentifierKey) -> Self {
        Self::with_floor(key, Floor::built_in().clone(), 0)
    }

    /// Takes a floor with so many rules of this host's own.
    pub fn with_floor(key: IdentifierKey, floor: Floor, user_rules: usize) -> Self {
        Self { key, texts: floor.clone(), names: floor, user_rules, identifiers: 0 }
    }

    /// Adds names that this host knows; those that tell nothing are left out and not counted.
    #[must_use]
    pub fn with_identifiers(mut self, names: &[String]) -> Self {
        let is_hidden = |name: &&String| {
            let alone = Floor::built_in().clone().with_identifiers([name]);
            !alone.redact(name).is_clean()
        };
        self.identifiers += names.iter().filter(is_hidden).count();
        self.texts = self.texts.with_identifiers(names);
        self
    }

    /// The key under which identifiers are hashed.
    pub fn key(&self) -> &IdentifierKey {
        &self.key
    }

    /// The floor for texts.
    pub fn texts(&self) -> &Floor {
        &self.texts
    }

    /// How much was added to the built-in rules.
    pub fn additions(&self) -> FloorAdditions {
        FloorAdditions { user_rules: self.user_rules, identifiers: self.identifiers }
    }

    /// Runs the floor over one identifier, as [`redact_batch`] does.
    pub fn redact_identifier(&self, text: RawText) -> RedactedText {
        self.name(&self.names, text, &mut FindingCounts::default(), &mut |_| ())
    }

    /// A name with a finding is replaced whole: what is left around the finding would often give it
    /// away, and a placeholder would merge what the name tells apart.
    #[expect(clippy::disallowed_methods, reason = "the floor's own door, for a whole batch")]
    fn name(
        &self,
        floor: &Floor,
        text: RawText,
        counts: &mut FindingCounts,
        removed: &mut dyn FnMut(RawText),
    ) -> RedactedText {
        text.pass(floor).unwrap_or_else(|(text, findings)| {
            counts.add(&findings);
            text.pieces(&findings).for_each(removed);
            self.key.hash(text.reveal())
        })
    }
}

/// Shows counts only: the names that a host knows are personal data.
impl fmt::Debug for BatchFloor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BatchFloor").field(&self.additions()).finish()
    }
}

/// Takes what the floor removed from the event at a place of the batch.
type Note<'a> = dyn FnMut(usize, &RawText) + 'a;

struct Redactor<'a> {
    floor: &'a BatchFloor,
    /// Takes what is removed from events, which come first.
    note: &'a mut Note<'a>,
    events: usize,
    /// The place of the event at hand, or how many there are.
    place: usize,
    /// Findings of the event at hand.
    current: FindingCounts,
    /// Findings of the batch.
    total: FindingCounts,
}

impl TextMap<RawText, RedactedText> for Redactor<'_> {
    fn text(&mut self, role: TextRole, text: RawText) -> RedactedText {
        let Self { floor, note, current, events, place, .. } = self;
        let mut removed = |piece: RawText| {
            if place < events {
                note(*place, &piece);
            }
        };
        let mut name = |floor_of: &Floor, text| floor.name(floor_of, text, current, &mut removed);
        match role {
            TextRole::Identifier => name(&floor.names, text),
            TextRole::Origin => name(&floor.texts, text),
            TextRole::Name { limit_chars } => name(&floor.names, text).truncate_chars(limit_chars),
            TextRole::Prose { limit_chars } => {
                let (text, findings) = text.redact_noting(&floor.texts, &mut removed);
                current.add(&findings);
                text.truncate_chars(limit_chars)
            }
        }
    }

    fn finish_event(&mut self, mut event: Event<RedactedText>) -> Event<RedactedText> {
        let found = std::mem::take(&mut self.current);
        for (rule, count) in found.iter() {
            add_redaction(&mut event.redactions, rule, count);
        }
        self.total.merge(&found);
        self.place += 1;
        event
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
/// Counts are also added to each event's `redactions`, so that they travel with it. A text that the
/// engine refuses is counted as one finding of `redaction_failed`, and the event's numbers stay.
pub fn redact_batch(
    batch: IngestBatch<RawText>,
    floor: &BatchFloor,
) -> (IngestBatch<RedactedText>, FindingCounts) {
    redact_batch_noting(batch, floor, &mut |_, _| ())
}

/// Does as [`redact_batch`], and hands on each piece that the floor removed from a text of an event, with
/// the event's place in the batch. The piece is as raw as it came: what is kept of it must be a hash.
pub fn redact_batch_noting(
    batch: IngestBatch<RawText>,
    floor: &BatchFloor,
    note: &mut dyn FnMut(usize, &RawText),
) -> (IngestBatch<RedactedText>, FindingCounts) {
    let mut redactor = Redactor {
        floor,
        note,
        events: batch.events.len(),
        place: 0,
        current: FindingCounts::default(),
        total: FindingCounts::default(),
    };
    let batch = batch.map(&mut redactor);
    let around = std::mem::take(&mut redactor.current);
    redactor.total.merge(&around);
    (batch, redactor.total)
}

#[cfg(test)]
mod tests {
    use modelstat_redact::{Detection, Detector, Floor};

    use super::*;
    use crate::parse_batch;

    const EVENT: &str = r#"{"source_event_id":"evt_1","ts":"2026-06-19T12:34:56.789Z",
        "kind":"assistant_message","agent":"a","provider":"openai","session_id":"janedoe-1",
        "model":"m","tokens":{"input":7,"output":2}"#;

    fn key() -> IdentifierKey {
        IdentifierKey::new([1; 32])
    }

    fn redacted(rest: &str, floor: &BatchFloor) -> (Event<RedactedText>, FindingCounts) {
        let body = format!(
            r#"{{"batch_id":"b","device_id":"d","daemon_version":"v","app":"janedoe","events":[{EVENT},{rest}}}]}}"#
        );
        let parsed = parse_batch(body.as_bytes()).expect("readable");
        let (batch, counts) = redact_batch(parsed.batch, floor);
        assert_eq!(batch.app.as_deref(), Some("janedoe"), "an app keeps its name");
        (batch.events.into_iter().next().expect("one event"), counts)
    }

    #[test]
    fn names_of_this_host_are_hidden_in_texts_and_in_what_says_where_from() {
        let names = ["janedoe", "root", "x"].map(str::to_owned);
        let floor = BatchFloor::new(key()).with_identifiers(&names);
        assert_eq!(floor.additions(), FloorAdditions { user_rules: 0, identifiers: 1 });
        let rest = r#""content_excerpt":"ask janedoe","actor_id":"janedoe","git":{"branch":"janedoe/fix"}"#;
        let (event, counts) = redacted(rest, &floor);
        assert_eq!(event.content_excerpt.as_deref(), Some("ask [REDACTED:identifier]"));
        assert_eq!(event.session_id.as_str(), "janedoe-1", "it tells sessions apart, not people");
        let branch = event.git.and_then(|git| git.branch);
        for hashed in [event.actor_id, branch] {
            assert!(hashed.as_deref().is_some_and(|name| name.starts_with("h_")), "{hashed:?}");
        }
        assert_eq!(
            counts.iter().map(|(rule, count)| (rule.name(), count)).collect::<Vec<_>>(),
            [("identifier", 3)]
        );
        assert!(!format!("{floor:?}").contains("janedoe"));
    }

    /// Only as hashes may it stay, and only for the event from which it was taken.
    #[test]
    fn what_is_removed_is_handed_on_by_event() {
        let body = format!(
            r#"{{"batch_id":"b","device_id":"d","daemon_version":"v","app":"a","events":[{EVENT}}},
            {EVENT},"content_excerpt":"ask jane@example.com or joe@example.com","seq":1}}],
            "session_titles":{{"s":"for max@example.com"}}}}"#
        );
        let batch = parse_batch(body.as_bytes()).expect("readable").batch;
        let mut noted = Vec::new();
        let mut note = |place: usize, piece: &RawText| noted.push((place, piece.clone()));
        redact_batch_noting(batch, &BatchFloor::new(key()), &mut note);
        let expected = ["jane@example.com", "joe@example.com"].map(|name| (1, RawText::from(name)));
        assert_eq!(noted, expected);
    }

    #[test]
    fn a_derived_secret_is_another_one() {
        let derived = key().derive("modelstat test");
        assert_eq!(derived, key().derive("modelstat test"));
        assert_ne!(derived, key().derive("modelstat other"));
        assert_ne!(
            key().hash("modelstat test"),
            IdentifierKey::new(derived).hash("modelstat test")
        );
    }

    #[derive(Debug)]
    struct Panicking;

    impl Detector for Panicking {
        fn detect(&self, text: &str) -> Vec<Detection> {
            assert!(!text.contains("boom"), "broken on purpose");
            Vec::new()
        }
    }

    /// Fail closed: the text goes, the numbers stay, and the loss is counted like a finding.
    #[test]
    fn a_text_that_the_engine_refuses_is_dropped_and_counted() {
        let floor = Floor::built_in().clone().with_detector(Panicking);
        let floor = BatchFloor::with_floor(key(), floor, 0);
        let rest = r#""content_excerpt":"as captured boom","actor_id":"boom one","seq":3"#;
        let (event, counts) = redacted(rest, &floor);
        assert_eq!(event.content_excerpt.as_deref(), Some("[REDACTED:redaction_failed]"));
        assert!(event.actor_id.as_deref().is_some_and(|name| name.starts_with("h_")));
        assert_eq!((event.seq, event.tokens.map(|tokens| tokens.input)), (Some(3), Some(7)));
        let failed = event.redactions.iter().map(|(rule, count)| (rule.as_str(), *count));
        assert_eq!(failed.collect::<Vec<_>>(), [("redaction_failed", 2)]);
        assert_eq!(counts.of_class(modelstat_redact::Class::Secret), 2);
    }
}
