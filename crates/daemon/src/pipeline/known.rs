//! Looks up what models made of the same content before.

use modelstat_summarize::{Engine, Known, Model, Outline};
use modelstat_wire::IdentifierKey;

use crate::database::DatabaseError;
use crate::spool::{ContentHash, Lesson, Spool};

/// Tells this use of the installation's secret from others.
const PURPOSE: &str = "modelstat 2026-11 content that a model was asked about";

/// The secret under which contents are hashed.
pub(crate) fn content_key(key: &IdentifierKey) -> [u8; 32] {
    key.derive(PURPOSE)
}

/// The contents of one segment, one for each model that may be asked about it.
pub(super) struct Contents<'a> {
    spool: &'a Spool,
    content_key: &'a [u8; 32],
    /// The key that brought the events: what one team's content became is never told to another.
    key: u32,
    hashes: Vec<(&'static str, ContentHash)>,
    known: Vec<(&'static str, ContentHash)>,
    failure: Option<DatabaseError>,
}

impl<'a> Contents<'a> {
    pub(super) fn new(spool: &'a Spool, content_key: &'a [u8; 32], key: u32) -> Self {
        let (hashes, known) = (Vec::new(), Vec::new());
        Self { spool, content_key, key, hashes, known, failure: None }
    }

    /// Returns what is known of a content.
    pub(super) fn look_up(
        &mut self,
        engine: &dyn Engine,
        model: &Model,
        outline: &Outline,
    ) -> Option<Known> {
        let hash = self.hash(engine, model, outline);
        self.hashes.push((engine.name(), hash));
        let known = self.spool.known(&hash).unwrap_or_else(|error| {
            self.failure = Some(error);
            None
        });
        if known.is_some() {
            self.known.push((engine.name(), hash));
        }
        known
    }

    /// Returns what failed while it was looked up.
    pub(super) fn failure(&self) -> Option<DatabaseError> {
        self.failure
    }

    /// What a segment teaches that was made by one engine.
    pub(super) fn lessons(self, learned: Vec<(&'static str, Known)>, made_by: &str) -> Vec<Lesson> {
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

    /// Names are joined with their lengths, so that no two lists of names look alike.
    fn hash(&self, engine: &dyn Engine, model: &Model, outline: &Outline) -> ContentHash {
        let outline = serde_json::to_string(outline).expect("texts are JSON everywhere");
        let sha256 = model.sha256.as_deref().unwrap_or_default();
        let mut hasher = blake3::Hasher::new_keyed(self.content_key);
        hasher.update(&self.key.to_be_bytes());
        for name in [engine.name(), engine.version(), sha256, model.prompt_version, &outline] {
            hasher.update(&(name.len() as u64).to_be_bytes()).update(name.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}
