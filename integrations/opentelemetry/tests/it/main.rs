//! The exporter on spans that the SDK makes.

use std::borrow::Cow;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use modelstat::{Client, Config, FakeTransport, LlmCall, Mode, RawEvent, ToolCallWire};
use modelstat_opentelemetry::Exporter;
use modelstat_spans::{Source, record_once};
use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::{
    SdkTracer, SdkTracerProvider, SpanData, SpanEvents, SpanExporter, SpanLinks,
};

/// Far longer than anything here takes, so that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

struct Recorded {
    events: Vec<RawEvent>,
    tool_calls: Vec<ToolCallWire>,
}

impl Recorded {
    fn only_event(&self) -> &RawEvent {
        assert_eq!(self.events.len(), 1, "{:?}", self.events);
        &self.events[0]
    }
}

fn config() -> Config {
    let mut config = Config::new("test-key", "raw_sdk_openai", "checkout-api");
    config.flush_interval = Duration::from_hours(1);
    config
}

fn client() -> (Client, Arc<FakeTransport>) {
    let transport = Arc::new(FakeTransport::new());
    (Client::with_transport(config(), transport.clone()), transport)
}

fn flushed(client: &Client, transport: &FakeTransport) -> Recorded {
    assert!(client.flush_blocking(PATIENCE).complete);
    let batches = transport.batches();
    let events = batches.iter().flat_map(|batch| batch.events.clone()).collect();
    let tool_calls = batches.into_iter().flat_map(|batch| batch.tool_calls).collect();
    Recorded { events, tool_calls }
}

/// Runs a program with a tracer of a scope and returns what was recorded.
fn recorded_in(scope: &'static str, program: impl FnOnce(&SdkTracer)) -> Recorded {
    let (client, transport) = client();
    let exporter = Exporter::new(client.clone());
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
    program(&provider.tracer(scope));
    flushed(&client, &transport)
}

fn recorded(program: impl FnOnce(&SdkTracer)) -> Recorded {
    recorded_in("an.instrumentation", program)
}

fn chat(attributes: impl IntoIterator<Item = KeyValue>) -> SpanBuilder {
    let mut all = vec![
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.request.model", "gpt-x"),
    ];
    all.extend(attributes);
    SpanBuilder::from_name("chat gpt-x").with_attributes(all)
}

#[test]
fn a_call_is_recorded_with_what_its_span_says() {
    let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000);
    let recorded = recorded(|tracer| {
        let reasons = Value::Array(Array::String(vec![StringValue::from("stop")]));
        let attributes = [
            KeyValue::new("gen_ai.provider.name", "openai"),
            KeyValue::new("gen_ai.response.id", "otel-1"),
            KeyValue::new("gen_ai.usage.input_tokens", 100),
            KeyValue::new("gen_ai.usage.output_tokens", 30),
            KeyValue::new("gen_ai.usage.cache_read.input_tokens", 60),
            KeyValue::new("gen_ai.usage.reasoning.output_tokens", 20),
            KeyValue::new("gen_ai.response.finish_reasons", reasons),
            KeyValue::new("gen_ai.input.messages", "what is asked"),
        ];
        let mut span = tracer.build(chat(attributes).with_start_time(started));
        let first = started + Duration::from_millis(250);
        span.add_event_with_timestamp("gen_ai.content.completion.chunk", first, Vec::new());
        span.end_with_timestamp(started + Duration::from_millis(1_500));
    });
    let event = recorded.only_event();
    assert_eq!((event.provider.as_str(), event.model.as_deref()), ("openai", Some("gpt-x")));
    assert_eq!((event.tokens.input, event.tokens.cache_read), (40, 60));
    assert_eq!((event.tokens.output, event.tokens.reasoning), (10, 20));
    assert_eq!(event.ts.timestamp_millis(), 1_780_000_000_000);
    assert_eq!(event.duration_ms, Some(1_500));
    assert_eq!((event.first_token_at.expect("a token") - event.ts).num_milliseconds(), 250);
    assert_eq!(event.finish_reason.as_deref(), Some("stop"));
    assert_eq!(event.content_excerpt.as_deref(), Some("what is asked"));
    assert_eq!(event.session_id.len(), 32);
    assert_eq!(event.metadata.as_ref().expect("tags")["session_derived"], "true");
}

#[test]
fn the_scope_tells_what_the_input_includes() {
    let recorded = recorded_in("opentelemetry.instrumentation.bedrock", |tracer| {
        tracer.build(chat([
            KeyValue::new("gen_ai.usage.input_tokens", 100),
            KeyValue::new("gen_ai.usage.output_tokens", 30),
            KeyValue::new("gen_ai.usage.cache_read.input_tokens", 60),
        ]));
    });
    let tokens = recorded.only_event().tokens;
    assert_eq!((tokens.input, tokens.cache_read), (100, 60));
}

#[test]
fn a_failure_has_the_kind_of_its_exception_and_no_message() {
    let recorded = recorded(|tracer| {
        let mut span = tracer.build(chat([KeyValue::new("http.response.status_code", 429)]));
        let kind = KeyValue::new("exception.type", "RateLimited");
        let message = KeyValue::new("exception.message", "the key of jane.doe is spent");
        span.add_event("exception", vec![kind, message]);
        span.set_status(Status::error("the key of jane.doe is spent"));
        drop(span);
        tracer.build(chat([])).set_status(Status::error("spent"));
    });
    let errors: Vec<_> =
        recorded.events.iter().map(|event| event.error.clone().expect("an error")).collect();
    assert_eq!((errors[0].kind.as_str(), errors[0].status), ("RateLimited", Some(429)));
    assert_eq!((errors[1].kind.as_str(), errors[1].status), ("error", None));
    assert_eq!(recorded.events[1].usage_known, Some(false));
    assert!(!format!("{:?}", recorded.events).contains("spent"));
}

