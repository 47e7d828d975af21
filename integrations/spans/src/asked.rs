//! A call that is under way, for clients that hand over answers instead of spans.

use std::time::Instant;

use chrono::{DateTime, Utc};
use modelstat::{LlmCall, ToolCallInput, ToolCallStatus};

use crate::reading::json_or_text;

/// Most of an answer that is gathered from its pieces. It is more than the SDK keeps, so that the SDK
/// knows of the cut and leaves out what may be half of a secret.
const MAX_GATHERED_BYTES: usize = 1024 * 1024 + 4 * 1024;

/// A call that was asked and is not answered yet.
#[derive(Debug)]
pub struct Asked {
    call: LlmCall,
    began: Instant,
    heard_at: Option<DateTime<Utc>>,
}

impl Asked {
    /// Begins now: what is made of it starts here and has a duration.
    #[must_use]
    pub fn now(provider: impl Into<String>, session_id: impl Into<String>) -> Self {
        let call = LlmCall::new(provider, session_id);
        Self { call, began: Instant::now(), heard_at: None }
    }

    /// Sets the model that was asked for; the one that answers takes its place.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.call.model = Some(model.into());
        self
    }

    /// Sets what was asked, as captured; the SDK redacts it.
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.call.prompt = Some(prompt.into());
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.call = self.call.metadata(key, value);
        self
    }

    /// Notes that a piece of the answer came; the first counts.
    pub fn hear(&mut self) {
        self.heard_at.get_or_insert_with(Utc::now);
    }

    /// Ends it now.
    #[must_use]
    pub fn ended(self) -> LlmCall {
        let Self { mut call, began, heard_at } = self;
        call.duration = Some(began.elapsed());
        call.first_token_at = heard_at;
        call
    }

    /// Ends it now with a failure of a kind, such as `timeout`; never a message. One that the provider
    /// refused with a status used nothing, otherwise nobody knows what was used.
    #[must_use]
    pub fn failed(self, kind: impl Into<String>, status: Option<u16>) -> LlmCall {
        let call = self.ended().failed(kind, status);
        if status.is_some() { call } else { call.usage_unknown() }
    }
}

/// Makes a tool that a model asked for; how it ended nobody knows yet.
#[must_use]
pub fn requested_tool(name: impl Into<String>, arguments: &str) -> ToolCallInput {
    let mut tool = ToolCallInput::new(name, ToolCallStatus::Unknown);
    tool.args = Some(json_or_text(arguments));
    tool
}

/// Text that comes in pieces, within a limit.
#[derive(Clone, Default)]
pub struct Gathered {
    text: String,
}

/// Shows how much it holds only: an answer is as captured.
impl std::fmt::Debug for Gathered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gathered").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

impl Gathered {
    /// Adds a piece; what is over the limit is left out.
    pub fn push(&mut self, piece: &str) {
        let room = MAX_GATHERED_BYTES - self.text.len();
        self.text.push_str(&piece[..piece.floor_char_boundary(room)]);
    }

    /// What came so far; `None` if nothing did.
    #[must_use]
    pub fn into_text(self) -> Option<String> {
        (!self.text.is_empty()).then_some(self.text)
    }

    /// What came so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gathered_has_a_limit() {
        let mut gathered = Gathered::default();
        for _ in 0..100 {
            gathered.push(&"é".repeat(50_001));
        }
        let gathered = gathered.into_text().expect("a text").len();
        assert!((MAX_GATHERED_BYTES - 1..=MAX_GATHERED_BYTES).contains(&gathered));
    }

    #[test]
    fn a_refused_call_used_nothing_and_a_lost_one_is_unknown() {
        let extra = |call: LlmCall| *call.extra.expect("an error");
        let refused = extra(Asked::now("openai", "session").failed("rate_limit", Some(429)));
        let lost = extra(Asked::now("openai", "session").failed("timeout", None));
        assert!(!refused.is_usage_unknown && lost.is_usage_unknown);
    }
}
