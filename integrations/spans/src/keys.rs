//! Which attributes are kept, and what each is for.

/// What an attribute is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A prompt or an answer: may be long, and may be unwanted.
    Content,
    /// The arguments of a tool, of which a hash and a size are sent.
    Arguments,
    /// The result of a tool, of which the size is kept.
    Result,
    /// Says by being there, or by its value, that the span failed. It can be a message: no text is kept.
    Failure,
    /// Anything else that is read.
    Plain,
}

/// What a span that has to do with models names at least one of.
const TELLING: [&str; 8] = [
    "gen_ai.",
    "llm.",
    "ai.",
    "openinference.",
    "embedding.",
    "traceloop.",
    "session.id",
    "langfuse.session.id",
];

/// What else is read of such a span.
const ALSO: [&str; 15] = [
    "deployment.environment.name",
    "error.type",
    "exception.type",
    "http.response.status_code",
    "input.value",
    "mcp.method.name",
    "mcp.server.name",
    "metadata",
    "openai.response.service_tier",
    "output.value",
    "server.address",
    "service.name",
    "tag.tags",
    "tool.name",
    "user.id",
];

/// Long descriptions that nothing reads.
const UNREAD: [&str; 6] = [
    "gen_ai.agent.description",
    "gen_ai.tool.definitions",
    "gen_ai.tool.description",
    "llm.invocation_parameters",
    "llm.prompt_template.template",
    "llm.prompts",
];

const CONTENT: [&str; 13] = [
    "ai.prompt",
    "ai.prompt.messages",
    "ai.response.object",
    "ai.response.text",
    "gen_ai.completion",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.prompt",
    "gen_ai.system_instructions",
    "input.value",
    "output.value",
    "llm.completions",
    "ai.prompt.tools",
];

/// Where a message has a number: what stands before it, and what has to stand after it.
const NUMBERED: [(&str, &str); 4] = [
    ("llm.input_messages.", ".message.content"),
    ("llm.output_messages.", ".message.content"),
    ("gen_ai.prompt.", ".content"),
    ("gen_ai.completion.", ".content"),
];

pub(crate) const ARGUMENTS: [&str; 4] =
    ["gen_ai.tool.call.arguments", "ai.toolCall.args", "traceloop.entity.input", "input.value"];

const RESULTS: [&str; 3] =
    ["gen_ai.tool.call.result", "ai.toolCall.result", "traceloop.entity.output"];

const FAILURES: [&str; 2] = ["error", "otel.status_code"];

/// Whether a span with this attribute may have to do with models, or names their conversation.
pub fn tells_of_models(key: &str) -> bool {
    TELLING.iter().any(|start| key.starts_with(start))
}

/// What an attribute is for; `None` where nothing reads it.
pub(crate) fn role(key: &str) -> Option<Role> {
    if FAILURES.contains(&key) {
        return Some(Role::Failure);
    }
    if CONTENT.contains(&key) {
        return Some(Role::Content);
    }
    if ARGUMENTS.contains(&key) {
        return Some(Role::Arguments);
    }
    if RESULTS.contains(&key) {
        return Some(Role::Result);
    }
    if let Some((before, after)) = NUMBERED.iter().find(|(before, _)| key.starts_with(before)) {
        let rest = &key[before.len()..];
        if rest.starts_with(|first: char| first.is_ascii_digit()) {
            let is_finish = rest.ends_with(".finish_reason");
            return if rest.ends_with(after) {
                Some(Role::Content)
            } else {
                is_finish.then_some(Role::Plain)
            };
        }
    }
    let is_read = (tells_of_models(key) || ALSO.contains(&key)) && !UNREAD.contains(&key);
    is_read.then_some(Role::Plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_role() {
        for (key, expected) in [
            ("gen_ai.usage.input_tokens", Some(Role::Plain)),
            ("gen_ai.prompt.name", Some(Role::Plain)),
            ("gen_ai.prompt.0.content", Some(Role::Content)),
            ("gen_ai.prompt.0.role", None),
            ("gen_ai.completion.0.finish_reason", Some(Role::Plain)),
            ("llm.input_messages.12.message.content", Some(Role::Content)),
            ("llm.input_messages.12.message.tool_calls.0.tool_call.function.arguments", None),
            ("gen_ai.tool.call.arguments", Some(Role::Arguments)),
            ("gen_ai.tool.call.result", Some(Role::Result)),
            ("gen_ai.tool.definitions", None),
            ("otel.status_code", Some(Role::Failure)),
            ("http.url", None),
            ("aim", None),
        ] {
            assert_eq!(role(key), expected, "{key}");
        }
    }
}
