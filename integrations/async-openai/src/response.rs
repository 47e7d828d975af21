//! Responses, whole and streamed.

use async_openai::types::responses::{
    MCPToolCall, MCPToolCallStatus, OutputItem, OutputMessageContent, Response, ResponseStreamEvent,
};
use modelstat::{LlmCall, ToolCallInput, ToolCallStatus};
use modelstat_spans::{Asked, Gathered, requested_tool, usage_in, with_usage};
use modelstat_wire::usage::Shape;
use serde_json::to_value;

use crate::answer::{Answer, name_of};

/// Most tools of one answer that are taken.
const MAX_TOOLS: usize = 128;

/// Stands between texts.
const BETWEEN: &str = "\n";

/// The kind of a failure that the API does not name.
const UNNAMED_FAILURE: &str = "response_failed";

impl Answer for Response {
    fn add_to(&self, call: LlmCall) -> LlmCall {
        let tier = self.service_tier.as_ref().and_then(|tier| to_value(tier).ok());
        let usage = self.usage.as_ref().and_then(|usage| to_value(usage).ok()).unwrap_or_default();
        let usage = usage_in(Shape::OpenaiResponses, &usage, tier.as_ref());
        let mut call = with_usage(call.model(&self.model).response_id(&self.id), usage);
        let texts: Vec<&str> = self.output.iter().flat_map(texts).collect();
        call.completion = (!texts.is_empty()).then(|| texts.join(BETWEEN));
        call.tool_calls = self.output.iter().filter_map(tool).take(MAX_TOOLS).collect();
        let reason = self.incomplete_details.as_ref().map(|details| details.reason.clone());
        if let Some(reason) = reason.or_else(|| name_of(&self.status)) {
            call = call.finish_reason(reason);
        }
        match &self.error {
            Some(error) => {
                let kind = name_of(&error.code);
                call.failed(kind.unwrap_or_else(|| UNNAMED_FAILURE.to_owned()), None)
            }
            None => call,
        }
    }
}

fn texts(item: &OutputItem) -> Vec<&str> {
    let OutputItem::Message(message) = item else { return Vec::new() };
    let texts = message.content.iter().map(|content| match content {
        OutputMessageContent::OutputText(content) => content.text.as_str(),
        OutputMessageContent::Refusal(content) => content.refusal.as_str(),
    });
    texts.collect()
}

fn tool(item: &OutputItem) -> Option<ToolCallInput> {
    match item {
        OutputItem::FunctionCall(tool) => Some(requested_tool(&tool.name, &tool.arguments)),
        OutputItem::CustomToolCall(tool) => Some(requested_tool(&tool.name, &tool.input)),
        OutputItem::McpCall(tool) => Some(mcp_tool(tool)),
        _ => None,
    }
}

/// A tool that the provider ran itself, on a server that is its own.
fn mcp_tool(call: &MCPToolCall) -> ToolCallInput {
    let mut tool = requested_tool(&call.name, &call.arguments);
    tool.server = format!("mcp:{}", call.server_label);
    tool.result_bytes =
        call.output.as_ref().map_or(0, |output| u32::try_from(output.len()).unwrap_or(u32::MAX));
    tool.status = match &call.status {
        _ if call.error.is_some() => ToolCallStatus::Error,
        Some(MCPToolCallStatus::Failed) => ToolCallStatus::Error,
        Some(MCPToolCallStatus::Completed) => ToolCallStatus::Success,
        _ => ToolCallStatus::Unknown,
    };
    tool
}

/// Gathers a call from the events of a streamed response.
///
/// The last event holds the whole response, which is what is recorded; of a stream that breaks off
/// there is the text that came, and the usage is unknown.
#[derive(Debug)]
pub struct ResponseStream {
    asked: Asked,
    /// What was last said of the whole.
    begun: Option<Box<Response>>,
    is_over: bool,
    failure: Option<String>,
    text: Gathered,
}

impl ResponseStream {
    /// Begins with a call that was asked.
    #[must_use]
    pub fn new(asked: Asked) -> Self {
        Self { asked, begun: None, is_over: false, failure: None, text: Gathered::default() }
    }

    /// Takes an event.
    pub fn push(&mut self, event: &ResponseStreamEvent) {
        match event {
            ResponseStreamEvent::ResponseCreated(event) => self.begin(&event.response),
            ResponseStreamEvent::ResponseOutputTextDelta(event) => self.hear(&event.delta),
            ResponseStreamEvent::ResponseRefusalDelta(event) => self.hear(&event.delta),
            ResponseStreamEvent::ResponseFunctionCallArgumentsDelta(_) => self.asked.hear(),
            ResponseStreamEvent::ResponseCompleted(event) => self.end(&event.response),
            ResponseStreamEvent::ResponseIncomplete(event) => self.end(&event.response),
            ResponseStreamEvent::ResponseFailed(event) => self.end(&event.response),
            ResponseStreamEvent::ResponseError(event) => {
                let kind = event.code.as_deref().unwrap_or(UNNAMED_FAILURE);
                self.failure = Some(kind.to_owned());
            }
            _ => {}
        }
    }

    fn hear(&mut self, piece: &str) {
        self.asked.hear();
        self.text.push(piece);
    }

    fn begin(&mut self, response: &Response) {
        self.begun = Some(Box::new(response.clone()));
    }

    fn end(&mut self, response: &Response) {
        self.begin(response);
        self.is_over = true;
    }

    /// Ends the call with what came.
    #[must_use]
    pub fn finish(self) -> LlmCall {
        let call = self.asked.ended();
        let mut call = match &self.begun {
            Some(response) => response.add_to(call),
            None => call.usage_unknown(),
        };
        if !self.is_over {
            call.completion = self.text.into_text();
            // `in_progress` is no reason to have stopped.
            call.extra_mut().finish_reason = None;
        }
        match self.failure {
            Some(kind) => call.failed(kind, None),
            None => call,
        }
    }
}
