//! From the fields of a Python call to the call of the core.

use std::time::Duration;

use chrono::{DateTime, Utc};
use modelstat::engine::ArgumentDigest;
use modelstat::{
    CallError, CallExtra, EventKind, GitContext, LlmCall, TokenUsage, ToolCallInput,
    ToolCallStatus, UsageDetail,
};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyList, PyString, PyTuple};

use crate::arguments::digest;
use crate::functions::tags;
use crate::json;
use crate::texts::{Text, label};

/// Most tool calls of one call that are read.
const MAX_TOOL_CALLS: usize = 1_024;

/// A call whose texts still lie in Python's memory.
pub(crate) struct Draft {
    pub(crate) call: LlmCall,
    pub(crate) prompt: Option<Text>,
    pub(crate) completion: Option<Text>,
}

impl Draft {
    /// Copies the texts, for which the GIL is not needed, and hands back what does need it to be dropped.
    pub(crate) fn finish(self, spent: &mut Vec<Text>) -> LlmCall {
        let mut call = self.call;
        let mut copied = |text: Option<Text>| {
            let text = text?;
            let copy = text.as_str().into_owned();
            spent.push(text);
            Some(copy)
        };
        call.prompt = copied(self.prompt);
        call.completion = copied(self.completion);
        call
    }
}

/// Reads a call. What is unusable in it is left out; only without provider or session is it no call.
pub(crate) fn read_call(
    fields: &Bound<'_, PyDict>,
    ambient: Option<&Bound<'_, PyAny>>,
) -> PyResult<Draft> {
    let fields = Fields(fields);
    let mut call = LlmCall::new(fields.required("provider")?, fields.required("session_id")?);
    call.model = fields.label("model");
    call.kind = fields.label("kind").map_or(EventKind::AssistantMessage, |kind| kind_of(&kind));
    let mut extra = CallExtra::default();
    let tokens = fields.get("tokens").map(|tokens| read_tokens(&tokens));
    let (tokens, is_readable) = tokens.unwrap_or_default();
    call.tokens = tokens;
    extra.is_usage_unknown = !is_readable
        || fields.get("usage_known").is_some_and(|known| matches!(known.is_truthy(), Ok(false)));
    if let Some(started_at) = fields.get("started_at").and_then(|time| read_time(&time)) {
        call.started_at = started_at;
    }
    call.first_token_at = fields.get("first_token_at").and_then(|time| read_time(&time));
    call.duration =
        fields.get("duration_ms").and_then(|ms| read_count(&ms)).map(Duration::from_millis);
    call.cwd = fields.label("cwd");
    call.git = fields.get("git").map(|git| read_git(&git));
    call.metadata = read_tags(&fields, ambient);
    if let Some(tools) = fields.get("tool_calls") {
        (call.tool_calls, extra.arguments) = read_tool_calls(&tools);
    }
    read_extra(&fields, &mut extra);
    if extra != CallExtra::default() {
        call.extra = Some(Box::new(extra));
    }
    let text = |name| fields.get(name).and_then(|text| Text::of(&text).ok());
    Ok(Draft { call, prompt: text("prompt"), completion: text("completion") })
}

fn read_extra(fields: &Fields<'_, '_>, extra: &mut CallExtra) {
    extra.billing = fields.label("billing");
    extra.finish_reason = fields.label("finish_reason");
    extra.response_id = fields.label("response_id");
    let status = fields.get("error_status").and_then(|status| read_count(&status));
    let kind = fields.label("error_type");
    if kind.is_some() || status.is_some() {
        extra.error = Some(CallError { kind: kind.unwrap_or_else(|| "error".to_owned()), status });
    }
    if let Some(detail) = fields.get("usage_detail") {
        let detail = read_detail(&detail);
        extra.usage_detail = (detail != UsageDetail::default()).then_some(detail);
    }
}

/// The fields of a call or of an object within it.
struct Fields<'a, 'py>(&'a Bound<'py, PyDict>);

