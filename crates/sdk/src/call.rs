//! What a caller hands over for each LLM call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::ambient::Tags;
use crate::wire::{CallError, EventKind, GitContext, TokenUsage, ToolCallStatus, UsageDetail};

/// Longest prompt or completion that waits, in bytes; of a longer one the beginning is kept. One
/// text of this length fills four times what a whole turn may have on the wire.
pub(crate) const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// How deep arguments are measured; deeper ones count a little each.
const MEASURED_DEPTH: usize = 16;

/// One captured LLM call. Its texts are as captured; the worker redacts them.
#[derive(Clone, Debug, PartialEq)]
pub struct LlmCall {
    /// Who served it.
    pub provider: String,
    /// The model that served it.
    pub model: Option<String>,
    /// The trace or conversation that it belongs to.
    pub session_id: String,
    /// What the record is about.
    pub kind: EventKind,
    /// The token counts.
    pub tokens: TokenUsage,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When the first chunk of the answer came, if somebody watched for it.
    pub first_token_at: Option<DateTime<Utc>>,
    /// How long it took.
    pub duration: Option<Duration>,
    /// What was asked.
    pub prompt: Option<String>,
    /// What was answered.
    pub completion: Option<String>,
    /// The working directory.
    pub cwd: Option<String>,
    /// The repository that it was about.
    pub git: Option<GitContext>,
    /// The tools that were invoked.
    pub tool_calls: Vec<ToolCallInput>,
    /// Tags; they win over ambient ones and those of the configuration.
    pub metadata: BTreeMap<String, String>,
    /// What most calls don't have.
    pub extra: Option<Box<CallExtra>>,
}

/// What most calls don't have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallExtra {
    /// How the call failed.
    pub error: Option<CallError>,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// The provider's id of the answer.
    pub response_id: Option<String>,
    /// Which attempt this was, from 1.
    pub attempt: Option<u64>,
    /// What the price depends on beyond the token classes.
    pub usage_detail: Option<UsageDetail>,
    /// Whether the token counts are unknown, and the zeros mean nothing.
    pub is_usage_unknown: bool,
    /// How the call is billed, as clients of 0.0.1 say it.
    pub billing: Option<String>,
    /// Digests of tool arguments that were made elsewhere, by the tool call's place.
    pub arguments: Vec<Option<ArgumentDigest>>,
    /// Whether the end of a text is missing.
    pub(crate) is_cut: bool,
    /// The tags that held where the call was recorded.
    pub(crate) ambient: Option<Arc<Tags>>,
}

/// What is sent of a tool's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentDigest {
    /// SHA-256 of the arguments as JSON; empty when there are none.
    pub args_hash: String,
    /// SHA-256 of the arguments' sorted names; `none` when they are no object.
    pub signature_hash: String,
    /// The arguments' length as JSON.
    pub args_bytes: u32,
}

/// One captured invocation of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCallInput {
    /// The tool's bare name.
    pub name: String,
    /// `builtin` or `mcp:<server>`.
    pub server: String,
    /// The arguments; hashed and measured, never sent.
    pub args: Option<Value>,
    /// The result's length.
    pub result_bytes: u32,
    /// How it ended.
    pub status: ToolCallStatus,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// The commands that a shell tool ran, by family: at most three.
    pub command_families: Vec<String>,
}

impl ToolCallInput {
    /// Makes a call of a built-in tool that started now.
    #[must_use]
    pub fn new(name: impl Into<String>, status: ToolCallStatus) -> Self {
        Self {
            name: name.into(),
            server: "builtin".into(),
            args: None,
            result_bytes: 0,
            status,
            started_at: Utc::now(),
            ended_at: None,
            command_families: Vec::new(),
        }
    }
}

