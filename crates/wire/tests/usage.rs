//! What providers report, read: one file per shape and per known pitfall, in `usage/`.
//!
//! A file has a `usage`, or the `chunks` of a stream, and what is `expected` of it. The bindings of
//! other languages run the same files.

use std::fs;
use std::path::PathBuf;

use modelstat_wire::limits::MAX_COUNT;
use modelstat_wire::usage::attributes::{AttributeValue, Span, SpanCall, read_span};
use modelstat_wire::usage::{Shape, Usage, UsageStream, normalise};
use modelstat_wire::{UsageDetail, parse_batch};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const FIELDS: [&str; 5] = ["name", "source", "shape", "expected", "usage"];

fn fixtures() -> Vec<Value> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "usage"].iter().collect();
    let files = fs::read_dir(folder).expect("the folder of fixtures");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a text");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.iter().map(read).collect()
}

fn shape(fixture: &Value) -> Shape {
    let name = fixture["shape"].as_str().expect("a shape");
    Shape::from_name(name).unwrap_or_else(|| panic!("no shape is called {name}"))
}

fn read(fixture: &Value) -> Usage {
    let Some(chunks) = fixture["chunks"].as_array() else {
        return normalise(shape(fixture), &fixture["usage"]);
    };
    stream(shape(fixture), chunks)
}

fn stream(shape: Shape, chunks: &[Value]) -> Usage {
    let mut stream = UsageStream::new(shape);
    for chunk in chunks {
        stream.push(chunk);
    }
    stream.finish()
}

/// Writes a usage as the fixtures do.
fn written(usage: &Usage) -> Value {
    let mut written = serde_json::to_value(usage.tokens).expect("JSON");
    let rest = serde_json::to_value(usage).expect("JSON");
    for key in ["known", "detail", "anomalies"] {
        written[key] = rest[key].clone();
    }
    written
}

#[test]
fn every_fixture_is_read_as_expected() {
    for fixture in fixtures() {
        let name = &fixture["name"];
        assert!(fixture["source"].is_string(), "{name}: a fixture says where it is from");
        let is_known_field = |key: &String| key == "chunks" || FIELDS.contains(&key.as_str());
        assert!(fixture.as_object().expect("an object").keys().all(is_known_field), "{name}");
        assert_eq!(written(&read(&fixture)), fixture["expected"], "{name}");
    }
}

#[test]
fn every_shape_has_a_fixture() {
    let fixtures = fixtures();
    for shape in Shape::ALL {
        let is_its = |fixture: &&Value| fixture["shape"] == shape.name();
        assert!(fixtures.iter().any(|fixture| is_its(&fixture)), "{shape}");
    }
}

#[test]
fn a_guess_reads_what_the_name_reads() {
    for fixture in fixtures() {
        let usage = &fixture["usage"];
        let Some(guess) = Shape::guess(usage) else { continue };
        // What another provider writes under OpenAI's keys cannot be told by them.
        if fixture["expected"]["known"] == true {
            assert_eq!(
                normalise(guess, usage).tokens,
                normalise(shape(&fixture), usage).tokens,
                "{}: guessed {guess}",
                fixture["name"]
            );
        }
    }
}

#[test]
fn a_stream_of_one_whole_answer_is_that_answer() {
    let answer = json!({"id": "x", "usage": {"input_tokens": 3, "output_tokens": 4}});
    let whole = stream(Shape::AnthropicMessages, std::slice::from_ref(&answer));
    assert_eq!(whole, normalise(Shape::AnthropicMessages, &answer["usage"]));
    assert!(whole.is_known);
}

fn call(scope_name: &str, attributes: &Value) -> Option<SpanCall> {
    let span = Span {
        scope_name,
        scope_version: "1.0.0",
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        started_ns: 1_790_000_000_000_000_000,
        ended_ns: 1_790_000_001_234_900_000,
    };
    let attributes = attributes.as_object().expect("an object").iter();
    read_span(
        &span,
        attributes
            .filter_map(|(key, value)| Some((key.as_str(), AttributeValue::from_json(value)?))),
    )
}

fn tokens(scope_name: &str, attributes: &Value) -> [u64; 5] {
    let tokens = call(scope_name, attributes).expect("a call").usage.tokens;
    [tokens.input, tokens.output, tokens.cache_read, tokens.cache_creation, tokens.reasoning]
}

