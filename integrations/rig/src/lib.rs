//! Records the calls that a program makes through `rig`.
//!
//! Say when a call is asked, and hand over what came of it:
//!
//! ```
//! use modelstat::{Client, Config};
//! use modelstat_rig::{Asked, answered, failed, record};
//! use rig_core::completion::CompletionResponse;
//! use rig_core::error::ProviderError;
//!
//! # fn call() -> Result<CompletionResponse, ProviderError> { Err(ProviderError::Truncated) }
//! let ms = Client::new(Config::new("msk_live_…", "raw_sdk_openai", "checkout-api"));
//! let asked = Asked::now("openai", "conversation-1").prompt("What is the capital of France?");
//! match call() { // model.call(request).await
//!     Ok(answer) => record(&ms, answered(asked, &answer)),
//!     Err(error) => record(&ms, failed(asked, &error)),
//! }
//! ```
//!
//! Only a usage is turned into tokens by [`usage`]. With the layer of `modelstat-tracing` none of this is
//! needed, as `rig` describes its calls in spans; with both, an answer that has an id is recorded once.
//!
//! What this crate deliberately does not do: it wraps no client and sends nothing, and of `rig` it takes
//! the types, without an HTTP client.

use modelstat::{Client, LlmCall, ToolCallInput, ToolCallStatus};
use modelstat_spans::{Source, record_once, with_usage};
use modelstat_wire::usage::{Shape, Usage, normalise};
use rig_core::completion::{CompletionResponse, FinishReason};
use rig_core::embeddings::EmbeddingResponse;
use rig_core::error::{ErrorKind, ProviderError};
use rig_core::message::ToolCall;
use serde_json::{Value, json};

pub use modelstat_spans::Asked;

/// Most tools of one answer that are taken.
const MAX_TOOLS: usize = 128;

/// The kind of a failure that an answer reports of itself.
const FAILED_TURN: &str = "failed_turn";

/// An answer of `rig`.
pub trait Answer {
    /// Adds to a call what the answer says of it.
    #[must_use]
    fn add_to(&self, call: LlmCall) -> LlmCall;
}

/// Ends a call with its answer.
#[must_use]
pub fn answered(asked: Asked, answer: &impl Answer) -> LlmCall {
    answer.add_to(asked.ended())
}

/// Ends a call that failed, with the kind of the error and never its message.
#[must_use]
pub fn failed(asked: Asked, error: &ProviderError) -> LlmCall {
    let status = error.provider_response_status().map(|status| status.as_u16());
    let code = error.provider_response().and_then(rig_core::ProviderResponseError::machine_code);
    let kind = code.unwrap_or_else(|| error.kind().code().to_owned());
    // An error in an answer that succeeded may have used something.
    let refused = status.filter(|status| *status >= 400);
    match error.kind() {
        ErrorKind::Request | ErrorKind::Url => {
            let mut call = asked.failed(kind, refused);
            // It was never sent.
            call.extra_mut().is_usage_unknown = false;
            call
        }
        _ => asked.failed(kind, refused),
    }
}

/// Records a call, unless another integration has recorded the same answer.
pub fn record(client: &Client, call: LlmCall) {
    record_once(client, Source::Rig, call);
}

/// Returns a usage in five disjoint classes.
///
/// ```
/// use rig_core::completion::Usage;
///
/// let reported = Usage::new().input_tokens(10).output_tokens(5).reasoning_tokens(2);
/// let tokens = modelstat_rig::usage(&reported).tokens;
/// assert_eq!((tokens.input, tokens.output, tokens.reasoning), (10, 3, 2));
/// ```
#[must_use]
pub fn usage(usage: &rig_core::completion::Usage) -> Usage {
    if usage.input_tokens.is_none() && usage.output_tokens.is_none() {
        return Usage::default();
    }
    // As in LangChain's shape, the totals include their details, whoever the provider is.
    let shown = json!({
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "input_token_details": {
            "cache_read": usage.cached_input_tokens,
            "cache_creation": usage.cache_creation_input_tokens,
        },
        "output_token_details": { "reasoning": usage.reasoning_tokens },
    });
    normalise(Shape::Langchain, &shown)
}

impl Answer for CompletionResponse {
    fn add_to(&self, mut call: LlmCall) -> LlmCall {
        call.provider.clone_from(&self.origin.provider);
        let model = self.model().unwrap_or(&self.origin.model);
        let mut call = with_usage(call.model(model), usage(&self.usage));
        call.completion = Some(self.text()).filter(|text| !text.is_empty());
        call.tool_calls = self.tool_calls().take(MAX_TOOLS).map(requested).collect();
        if let Some(id) = self.response_id() {
            call = call.response_id(id);
        }
        if let Some(reason) = self.finish_reason() {
            call = call.finish_reason(finish_name(reason));
        }
        if self.error.is_some() { call.failed(FAILED_TURN, None) } else { call }
    }
}

impl Answer for EmbeddingResponse {
    fn add_to(&self, mut call: LlmCall) -> LlmCall {
        if !self.provider.is_empty() {
            call.provider.clone_from(&self.provider);
        }
        call.model = self.model.clone().or(call.model);
        let call = with_usage(call, usage(&self.usage));
        match &self.response_id {
            Some(id) => call.response_id(id),
            None => call,
        }
    }
}

/// A tool that the model asked for; how it ended nobody knows yet.
fn requested(tool: &ToolCall) -> ToolCallInput {
    let function = &tool.function;
    let mut input = ToolCallInput::new(&*function.name, ToolCallStatus::Unknown);
    let invalid = function.invalid_arguments.clone().map(Value::String);
    input.args = Some(invalid.unwrap_or_else(|| function.arguments_value()));
    input
}

fn finish_name(reason: FinishReason) -> String {
    match reason {
        FinishReason::Stop => "stop".to_owned(),
        FinishReason::Length => "length".to_owned(),
        FinishReason::ToolCalls => "tool_calls".to_owned(),
        FinishReason::ContentFilter => "content_filter".to_owned(),
        FinishReason::Other(reason) => reason,
        _ => "other".to_owned(),
    }
}