impl LlmCall {
    /// Makes the record of an answer to a call that started now.
    #[must_use]
    pub fn new(provider: impl Into<String>, session_id: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            session_id: session_id.into(),
            started_at: Utc::now(),
            ..Self::empty()
        }
    }

    /// A call of nothing, without anything on the heap.
    pub(crate) fn empty() -> Self {
        Self {
            provider: String::new(),
            model: None,
            session_id: String::new(),
            kind: EventKind::AssistantMessage,
            tokens: TokenUsage::default(),
            started_at: DateTime::UNIX_EPOCH,
            first_token_at: None,
            duration: None,
            prompt: None,
            completion: None,
            cwd: None,
            git: None,
            tool_calls: Vec::new(),
            metadata: BTreeMap::new(),
            extra: None,
        }
    }

    /// Sets the model.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets the token counts.
    #[must_use]
    pub fn tokens(mut self, tokens: TokenUsage) -> Self {
        self.tokens = tokens;
        self
    }

    /// States when the first chunk of the answer came.
    #[must_use]
    pub fn first_token_at(mut self, at: DateTime<Utc>) -> Self {
        self.first_token_at = Some(at);
        self
    }

    /// Sets how long the call took.
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// Sets prompt and completion, as captured.
    #[must_use]
    pub fn text(mut self, prompt: impl Into<String>, completion: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self.completion = Some(completion.into());
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Adds tags.
    #[must_use]
    pub fn with_metadata<K, V>(mut self, tags: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        self.metadata.extend(tags.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// States that the call failed: the kind of the failure, never its message.
    #[must_use]
    pub fn failed(mut self, kind: impl Into<String>, status: Option<u16>) -> Self {
        let error = CallError { kind: kind.into(), status: status.map(u64::from) };
        self.extra_mut().error = Some(error);
        self
    }

    /// Sets why the model stopped.
    #[must_use]
    pub fn finish_reason(mut self, reason: impl Into<String>) -> Self {
        self.extra_mut().finish_reason = Some(reason.into());
        self
    }

    /// Sets the provider's id of the answer.
    #[must_use]
    pub fn response_id(mut self, id: impl Into<String>) -> Self {
        self.extra_mut().response_id = Some(id.into());
        self
    }

    /// Sets what the price depends on beyond the token classes.
    #[must_use]
    pub fn usage_detail(mut self, detail: UsageDetail) -> Self {
        self.extra_mut().usage_detail = Some(detail);
        self
    }

    /// States that nobody knows how many tokens were used.
    #[must_use]
    pub fn usage_unknown(mut self) -> Self {
        self.extra_mut().is_usage_unknown = true;
        self
    }

    /// What most calls don't have, made when it is first needed.
    pub fn extra_mut(&mut self) -> &mut CallExtra {
        self.extra.get_or_insert_default()
    }

    /// Adds ambient tags under the call's own.
    pub(crate) fn add_ambient(&mut self) {
        let Some(ambient) = self.extra.as_mut().and_then(|extra| extra.ambient.take()) else {
            return;
        };
        for (key, value) in ambient.iter() {
            if !self.metadata.contains_key(key) {
                self.metadata.insert(key.clone(), value.clone());
            }
        }
    }

    /// Bytes that the call holds, roughly: what counts against the budget.
    pub(crate) fn held_bytes(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let mut bytes = size_of::<Self>()
            + self.provider.len()
            + self.session_id.len()
            + optional(&self.model)
            + optional(&self.prompt)
            + optional(&self.completion)
            + optional(&self.cwd);
        for (key, value) in &self.metadata {
            bytes += key.len() + value.len();
        }
        for tool in &self.tool_calls {
            bytes += size_of::<ToolCallInput>() + tool.name.len() + tool.server.len();
            bytes += tool.args.as_ref().map_or(0, |args| json_bytes(args, 0));
            bytes += tool.command_families.iter().map(String::len).sum::<usize>();
        }
        bytes
    }

    /// Whether a text is longer than may wait.
    pub(crate) fn has_long_text(&self) -> bool {
        let is_long = |text: &Option<String>| {
            text.as_ref().is_some_and(|text| text.capacity() > MAX_TEXT_BYTES)
        };
        is_long(&self.prompt) || is_long(&self.completion)
    }

    /// Cuts texts to what may wait, and gives the memory of the rest back.
    pub(crate) fn cut_long_texts(&mut self) {
        let mut is_cut = false;
        for text in [&mut self.prompt, &mut self.completion].into_iter().flatten() {
            if text.len() > MAX_TEXT_BYTES {
                text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
                is_cut = true;
            }
            text.shrink_to_fit();
        }
        if is_cut {
            self.extra_mut().is_cut = true;
        }
    }
}

fn json_bytes(value: &Value, depth: usize) -> usize {
    let own = size_of::<Value>();
    if depth == MEASURED_DEPTH {
        return own;
    }
    own + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| json_bytes(item, depth + 1)).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(key, item)| key.len() + json_bytes(item, depth + 1)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
