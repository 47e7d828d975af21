//! The table: where each provider's usage object says what, and what its counts include.
//!
//! Paths are keys with dots between them; `list[label].key` sums the entries of a list that carry
//! the label. Of several paths the first that is present wins.

use super::counts::Field;
use super::counts::Field::{
    AudioCached, AudioInput, AudioOutput, AudioSeconds, CacheRead, CacheReadBeside, CacheWrite,
    CacheWriteBeside, CacheWriteHour, CacheWriteLong, CacheWriteMinutes, Input, InputBeside,
    Output, OutputBeside, Reasoning, Total, WebSearch,
};
use super::settle::Excess;
use super::settle::Place::{Beside, Within};
use super::settle::Rules;
use super::shape::Shape;

/// What is known of one shape.
pub(super) struct Row {
    pub(super) shape: Shape,
    /// The name that the SDKs know it by.
    pub(super) name: &'static str,
    pub(super) rules: Rules,
    /// Where each count is.
    pub(super) counts: &'static [(Field, &'static [&'static str])],
    /// Where the service tier is.
    pub(super) tiers: &'static [Tier],
    /// Where the speed is.
    pub(super) speeds: &'static [&'static str],
    /// Where a chunk or a whole answer holds the usage; what holds none may be one itself.
    pub(super) wrappers: &'static [&'static str],
    /// Where a chunk holds a usage that the rest of the stream completes.
    pub(super) opening: &'static [&'static str],
    /// Where a chunk or a whole answer holds the service tier, outside the usage.
    pub(super) envelope_tiers: &'static [Tier],
    pub(super) merge: Merge,
}

/// How the reports of one stream go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merge {
    /// Each report is whole, so the last one stands.
    Last,
    /// Each report gives what it knows by then; what it leaves out stands as it was.
    Overlay,
    /// Each report counts what came since the one before.
    Add,
}

