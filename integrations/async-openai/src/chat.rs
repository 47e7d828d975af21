//! Chat completions, whole and streamed.

use std::collections::BTreeMap;

use async_openai::types::chat::{
    ChatCompletionMessageToolCallChunk, ChatCompletionMessageToolCalls, CompletionUsage,
    CreateChatCompletionResponse, CreateChatCompletionStreamResponse,
};
use modelstat::{LlmCall, ToolCallInput};
use modelstat_spans::{Asked, Gathered, requested_tool, usage_in, with_usage};
use modelstat_wire::usage::{Shape, Usage};
use serde_json::{Value, to_value};

use crate::answer::{Answer, name_of};

/// Most tools of one answer that are gathered.
const MAX_TOOLS: usize = 128;

/// Stands between the texts of several choices.
const BETWEEN: &str = "\n";

impl Answer for CreateChatCompletionResponse {
    fn add_to(&self, call: LlmCall) -> LlmCall {
        let tier = self.service_tier.as_ref().and_then(|tier| to_value(tier).ok());
        let usage = chat_usage(self.usage.as_ref(), tier.as_ref());
        let mut call = with_usage(call.model(&self.model).response_id(&self.id), usage);
        let texts = self.choices.iter().filter_map(|choice| {
            choice.message.content.as_deref().or(choice.message.refusal.as_deref())
        });
        let texts: Vec<&str> = texts.collect();
        call.completion = (!texts.is_empty()).then(|| texts.join(BETWEEN));
        let tools = self.choices.iter().filter_map(|choice| choice.message.tool_calls.as_ref());
        call.tool_calls = tools.flatten().take(MAX_TOOLS).map(requested).collect();
        let reason = self.choices.iter().find_map(|choice| choice.finish_reason);
        match reason.and_then(|reason| name_of(&reason)) {
            Some(reason) => call.finish_reason(reason),
            None => call,
        }
    }
}

fn chat_usage(usage: Option<&CompletionUsage>, tier: Option<&Value>) -> Usage {
    let usage = usage.and_then(|usage| to_value(usage).ok()).unwrap_or_default();
    usage_in(Shape::OpenaiChat, &usage, tier)
}

fn requested(tool: &ChatCompletionMessageToolCalls) -> ToolCallInput {
    match tool {
        ChatCompletionMessageToolCalls::Function(tool) => {
            requested_tool(&tool.function.name, &tool.function.arguments)
        }
        ChatCompletionMessageToolCalls::Custom(tool) => {
            requested_tool(&tool.custom_tool.name, &tool.custom_tool.input)
        }
    }
}

/// Gathers a call from the chunks of a chat completion.
///
/// The API reports a usage only if the request has `stream_options.include_usage`; without it the usage
/// stays unknown. A stream that is dropped half-way is ended by [`finish`](Self::finish) all the same.
#[derive(Debug)]
pub struct ChatStream {
    asked: Asked,
    id: Option<String>,
    model: Option<String>,
    finish_reason: Option<String>,
    usage: Option<CompletionUsage>,
    service_tier: Option<Value>,
    text: Gathered,
    tools: BTreeMap<(u32, u32), (String, Gathered)>,
}

impl ChatStream {
    /// Begins with a call that was asked.
    #[must_use]
    pub fn new(asked: Asked) -> Self {
        Self {
            asked,
            id: None,
            model: None,
            finish_reason: None,
            usage: None,
            service_tier: None,
            text: Gathered::default(),
            tools: BTreeMap::new(),
        }
    }

    /// Takes a chunk.
    pub fn push(&mut self, chunk: &CreateChatCompletionStreamResponse) {
        if self.id.is_none() && !chunk.id.is_empty() {
            self.id = Some(chunk.id.clone());
            self.model = Some(chunk.model.clone());
        }
        if let Some(usage) = &chunk.usage {
            self.usage = Some(usage.clone());
        }
        if let Some(tier) = chunk.service_tier.as_ref().and_then(|tier| to_value(tier).ok()) {
            self.service_tier = Some(tier);
        }
        for choice in &chunk.choices {
            let delta = &choice.delta;
            for piece in delta.content.iter().chain(&delta.refusal).filter(|text| !text.is_empty())
            {
                self.asked.hear();
                self.text.push(piece);
            }
            for tool in delta.tool_calls.iter().flatten() {
                self.asked.hear();
                self.push_tool(choice.index, tool);
            }
            if let Some(reason) = &choice.finish_reason {
                self.finish_reason = name_of(reason);
            }
        }
    }

    fn push_tool(&mut self, choice: u32, chunk: &ChatCompletionMessageToolCallChunk) {
        let key = (choice, chunk.index);
        if !self.tools.contains_key(&key) && self.tools.len() == MAX_TOOLS {
            return;
        }
        let (name, arguments) = self.tools.entry(key).or_default();
        let Some(function) = &chunk.function else { return };
        if let Some(stated) = function.name.as_ref().filter(|_| name.is_empty()) {
            name.clone_from(stated);
        }
        arguments.push(function.arguments.as_deref().unwrap_or_default());
    }

    /// Ends the call with what came.
    #[must_use]
    pub fn finish(self) -> LlmCall {
        let usage = chat_usage(self.usage.as_ref(), self.service_tier.as_ref());
        let mut call = with_usage(self.asked.ended(), usage);
        call.model = self.model.or(call.model);
        call.completion = self.text.into_text();
        let tools = self.tools.values();
        call.tool_calls =
            tools.map(|(name, arguments)| requested_tool(name, arguments.as_str())).collect();
        if let Some(id) = self.id {
            call = call.response_id(id);
        }
        match self.finish_reason {
            Some(reason) => call.finish_reason(reason),
            None => call,
        }
    }
}
