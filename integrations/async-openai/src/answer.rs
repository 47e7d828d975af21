//! From a whole answer, or a refusal, to a call.

use async_openai::error::ApiError;
use async_openai::types::embeddings::{CreateBase64EmbeddingResponse, CreateEmbeddingResponse};
use modelstat::{Client, LlmCall};
use modelstat_spans::{Asked, Source, record_once, with_usage};
use serde_json::{Value, to_value};

use crate::usage::ToUsage;

/// The kind of a refusal that the provider does not name.
const UNNAMED_REFUSAL: &str = "api_error";

/// An answer of OpenAI's API.
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

/// Ends a call that the API refused, with the kind of the error and never its message.
#[must_use]
pub fn refused(asked: Asked, status: u16, error: &ApiError) -> LlmCall {
    let kind = error.code.as_deref().or(error.r#type.as_deref());
    asked.failed(kind.unwrap_or(UNNAMED_REFUSAL), Some(status))
}

/// Records a call, unless another integration has recorded the same answer.
pub fn record(client: &Client, call: LlmCall) {
    record_once(client, Source::AsyncOpenai, call);
}

impl Answer for CreateEmbeddingResponse {
    fn add_to(&self, call: LlmCall) -> LlmCall {
        with_usage(call.model(&self.model), self.usage.to_usage())
    }
}

impl Answer for CreateBase64EmbeddingResponse {
    fn add_to(&self, call: LlmCall) -> LlmCall {
        with_usage(call.model(&self.model), self.usage.to_usage())
    }
}

/// The name that a value of an enum has in the API.
pub(crate) fn name_of(value: &impl serde::Serialize) -> Option<String> {
    match to_value(value) {
        Ok(Value::String(name)) => Some(name),
        _ => None,
    }
}
