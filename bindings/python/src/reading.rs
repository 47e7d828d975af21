//! From the fields of a Python call to the call of the core.

use std::cell::Cell;
use std::collections::BTreeMap;
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
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::arguments::digest;
use crate::fields::CallFields;
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
    /// A field that could not be taken as it was given.
    pub(crate) flaw: Option<&'static str>,
}

/// Remembers the first field that could not be taken as it was given.
#[derive(Default)]
struct Flaw(Cell<Option<&'static str>>);

impl Flaw {
    fn note(&self, field: &'static str) {
        if self.0.get().is_none() {
            self.0.set(Some(field));
        }
    }

    /// Passes on what was read of a field; nothing, where something was given, is a flaw.
    fn of<T>(&self, field: &'static str, is_given: bool, read: Option<T>) -> Option<T> {
        if is_given && read.is_none() {
            self.note(field);
        }
        read
    }
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
    py: Python<'_>,
    fields: &CallFields,
    ambient: Option<&Bound<'_, PyAny>>,
) -> PyResult<Draft> {
    let required = |value| {
        word(py, value).ok_or_else(|| PyValueError::new_err("a call without provider or session"))
    };
    let flaw = Flaw::default();
    let mut call =
        LlmCall::new(required(fields.provider.as_ref())?, required(fields.session_id.as_ref())?);
    let label = |name, value| flaw.of(name, held(py, value).is_some(), word(py, value));
    call.model = label("model", fields.model.as_ref());
    call.kind =
        word(py, fields.kind.as_ref()).map_or(EventKind::AssistantMessage, |kind| kind_of(&kind));
    let mut extra = CallExtra::default();
    let tokens = held(py, fields.tokens.as_ref()).map(|tokens| read_tokens(tokens, &flaw));
    let (tokens, is_readable) = tokens.unwrap_or_default();
    call.tokens = tokens;
    extra.is_usage_unknown = !is_readable
        || held(py, fields.usage_known.as_ref())
            .is_some_and(|known| matches!(known.is_truthy(), Ok(false)));
    let time = |name, value| held(py, value).and_then(|time| read_time(time, name, &flaw));
    if let Some(started_at) = time("started_at", fields.started_at.as_ref()) {
        call.started_at = started_at;
    }
    call.first_token_at = time("first_token_at", fields.first_token_at.as_ref());
    let duration = held(py, fields.duration_ms.as_ref());
    call.duration = flaw
        .of("duration_ms", duration.is_some(), duration.and_then(read_count))
        .map(Duration::from_millis);
    call.cwd = label("cwd", fields.cwd.as_ref());
    call.git = held(py, fields.git.as_ref()).map(read_git);
    call.metadata = read_tags(py, fields, ambient, &flaw);
    if let Some(tools) = held(py, fields.tool_calls.as_ref()) {
        (call.tool_calls, extra.arguments) = read_tool_calls(tools, &flaw);
    }
    read_extra(py, fields, &mut extra);
    if extra != CallExtra::default() {
        call.extra = Some(Box::new(extra));
    }
    let text = |name, value| held(py, value).and_then(|text| read_text(text, name, &flaw));
    let prompt = text("prompt", fields.prompt.as_ref());
    let completion = text("completion", fields.completion.as_ref());
    Ok(Draft { call, prompt, completion, flaw: flaw.0.get() })
}

/// Reads a text; bytes are taken for UTF-8, and what is no valid Unicode is replaced.
fn read_text(text: &Bound<'_, PyAny>, name: &'static str, flaw: &Flaw) -> Option<Text> {
    let read = Text::of(text).ok();
    if !matches!(read, Some(Text::Utf8(_))) {
        flaw.note(name);
    }
    read
}

fn read_extra(py: Python<'_>, fields: &CallFields, extra: &mut CallExtra) {
    extra.billing = word(py, fields.billing.as_ref());
    extra.finish_reason = word(py, fields.finish_reason.as_ref());
    extra.response_id = word(py, fields.response_id.as_ref());
    let status = held(py, fields.error_status.as_ref()).and_then(read_count);
    let kind = word(py, fields.error_type.as_ref());
    if kind.is_some() || status.is_some() {
        extra.error = Some(CallError { kind: kind.unwrap_or_else(|| "error".to_owned()), status });
    }
    if let Some(detail) = held(py, fields.usage_detail.as_ref()) {
        let detail = read_detail(detail);
        extra.usage_detail = (detail != UsageDetail::default()).then_some(detail);
    }
}

/// A field, unless it is `None`.
fn held<'a, 'py>(py: Python<'py>, value: Option<&'a Py<PyAny>>) -> Option<&'a Bound<'py, PyAny>> {
    value.map(|value| value.bind(py)).filter(|value| !value.is_none())
}

/// A field that is a label.
fn word(py: Python<'_>, value: Option<&Py<PyAny>>) -> Option<String> {
    held(py, value).and_then(printed)
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
fn read_tokens(tokens: &Bound<'_, PyAny>, flaw: &Flaw) -> (TokenUsage, bool) {
    let mut is_readable =
        tokens.is_instance_of::<PyDict>() || tokens.hasattr("input").unwrap_or(false);
    let mut class = |name: &str| {
        let value = match tokens.cast::<PyDict>() {
            Ok(tokens) => tokens.get_item(name).ok().flatten(),
            Err(_) => tokens.getattr(name).ok(),
        };
        let Some(value) = value.filter(|value| !value.is_none()) else { return 0 };
        if !value.is_instance_of::<PyInt>() {
            flaw.note("tokens");
        }
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
    if !is_readable {
        flaw.note("tokens");
    }
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
fn read_time(time: &Bound<'_, PyAny>, name: &'static str, flaw: &Flaw) -> Option<DateTime<Utc>> {
    let zone = time.getattr(intern!(time.py(), "tzinfo")).ok();
    if zone.as_ref().is_none_or(PyAnyMethods::is_none) {
        flaw.note(name);
    }
    flaw.of(name, true, read_moment(time, &zone?))
}

fn read_moment(time: &Bound<'_, PyAny>, zone: &Bound<'_, PyAny>) -> Option<DateTime<Utc>> {
    let py = time.py();
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
    py: Python<'_>,
    fields: &CallFields,
    ambient: Option<&Bound<'_, PyAny>>,
    flaw: &Flaw,
) -> BTreeMap<String, String> {
    let mut merged =
        held(py, fields.ambient_metadata.as_ref()).or(ambient).map(tags).unwrap_or_default();
    if let Some(own) = held(py, fields.metadata.as_ref()) {
        let is_text = |value: &Bound<'_, PyAny>| value.is_instance_of::<PyString>();
        let is_proper = own
            .cast::<PyDict>()
            .is_ok_and(|own| own.iter().all(|(key, value)| is_text(&key) && is_text(&value)));
        if !is_proper {
            flaw.note("metadata");
        }
        merged.extend(tags(own));
    }
    merged
}

fn read_tool_calls(
    tools: &Bound<'_, PyAny>,
    flaw: &Flaw,
) -> (Vec<ToolCallInput>, Vec<Option<ArgumentDigest>>) {
    let Ok(tools) = tools.try_iter() else {
        flaw.note("tool_calls");
        return (Vec::new(), Vec::new());
    };
    let tools = tools.filter_map(Result::ok).take(MAX_TOOL_CALLS);
    tools
        .filter_map(|tool| flaw.of("tool_calls", true, read_tool_call(&tool, flaw)))
        .map(|(tool, digest)| (tool, Some(digest)))
        .unzip()
}

fn read_tool_call(tool: &Bound<'_, PyAny>, flaw: &Flaw) -> Option<(ToolCallInput, ArgumentDigest)> {
    let field = |name: &str| tool.getattr(name).ok().filter(|value| !value.is_none());
    let word = |name: &str| field(name).and_then(|value| printed(&value));
    let status = word("status").map_or(ToolCallStatus::Unknown, |status| status_of(&status));
    let mut read = ToolCallInput::new(word("name")?, status);
    if let Some(server) = word("server") {
        read.server = server;
    }
    let bytes = field("result_bytes").and_then(|bytes| read_count(&bytes)).unwrap_or_default();
    read.result_bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    if let Some(started_at) =
        field("started_at").and_then(|time| read_time(&time, "tool_calls", flaw))
    {
        read.started_at = started_at;
    }
    read.ended_at = field("ended_at").and_then(|time| read_time(&time, "tool_calls", flaw));
    if let Some(families) = field("command_families")
        && (families.is_instance_of::<PyList>() || families.is_instance_of::<PyTuple>())
    {
        let families = families.try_iter().ok()?.filter_map(Result::ok);
        read.command_families = families.filter_map(|family| printed(&family)).collect();
    }
    let Some(args) = field("args") else { return Some((read, ArgumentDigest::none())) };
    let (digest, is_json) = digest(&args);
    if !is_json {
        flaw.note("tool_calls");
    }
    Some((read, digest))
}

fn read_detail(detail: &Bound<'_, PyAny>) -> UsageDetail {
    let Ok(fields) = detail.cast::<PyDict>() else { return UsageDetail::default() };
    let field = |name: &str| fields.get_item(name).ok().flatten().filter(|value| !value.is_none());
    let count = |name| field(name).and_then(|value| read_count(&value));
    let word = |name: &str| {
        field(name).filter(PyAnyMethods::is_instance_of::<PyString>).and_then(|v| printed(&v))
    };
    UsageDetail {
        cache_creation_1h: count("cache_creation_1h"),
        audio_input: count("audio_input"),
        audio_output: count("audio_output"),
        web_search_requests: count("web_search_requests"),
        service_tier: word("service_tier"),
        speed: word("speed"),
        batch: field("batch").map(|value| json::from_python(&value) == true),
    }
}