#[test]
fn a_span_of_the_current_conventions_is_a_call() {
    let call = call("opentelemetry.instrumentation.openai_v2", &json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai", "gen_ai.system": "older",
        "gen_ai.request.model": "gpt-5", "gen_ai.response.model": "gpt-5-2026-01-01",
        "gen_ai.usage.input_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 60,
        "gen_ai.usage.cache_write.input_tokens": 10,
        "gen_ai.usage.output_tokens": 50, "gen_ai.usage.reasoning.output_tokens": 20,
        "gen_ai.conversation.id": "conversation-1",
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.response.finish_reasons": ["stop", "length"],
        "gen_ai.response.id": "answer-1",
        "error.type": "timeout",
        "gen_ai.system_instructions": r#"[{"type": "text", "content": "Be brief."}]"#,
        "gen_ai.input.messages": r#"[{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]"#,
        "gen_ai.output.messages": r#"[{"role": "assistant", "parts": [{"type": "text", "content": "Hi"}]}]"#,
        "gen_ai.agent.name": "planner",
    }))
    .expect("a call");
    assert_eq!(call.provider.as_deref(), Some("openai"));
    assert_eq!(call.model.as_deref(), Some("gpt-5-2026-01-01"));
    assert_eq!(
        written(&call.usage),
        json!({
            "input": 30, "output": 30, "cache_read": 60, "cache_creation": 10, "reasoning": 20,
            "known": true, "detail": {}, "anomalies": [],
        })
    );
    assert_eq!(call.session_id.as_deref(), Some("conversation-1"));
    assert!(!call.is_session_derived);
    assert_eq!(call.duration_ms, Some(1_234));
    let waited =
        |call: &SpanCall| Some(call.first_token_at?.as_micros() - call.started_at?.as_micros());
    assert_eq!(waited(&call), Some(250_000));
    assert_eq!(call.finish_reason.as_deref(), Some("stop"));
    assert_eq!(call.response_id.as_deref(), Some("answer-1"));
    assert_eq!(call.error_type.as_deref(), Some("timeout"));
    assert_eq!(call.prompt.as_deref(), Some("Be brief.\nHello"));
    assert_eq!(call.completion.as_deref(), Some("Hi"));
    let tags = [("error.type", "timeout"), ("gen_ai.agent.name", "planner")];
    assert_eq!(call.metadata, tags.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[test]
fn spans_of_the_other_conventions_are_calls() {
    let openinference = call("openinference.instrumentation.openai", &json!({
        "openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.system": "openai",
        "llm.token_count.prompt": 100, "llm.token_count.prompt_details.cache_read": 40,
        "llm.token_count.completion": 30, "llm.token_count.completion_details.reasoning": 10,
        "llm.input_messages.1.message.content": "second", "llm.input_messages.0.message.content": "first",
        "llm.input_messages.10.message.content": "last",
        "llm.output_messages.0.message.content": "answer",
        "metadata": r#"{"feature": "search", "tries": 2, "none": null}"#,
    }))
    .expect("a call");
    assert_eq!(openinference.usage.tokens.total(), 130);
    assert_eq!(openinference.prompt.as_deref(), Some("first\nsecond\nlast"));
    assert_eq!(openinference.completion.as_deref(), Some("answer"));
    assert_eq!(openinference.metadata[0], ("feature".to_owned(), "search".to_owned()));
    assert!(openinference.is_session_derived);
    assert_eq!(openinference.session_id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));

    let openllmetry = call("opentelemetry.instrumentation.openai.v1", &json!({
        "llm.request.type": "chat", "gen_ai.system": "OpenAI", "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.prompt_tokens": 10, "gen_ai.usage.completion_tokens": 5, "llm.usage.total_tokens": 15,
        "gen_ai.prompt.0.content": "question", "gen_ai.completion.0.content": "answer",
        "gen_ai.completion.0.finish_reason": "stop",
        "traceloop.association.properties.session_id": "s1", "traceloop.association.properties.team": "blue",
    }))
    .expect("a call");
    assert_eq!((openllmetry.usage.tokens.input, openllmetry.usage.tokens.output), (10, 5));
    assert_eq!(openllmetry.session_id.as_deref(), Some("s1"));
    assert_eq!(openllmetry.prompt.as_deref(), Some("question"));
    assert_eq!(openllmetry.finish_reason.as_deref(), Some("stop"));
    assert_eq!(openllmetry.metadata, [("team".to_owned(), "blue".to_owned())]);

    let vercel = call("ai", &json!({
        "ai.operationId": "ai.streamText.doStream", "ai.model.provider": "openai.chat", "ai.model.id": "gpt-4o",
        "ai.usage.promptTokens": 10, "ai.usage.completionTokens": 5,
        "ai.response.msToFirstChunk": 500, "ai.response.text": "answer",
        "ai.telemetry.metadata.sessionId": "s2", "ai.telemetry.metadata.plan": "free",
        "ai.prompt.messages": r#"[{"role":"user","content":[{"type":"text","text":"question"}]}]"#,
    }))
    .expect("a call");
    assert_eq!(vercel.provider.as_deref(), Some("openai"));
    assert_eq!(vercel.session_id.as_deref(), Some("s2"));
    assert_eq!(vercel.prompt.as_deref(), Some("question"));
    assert_eq!(vercel.metadata, [("plan".to_owned(), "free".to_owned())]);
}

