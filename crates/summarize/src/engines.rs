//! What makes abstracts.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::engine::Engine;
use crate::extract::ExtractEngine;

/// The engines that are asked for an abstract, in their order. The template is always the last.
#[derive(Clone, Default)]
pub struct Engines {
    /// Asked first, in this order. Each bounds its own time: meanwhile no other abstract is made, and a
    /// daemon or server that is told to end waits for the draft at hand. Numbers never wait.
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
