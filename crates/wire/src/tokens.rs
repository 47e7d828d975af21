//! Token counts in five disjoint classes.

use serde::{Deserialize, Serialize};

/// Token counts of one call.
///
/// The classes are disjoint: `input` excludes cache reads and writes, `output` excludes `reasoning`.
/// Every producer converts to this before it sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Prompt tokens that were neither read from nor written to a cache.
    pub input: u64,
    /// Completion tokens without reasoning.
    pub output: u64,
    /// Prompt tokens written to a cache.
    pub cache_creation: u64,
    /// Prompt tokens read from a cache.
    pub cache_read: u64,
    /// Completion tokens that the model spent on reasoning.
    pub reasoning: u64,
}

impl TokenUsage {
    /// Returns the sum of the five classes; it cannot overflow, as each is a `u64`.
    pub fn total(&self) -> u128 {
        [self.input, self.output, self.cache_creation, self.cache_read, self.reasoning]
            .into_iter()
            .map(u128::from)
            .sum()
    }
}

/// What a call's price depends on beyond the five classes; absent from published clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UsageDetail<T> {
    /// The part of `cache_creation` that was written to the one-hour cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_creation_1h: Option<u64>,
    /// The part of `input` that was audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<u64>,
    /// The part of `output` that was audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<u64>,
    /// Web searches that the provider ran and bills.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_search_requests: Option<u64>,
    /// The provider's service tier (`priority`, `flex`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<T>,
    /// The provider's speed class (`fast`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<T>,
    /// Whether the call was part of a discounted batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<bool>,
}