#[test]
fn spans_that_repeat_their_children_are_no_calls() {
    for attributes in [
        json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 10}),
        json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}),
        json!({"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 10}),
        json!({"openinference.span.kind": "AGENT", "gen_ai.operation.name": "chat"}),
        json!({"ai.operationId": "ai.generateText", "ai.usage.promptTokens": 10, "gen_ai.request.model": "m"}),
        json!({"ai.operationId": "ai.toolCall"}),
        json!({"traceloop.span.kind": "workflow", "gen_ai.request.model": "m"}),
        json!({"http.request.method": "POST"}),
        json!({}),
    ] {
        assert!(call("any", &attributes).is_none(), "{attributes}");
    }
}

#[test]
fn cached_tokens_stand_where_the_instrumentation_puts_them() {
    let usage = |input: u64, read: u64| {
        json!({
            "gen_ai.operation.name": "chat", "gen_ai.system": "anthropic",
            "gen_ai.usage.input_tokens": input, "gen_ai.usage.output_tokens": 40,
            "gen_ai.usage.cache_read.input_tokens": read,
        })
    };
    // By the conventions within the input.
    assert_eq!(
        tokens("opentelemetry.instrumentation.anthropic", &usage(1_012, 1_000)),
        [12, 40, 1_000, 0, 0]
    );
    // openllmetry#4449: another package of the same makers puts them beside it.
    assert_eq!(
        tokens("opentelemetry.instrumentation.bedrock", &usage(12, 1_000)),
        [12, 40, 1_000, 0, 0]
    );
    assert_eq!(
        tokens("opentelemetry.instrumentation.bedrock", &usage(1_012, 1_000)),
        [1_012, 40, 1_000, 0, 0]
    );
    // Whoever it is, a cache is no part of an input that is smaller.
    assert_eq!(tokens("some.other", &usage(12, 1_000)), [12, 40, 1_000, 0, 0]);
    // sentry-javascript#21488: beside it before version 6 of Vercel's AI SDK, within since.
    let vercel = |provider: &str, key: &str| {
        json!({
            "ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": provider,
            "ai.usage.inputTokens": 1_012, "ai.usage.outputTokens": 40, key: 1_000,
        })
    };
    let (before, since) =
        ("ai.usage.cachedInputTokens", "ai.usage.inputTokenDetails.cacheReadTokens");
    assert_eq!(tokens("ai", &vercel("anthropic.messages", before)), [1_012, 40, 1_000, 0, 0]);
    assert_eq!(tokens("ai", &vercel("anthropic.messages", since)), [12, 40, 1_000, 0, 0]);
    assert_eq!(tokens("ai", &vercel("openai.chat", before)), [12, 40, 1_000, 0, 0]);
}

#[test]
fn a_span_without_counts_leaves_the_usage_unknown() {
    let call = call("any", &json!({"gen_ai.operation.name": "chat"})).expect("a call");
    assert_eq!(call.usage, Usage::default());
    assert!(!call.usage.is_known);
}

#[test]
fn a_call_does_not_show_its_texts() {
    let call = call(
        "any",
        &json!({
            "gen_ai.operation.name": "chat", "gen_ai.input.messages": "planted words", "user.id": "planted words",
        }),
    );
    assert!(!format!("{call:?}").contains("planted"));
    assert!(!format!("{:?}", AttributeValue::Text("planted".into())).contains("planted"));
}