impl<'py> Fields<'_, 'py> {
    fn get(&self, name: &str) -> Option<Bound<'py, PyAny>> {
        self.0.get_item(name).ok().flatten().filter(|value| !value.is_none())
    }

    fn label(&self, name: &str) -> Option<String> {
        self.get(name).and_then(|value| printed(&value))
    }

    fn required(&self, name: &str) -> PyResult<String> {
        self.label(name).ok_or_else(|| PyValueError::new_err("a call without provider or session"))
    }
}

/// Reads a label; a number in its place is printed, anything else is none.
fn printed(value: &Bound<'_, PyAny>) -> Option<String> {
    if let Ok(text) = label(value) {
        return Some(text);
    }
    let is_number = value.extract::<i64>().is_ok() || value.is_instance_of::<PyFloat>();
    // Ids of traces are often objects, of `uuid` for one; their text is what groups calls.
    let is_id = value.get_type().name().is_ok_and(|name| name == "UUID");
    (is_number || is_id).then(|| value.str().ok().and_then(|text| label(&text).ok())).flatten()
}

fn kind_of(word: &str) -> EventKind {
    match word {
        "user_message" => EventKind::UserMessage,
        "tool_call" => EventKind::ToolCall,
        "tool_result" => EventKind::ToolResult,
        "summary" => EventKind::Summary,
        _ => EventKind::AssistantMessage,
    }
}

fn status_of(word: &str) -> ToolCallStatus {
    match word {
        "success" => ToolCallStatus::Success,
        "error" => ToolCallStatus::Error,
        "denied" => ToolCallStatus::Denied,
        "timeout" => ToolCallStatus::Timeout,
        _ => ToolCallStatus::Unknown,
    }
}

/// Reads the five classes; `false` when one of them is no count, so that nobody knows the usage.
fn read_tokens(tokens: &Bound<'_, PyAny>) -> (TokenUsage, bool) {
    let mut is_readable =
        tokens.is_instance_of::<PyDict>() || tokens.hasattr("input").unwrap_or(false);
    let mut class = |name: &str| {
        let value = match tokens.cast::<PyDict>() {
            Ok(tokens) => tokens.get_item(name).ok().flatten(),
            Err(_) => tokens.getattr(name).ok(),
        };
        let Some(value) = value.filter(|value| !value.is_none()) else { return 0 };
        read_count(&value).unwrap_or_else(|| {
            is_readable = false;
            0
        })
    };
    let tokens = TokenUsage {
        input: class("input"),
        output: class("output"),
        cache_creation: class("cache_creation"),
        cache_read: class("cache_read"),
        reasoning: class("reasoning"),
    };
    (tokens, is_readable)
}

/// Reads a count; a float is cut to its whole part, and what is negative or not finite is none.
pub(crate) fn read_count(value: &Bound<'_, PyAny>) -> Option<u64> {
    if let Ok(count) = value.extract::<u64>() {
        return Some(count);
    }
    let number = value.extract::<f64>().ok()?;
    if !(0.0..9.0e15).contains(&number) || !number.is_finite() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Some(number as u64)
}

/// Reads a time; one without a zone is UTC already.
fn read_time(time: &Bound<'_, PyAny>) -> Option<DateTime<Utc>> {
    let py = time.py();
    let zone = time.getattr(intern!(py, "tzinfo")).ok()?;
    let seconds = if zone.is_none() {
        let utc = py.import(intern!(py, "datetime")).ok()?.getattr(intern!(py, "timezone")).ok()?;
        let named = PyDict::new(py);
        named.set_item(intern!(py, "tzinfo"), utc.getattr(intern!(py, "utc")).ok()?).ok()?;
        let aware = time.call_method(intern!(py, "replace"), (), Some(&named)).ok()?;
        aware.call_method0(intern!(py, "timestamp")).ok()?
    } else {
        time.call_method0(intern!(py, "timestamp")).ok()?
    };
    let seconds = seconds.extract::<f64>().ok()?;
    // A double of the seconds since 1970 is exact to less than half a microsecond until the year 2106.
    #[expect(clippy::cast_possible_truncation, reason = "years beyond 9999 are refused by chrono")]
    DateTime::from_timestamp_micros((seconds * 1e6).round() as i64)
}

