//! Answers of a provider, parsed by the types of `async-openai`, and hostile ones.

use async_openai::error::WrappedError;
use async_openai::types::chat::{
    CompletionUsage, CreateChatCompletionResponse, CreateChatCompletionStreamResponse,
};
use async_openai::types::embeddings::CreateEmbeddingResponse;
use async_openai::types::responses::{Response, ResponseStreamEvent};
use modelstat::{CallExtra, Client, Config, LlmCall, TokenUsage, ToolCallStatus};
use modelstat_async_openai::{
    Asked, ChatStream, ResponseStream, ToUsage, answered, record, refused,
};
use modelstat_testkit::{Answer, Provider, post};
use serde_json::{Value, from_str, from_value, json};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";

fn ask(path: &str, body: &Value) -> Answer {
    let provider = Provider::start().expect("a provider");
    post(&provider.url(), path, body).expect("an answer")
}

fn asked() -> Asked {
    Asked::now("openai", "conversation-1").model("gpt-asked").prompt("what is asked")
}

fn tokens(input: u64, cache_read: u64, output: u64, reasoning: u64) -> TokenUsage {
    TokenUsage { input, output, cache_read, reasoning, cache_creation: 0 }
}

fn extra(call: &LlmCall) -> &CallExtra {
    call.extra.as_deref().expect("more than the usual")
}

#[test]
fn a_whole_chat_is_a_call() {
    let answer: CreateChatCompletionResponse =
        from_str(&ask(CHAT, &json!({ "model": "gpt-x" })).body).expect("a completion");
    let call = answered(asked(), &answer);
    assert_eq!((call.model.as_deref(), call.tokens), (Some("gpt-x"), tokens(15, 4, 7, 3)));
    assert_eq!(call.prompt.as_deref(), Some("what is asked"));
    assert_eq!(call.completion.as_deref(), Some("The capital of France is Paris."));
    assert!(call.duration.is_some() && call.first_token_at.is_none());
    let extra = extra(&call);
    assert_eq!(extra.finish_reason.as_deref(), Some("stop"));
    assert_eq!(extra.response_id.as_deref(), Some("chatcmpl-0"));
    let tier = extra.usage_detail.as_ref().and_then(|detail| detail.service_tier.as_deref());
    assert_eq!(tier, Some("default"));
    assert!(!extra.is_usage_unknown);
}

#[test]
fn a_streamed_chat_is_a_call() {
    for (has_usage, expected) in [(true, tokens(15, 4, 7, 3)), (false, TokenUsage::default())] {
        let options = json!({ "include_usage": has_usage });
        let request = json!({ "model": "gpt-x", "stream": true, "stream_options": options });
        let answer = ask(CHAT, &request);
        let mut stream = ChatStream::new(asked());
        for event in answer.events() {
            stream.push(&from_str::<CreateChatCompletionStreamResponse>(event).expect("a chunk"));
        }
        let call = stream.finish();
        assert_eq!((call.model.as_deref(), call.tokens), (Some("gpt-x"), expected));
        assert_eq!(call.completion.as_deref(), Some("The capital of France is Paris."));
        assert!(call.first_token_at.is_some());
        assert_eq!(extra(&call).is_usage_unknown, !has_usage);
        assert_eq!(extra(&call).finish_reason.as_deref(), Some("stop"));
    }
}

#[test]
fn a_whole_response_is_a_call() {
    let answer: Response =
        from_str(&ask(RESPONSES, &json!({ "model": "gpt-x" })).body).expect("a response");
    let call = answered(asked(), &answer);
    assert_eq!((call.model.as_deref(), call.tokens), (Some("gpt-x"), tokens(24, 12, 47, 40)));
    assert_eq!(call.completion.as_deref(), Some("The capital of France is Paris."));
    assert_eq!(extra(&call).finish_reason.as_deref(), Some("completed"));
    assert_eq!(extra(&call).response_id.as_deref(), Some("resp_0"));
}

fn response_events() -> Vec<ResponseStreamEvent> {
    let answer = ask(RESPONSES, &json!({ "model": "gpt-x", "stream": true }));
    answer.events().map(|event| from_str(event).expect("an event")).collect()
}

#[test]
fn a_streamed_response_is_a_call() {
    let mut stream = ResponseStream::new(asked());
    for event in &response_events() {
        stream.push(event);
    }
    let call = stream.finish();
    assert_eq!(call.tokens, tokens(24, 12, 47, 40));
    assert_eq!(call.completion.as_deref(), Some("The capital of France is Paris."));
    assert!(call.first_token_at.is_some());
}

#[test]
fn a_response_that_breaks_off_is_what_came_of_it() {
    let mut stream = ResponseStream::new(asked());
    for event in response_events().iter().take(2) {
        stream.push(event);
    }
    let call = stream.finish();
    assert_eq!(call.completion.as_deref(), Some("The capital of France "));
    assert_eq!(extra(&call).response_id.as_deref(), Some("resp_0"));
    assert!(extra(&call).is_usage_unknown && extra(&call).finish_reason.is_none());
    let nothing = ResponseStream::new(asked()).finish();
    assert_eq!(nothing.model.as_deref(), Some("gpt-asked"));
    assert!(extra(&nothing).is_usage_unknown);
}

