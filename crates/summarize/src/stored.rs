//! What a store keeps of a turn until its segment closes, and of a segment once it is closed.

use std::collections::{HashMap, HashSet};

use modelstat_redact::RedactedText;
use modelstat_wire::{Event, IngestBatch, TokenUsage};
use serde::{Deserialize, Serialize};

use crate::engine::Turn;
use crate::features::Features;
use crate::removed_words::StoredRemoved;

/// What an abstract is made of.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoredTurn<T> {
    /// Who spoke or what it is.
    pub kind: T,
    /// The integration that made the call.
    pub agent: T,
    /// The device that it came from.
    pub device_id: T,
    /// The model that served it.
    pub model: Option<T>,
    /// The redacted text.
    pub text: Option<T>,
    /// Tools that it called, with counts.
    pub tools: Vec<(T, u64)>,
    /// What redaction found in it, by rule.
    pub redactions: Vec<(T, u64)>,
    /// The tokens of the call.
    pub tokens: Option<TokenUsage>,
    /// Whether the call failed.
    pub failed: bool,
    /// Whether the producer named the session itself.
    pub is_titled: bool,
    /// What redaction removed from the event.
    #[serde(default, skip_serializing_if = "StoredRemoved::is_empty")]
    pub removed: StoredRemoved,
}

impl<T> StoredTurn<T> {
    /// Turns each text into one of another type.
    pub fn map<U>(self, mut map: impl FnMut(T) -> U) -> StoredTurn<U> {
        let mut counted = |pairs: Vec<(T, u64)>| {
            pairs.into_iter().map(|(name, number)| (map(name), number)).collect()
        };
        let (tools, redactions) = (counted(self.tools), counted(self.redactions));
        StoredTurn {
            kind: map(self.kind),
            agent: map(self.agent),
            device_id: map(self.device_id),
            model: self.model.map(&mut map),
            text: self.text.map(&mut map),
            tools,
            redactions,
            tokens: self.tokens,
            failed: self.failed,
            is_titled: self.is_titled,
            removed: self.removed,
        }
    }
}

impl From<StoredTurn<RedactedText>> for Turn {
    fn from(stored: StoredTurn<RedactedText>) -> Self {
        Self {
            kind: stored.kind,
            model: stored.model,
            text: stored.text,
            tools: stored.tools,
            failed: stored.failed,
        }
    }
}

/// The turns of a batch, one for each event.
#[derive(Debug)]
pub struct BatchTurns<'a> {
    batch: &'a IngestBatch<RedactedText>,
    called: HashMap<&'a str, Vec<(&'a RedactedText, u64)>>,
    titled: HashSet<&'a RedactedText>,
}

impl<'a> BatchTurns<'a> {
    /// Takes the batch.
    pub fn of(batch: &'a IngestBatch<RedactedText>) -> Self {
        let titled = batch.session_titles.iter().map(|(session, _)| session).collect();
        Self { batch, called: tools_by_event(batch), titled }
    }

    /// Makes the turn of one of the batch's events, from which redaction removed these words.
    pub fn turn(
        &self,
        event: &'a Event<RedactedText>,
        removed: StoredRemoved,
    ) -> StoredTurn<&'a RedactedText> {
        let listed = self.called.get(event.source_event_id.as_str());
        StoredTurn {
            kind: &event.kind,
            agent: &event.agent,
            device_id: &self.batch.device_id,
            model: event.model.as_ref(),
            text: event.content_excerpt.as_ref(),
            tools: match listed {
                Some(tools) if event.tool_calls.is_empty() => tools.clone(),
                _ => event.tool_calls.iter().map(|(tool, count)| (tool, *count)).collect(),
            },
            redactions: event.redactions.iter().map(|(rule, count)| (rule, *count)).collect(),
            tokens: event.tokens,
            failed: event.error.is_some(),
            is_titled: self.titled.contains(&event.session_id),
            removed,
        }
    }
}

/// Tools by event, for producers that list tool calls but don't count them.
fn tools_by_event(batch: &IngestBatch<RedactedText>) -> HashMap<&str, Vec<(&RedactedText, u64)>> {
    let mut called: HashMap<&str, Vec<(&RedactedText, u64)>> = HashMap::new();
    for call in &batch.tool_calls {
        let Some(event) = call.source_event_id.as_deref() else { continue };
        let tools = called.entry(event).or_default();
        match tools.iter_mut().find(|(name, _)| *name == &call.name) {
            Some((_, count)) => *count += 1,
            None => tools.push((&call.name, 1)),
        }
    }
    called
}

/// What is kept of a segment: what of it has left, and what may be said of it again.
#[derive(Debug, Serialize, Deserialize)]
pub struct ClosedSegment<T> {
    /// The segment's id.
    pub segment_id: T,
    /// How often it was made.
    pub generation: u64,
    /// The device that it came from.
    pub device_id: T,
    /// The integration that made the calls.
    pub agent: Option<T>,
    /// The tokens of all its events.
    pub tokens: Option<TokenUsage>,
    /// What redaction found in its turns, by rule.
    pub redactions: Vec<(T, u64)>,
    /// The events that it holds.
    pub event_ids: Vec<T>,
    /// Whether the producer named the session itself.
    pub is_titled: bool,
    /// The abstract that has left.
    pub text: T,
    /// Whether a model made it.
    #[serde(default)]
    pub is_of_model: bool,
    /// What the template knows of it.
    pub features: Features,
    /// What redaction removed from its turns.
    pub removed: StoredRemoved,
}

impl<T> ClosedSegment<T> {
    /// Turns each text into one of another type.
    pub fn map<U>(self, mut map: impl FnMut(T) -> U) -> ClosedSegment<U> {
        ClosedSegment {
            segment_id: map(self.segment_id),
            generation: self.generation,
            device_id: map(self.device_id),
            agent: self.agent.map(&mut map),
            tokens: self.tokens,
            redactions: self
                .redactions
                .into_iter()
                .map(|(rule, number)| (map(rule), number))
                .collect(),
            event_ids: self.event_ids.into_iter().map(&mut map).collect(),
            is_titled: self.is_titled,
            text: map(self.text),
            is_of_model: self.is_of_model,
            features: self.features,
            removed: self.removed,
        }
    }
}