/// How a service tier is reported.
pub(super) enum Tier {
    /// By its name.
    At(&'static str),
    /// By a name that is not the one that prices go by; other names are no tier.
    Named { path: &'static str, names: &'static [(&'static str, &'static str)] },
    /// By a key that only this tier has.
    Marked { path: &'static str, tier: &'static str },
}

/// The keys that give a shape away: all of one of the lists.
pub(super) struct Guess {
    pub(super) shape: Shape,
    pub(super) any: &'static [&'static [&'static str]],
}

/// As OpenAI counts: the cached are among the input, reasoning is among the output.
const INCLUSIVE: Rules =
    Rules { cache: Within, reasoning: Within, excess: Excess::Refused, needs_input: true };

/// As Anthropic counts: the cached are beside the input, reasoning is among the output.
const CACHE_BESIDE: Rules = Rules { cache: Beside, ..INCLUSIVE };

/// As those count that pass on what others counted.
const PASSED_ON: Rules = Rules { excess: Excess::Beside, ..INCLUSIVE };

/// What Gemini's traffic is called and costs; `ON_DEMAND` is the usual.
const GEMINI_TRAFFIC: &[(&str, &str)] = &[
    ("ON_DEMAND_PRIORITY", "priority"),
    ("ON_DEMAND_FLEX", "flex"),
    ("ON_DEMAND_OFFPEAK", "offpeak"),
    ("PROVISIONED_THROUGHPUT", "provisioned_throughput"),
];

/// The rows, in the order of [`Shape::ALL`].
pub(super) static ROWS: [Row; Shape::ALL.len()] = [
    Row {
        shape: Shape::OpenaiChat,
        name: "openai.chat",
        rules: INCLUSIVE,
        counts: &[
            (Input, &["prompt_tokens"]),
            // After OpenAI's own: DeepSeek's and Moonshot's.
            (
                CacheRead,
                &[
                    "prompt_tokens_details.cached_tokens",
                    "prompt_cache_hit_tokens",
                    "cached_tokens",
                ],
            ),
            (CacheWrite, &["prompt_tokens_details.cache_write_tokens"]),
            (
                CacheWriteMinutes,
                &["prompt_tokens_details.cache_write_tokens_details.ttl_30m_tokens"],
            ),
            (CacheWriteLong, &["prompt_tokens_details.cache_write_tokens_details.ttl_12h_tokens"]),
            (AudioInput, &["prompt_tokens_details.audio_tokens"]),
            (AudioCached, &["prompt_tokens_details.cached_tokens_details.audio_tokens"]),
            (Output, &["completion_tokens"]),
            (Reasoning, &["completion_tokens_details.reasoning_tokens"]),
            (AudioOutput, &["completion_tokens_details.audio_tokens"]),
            (Total, &["total_tokens"]),
        ],
        tiers: &[Tier::At("service_tier")],
        speeds: &[],
        wrappers: &["usage"],
        opening: &[],
        envelope_tiers: &[Tier::At("service_tier")],
        merge: Merge::Last,
    },
    Row {
        shape: Shape::OpenaiResponses,
        name: "openai.responses",
        rules: INCLUSIVE,
        counts: &[
            (Input, &["input_tokens"]),
            // The realtime API names its details in the singular.
            (
                CacheRead,
                &["input_tokens_details.cached_tokens", "input_token_details.cached_tokens"],
            ),
            (CacheWrite, &["input_tokens_details.cache_write_tokens"]),
            (
                CacheWriteMinutes,
                &["input_tokens_details.cache_write_tokens_details.ttl_30m_tokens"],
            ),
            (CacheWriteLong, &["input_tokens_details.cache_write_tokens_details.ttl_12h_tokens"]),
            (
                AudioInput,
                &["input_tokens_details.audio_tokens", "input_token_details.audio_tokens"],
            ),
            (AudioCached, &["input_token_details.cached_tokens_details.audio_tokens"]),
            (Output, &["output_tokens"]),
            (Reasoning, &["output_tokens_details.reasoning_tokens"]),
            (
                AudioOutput,
                &["output_tokens_details.audio_tokens", "output_token_details.audio_tokens"],
            ),
            (Total, &["total_tokens"]),
        ],
        tiers: &[Tier::At("service_tier")],
        speeds: &[],
        wrappers: &["response.usage", "usage"],
        opening: &[],
        envelope_tiers: &[Tier::At("response.service_tier"), Tier::At("service_tier")],
        merge: Merge::Last,
    },
    Row {
        shape: Shape::OpenaiEmbeddings,
        name: "openai.embeddings",
        rules: INCLUSIVE,
        counts: &[(Input, &["prompt_tokens", "total_tokens"]), (Total, &["total_tokens"])],
        tiers: &[],
        speeds: &[],
        wrappers: &["usage"],
        opening: &[],
        envelope_tiers: &[],
        merge: Merge::Last,
    },
    Row {
        shape: Shape::AnthropicMessages,
        name: "anthropic.messages",
        rules: CACHE_BESIDE,
        counts: &[
            (Input, &["input_tokens"]),
            (CacheRead, &["cache_read_input_tokens"]),
            (CacheWrite, &["cache_creation_input_tokens"]),
            (CacheWriteMinutes, &["cache_creation.ephemeral_5m_input_tokens"]),
            (CacheWriteHour, &["cache_creation.ephemeral_1h_input_tokens"]),
            (Output, &["output_tokens"]),
            (Reasoning, &["output_tokens_details.thinking_tokens"]),
            (WebSearch, &["server_tool_use.web_search_requests"]),
            // Compacting the context is billed, and counted nowhere else.
            (InputBeside, &["iterations[compaction].input_tokens"]),
            (OutputBeside, &["iterations[compaction].output_tokens"]),
            (CacheReadBeside, &["iterations[compaction].cache_read_input_tokens"]),
            (CacheWriteBeside, &["iterations[compaction].cache_creation_input_tokens"]),
        ],
        tiers: &[Tier::At("service_tier")],
        speeds: &["speed"],
        wrappers: &["usage"],
        opening: &["message.usage"],
        envelope_tiers: &[],
        merge: Merge::Overlay,
    },
    Row {
        shape: Shape::Gemini,
        name: "gemini",
        // Thoughts stand beside the candidates. A count of zero is left out of the JSON.
        rules: Rules { reasoning: Beside, ..INCLUSIVE },
        counts: &[
            (Input, &["prompt_token_count", "promptTokenCount"]),
            (InputBeside, &["tool_use_prompt_token_count", "toolUsePromptTokenCount"]),
            (CacheRead, &["cached_content_token_count", "cachedContentTokenCount"]),
            (
                AudioInput,
                &[
                    "prompt_tokens_details[AUDIO].token_count",
                    "promptTokensDetails[AUDIO].tokenCount",
                ],
            ),
            (
                AudioCached,
                &[
                    "cache_tokens_details[AUDIO].token_count",
                    "cacheTokensDetails[AUDIO].tokenCount",
                ],
            ),
            (Output, &["candidates_token_count", "candidatesTokenCount"]),
            (Reasoning, &["thoughts_token_count", "thoughtsTokenCount"]),
            (
                AudioOutput,
                &[
                    "candidates_tokens_details[AUDIO].token_count",
                    "candidatesTokensDetails[AUDIO].tokenCount",
                ],
            ),
            (Total, &["total_token_count", "totalTokenCount"]),
        ],
        tiers: &[
            Tier::Named { path: "traffic_type", names: GEMINI_TRAFFIC },
            Tier::Named { path: "trafficType", names: GEMINI_TRAFFIC },
        ],
        speeds: &[],
        wrappers: &["usage_metadata", "usageMetadata"],
        opening: &[],
        envelope_tiers: &[],
        merge: Merge::Last,
    },
    Row {
        shape: Shape::BedrockConverse,
        name: "bedrock.converse",
        rules: CACHE_BESIDE,
        counts: &[
            (Input, &["inputTokens"]),
            (CacheRead, &["cacheReadInputTokens", "cacheReadInputTokenCount"]),
            (CacheWrite, &["cacheWriteInputTokens", "cacheWriteInputTokenCount"]),
            (CacheWriteMinutes, &["cacheDetails[5m].inputTokens"]),
            (CacheWriteHour, &["cacheDetails[1h].inputTokens"]),
            (Output, &["outputTokens"]),
            (Total, &["totalTokens"]),
        ],
        tiers: &[],
        speeds: &[],
        wrappers: &["metadata.usage", "usage"],
        opening: &[],
        envelope_tiers: &[Tier::At("metadata.serviceTier.type"), Tier::At("serviceTier.type")],
        merge: Merge::Last,
    },
    Row {
        shape: Shape::Cohere,
        name: "cohere",
        rules: INCLUSIVE,
        counts: &[
            // What is billed can be less than what was read.
            (Input, &["billed_units.input_tokens", "tokens.input_tokens"]),
            (CacheRead, &["cached_tokens"]),
            (Output, &["billed_units.output_tokens", "tokens.output_tokens"]),
        ],
        tiers: &[],
        speeds: &[],
        wrappers: &["delta.usage", "usage", "response.meta", "meta"],
        opening: &[],
        envelope_tiers: &[],
        merge: Merge::Last,
    },
    Row {
        shape: Shape::Mistral,
        name: "mistral",
        rules: INCLUSIVE,
        counts: &[
            (Input, &["prompt_tokens"]),
            (
                CacheRead,
                &[
                    "prompt_tokens_details.cached_tokens",
                    "prompt_token_details.cached_tokens",
                    "num_cached_tokens",
                ],
            ),
            (Output, &["completion_tokens"]),
            (Reasoning, &["completion_tokens_details.reasoning_tokens"]),
            (AudioSeconds, &["prompt_audio_seconds"]),
            (Total, &["total_tokens"]),
        ],
        tiers: &[],
        speeds: &[],
        wrappers: &["data.usage", "usage"],
        opening: &[],
        envelope_tiers: &[],
        merge: Merge::Last,
    },
    Row {
        shape: Shape::Ollama,
        name: "ollama",
        // A prompt that is still in memory is not evaluated again, and its count is left out.
        rules: Rules { needs_input: false, ..INCLUSIVE },
        counts: &[(Input, &["prompt_eval_count"]), (Output, &["eval_count"])],
        tiers: &[],
        speeds: &[],
        wrappers: &[],
        opening: &[],
        envelope_tiers: &[],
        merge: Merge::Last,
    },
    Row {
        shape: Shape::Langchain,
        name: "langchain",
        rules: INCLUSIVE,
        counts: &[
            (Input, &["input_tokens"]),
            // A tier other than the usual prefixes the details of OpenAI's integration.
            (
                CacheRead,
                &[
                    "input_token_details.cache_read",
                    "input_token_details.priority_cache_read",
                    "input_token_details.flex_cache_read",
                ],
            ),
            (CacheWrite, &["input_token_details.cache_creation"]),
            (CacheWriteMinutes, &["input_token_details.ephemeral_5m_input_tokens"]),
            (CacheWriteHour, &["input_token_details.ephemeral_1h_input_tokens"]),
            (AudioInput, &["input_token_details.audio"]),
            (Output, &["output_tokens"]),
            (
                Reasoning,
                &[
                    "output_token_details.reasoning",
                    "output_token_details.priority_reasoning",
                    "output_token_details.flex_reasoning",
                ],
            ),
            (AudioOutput, &["output_token_details.audio"]),
            (Total, &["total_tokens"]),
        ],
        tiers: &[
            Tier::Marked { path: "input_token_details.priority", tier: "priority" },
            Tier::Marked { path: "input_token_details.flex", tier: "flex" },
            Tier::Marked { path: "output_token_details.priority", tier: "priority" },
            Tier::Marked { path: "output_token_details.flex", tier: "flex" },
        ],
        speeds: &[],
        wrappers: &["usage_metadata"],
        opening: &[],
        envelope_tiers: &[Tier::At("response_metadata.service_tier")],
        merge: Merge::Add,
    },
    Row {
        shape: Shape::Litellm,
        name: "litellm",
        rules: PASSED_ON,
        counts: &[
            (Input, &["prompt_tokens"]),
            (
                CacheRead,
                &[
                    "prompt_tokens_details.cached_tokens",
                    "cache_read_input_tokens",
                    "prompt_cache_hit_tokens",
                ],
            ),
            (
                CacheWrite,
                &[
                    "prompt_tokens_details.cache_write_tokens",
                    "prompt_tokens_details.cache_creation_tokens",
                    "cache_creation_input_tokens",
                ],
            ),
            (
                CacheWriteMinutes,
                &[
                    "prompt_tokens_details.cache_creation_token_details.ephemeral_5m_input_tokens",
                    "prompt_tokens_details.cache_creation_token_details.ephemeral_30m_input_tokens",
                ],
            ),
            (
                CacheWriteHour,
                &["prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens"],
            ),
            (
                CacheWriteLong,
                &["prompt_tokens_details.cache_creation_token_details.ephemeral_12h_input_tokens"],
            ),
            (AudioInput, &["prompt_tokens_details.audio_tokens"]),
            (AudioCached, &["prompt_tokens_details.cached_tokens_details.audio_tokens"]),
            (Output, &["completion_tokens"]),
            (Reasoning, &["completion_tokens_details.reasoning_tokens", "reasoning_tokens"]),
            (AudioOutput, &["completion_tokens_details.audio_tokens"]),
            (Total, &["total_tokens"]),
            (
                WebSearch,
                &[
                    "server_tool_use.web_search_requests",
                    "prompt_tokens_details.web_search_requests",
                ],
            ),
        ],
        tiers: &[Tier::At("service_tier")],
        speeds: &["speed"],
        wrappers: &["usage"],
        opening: &[],
        envelope_tiers: &[Tier::At("service_tier")],
        merge: Merge::Last,
    },
    Row {
        shape: Shape::Vercel,
        name: "vercel",
        rules: PASSED_ON,
        counts: &[
            // What a language model reports, what an application sees, and what one of old saw.
            (Input, &["inputTokens.total", "inputTokens", "promptTokens", "tokens"]),
            (
                CacheRead,
                &[
                    "inputTokens.cacheRead",
                    "inputTokenDetails.cacheReadTokens",
                    "cachedInputTokens",
                ],
            ),
            (CacheWrite, &["inputTokens.cacheWrite", "inputTokenDetails.cacheWriteTokens"]),
            (Output, &["outputTokens.total", "outputTokens", "completionTokens"]),
            (
                Reasoning,
                &[
                    "outputTokens.reasoning",
                    "outputTokenDetails.reasoningTokens",
                    "reasoningTokens",
                ],
            ),
            (Total, &["totalTokens"]),
        ],
        tiers: &[],
        speeds: &[],
        wrappers: &["totalUsage", "usage"],
        opening: &[],
        envelope_tiers: &[],
        merge: Merge::Last,
    },
];

/// What gives each shape away, the most telling first. Shapes that share all their keys say the
/// same by them, so that the first will do.
pub(super) static GUESSES: [Guess; 13] = [
    Guess { shape: Shape::Ollama, any: &[&["eval_count"], &["prompt_eval_count"]] },
    Guess {
        shape: Shape::Gemini,
        any: &[
            &["prompt_token_count"],
            &["promptTokenCount"],
            &["candidates_token_count"],
            &["candidatesTokenCount"],
            &["total_token_count"],
            &["totalTokenCount"],
        ],
    },
    Guess {
        shape: Shape::Cohere,
        any: &[
            &["billed_units.input_tokens"],
            &["billed_units.output_tokens"],
            &["tokens.input_tokens"],
            &["tokens.output_tokens"],
        ],
    },
    Guess {
        shape: Shape::Vercel,
        any: &[
            &["inputTokenDetails"],
            &["outputTokenDetails"],
            &["cachedInputTokens"],
            &["reasoningTokens"],
            &["promptTokens"],
            &["completionTokens"],
            &["inputTokens.total"],
            &["outputTokens.total"],
        ],
    },
    Guess { shape: Shape::BedrockConverse, any: &[&["inputTokens"], &["outputTokens"]] },
    Guess {
        shape: Shape::Litellm,
        any: &[
            &["prompt_tokens", "cache_read_input_tokens"],
            &["prompt_tokens", "cache_creation_input_tokens"],
            &["prompt_tokens", "server_tool_use"],
        ],
    },
    Guess {
        shape: Shape::Mistral,
        any: &[
            &["prompt_tokens", "prompt_audio_seconds"],
            &["prompt_tokens", "prompt_token_details"],
            &["prompt_tokens", "num_cached_tokens"],
        ],
    },
    Guess { shape: Shape::OpenaiChat, any: &[&["completion_tokens"]] },
    Guess { shape: Shape::OpenaiEmbeddings, any: &[&["prompt_tokens"]] },
    Guess {
        shape: Shape::AnthropicMessages,
        any: &[
            &["cache_read_input_tokens"],
            &["cache_creation_input_tokens"],
            &["cache_creation"],
            &["server_tool_use"],
            &["output_tokens_details.thinking_tokens"],
        ],
    },
    Guess {
        shape: Shape::OpenaiResponses,
        any: &[
            &["input_tokens_details"],
            &["output_tokens_details"],
            &["input_token_details.cached_tokens"],
        ],
    },
    Guess {
        shape: Shape::Langchain,
        any: &[
            &["input_token_details"],
            &["output_token_details"],
            &["input_tokens", "total_tokens"],
        ],
    },
    Guess { shape: Shape::AnthropicMessages, any: &[&["input_tokens"], &["output_tokens"]] },
];