#[test]
fn an_error_in_a_stream_is_a_failure_without_its_message() {
    let error = json!({ "type": "error", "sequence_number": 3, "code": "rate_limit_exceeded",
        "message": "the key of jane.doe is spent", "param": null });
    let mut stream = ResponseStream::new(asked());
    stream.push(&from_value(error).expect("an event"));
    let call = stream.finish();
    assert_eq!(extra(&call).error.as_ref().expect("an error").kind, "rate_limit_exceeded");
    assert!(!format!("{call:?}").contains("jane.doe"));
}

#[test]
fn an_embedding_is_a_call() {
    let answer: CreateEmbeddingResponse =
        from_str(&ask("/v1/embeddings", &json!({ "model": "embed-x" })).body).expect("embeddings");
    let call = answered(asked(), &answer);
    assert_eq!((call.model.as_deref(), call.tokens), (Some("embed-x"), tokens(8, 0, 0, 0)));
    assert_eq!(call.completion, None);
}

#[test]
fn a_refusal_has_its_status_and_used_nothing() {
    let provider = Provider::start().expect("a provider");
    provider.refuse_next(429);
    let answer = post(&provider.url(), CHAT, &json!({})).expect("an answer");
    let error: WrappedError = from_str(&answer.body).expect("an error");
    let call = refused(asked(), answer.status, &error.error);
    let failure = extra(&call).error.as_ref().expect("an error");
    assert_eq!((failure.kind.as_str(), failure.status), ("rate_limit_error", Some(429)));
    assert!(!extra(&call).is_usage_unknown);
    assert!(!format!("{call:?}").contains("was refused"));
}

#[test]
fn requested_tools_are_named_and_their_state_is_unknown() {
    let answer: CreateChatCompletionResponse = from_value(json!({
        "id": "chatcmpl-tools", "object": "chat.completion", "created": 1, "model": "gpt-x",
        "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": null, "tool_calls": [
                { "id": "1", "type": "function",
                  "function": { "name": "search", "arguments": "{\"query\":\"Lisbon\"}" } },
                { "id": "2", "type": "function",
                  "function": { "name": "read", "arguments": "{not json" } },
            ] } }],
    }))
    .expect("a completion");
    let call = answered(asked(), &answer);
    let names: Vec<&str> = call.tool_calls.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["search", "read"]);
    assert!(call.tool_calls.iter().all(|tool| tool.status == ToolCallStatus::Unknown));
    assert_eq!(call.tool_calls[0].args, Some(json!({ "query": "Lisbon" })));
    assert!(extra(&call).is_usage_unknown);
}

fn tool_chunk(
    index: usize,
    name: Option<&str>,
    arguments: &str,
) -> CreateChatCompletionStreamResponse {
    let tool = json!({ "index": index, "function": { "name": name, "arguments": arguments } });
    from_value(json!({
        "id": "chatcmpl-stream", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x",
        "choices": [{ "index": 0, "delta": { "tool_calls": [tool] }, "finish_reason": null }],
    }))
    .expect("a chunk")
}

#[test]
fn streamed_tools_are_put_together_within_limits() {
    let mut stream = ChatStream::new(asked());
    stream.push(&tool_chunk(0, Some("search"), "{\"query\":"));
    stream.push(&tool_chunk(0, None, "\"Lisbon\"}"));
    for index in 1..10_000 {
        stream.push(&tool_chunk(index, Some("flood"), "{}"));
    }
    let long = "x".repeat(100_000);
    for _ in 0..100 {
        stream.push(&tool_chunk(1, None, &long));
    }
    let call = stream.finish();
    assert_eq!(call.tool_calls[0].args, Some(json!({ "query": "Lisbon" })));
    assert_eq!(call.tool_calls.len(), 128);
    let Some(Value::String(flooded)) = &call.tool_calls[1].args else { panic!("a text") };
    assert!(flooded.len() < 2_000_000);
}

#[test]
fn details_that_exceed_their_total_are_not_counted_twice() {
    let usage: CompletionUsage = from_value(json!({
        "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7,
        "prompt_tokens_details": { "cached_tokens": 50, "cache_write_tokens": -3 },
    }))
    .expect("a usage");
    let usage = usage.to_usage();
    assert!(usage.tokens.input <= 5 && usage.tokens.output == 2);
    assert!(!usage.anomalies.is_empty());
}

#[test]
fn an_answer_is_recorded_once_by_each_integration() {
    let client = Client::new(Config::new("test-key", "raw_sdk_openai", "checkout-api"));
    let call = || LlmCall::new("openai", "session").response_id("resp-once");
    record(&client, call());
    modelstat_spans::record_once(&client, modelstat_spans::Source::Tracing, call());
    record(&client, LlmCall::new("openai", "session"));
    assert_eq!(client.stats().recorded, 2);
}
