//! From a span that has ended to a call or a tool.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use modelstat::{LlmCall, ToolCallInput, ToolCallStatus};
use modelstat_wire::Timestamp;
use modelstat_wire::usage::attributes::{AttributeValue, Span, SpanCall, read_span};
use serde_json::Value;

use crate::captured::Captured;
use crate::keys::ARGUMENTS;
use crate::recording::Options;
use crate::usage::with_usage;

/// The provider of a call whose span names none.
const UNKNOWN_PROVIDER: &str = "unknown";

/// The kind of a failure that a span does not name.
const UNNAMED_FAILURE: &str = "error";

/// Tag of a call whose session is a stand-in.
const DERIVED_SESSION: &str = "session_derived";

/// Where the name of a tool is.
const TOOL_NAME: [&str; 4] =
    ["gen_ai.tool.name", "tool.name", "ai.toolCall.name", "traceloop.entity.name"];

/// What says that a span is a tool, and how it says so.
const TOOL_MARKS: [(&str, &str); 4] = [
    ("gen_ai.operation.name", "execute_tool"),
    ("openinference.span.kind", "TOOL"),
    ("ai.operationId", "ai.toolCall"),
    ("traceloop.span.kind", "tool"),
];

/// Texts that are lists where the instrumentation could not say so, as fields of `tracing` cannot.
const LISTS: [&str; 2] = ["gen_ai.response.finish_reasons", "tag.tags"];

/// What is known of a span beside its attributes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// The name of the instrumentation's scope.
    pub scope_name: &'a str,
    /// Its version.
    pub scope_version: &'a str,
    /// What stands in for a session where none is named.
    pub trace_id: Option<&'a str>,
    /// The session that a span around it names.
    pub session: Option<&'a str>,
    /// When it started, in nanoseconds since the epoch.
    pub started_ns: u64,
    /// When it ended.
    pub ended_ns: u64,
    /// When the first chunk of the answer came, if an event said so.
    pub first_token_ns: Option<u64>,
    /// The kind of its failure, if it failed and its attributes do not say how.
    pub failure: Option<&'a str>,
}

/// What a span is.
pub(crate) enum Reading {
    /// A call of a model.
    Call(Box<LlmCall>),
    /// A tool that ran.
    Tool(Box<ToolCallInput>),
}

/// Reads a span; `None` where it is neither.
pub(crate) fn read(
    captured: &Captured<'_>,
    facts: &Facts<'_>,
    options: &Options,
) -> Option<Reading> {
    if is_tool(captured) {
        return Some(Reading::Tool(Box::new(tool(captured, facts)?)));
    }
    let span = Span {
        scope_name: facts.scope_name,
        scope_version: facts.scope_version,
        trace_id: facts.trace_id,
        started_ns: facts.started_ns,
        ended_ns: facts.ended_ns,
    };
    let attributes = captured.readable(options.has_content);
    let read = read_span(&span, attributes.map(|(key, value)| (key, shown(key, value))))?;
    Some(Reading::Call(Box::new(call(read, captured, facts, options))))
}

fn call(read: SpanCall, captured: &Captured<'_>, facts: &Facts<'_>, options: &Options) -> LlmCall {
    let own_session = read.session_id.as_deref().filter(|_| !read.is_session_derived);
    let named = own_session.or(facts.session).or(options.session.as_deref());
    let session = named.or(facts.trace_id).unwrap_or_default();
    let provider = read.provider.unwrap_or_else(|| UNKNOWN_PROVIDER.to_owned());
    let mut call = with_usage(LlmCall::new(provider, session), read.usage);
    let first_token_at = read.first_token_at.and_then(moment_of);
    call.model = read.model;
    call.started_at = moment(facts.started_ns).unwrap_or(call.started_at);
    call.first_token_at = first_token_at.or_else(|| moment(facts.first_token_ns?));
    call.duration = read.duration_ms.map(std::time::Duration::from_millis);
    call.prompt = read.prompt;
    call.completion = read.completion;
    call.metadata = options.metadata.clone();
    call.metadata.extend(read.metadata);
    if named.is_none() {
        call = call.metadata(DERIVED_SESSION, "true");
    }
    if let Some(reason) = read.finish_reason {
        call = call.finish_reason(reason);
    }
    if let Some(id) = read.response_id {
        call = call.response_id(id);
    }
    with_failure(call, read.error_type, captured, facts)
}

