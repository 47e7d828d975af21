//! What the template writes from: the turns of a segment, and what is kept of turns that are gone.

use std::collections::BTreeMap;

use crate::engine::Turn;
use crate::features::Features;
use crate::language;
use crate::outcome::{Outcome, outcome};
use crate::task::{self, task_of};
use crate::template::is_name;
use crate::words::{Opening, Piece, Reading, pieces};

/// Where late turns stand in a segment that was closed without them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatePlace {
    /// Whether one of them comes before every other turn: then they say what was asked.
    pub begins: bool,
    /// Whether one of them comes after every other turn: then they say what came of it.
    pub ends: bool,
}

/// Facts and words of a segment.
pub(crate) struct Material {
    pub(crate) reading: Reading,
    pub(crate) turns: u64,
    pub(crate) errors: u64,
    pub(crate) outcome: Outcome,
    pub(crate) task: Option<&'static str>,
    pub(crate) models: BTreeMap<String, u64>,
    pub(crate) tools: BTreeMap<String, u64>,
    /// Calls of tools whose names say nothing, too.
    pub(crate) tool_calls: u64,
}

impl Material {
    /// Reads the turns of a whole segment.
    pub(crate) fn of(turns: &[Turn]) -> Self {
        Self::read(turns, Opening::Weighty)
    }

    /// Reads late turns, and adds what is kept of the earlier ones.
    pub(crate) fn with_earlier(earlier: &Features, place: LatePlace, late: &[Turn]) -> Self {
        let opening = if place.begins { Opening::Weighty } else { Opening::Plain };
        let mut material = Self::read(late, opening);
        let earlier_task = earlier.task.as_deref().and_then(task::known);
        let earlier_language = earlier.language.as_deref().and_then(language::known);
        material.task = if place.begins {
            material.task.or(earlier_task)
        } else {
            earlier_task.or(material.task)
        };
        material.reading.language = if material.turns > earlier.turns {
            material.reading.language.or(earlier_language)
        } else {
            earlier_language.or(material.reading.language)
        };
        if !place.ends {
            material.outcome = Outcome::from_word(&earlier.outcome).unwrap_or(material.outcome);
        }
        material.turns = material.turns.saturating_add(earlier.turns);
        material.errors = material.errors.saturating_add(earlier.errors);
        material.tool_calls = material.tool_calls.saturating_add(earlier.tool_calls);
        add(&mut material.models, &earlier.models);
        add(&mut material.tools, &earlier.tools);
        material.reading.recall(earlier);
        material
    }

    fn read(turns: &[Turn], opening: Opening) -> Self {
        let pieces = pieces(turns);
        let question = pieces.iter().find(|piece| piece.is_question).or(pieces.first());
        let (tool_calls, tools) = tools(turns);
        Self {
            reading: Reading::of(&pieces, opening),
            turns: turns.len() as u64,
            errors: turns.iter().filter(|turn| turn.failed).count() as u64,
            outcome: outcome(turns, &pieces),
            task: question.and_then(|question: &Piece<'_>| task_of(question.text)),
            models: models(turns),
            tools,
            tool_calls,
        }
    }
}

fn add(counts: &mut BTreeMap<String, u64>, more: &[(String, u64)]) {
    for (name, count) in more {
        let total = counts.entry(name.clone()).or_default();
        *total = total.saturating_add(*count);
    }
}

/// How many turns each model served. A name that may be anything is counted under no name, so that a
/// rarer one does not stand in its place.
fn models(turns: &[Turn]) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for model in turns.iter().filter_map(|turn| turn.model.as_deref()) {
        let name = if is_name(model) { model } else { "" };
        *counts.entry(name.to_owned()).or_default() += 1;
    }
    counts
}

fn tools(turns: &[Turn]) -> (u64, BTreeMap<String, u64>) {
    let mut calls: u64 = 0;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (tool, count) in turns.iter().flat_map(|turn| &turn.tools) {
        calls = calls.saturating_add(*count);
        if is_name(tool) {
            let total = counts.entry(tool.as_str().to_owned()).or_default();
            *total = total.saturating_add(*count);
        }
    }
    (calls, counts)
}
