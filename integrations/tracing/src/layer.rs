//! The layer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;

use chrono::Utc;
use modelstat::Client;
use modelstat_spans::{Captured, Facts, Recording, Source, SpanKey, tells_of_models};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::session::Trace;
use crate::visitor::Visitor;

/// Where a span may name its conversation.
const SESSION: [&str; 3] = ["gen_ai.conversation.id", "session.id", "langfuse.session.id"];

/// What an event is called that comes with the first chunk of an answer.
const FIRST_CHUNK: [&str; 2] = ["gen_ai.content.completion.chunk", "First Token Stream Event"];

/// The kind of the failure of a call that a panic cut short.
const PANIC: &str = "panic";

/// Records each span of a model's call when it closes.
#[derive(Debug)]
pub struct Layer {
    recording: Recording,
}

impl Layer {
    /// Makes a layer that records through a client, which stays the caller's to shut down.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { recording: Recording::new(client, Source::Tracing) }
    }

    /// Whether prompts and answers are taken where a span has them; they are, unless told otherwise.
    /// The SDK redacts them before they leave the process.
    #[must_use]
    pub fn with_content(mut self, is_wanted: bool) -> Self {
        self.recording.options.has_content = is_wanted;
        self
    }

    /// Sets the session of calls for which neither their span nor one around it names any.
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

    fn begin<S>(&self, attributes: &Attributes<'_>, id: &Id, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if !is_about_models(attributes.metadata()) {
            return;
        }
        let mut captured = Captured::new(self.recording.options.has_content);
        attributes.record(&mut Visitor(&mut captured));
        let Some(span) = context.span(id) else { return };
        let begun = Begun::now(captured, span.metadata().target());
        let mut extensions = span.extensions_mut();
        // Another layer of this kind has been here; its attributes are the same.
        if extensions.get_mut::<Begun>().is_none() {
            extensions.insert(begun);
        }
    }

    fn add<S>(&self, id: &Id, values: &Record<'_>, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Some(span) = context.span(id) else { return };
        if span.extensions().get::<Begun>().is_none() {
            return;
        }
        let mut captured = Captured::new(self.recording.options.has_content);
        values.record(&mut Visitor(&mut captured));
        if let Some(begun) = span.extensions_mut().get_mut::<Begun>() {
            begun.captured.merge(captured);
        }
    }

    fn add_event<S>(&self, event: &Event<'_>, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let is_chunk = FIRST_CHUNK.contains(&event.metadata().name());
        if !is_chunk && !is_about_models(event.metadata()) {
            return;
        }
        let Some(span) = context.event_span(event) else { return };
        if span.extensions().get::<Begun>().is_none() {
            return;
        }
        let mut captured = Captured::new(self.recording.options.has_content);
        event.record(&mut Visitor(&mut captured));
        if let Some(begun) = span.extensions_mut().get_mut::<Begun>() {
            begun.captured.complete(captured);
            if is_chunk {
                let waited = begun.started.elapsed();
                begun.first_chunk_ns.get_or_insert(begun.started_ns + nanoseconds(waited));
            }
        }
    }

    fn end<S>(&self, id: &Id, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let own = key(id);
        let Some(span) = context.span(id) else { return };
        if span.extensions().get::<Begun>().is_none() {
            return self.recording.forget(own);
        }
        // Before the span is held for reading: the outermost span, which is written to, may be it.
        let session = inherited_session(&span);
        let trace = trace_of(&span).id();
        let extensions = span.extensions();
        let Some(begun) = extensions.get::<Begun>() else { return };
        let facts = Facts {
            scope_name: begun.scope,
            trace_id: Some(&trace),
            session: session.as_deref(),
            started_ns: begun.started_ns,
            ended_ns: begun.started_ns + nanoseconds(begun.started.elapsed()),
            first_token_ns: begun.first_chunk_ns,
            failure: thread::panicking().then_some(PANIC),
            ..Facts::default()
        };
        self.recording.close(&begun.captured, &facts, own, home_of(&span));
    }
}

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        guarded(|| self.begin(attributes, id, &context));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        guarded(|| self.add(id, values, &context));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        guarded(|| self.add_event(event, &context));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        guarded(|| self.end(&id, &context));
    }
}

/// A span that is about models, from its beginning.
struct Begun {
    captured: Captured<'static>,
    scope: &'static str,
    started: Instant,
    started_ns: u64,
    first_chunk_ns: Option<u64>,
}

impl Begun {
    fn now(captured: Captured<'static>, scope: &'static str) -> Self {
        let now = Utc::now().timestamp_nanos_opt();
        let started_ns = now.and_then(|now| u64::try_from(now).ok()).unwrap_or_default();
        Self { captured, scope, started: Instant::now(), started_ns, first_chunk_ns: None }
    }
}

/// Runs what must not panic into the program. The registry panics where another layer did while it
/// held a span, and a panic while a panic unwinds would end the process.
fn guarded(work: impl FnOnce()) {
    drop(catch_unwind(AssertUnwindSafe(work)));
}

fn is_about_models(metadata: &Metadata<'_>) -> bool {
    metadata.fields().iter().any(|field| tells_of_models(field.name()))
}

fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 2)
}

fn key(id: &Id) -> SpanKey {
    SpanKey { trace: 0, span: id.into_u64() }
}

/// The session that the nearest span around this one names.
fn inherited_session<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>) -> Option<String> {
    span.scope().skip(1).find_map(|parent| {
        let extensions = parent.extensions();
        let captured = &extensions.get::<Begun>()?.captured;
        SESSION.iter().find_map(|key| captured.text(key)).map(str::to_owned)
    })
}

/// What the spans under the outermost one have in common.
fn trace_of<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>) -> Trace {
    let Some(root) = span.scope().last() else { return Trace::fresh() };
    let mut extensions = root.extensions_mut();
    if let Some(trace) = extensions.get_mut::<Trace>() {
        return *trace;
    }
    let trace = Trace::fresh();
    extensions.insert(trace);
    trace
}

/// Where a tool in this span waits for its call: the nearest span around it that is about models, else
/// the one around it.
fn home_of<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>) -> Option<SpanKey> {
    let mut around = span.scope().skip(1);
    let has_begun = |parent: &SpanRef<'a, S>| parent.extensions().get::<Begun>().is_some();
    let home = around.find(has_begun).or_else(|| span.parent())?;
    Some(key(&home.id()))
}