/// States a failure. A provider that refused a call with a status used nothing, and that is known.
fn with_failure(
    call: LlmCall,
    error_type: Option<String>,
    captured: &Captured<'_>,
    facts: &Facts<'_>,
) -> LlmCall {
    let Some(kind) = failure(error_type, captured, facts) else { return call };
    let status = status_of(&kind, captured);
    let mut call = call.failed(kind, status);
    if status.is_some() {
        call.extra_mut().is_usage_unknown = false;
    }
    call
}

fn failure(
    error_type: Option<String>,
    captured: &Captured<'_>,
    facts: &Facts<'_>,
) -> Option<String> {
    // A field of `tracing` may hold the status as a number.
    let numbered = || match captured.get("error.type") {
        Some(AttributeValue::Integer(status)) => Some(status.to_string()),
        _ => None,
    };
    let error_type = error_type.or_else(numbered);
    let unnamed = || captured.is_failed().then(|| UNNAMED_FAILURE.to_owned());
    error_type.or_else(|| facts.failure.map(str::to_owned)).or_else(unnamed)
}

/// The conventions let the status be the kind of the failure.
fn status_of(kind: &str, captured: &Captured<'_>) -> Option<u16> {
    let is_status = |status: &u16| (400..600).contains(status);
    let stated = match captured.get("http.response.status_code") {
        Some(AttributeValue::Integer(status)) => u16::try_from(*status).ok(),
        Some(AttributeValue::Text(status)) => status.parse().ok(),
        _ => None,
    };
    kind.parse().ok().filter(is_status).or(stated.filter(is_status))
}

fn is_tool(captured: &Captured<'_>) -> bool {
    let says = |(key, value): &(&str, &str)| {
        captured.text(key).is_some_and(|text| text.eq_ignore_ascii_case(value))
    };
    TOOL_MARKS.iter().any(says)
}

fn tool(captured: &Captured<'_>, facts: &Facts<'_>) -> Option<ToolCallInput> {
    let name = TOOL_NAME.iter().find_map(|key| captured.text(key))?;
    let failure = failure(captured.text("error.type").map(str::to_owned), captured, facts);
    let status = match failure {
        None => ToolCallStatus::Success,
        Some(kind) if kind.to_ascii_lowercase().contains("timeout") => ToolCallStatus::Timeout,
        Some(_) => ToolCallStatus::Error,
    };
    let mut tool = ToolCallInput::new(name, status);
    if let Some(server) = mcp_server(captured) {
        tool.server = format!("mcp:{server}");
    }
    let arguments = ARGUMENTS.iter().find_map(|key| captured.text(key));
    tool.args = arguments.map(json_or_text);
    let shown_result = captured.text("output.value").map_or(0, str::len);
    let result_bytes = captured.result_bytes().max(shown_result);
    tool.result_bytes = u32::try_from(result_bytes).unwrap_or(u32::MAX);
    tool.started_at = moment(facts.started_ns).unwrap_or(tool.started_at);
    tool.ended_at = moment(facts.ended_ns);
    Some(tool)
}

/// Arguments as JSON, or as a text where they are none.
pub(crate) fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn mcp_server<'a>(captured: &'a Captured<'_>) -> Option<&'a str> {
    if let Some(server) = captured.text("mcp.server.name") {
        return Some(server);
    }
    captured.text("mcp.method.name")?;
    Some(captured.text("server.address").unwrap_or("unknown"))
}

/// Shows a value as it was meant: a list that came as text becomes one again.
fn shown<'a>(key: &str, value: &'a AttributeValue<'_>) -> AttributeValue<'a> {
    match value {
        AttributeValue::Text(text) if LISTS.contains(&key) && text.starts_with('[') => {
            match serde_json::from_str::<Vec<String>>(text) {
                Ok(items) => AttributeValue::List(
                    items.into_iter().map(|item| AttributeValue::Text(item.into())).collect(),
                ),
                Err(_) => AttributeValue::Text(Cow::Borrowed(text)),
            }
        }
        AttributeValue::Text(text) => AttributeValue::Text(Cow::Borrowed(text)),
        AttributeValue::Integer(value) => AttributeValue::Integer(*value),
        AttributeValue::Float(value) => AttributeValue::Float(*value),
        AttributeValue::Bool(value) => AttributeValue::Bool(*value),
        AttributeValue::List(values) => {
            AttributeValue::List(values.iter().map(|value| shown("", value)).collect())
        }
    }
}

fn moment(nanoseconds: u64) -> Option<DateTime<Utc>> {
    let nanoseconds = i64::try_from(nanoseconds).ok().filter(|nanoseconds| *nanoseconds > 0)?;
    Some(DateTime::from_timestamp_nanos(nanoseconds))
}

fn moment_of(time: Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(time.as_micros())
}
