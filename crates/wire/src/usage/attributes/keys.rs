//! The table: under which keys the instrumentations say what.
//!
//! Of several keys the first that is present wins. Within a list: OpenTelemetry as it is now and as
//! it was, `OpenInference`, `OpenLLMetry`, Vercel's AI SDK, and others that follow them loosely.

use crate::usage::counts::Field;
use crate::usage::settle::Place;

/// Who served the call.
pub(super) const PROVIDER: &[&str] =
    &["gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "ai.model.provider"];

/// What Vercel's AI SDK appends to a provider.
pub(super) const PROVIDER_ENDINGS: &[&str] = &[
    ".chat",
    ".responses",
    ".messages",
    ".completion",
    ".embedding",
    ".generative-ai",
    ".image",
    ".speech",
    ".transcription",
];

/// The model that answered, or else the one that was asked for.
pub(super) const MODEL: &[&str] = &[
    "gen_ai.response.model",
    "gen_ai.request.model",
    "llm.response.model_name",
    "llm.model_name",
    "llm.request.model_name",
    "embedding.model_name",
    "llm.request.model",
    "ai.response.model",
    "ai.model.id",
];

/// Each count.
pub(super) const COUNTS: &[(Field, &[&str])] = &[
    (
        Field::Input,
        &[
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.prompt_tokens",
            "llm.token_count.prompt",
            "llm.usage.prompt_tokens",
            "ai.usage.inputTokens",
            "ai.usage.promptTokens",
            "ai.usage.tokens",
        ],
    ),
    (
        Field::Output,
        &[
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.completion_tokens",
            "llm.token_count.completion",
            "llm.usage.completion_tokens",
            "ai.usage.outputTokens",
            "ai.usage.completionTokens",
        ],
    ),
    (
        Field::CacheRead,
        &[
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_input",
            "ai.usage.inputTokenDetails.cacheReadTokens",
            "ai.usage.cachedInputTokens",
            "gen_ai.usage.input_tokens.cached",
        ],
    ),
    (
        Field::CacheWrite,
        &[
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "llm.token_count.prompt_details.cache_write",
            "ai.usage.inputTokenDetails.cacheWriteTokens",
            "gen_ai.usage.input_tokens.cache_write",
        ],
    ),
    (
        Field::Reasoning,
        &[
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.reasoning_tokens",
            "llm.usage.reasoning_tokens",
            "llm.token_count.completion_details.reasoning",
            "ai.usage.outputTokenDetails.reasoningTokens",
            "ai.usage.reasoningTokens",
            "gen_ai.usage.output_tokens.reasoning",
        ],
    ),
    (Field::AudioInput, &["llm.token_count.prompt_details.audio"]),
    (Field::AudioOutput, &["llm.token_count.completion_details.audio"]),
];

/// The service tier.
pub(super) const SERVICE_TIER: &[&str] =
    &["openai.response.service_tier", "gen_ai.openai.response.service_tier"];

/// The conversation.
pub(super) const SESSION: &[&str] = &[
    "gen_ai.conversation.id",
    "session.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
    "ai.telemetry.metadata.sessionId",
];

/// How long the first chunk took, with the nanoseconds of one unit.
pub(super) const FIRST_TOKEN: &[(&str, f64)] = &[
    ("gen_ai.response.time_to_first_chunk", 1e9),
    ("ai.response.msToFirstChunk", 1e6),
    ("ai.stream.msToFirstChunk", 1e6),
];

/// What kind of failure it was.
pub(super) const ERROR: &[&str] = &["error.type", "exception.type"];

/// Why the model stopped.
pub(super) const FINISH: &[&str] = &[
    "gen_ai.response.finish_reasons",
    "llm.finish_reason",
    "gen_ai.response.finish_reason",
    "gen_ai.response.stop_reason",
    "gen_ai.completion.0.finish_reason",
    "llm.response.finish_reason",
    "llm.response.stop_reason",
    "ai.response.finishReason",
];

/// The provider's id of the answer.
pub(super) const RESPONSE_ID: &[&str] = &["gen_ai.response.id", "ai.response.id"];

/// Where a text is.
pub(super) enum Text {
    /// Messages as JSON, of which the texts are taken.
    Messages(&'static str),
    /// One attribute a message: what stands before the message's number and after it.
    Numbered(&'static str, &'static str),
    /// As it is.
    Plain(&'static str),
}

/// What was instructed, which goes before the prompt.
pub(super) const INSTRUCTIONS: &[Text] = &[Text::Messages("gen_ai.system_instructions")];

/// What was asked.
pub(super) const PROMPT: &[Text] = &[
    Text::Messages("gen_ai.input.messages"),
    Text::Numbered("llm.input_messages.", ".message.content"),
    Text::Numbered("gen_ai.prompt.", ".content"),
    Text::Messages("ai.prompt.messages"),
    Text::Messages("ai.prompt"),
    Text::Messages("gen_ai.prompt"),
    Text::Messages("input.value"),
];

/// What was answered.
pub(super) const COMPLETION: &[Text] = &[
    Text::Messages("gen_ai.output.messages"),
    Text::Numbered("llm.output_messages.", ".message.content"),
    Text::Numbered("gen_ai.completion.", ".content"),
    Text::Plain("ai.response.text"),
    Text::Plain("ai.response.object"),
    Text::Messages("gen_ai.completion"),
    Text::Messages("output.value"),
];

/// Attributes that are carried as metadata, by their own name.
pub(super) const METADATA: &[&str] = &[
    "gen_ai.agent.name",
    "gen_ai.prompt.name",
    "gen_ai.prompt.version",
    "service.name",
    "deployment.environment.name",
    "error.type",
    "traceloop.workflow.name",
    "traceloop.entity.name",
    "tag.tags",
    "user.id",
];

/// What stands before the user's own tags, which are carried by the user's name for them.
pub(super) const METADATA_PREFIXES: &[&str] =
    &["traceloop.association.properties.", "ai.telemetry.metadata."];

/// The user's own tags as a JSON object.
pub(super) const METADATA_OBJECT: &str = "metadata";

/// Operations of `gen_ai.operation.name` that repeat what their children report, or call no model.
pub(super) const OTHER_OPERATIONS: &[&str] =
    &["invoke_agent", "create_agent", "invoke_workflow", "execute_tool", "retrieval", "plan"];

/// Kinds of `openinference.span.kind` that call a model.
pub(super) const CALL_KINDS: &[&str] = &["LLM", "EMBEDDING"];

/// Keys without which a span of an older instrumentation is no call.
pub(super) const CALL_MARKS: &[&str] = &[
    "llm.request.type",
    "llm.model_name",
    "llm.request.model",
    "llm.token_count.prompt",
    "llm.usage.total_tokens",
    "gen_ai.request.model",
];

/// Who counts the cached tokens beside the input, though the conventions put them within.
pub(super) struct Exception {
    /// The beginning of the instrumentation's scope.
    pub(super) scope: &'static str,
    /// The providers that it is so for; all, where none is named.
    pub(super) providers: &'static [&'static str],
    /// A version says that it is no longer so by having an attribute that begins with this.
    pub(super) unless: Option<&'static str>,
    pub(super) cache: Place,
}

/// The exceptions, as far as they were reported: openllmetry#4449 (open at 0.62.3),
/// opentelemetry-instrumentation-ruby_llm#38, sentry-javascript#21488 (before version 6).
pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        scope: "opentelemetry.instrumentation.bedrock",
        providers: &[],
        unless: None,
        cache: Place::Beside,
    },
    Exception {
        scope: "opentelemetry-instrumentation-ruby_llm",
        providers: &[],
        unless: None,
        cache: Place::Beside,
    },
    Exception {
        scope: "ai",
        providers: &["anthropic", "amazon-bedrock", "google-vertex-anthropic"],
        unless: Some("ai.usage.inputTokenDetails."),
        cache: Place::Beside,
    },
];
