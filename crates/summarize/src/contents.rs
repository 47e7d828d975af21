//! What models made of content, so that the same content gets its abstract without asking them again.
//!
//! Where it is kept is a matter of who asks; here stand how a content is named and what a segment teaches.

use modelstat_wire::IdentifierKey;

use crate::chain::{Known, Model};
use crate::engine::Engine;
use crate::model::Outline;

/// Tells this use of the installation's secret from others.
const PURPOSE: &str = "modelstat 2026-11 content that a model was asked about";

/// How long something is known after its last use, in milliseconds: a task that comes every week is asked
/// about once.
pub const KNOWN_MS: i64 = 8 * 24 * 60 * 60 * 1_000;

/// Most contents that are known.
pub const MAX_KNOWN: u64 = 4_096;

/// Most bytes of their drafts.
pub const MAX_KNOWN_BYTES: u64 = 4 * 1024 * 1024;

/// Names a content together with who asks, and what of which model.
pub type ContentHash = [u8; 32];

/// The secret under which contents are hashed.
pub fn content_key(key: &IdentifierKey) -> [u8; 32] {
    key.derive(PURPOSE)
}

/// What a segment teaches of its content.
#[derive(Debug)]
pub enum Lesson {
    /// What a model made of it.
    Learned(ContentHash, Known),
    /// It was known, and is needed still.
    Used(ContentHash),
    /// It was known, and its draft was the abstract.
    Reused(ContentHash),
}

/// The contents of one segment, one for each model that may be asked about it.
#[derive(Debug)]
pub struct Contents<'a> {
    key: &'a [u8; 32],
    owner: &'a [u8],
    hashes: Vec<(&'static str, ContentHash)>,
    known: Vec<(&'static str, ContentHash)>,
}

impl<'a> Contents<'a> {
    /// Begins with none. What one owner's content became is never told to another.
    pub fn new(key: &'a [u8; 32], owner: &'a [u8]) -> Self {
        Self { key, owner, hashes: Vec::new(), known: Vec::new() }
    }

    /// Returns what is known of a content, as `known` finds it.
    pub fn look_up(
        &mut self,
        engine: &dyn Engine,
        model: &Model,
        outline: &Outline,
        known: impl FnOnce(&ContentHash) -> Option<Known>,
    ) -> Option<Known> {
        let hash = self.hash(engine, model, outline);
        self.hashes.push((engine.name(), hash));
        let found = known(&hash);
        if found.is_some() {
            self.known.push((engine.name(), hash));
        }
        found
    }

    /// What a segment teaches that was made by one engine.
    pub fn lessons(self, learned: Vec<(&'static str, Known)>, made_by: &str) -> Vec<Lesson> {
        let used = self.known.into_iter().map(|(engine, hash)| {
            if engine == made_by { Lesson::Reused(hash) } else { Lesson::Used(hash) }
        });
        let hashes = &self.hashes;
        let learned = learned.into_iter().filter_map(|(engine, known)| {
            let (_, hash) = hashes.iter().find(|(name, _)| *name == engine)?;
            Some(Lesson::Learned(*hash, known))
        });
        used.chain(learned).collect()
    }

    /// Parts are joined with their lengths, so that no two lists of them look alike.
    fn hash(&self, engine: &dyn Engine, model: &Model, outline: &Outline) -> ContentHash {
        let outline = serde_json::to_vec(outline).expect("texts are JSON everywhere");
        let sha256 = model.sha256.as_deref().unwrap_or_default();
        let names = [engine.name(), engine.version(), sha256, model.prompt_version];
        let names = names.into_iter().map(str::as_bytes);
        let mut hasher = blake3::Hasher::new_keyed(self.key);
        for part in [self.owner].into_iter().chain(names).chain([outline.as_slice()]) {
            hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
        }
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Draft, EngineError, Turn};

    /// Its version differs from the other's.
    struct Versioned(&'static str);

    impl Engine for Versioned {
        fn name(&self) -> &'static str {
            "versioned"
        }

        fn version(&self) -> &str {
            self.0
        }

        fn draft(&self, _: &[Turn]) -> Result<Draft, EngineError> {
            Err(EngineError::Unavailable)
        }
    }

    fn hash(
        owner: &[u8],
        version: &'static str,
        sha256: Option<&str>,
        prompt: &'static str,
    ) -> ContentHash {
        let model = Model { sha256: sha256.map(str::to_owned), prompt_version: prompt };
        let outline = Outline::of(&[]);
        let mut found = None;
        let mut contents = Contents::new(&[7; 32], owner);
        contents.look_up(&Versioned(version), &model, &outline, |hash| {
            found = Some(*hash);
            None
        });
        found.expect("looked up")
    }

    #[test]
    fn whatever_would_change_an_answer_changes_the_hash() {
        let hashes = [
            hash(b"org_1", "1", None, "1"),
            hash(b"org_2", "1", None, "1"),
            hash(b"org_1", "2", None, "1"),
            hash(b"org_1", "1", Some("ab"), "1"),
            hash(b"org_1", "1", None, "2"),
            // The same letters in other places.
            hash(b"org_", "1", None, "11"),
        ];
        for (place, one) in hashes.iter().enumerate() {
            assert!(hashes.iter().skip(place + 1).all(|other| other != one), "{place}");
        }
        assert_eq!(hashes[0], hash(b"org_1", "1", None, "1"));
    }

    #[test]
    fn a_segment_teaches_what_was_learned_and_what_was_used() {
        let model = Model { sha256: None, prompt_version: "1" };
        let mut contents = Contents::new(&[7; 32], b"org");
        let known = |_: &ContentHash| Some(Known::Failed);
        contents.look_up(&Versioned("1"), &model, &Outline::of(&[]), known);
        let lessons = contents.lessons(Vec::new(), "template");
        assert!(matches!(lessons.as_slice(), [Lesson::Used(_)]), "{lessons:?}");

        let mut contents = Contents::new(&[7; 32], b"org");
        contents.look_up(&Versioned("1"), &model, &Outline::of(&[]), |_| None);
        let lessons = contents.lessons(vec![("versioned", Known::Failed)], "template");
        assert!(matches!(lessons.as_slice(), [Lesson::Learned(_, Known::Failed)]), "{lessons:?}");
    }
}
