//! What makes abstracts.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::engine::Engine;
use crate::extract::ExtractEngine;

/// Most drafts that are made together, whatever an engine says of itself: each holds the text of one segment.
const MAX_DRAFTS: usize = 16;

/// The engines that are asked for an abstract, in their order. The template is always the last.
#[derive(Clone, Default)]
pub struct Engines {
    /// Asked first, in this order. Each bounds its own time: a daemon or server that is told to end waits for
    /// the drafts at hand. Numbers never wait.
    pub first: Vec<Arc<dyn Engine>>,
    /// Asked where all of them fail or are refused.
    pub fallback: FallbackEngine,
}

/// What makes an abstract where no other engine does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FallbackEngine {
    /// Facts and key phrases: no sentence leaves.
    #[default]
    Template,
    /// Redacted sentences, by the operator's choice.
    Extract,
}

impl Engines {
    /// Returns the engines before the template.
    pub fn in_order(&self) -> Vec<&dyn Engine> {
        let extract: Option<&dyn Engine> = match self.fallback {
            FallbackEngine::Template => None,
            FallbackEngine::Extract => Some(&ExtractEngine),
        };
        self.first.iter().map(AsRef::as_ref).chain(extract).collect()
    }

    /// Returns how many drafts the models among them make together; 0 where there is no model.
    pub fn model_drafts(&self) -> usize {
        let models = self.in_order().into_iter().filter(|engine| engine.model().is_some());
        models.map(|engine| engine.parallel().clamp(1, MAX_DRAFTS)).max().unwrap_or(0)
    }

    /// Returns the names of all engines.
    pub fn names(&self) -> Vec<&'static str> {
        self.in_order().into_iter().map(Engine::name).chain(["template"]).collect()
    }
}

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Engines").field(&self.names()).finish()
    }
}