/// The keys that usages are made of, and a few that none has.
const KEYS: [&str; 34] = [
    "usage",
    "message",
    "metadata",
    "response",
    "delta",
    "usage_metadata",
    "usageMetadata",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
    "cached_tokens",
    "reasoning_tokens",
    "cache_write_tokens",
    "audio_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation",
    "ephemeral_1h_input_tokens",
    "iterations",
    "type",
    "inputTokens",
    "outputTokens",
    "totalTokens",
    "cacheReadInputTokens",
    "prompt_token_count",
    "candidates_token_count",
    "thoughts_token_count",
    "eval_count",
    "service_tier",
    "anything",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0..10_000_u64).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec!["12", "-1", "NaN", "1e999", "compaction", "batch"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(select(KEYS.to_vec()), inner, 0..10).prop_map(|fields| {
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            }),
        ]
    })
}

fn classes(usage: &Usage) -> [u64; 5] {
    let tokens = usage.tokens;
    [tokens.input, tokens.output, tokens.cache_read, tokens.cache_creation, tokens.reasoning]
}

fn is_sound(usage: &Usage) -> bool {
    let (tokens, detail) = (&usage.tokens, &usage.detail);
    classes(usage).into_iter().all(|count| count <= MAX_COUNT)
        && detail.audio_input.is_none_or(|audio| audio <= tokens.input)
        && detail.audio_output.is_none_or(|audio| audio <= tokens.output)
        && detail.cache_creation_1h.is_none_or(|hour| hour <= tokens.cache_creation)
}

/// A whole and two parts that fit in it.
fn parted() -> impl Strategy<Value = (u64, u64, u64)> {
    (0..1_000_000_u64, 0..1_000_000_u64, 0..1_000_000_u64)
        .prop_map(|(rest, first, second)| (rest + first + second, first, second))
}

proptest! {
    #[test]
    fn no_json_panics_and_what_is_read_is_sound(
        shape in select(Shape::ALL.to_vec()),
        chunks in prop::collection::vec(any_json(), 1..4),
    ) {
        prop_assert!(is_sound(&stream(shape, &chunks)));
        for chunk in &chunks {
            prop_assert!(is_sound(&normalise(shape, chunk)));
            if let Some(guess) = Shape::guess(chunk) {
                prop_assert!(is_sound(&normalise(guess, chunk)));
            }
        }
    }

    #[test]
    fn no_attributes_panic(
        attributes in prop::collection::hash_map(
            select(vec![
                "gen_ai.operation.name", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens",
                "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.reasoning_tokens", "metadata",
                "gen_ai.response.time_to_first_chunk", "gen_ai.input.messages", "gen_ai.prompt.7.content",
                "openinference.span.kind", "ai.operationId", "ai.telemetry.metadata.x", "gen_ai.request.model",
            ]),
            any_json(),
            0..13,
        ),
        times in any::<(u64, u64)>(),
    ) {
        let span = Span { started_ns: times.0, ended_ns: times.1, ..Span::default() };
        let values = attributes
            .iter()
            .filter_map(|(key, value)| Some((*key, AttributeValue::from_json(value)?)));
        if let Some(call) = read_span(&span, values) {
            prop_assert!(is_sound(&call.usage));
        }
    }

    #[test]
    fn the_classes_come_to_the_total_that_is_reported(
        (input, read, write) in parted(),
        (output, reasoning, _) in parted(),
        reasoning_beside in any::<bool>(),
    ) {
        let total = input + output + if reasoning_beside { reasoning } else { 0 };
        let chat = normalise(Shape::OpenaiChat, &json!({
            "prompt_tokens": input, "completion_tokens": output, "total_tokens": total,
            "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": write},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }));
        prop_assert_eq!(chat.tokens.total(), u128::from(total));
        prop_assert!(chat.is_known);

        let total = input + read + write + output;
        let bedrock = normalise(Shape::BedrockConverse, &json!({
            "inputTokens": input, "outputTokens": output, "totalTokens": total,
            "cacheReadInputTokens": read, "cacheWriteInputTokens": write,
        }));
        prop_assert_eq!(bedrock.tokens.total(), u128::from(total));
        prop_assert_eq!(bedrock.tokens.input, input);

        let gemini = normalise(Shape::Gemini, &json!({
            "promptTokenCount": input, "cachedContentTokenCount": read,
            "toolUsePromptTokenCount": write, "candidatesTokenCount": output,
            "thoughtsTokenCount": reasoning, "totalTokenCount": input + write + output + reasoning,
        }));
        prop_assert_eq!(gemini.tokens.total(), u128::from(input + write + output + reasoning));
        prop_assert!(gemini.anomalies.is_empty());
    }

    #[test]
    fn contradictions_keep_the_total(
        input in 0..1_000_u64,
        output in 0..1_000_u64,
        read in 0..2_000_u64,
        reasoning in 0..2_000_u64,
    ) {
        let usage = normalise(Shape::OpenaiResponses, &json!({
            "input_tokens": input, "output_tokens": output, "total_tokens": input + output,
            "input_tokens_details": {"cached_tokens": read},
            "output_tokens_details": {"reasoning_tokens": reasoning},
        }));
        prop_assert_eq!(usage.tokens.total(), u128::from(input + output));
        let is_contradictory = read > input || reasoning > output;
        prop_assert_eq!(is_contradictory, !usage.anomalies.is_empty());
    }

    #[test]
    fn a_delta_that_repeats_itself_changes_nothing(
        counts in (0..1_000_u64, 0..1_000_u64, 0..1_000_u64),
        repeats in 1..5_usize,
    ) {
        let start = json!({"message": {"usage": {"input_tokens": counts.0, "output_tokens": 1}}});
        let delta = json!({"usage": {"cache_read_input_tokens": counts.1, "output_tokens": counts.2}});
        let mut chunks = vec![start];
        chunks.extend(vec![delta; repeats]);
        let usage = stream(Shape::AnthropicMessages, &chunks);
        prop_assert_eq!(classes(&usage), [counts.0, counts.2, counts.1, 0, 0]);
    }
}

