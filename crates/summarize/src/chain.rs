//! Which engines are asked about a segment, and for which a model is left alone.

use std::borrow::Cow;

use modelstat_redact::{Floor, RedactedText};

use crate::engine::{Draft, Earlier, Engine, Summary, Turn, choose, choose_again};
use crate::model::{Outline, is_worth_a_model};

/// What an engine knows of the model that it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The sha256 of the model's file in lower-case hexadecimal, where the engine has the file.
    pub sha256: Option<String>,
    /// The version of what the model is asked.
    pub prompt_version: &'static str,
}

/// Why a model is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The template says as much of so few words.
    TooShort,
    /// It made nothing usable of the same content before.
    Known,
    /// More segments wait for a model than it can serve soon.
    Queue,
}

impl Skip {
    /// The word under which it is counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::Known => "known",
            Self::Queue => "queue",
        }
    }
}

/// What came of the same content before, from the same model asked in the same words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// A draft that passed the leak gate. It passes the gate again before it is used again, since other
    /// words may have been removed from these turns.
    Made(Draft),
    /// Nothing usable.
    Failed,
}

/// Whether models have time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Load {
    /// They have.
    #[default]
    Free,
    /// Too much waits for them.
    Crowded,
}

/// What an abstract is made of.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The turns of the segment; of one that was closed before, those that came late.
    pub turns: &'a [Turn],
    /// What is left of the segment that they join.
    pub earlier: Option<Earlier<'a>>,
}

impl<'a> Content<'a> {
    /// What engines read: the earlier abstract stands for turns that are gone.
    pub(crate) fn read(&self) -> Cow<'a, [Turn]> {
        let Some(earlier) = &self.earlier else { return Cow::Borrowed(self.turns) };
        let gist = Turn {
            kind: RedactedText::from_static("earlier_abstract"),
            model: None,
            text: Some(earlier.text.clone()),
            tools: Vec::new(),
            failed: false,
        };
        let mut read = self.turns.to_vec();
        read.insert(if earlier.place.ends { 0 } else { read.len() }, gist);
        Cow::Owned(read)
    }

    /// Whether a model would say more of it than the template. Of what a model has told, the template would
    /// say less than is said already, however little came late.
    fn is_worth_a_model(&self, read: &[Turn]) -> bool {
        self.earlier.is_some_and(|earlier| earlier.is_of_model) || is_worth_a_model(read)
    }
}

/// How an engine is used.
#[derive(Clone, Debug)]
pub(crate) enum Use {
    /// It makes a draft.
    Draft,
    /// It made this draft of the same content before.
    Again(Draft),
    /// It is left alone.
    Skip(Skip),
}

/// The engines that are used for one segment, in their order. The template is always the last.
pub struct Chain<'a> {
    links: Vec<(&'a dyn Engine, Use)>,
}

impl<'a> Chain<'a> {
    /// Asks every engine.
    pub fn of(engines: &[&'a dyn Engine]) -> Self {
        Self { links: engines.iter().map(|engine| (*engine, Use::Draft)).collect() }
    }

    /// Leaves models alone where the words are few, where too much waits for them, and where it is known
    /// what they make of the content; `known` looks that up. Engines without a model are always asked.
    pub fn about(
        engines: &[&'a dyn Engine],
        content: &Content<'_>,
        load: Load,
        mut known: impl FnMut(&dyn Engine, &Model, &Outline) -> Option<Known>,
    ) -> Self {
        let models: Vec<Option<Model>> = engines.iter().map(|engine| engine.model()).collect();
        if models.iter().all(Option::is_none) {
            return Self::of(engines);
        }
        let read = content.read();
        let outline = content.is_worth_a_model(&read).then(|| Outline::of(&read));
        let (mut links, mut is_made) = (Vec::new(), false);
        for (engine, model) in engines.iter().zip(models) {
            let Some(model) = model else {
                links.push((*engine, Use::Draft));
                continue;
            };
            // Where a known draft is refused, the template is used at once.
            if is_made {
                continue;
            }
            let how = match &outline {
                None => Use::Skip(Skip::TooShort),
                Some(outline) => match known(*engine, &model, outline) {
                    Some(Known::Made(draft)) => Use::Again(draft),
                    Some(Known::Failed) => Use::Skip(Skip::Known),
                    None if load == Load::Crowded => Use::Skip(Skip::Queue),
                    None => Use::Draft,
                },
            };
            is_made = matches!(how, Use::Again(_));
            links.push((*engine, how));
        }
        Self { links }
    }

    /// Whether it may take as long as a model does.
    pub fn asks_a_model(&self) -> bool {
        self.links.iter().any(|(engine, how)| matches!(how, Use::Draft) && engine.model().is_some())
    }

    /// Makes the abstract with the first engine whose output passes the leak gate. `removed` is what the
    /// floor removed from all of the content.
    pub fn summarise(
        &self,
        content: &Content<'_>,
        floor: &Floor,
        removed: &crate::Removed,
    ) -> Summary {
        match &content.earlier {
            None => choose(&self.links, content.turns, floor, removed),
            Some(earlier) => {
                choose_again(&self.links, earlier, content.turns, &content.read(), floor, removed)
            }
        }
    }
}
