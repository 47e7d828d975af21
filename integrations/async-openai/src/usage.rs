//! From a typed usage to tokens.

use async_openai::types::chat::CompletionUsage;
use async_openai::types::embeddings::EmbeddingUsage;
use async_openai::types::responses::ResponseUsage;
use modelstat_wire::usage::{Shape, Usage, normalise};
use serde_json::to_value;

/// A usage that OpenAI reports.
///
/// ```
/// use async_openai::types::chat::{CompletionUsage, PromptTokensDetails};
/// use modelstat_async_openai::ToUsage;
///
/// let details = PromptTokensDetails { cached_tokens: Some(4), ..Default::default() };
/// let usage = CompletionUsage {
///     prompt_tokens: 10,
///     completion_tokens: 3,
///     prompt_tokens_details: Some(details),
///     ..Default::default()
/// };
/// let tokens = usage.to_usage().tokens;
/// assert_eq!((tokens.input, tokens.cache_read, tokens.output), (6, 4, 3));
/// ```
pub trait ToUsage {
    /// Returns it in five disjoint classes.
    fn to_usage(&self) -> Usage;
}

impl ToUsage for CompletionUsage {
    fn to_usage(&self) -> Usage {
        normalise(Shape::OpenaiChat, &to_value(self).unwrap_or_default())
    }
}

impl ToUsage for ResponseUsage {
    fn to_usage(&self) -> Usage {
        normalise(Shape::OpenaiResponses, &to_value(self).unwrap_or_default())
    }
}

impl ToUsage for EmbeddingUsage {
    fn to_usage(&self) -> Usage {
        normalise(Shape::OpenaiEmbeddings, &to_value(self).unwrap_or_default())
    }
}
