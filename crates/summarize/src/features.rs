//! What is kept of a closed segment, so that late turns can be told together with it.

use serde::{Deserialize, Serialize};

use crate::material::Material;

/// Most names of models, and of tools, that are kept: an abstract says fewer.
pub(crate) const MAX_KEPT_NAMES: usize = 16;

/// What a template can say of turns whose text is gone: counts, entries of closed lists, names of models
/// and tools, and the key phrases that passed the gate. No sentence can be made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    pub(crate) turns: u64,
    pub(crate) errors: u64,
    pub(crate) outcome: String,
    pub(crate) task: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) models: Vec<(String, u64)>,
    pub(crate) tools: Vec<(String, u64)>,
    pub(crate) tool_calls: u64,
    pub(crate) programs: Vec<(String, u64)>,
    pub(crate) subjects: Vec<(String, u64)>,
    pub(crate) work: Vec<(String, u64)>,
    pub(crate) phrases: Vec<KeptPhrase>,
}

/// A key phrase, and what it weighs beside others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptPhrase {
    pub(crate) words: String,
    pub(crate) weight: u64,
    pub(crate) turns: u64,
}

impl Features {
    /// Keeps what the material comes to, and of its phrases those that may be said.
    pub(crate) fn of(material: &Material, phrases: &[String]) -> Self {
        let reading = &material.reading;
        let named = |(name, count): (&'static str, u64)| (name.to_owned(), count);
        let phrase = |words: &String| {
            let (weight, turns) = reading.phrases.weight_of(words)?;
            Some(KeptPhrase { words: words.clone(), weight, turns })
        };
        Self {
            turns: material.turns,
            errors: material.errors,
            outcome: material.outcome.as_str().to_owned(),
            task: material.task.map(str::to_owned),
            language: reading.language.map(str::to_owned),
            models: most(material.models.iter()),
            tools: most(material.tools.iter()),
            tool_calls: material.tool_calls,
            programs: reading.programs.signs().map(named).collect(),
            subjects: reading.subjects().map(named).collect(),
            work: reading
                .work()
                .into_iter()
                .map(|(kind, score)| named((kind.as_str(), score)))
                .collect(),
            phrases: phrases.iter().filter_map(phrase).collect(),
        }
    }
}

/// The most frequent of the names; of equals, the first by name.
fn most<'a>(names: impl Iterator<Item = (&'a String, &'a u64)>) -> Vec<(String, u64)> {
    let mut names: Vec<_> = names.map(|(name, count)| (name.clone(), *count)).collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    names.truncate(MAX_KEPT_NAMES);
    names
}
