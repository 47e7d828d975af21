//! The exporter.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use modelstat::Client;
use modelstat_spans::{AttributeValue, Captured, Facts, Recording, Source, SpanKey};
use opentelemetry::trace::{SpanId, Status, TraceId};
use opentelemetry::{Array, Value};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// How long a flush may take that is given no time: what the SDK gives a shutdown.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Most values of a list that are looked at: nothing that is read has more.
const MAX_LIST_VALUES: usize = 64;

/// What an event is called that comes with the first chunk of an answer.
const FIRST_CHUNK: [&str; 2] = ["gen_ai.content.completion.chunk", "First Token Stream Event"];

/// The kind of a failure that a span does not name.
const UNNAMED_FAILURE: &str = "error";

/// Records each span of a model's call that is exported.
#[derive(Debug)]
pub struct Exporter {
    recording: Recording,
    is_over: AtomicBool,
}

impl Exporter {
    /// Makes an exporter that records through a client, which stays the caller's to shut down.
    #[must_use]
    pub fn new(client: Client) -> Self {
        let recording = Recording::new(client, Source::Opentelemetry);
        Self { recording, is_over: AtomicBool::new(false) }
    }

    /// Whether prompts and answers are taken where a span has them; they are, unless told otherwise.
    /// The SDK redacts them before they leave the process.
    #[must_use]
    pub fn with_content(mut self, is_wanted: bool) -> Self {
        self.recording.options.has_content = is_wanted;
        self
    }

    /// Sets the session of calls whose span names none.
    #[must_use]
    pub fn with_session(mut self, id: impl Into<String>) -> Self {
        self.recording.options.session = Some(id.into());
        self
    }

    /// Adds a tag of every call; a tag of a span wins.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.recording.options.metadata.insert(key.into(), value.into());
        self
    }

    fn take(&self, span: &SpanData) {
        let mut captured = Captured::new(self.recording.options.has_content);
        for attribute in &span.attributes {
            captured.put(attribute.key.as_str(), shown(&attribute.value));
        }
        let trace = span.span_context.trace_id();
        let trace_text = shown_id(&trace, trace == TraceId::INVALID);
        let scope = &span.instrumentation_scope;
        let facts = Facts {
            scope_name: scope.name(),
            scope_version: scope.version().unwrap_or_default(),
            trace_id: trace_text.as_deref(),
            started_ns: nanoseconds(span.start_time),
            ended_ns: nanoseconds(span.end_time),
            first_token_ns: first_chunk_ns(span),
            failure: failure(span),
            ..Facts::default()
        };
        let key = |span| SpanKey { trace: u128::from_be_bytes(trace.to_bytes()), span };
        let own = key(number(span.span_context.span_id()));
        let has_parent = span.parent_span_id != SpanId::INVALID;
        let home = has_parent.then(|| key(number(span.parent_span_id)));
        self.recording.close(&captured, &facts, own, home);
    }

    fn flush(&self, timeout: Duration) -> OTelSdkResult {
        let is_complete = self.recording.client().flush_blocking(timeout).complete;
        if is_complete { Ok(()) } else { Err(OTelSdkError::Timeout(timeout)) }
    }
}

impl SpanExporter for Exporter {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        // Relaxed is enough: nothing else is read by it.
        if self.is_over.load(Ordering::Relaxed) {
            return std::future::ready(Err(OTelSdkError::AlreadyShutdown));
        }
        for span in &batch {
            self.take(span);
        }
        std::future::ready(Ok(()))
    }

    /// Sends what was recorded, within the time.
    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        if self.is_over.swap(true, Ordering::Relaxed) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        self.flush(timeout)
    }

    /// Sends what was recorded, within five seconds.
    fn force_flush(&self) -> OTelSdkResult {
        self.flush(FLUSH_TIMEOUT)
    }
}

fn shown(value: &Value) -> AttributeValue<'_> {
    match value {
        Value::Bool(value) => AttributeValue::Bool(*value),
        Value::I64(value) => AttributeValue::Integer(*value),
        Value::F64(value) => AttributeValue::Float(*value),
        Value::String(text) => AttributeValue::Text(Cow::Borrowed(text.as_str())),
        Value::Array(values) => AttributeValue::List(listed(values)),
        // What a later version adds is read as its text.
        other => AttributeValue::Text(Cow::Owned(other.to_string())),
    }
}

fn listed(values: &Array) -> Vec<AttributeValue<'_>> {
    fn each<'a, T>(
        values: &'a [T],
        shown: impl Fn(&'a T) -> AttributeValue<'a>,
    ) -> Vec<AttributeValue<'a>> {
        values.iter().take(MAX_LIST_VALUES).map(shown).collect()
    }
    match values {
        Array::Bool(values) => each(values, |value| AttributeValue::Bool(*value)),
        Array::I64(values) => each(values, |value| AttributeValue::Integer(*value)),
        Array::F64(values) => each(values, |value| AttributeValue::Float(*value)),
        Array::String(values) => {
            each(values, |text| AttributeValue::Text(Cow::Borrowed(text.as_str())))
        }
        _ => Vec::new(),
    }
}

fn shown_id(id: &impl Display, is_invalid: bool) -> Option<String> {
    (!is_invalid).then(|| id.to_string())
}

fn number(id: SpanId) -> u64 {
    u64::from_be_bytes(id.to_bytes())
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or_default()
}

fn first_chunk_ns(span: &SpanData) -> Option<u64> {
    let chunk = span.events.iter().find(|event| FIRST_CHUNK.contains(&&*event.name))?;
    Some(nanoseconds(chunk.timestamp))
}

/// The kind of a failed span's failure, of the exception that it holds; never the message.
fn failure(span: &SpanData) -> Option<&str> {
    if !matches!(span.status, Status::Error { .. }) {
        return None;
    }
    let attributes = span.events.iter().flat_map(|event| &event.attributes);
    let kinds = attributes.filter(|attribute| attribute.key.as_str() == "exception.type");
    let mut texts = kinds.filter_map(|attribute| match &attribute.value {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    });
    Some(texts.next().unwrap_or(UNNAMED_FAILURE))
}
