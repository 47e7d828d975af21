//! What an engine says of itself: states, counts and reasons, never a text.

use std::collections::BTreeMap;

use serde::Serialize;

/// How an engine with a model does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EngineStatus {
    /// Its name on the wire.
    pub name: &'static str,
    /// Its version on the wire: model and prompt.
    pub version: String,
    /// How it does.
    pub state: EngineState,
    /// How long it has been so, in milliseconds.
    pub state_ms: u64,
    /// The model's name.
    pub model: String,
    /// The sha256 of the model's file, where there is one on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where it is asked, where that is over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Why it last failed, in words.
    pub reason: Option<String>,
    /// Answers that it made, since the start.
    pub answers: u64,
    /// What it failed at, since the start.
    pub failures: BTreeMap<&'static str, u64>,
    /// Tokens that it read for its answers.
    pub prompt_tokens: u64,
    /// Tokens that it wrote.
    pub answer_tokens: u64,
    /// How often its process was started again after it had ended by itself.
    pub restarts: u64,
    /// The process that has the model, while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Memory of that process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident_bytes: Option<u64>,
}

/// How an engine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineState {
    /// Its model is not in memory; the next segment brings it there.
    Off,
    /// The model is being checked or loaded.
    Starting,
    /// It waits for something to do.
    Ready,
    /// It makes an answer.
    Busy,
    /// It failed, and is asked again in a moment.
    Resting,
    /// It cannot be used; it is looked at again now and then.
    Unusable,
}

impl EngineState {
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Busy => "busy",
            Self::Resting => "resting",
            Self::Unusable => "unusable",
        }
    }
}