/// Sends what a provider reported through the door of daemon and server.
fn through_the_door(fixture: &Value, names_shape: bool) -> Usage {
    let mut event = json!({
        "source_event_id": "evt_1", "ts": "2026-06-19T12:34:56Z", "kind": "assistant_message",
        "agent": "a", "provider": "p", "session_id": "s", "provider_usage": fixture["usage"],
    });
    if names_shape {
        event["provider_usage_shape"] = fixture["shape"].clone();
    }
    let batch =
        json!({"batch_id": "b", "device_id": "d", "daemon_version": "v", "events": [event]});
    let parsed = parse_batch(batch.to_string().as_bytes()).expect("a batch");
    let event = parsed.batch.events.into_iter().next().expect("an event");
    let detail = event.usage_detail.unwrap_or_default();
    Usage {
        tokens: event.tokens.unwrap_or_default(),
        is_known: event.tokens.is_some() && event.usage_known != Some(false),
        detail: UsageDetail {
            cache_creation_1h: detail.cache_creation_1h,
            audio_input: detail.audio_input,
            audio_output: detail.audio_output,
            web_search_requests: detail.web_search_requests,
            service_tier: detail.service_tier.map(|text| text.redact().0.into()),
            speed: detail.speed.map(|text| text.redact().0.into()),
            batch: detail.batch,
        },
        anomalies: Vec::new(),
    }
}

#[test]
fn the_door_reads_what_a_provider_reported_by_the_same_table() {
    let mut read_alike = 0;
    for fixture in fixtures().iter().filter(|fixture| fixture["usage"].is_object()) {
        let expected = Usage { anomalies: Vec::new(), ..read(fixture) };
        assert_eq!(through_the_door(fixture, true), expected, "{}", fixture["name"]);
        read_alike += 1;
    }
    assert!(read_alike > 40, "{read_alike} fixtures");
}

#[test]
fn the_door_guesses_a_shape_and_keeps_an_event_that_it_cannot_read() {
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 4}});
    let read = through_the_door(&json!({"usage": usage}), false);
    let expected = modelstat_wire::TokenUsage {
        input: 6,
        output: 3,
        cache_read: 4,
        ..modelstat_wire::TokenUsage::default()
    };
    assert_eq!((read.tokens, read.is_known), (expected, true));
    let long = json!({"prompt_tokens": 1, "completion_tokens": 1, "note": "x".repeat(17_000)});
    for unreadable in [json!("ten"), json!([1, 2]), json!({"steps": 4}), json!(-1), long] {
        let read = through_the_door(&json!({ "usage": unreadable }), false);
        assert!(!read.is_known, "{unreadable}");
    }
    let named = through_the_door(&json!({"usage": usage, "shape": "no such shape"}), true);
    assert!(!named.is_known);
}