#[test]
fn agents_are_left_out_and_tools_go_with_their_call() {
    let recorded = recorded(|tracer| {
        let agent = [KeyValue::new("gen_ai.operation.name", "invoke_agent")];
        let agent = tracer.build(SpanBuilder::from_name("agent").with_attributes(agent));
        let within_agent = Context::new().with_span(agent);
        let tool = |name: &'static str, context: &Context| {
            let attributes = [
                KeyValue::new("gen_ai.operation.name", "execute_tool"),
                KeyValue::new("gen_ai.tool.name", name),
                KeyValue::new("gen_ai.tool.call.arguments", r#"{"a":1}"#),
                KeyValue::new("gen_ai.tool.call.result", "twelve bytes"),
            ];
            let tool = SpanBuilder::from_name("tool").with_attributes(attributes);
            drop(tracer.build_with_context(tool, context));
        };
        let first = tracer.build_with_context(chat([]), &within_agent);
        tool("within", &Context::new().with_span(first));
        tool("beside", &within_agent);
        drop(tracer.build_with_context(chat([]), &within_agent));
    });
    assert_eq!(recorded.events.len(), 2);
    let [within, beside] = &recorded.tool_calls[..] else { panic!("two tools") };
    assert_eq!((within.name.as_str(), beside.name.as_str()), ("within", "beside"));
    assert_eq!(within.source_event_id, recorded.events[0].source_event_id);
    assert_eq!(beside.source_event_id, recorded.events[1].source_event_id);
    assert_eq!((within.args_bytes, within.result_bytes), (7, 12));
}

/// A span as it could come from anywhere.
fn span_data(attributes: Vec<KeyValue>, start_time: SystemTime, end_time: SystemTime) -> SpanData {
    let context = SpanContext::new(
        TraceId::INVALID,
        SpanId::INVALID,
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    SpanData {
        span_context: context,
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: Cow::Borrowed("chat"),
        start_time,
        end_time,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("x").build(),
    }
}

/// Polls a future that is ready at once.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn hostile_spans_are_taken_within_limits() {
    let (client, transport) = client();
    let exporter = Exporter::new(client.clone()).with_metadata("team", "search");
    let long = "x".repeat(100_000);
    let mut attributes: Vec<KeyValue> = (0..10_000)
        .map(|index| KeyValue::new(format!("gen_ai.prompt.{index}.content"), 1))
        .collect();
    attributes.insert(0, KeyValue::new("gen_ai.request.model", "gpt-x"));
    attributes.insert(1, KeyValue::new("gen_ai.usage.input_tokens", -5));
    attributes.insert(2, KeyValue::new("gen_ai.usage.output_tokens", f64::NAN));
    attributes.insert(3, KeyValue::new("gen_ai.provider.name", long.clone()));
    attributes.insert(4, KeyValue::new("gen_ai.input.messages", long));
    let before_the_epoch = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let span = span_data(attributes, SystemTime::UNIX_EPOCH, before_the_epoch);
    assert!(ready(exporter.export(vec![span])).is_ok());
    let recorded = flushed(&client, &transport);
    let event = recorded.only_event();
    assert_eq!((event.provider.as_str(), event.duration_ms), ("unknown", None));
    assert_eq!((event.usage_known, event.session_id.as_str()), (Some(false), ""));
    assert_eq!(event.metadata.as_ref().expect("tags")["team"], "search");
}

#[test]
fn nothing_is_exported_after_the_shutdown() {
    let (client, _transport) = client();
    let exporter = Exporter::new(client.clone());
    assert!(exporter.shutdown().is_ok());
    assert!(matches!(exporter.shutdown(), Err(OTelSdkError::AlreadyShutdown)));
    assert!(matches!(ready(exporter.export(Vec::new())), Err(OTelSdkError::AlreadyShutdown)));
    client.record(LlmCall::new("openai", "the client is the caller's"));
    assert_eq!(client.stats().pending, 1);
}

#[test]
fn a_flush_ends_in_time_when_nobody_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address");
    let mut config = config();
    config.mode = Mode::LocalDaemon { url: format!("http://{address}/v1/ingest") };
    let client = Client::new(config);
    let exporter = Exporter::new(client.clone());
    client.record(LlmCall::new("openai", "session"));
    let started = Instant::now();
    let timeout = Duration::from_millis(200);
    let outcome = exporter.shutdown_with_timeout(timeout);
    assert!(matches!(outcome, Err(OTelSdkError::Timeout(limit)) if limit == timeout));
    assert!(started.elapsed() < PATIENCE / 2);
    drop(silent);
}

#[test]
fn an_answer_that_another_integration_recorded_is_not_recorded_again() {
    let recorded = recorded(|tracer| {
        let (helper, _transport) = client();
        let call = LlmCall::new("openai", "session").response_id("resp-of-both");
        record_once(&helper, Source::AsyncOpenai, call);
        assert_eq!(helper.stats().recorded, 1);
        drop(tracer.build(chat([KeyValue::new("gen_ai.response.id", "resp-of-both")])));
        drop(tracer.build(chat([KeyValue::new("gen_ai.response.id", "resp-of-one")])));
    });
    assert_eq!(recorded.only_event().response_id.as_deref(), Some("resp-of-one"));
}