fn read_git(git: &Bound<'_, PyAny>) -> GitContext {
    let field = |name: &str| {
        let value = git.getattr(name).ok().or_else(|| git.get_item(name).ok());
        value.filter(|value| !value.is_none()).and_then(|value| printed(&value))
    };
    GitContext {
        remote_slug: field("remote_slug"),
        host: field("host"),
        branch: field("branch"),
        slug_source: field("slug_source"),
    }
}

/// The tags of the call over those of the `with` block; a snapshot that the caller set himself wins over
/// the one that was taken.
fn read_tags(
    fields: &Fields<'_, '_>,
    ambient: Option<&Bound<'_, PyAny>>,
) -> std::collections::BTreeMap<String, String> {
    let set = fields.get("ambient_metadata");
    let mut merged = set.as_ref().or(ambient).map(tags).unwrap_or_default();
    if let Some(own) = fields.get("metadata") {
        merged.extend(tags(&own));
    }
    merged
}

fn read_tool_calls(tools: &Bound<'_, PyAny>) -> (Vec<ToolCallInput>, Vec<Option<ArgumentDigest>>) {
    let Ok(tools) = tools.try_iter() else { return (Vec::new(), Vec::new()) };
    let tools = tools.filter_map(Result::ok).take(MAX_TOOL_CALLS);
    tools
        .filter_map(|tool| read_tool_call(&tool))
        .map(|(tool, digest)| (tool, Some(digest)))
        .unzip()
}

fn read_tool_call(tool: &Bound<'_, PyAny>) -> Option<(ToolCallInput, ArgumentDigest)> {
    let field = |name: &str| tool.getattr(name).ok().filter(|value| !value.is_none());
    let word = |name: &str| field(name).and_then(|value| printed(&value));
    let status = word("status").map_or(ToolCallStatus::Unknown, |status| status_of(&status));
    let mut read = ToolCallInput::new(word("name")?, status);
    if let Some(server) = word("server") {
        read.server = server;
    }
    let bytes = field("result_bytes").and_then(|bytes| read_count(&bytes)).unwrap_or_default();
    read.result_bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    if let Some(started_at) = field("started_at").and_then(|time| read_time(&time)) {
        read.started_at = started_at;
    }
    read.ended_at = field("ended_at").and_then(|time| read_time(&time));
    if let Some(families) = field("command_families")
        && (families.is_instance_of::<PyList>() || families.is_instance_of::<PyTuple>())
    {
        let families = families.try_iter().ok()?.filter_map(Result::ok);
        read.command_families = families.filter_map(|family| printed(&family)).collect();
    }
    let digest = field("args").map_or_else(ArgumentDigest::none, |args| digest(&args));
    Some((read, digest))
}

fn read_detail(detail: &Bound<'_, PyAny>) -> UsageDetail {
    let Ok(fields) = detail.cast::<PyDict>() else { return UsageDetail::default() };
    let fields = Fields(fields);
    let count = |name| fields.get(name).and_then(|value| read_count(&value));
    let word = |name: &str| {
        fields.get(name).filter(PyAnyMethods::is_instance_of::<PyString>).and_then(|v| printed(&v))
    };
    UsageDetail {
        cache_creation_1h: count("cache_creation_1h"),
        audio_input: count("audio_input"),
        audio_output: count("audio_output"),
        web_search_requests: count("web_search_requests"),
        service_tier: word("service_tier"),
        speed: word("speed"),
        batch: fields.get("batch").map(|value| json::from_python(&value) == true),
    }
}
