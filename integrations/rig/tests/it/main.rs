//! `rig` itself against a provider, and its answers as calls.

#[path = "../../examples/rig/loopback.rs"]
mod loopback;

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use modelstat::{
    CallExtra, Client, Config, FakeTransport, LlmCall, RawEvent, TokenUsage, ToolCallInput,
    ToolCallStatus,
};
use modelstat_rig::{Asked, answered, failed, record, usage};
use modelstat_testkit::Provider;
use rig_core::completion::{CompletionRequest, CompletionResponse, Usage};
use rig_core::embeddings::EmbeddingResponse;
use rig_core::error::ProviderError;
use rig_core::message::{AssistantContent, Origin, ToolCall, ToolFunction, ToolName};
use rig_core::providers::openai::{OpenAI, OpenAIConfig};
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt;

use crate::loopback::Loopback;

/// Far longer than anything here takes, so that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

fn openai(provider: &Provider) -> OpenAI {
    let config = OpenAIConfig::new("a-test-key").with_base_url(format!("{}/v1", provider.url()));
    config.connect(Loopback)
}

fn complete(provider: &Provider) -> Result<CompletionResponse, Box<ProviderError>> {
    let request = CompletionRequest::new("what is asked");
    block_on(openai(provider).chat("gpt-x").call(request)).map_err(Box::new)
}

fn asked() -> Asked {
    Asked::now("openai", "conversation-1").model("gpt-asked").prompt("what is asked")
}

fn extra(call: &LlmCall) -> &CallExtra {
    call.extra.as_deref().expect("more than the usual")
}

fn client() -> (Client, Arc<FakeTransport>) {
    let transport = Arc::new(FakeTransport::new());
    let config = Config::new("test-key", "raw_sdk_openai", "checkout-api");
    (Client::with_transport(config, transport.clone()), transport)
}

fn flushed(client: &Client, transport: &FakeTransport) -> Vec<RawEvent> {
    assert!(client.flush_blocking(PATIENCE).complete);
    transport.batches().into_iter().flat_map(|batch| batch.events).collect()
}

#[test]
fn an_answer_is_a_call() {
    let provider = Provider::start().expect("a provider");
    let call = answered(asked(), &complete(&provider).expect("an answer"));
    let expected =
        TokenUsage { input: 15, cache_read: 4, output: 7, reasoning: 3, cache_creation: 0 };
    assert_eq!((call.provider.as_str(), call.model.as_deref()), ("openai", Some("gpt-x")));
    assert_eq!(call.tokens, expected);
    assert_eq!(call.completion.as_deref(), Some("The capital of France is Paris."));
    assert_eq!(extra(&call).response_id.as_deref(), Some("chatcmpl-0"));
    assert_eq!(extra(&call).finish_reason.as_deref(), Some("stop"));
    assert!(call.duration.is_some() && !extra(&call).is_usage_unknown);
}

#[test]
fn a_refusal_has_its_status_and_no_message() {
    let provider = Provider::start().expect("a provider");
    for status in [429, 500] {
        provider.refuse_next(status);
        let call = failed(asked(), &complete(&provider).expect_err("a refusal"));
        let error = extra(&call).error.as_ref().expect("an error");
        assert_eq!(error.status, Some(u64::from(status)));
        assert!(!extra(&call).is_usage_unknown);
        assert!(!format!("{call:?}").contains("was refused"));
    }
    let lost = failed(asked(), &ProviderError::Truncated);
    assert!(extra(&lost).is_usage_unknown);
}

/// What the layer makes of the spans that this version of `rig` emits.
#[test]
fn the_spans_of_rig_are_calls() {
    let provider = Provider::start().expect("a provider");
    let (client, transport) = client();
    let layer = modelstat_tracing::Layer::new(client.clone()).with_session("conversation-1");
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        drop(complete(&provider).expect("an answer"));
        let embedding = openai(&provider).embedding("embed-x", None);
        drop(block_on(embedding.embed_text("a text")).expect("an embedding"));
    });
    let events = flushed(&client, &transport);
    let [chat, embedding] = &events[..] else { panic!("{events:?}") };
    assert_eq!((chat.provider.as_str(), chat.model.as_deref()), ("openai", Some("gpt-x")));
    assert_eq!((chat.tokens.input, chat.tokens.cache_read), (15, 4));
    assert_eq!((chat.tokens.output, chat.tokens.reasoning), (7, 3));
    assert_eq!(chat.response_id.as_deref(), Some("chatcmpl-0"));
    assert_eq!(chat.session_id, "conversation-1");
    assert_eq!((embedding.model.as_deref(), embedding.tokens.input), (Some("embed-x"), 8));
}

#[test]
fn an_answer_that_the_layer_recorded_is_not_recorded_again() {
    let provider = Provider::start().expect("a provider");
    // Ids are remembered by the process: this one must not be that of another test.
    drop((0..7).map(|_| complete(&provider)).collect::<Vec<_>>());
    let (client, transport) = client();
    let subscriber =
        tracing_subscriber::registry().with(modelstat_tracing::Layer::new(client.clone()));
    tracing::subscriber::with_default(subscriber, || {
        let asked = asked();
        record(&client, answered(asked, &complete(&provider).expect("an answer")));
    });
    let events = flushed(&client, &transport);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].response_id.as_deref(), Some("chatcmpl-7"));
}

#[test]
fn an_embedding_is_a_call() {
    let mut answer = EmbeddingResponse::new(Vec::new());
    answer.usage = Usage::new().input_tokens(8);
    answer.model = Some("embed-x".to_owned());
    let call = answered(asked(), &answer);
    assert_eq!((call.model.as_deref(), call.tokens.input), (Some("embed-x"), 8));
    assert_eq!(call.provider, "openai");
}

#[test]
fn requested_tools_are_named() {
    let name = ToolName::new("search").expect("a name");
    let function = ToolFunction::new(name, json!({ "query": "Lisbon" }));
    let tool = AssistantContent::ToolCall(ToolCall::from_wire("call_1", function));
    let usage = Usage::new().input_tokens(10).output_tokens(4).cache_creation_input_tokens(2);
    let origin = Origin::new("openai-chat", "openai", "gpt-x");
    let answer = CompletionResponse::new(vec![tool], usage, origin, json!(null));
    let call = answered(asked(), &answer);
    assert_eq!(call.tool_calls[0].name, "search");
    assert_eq!(call.tool_calls[0].args, Some(json!({ "query": "Lisbon" })));
    assert_eq!((call.tokens.input, call.tokens.cache_creation), (8, 2));
    assert_eq!(call.model.as_deref(), Some("gpt-x"));
}

#[test]
fn a_usage_that_nobody_reported_is_unknown() {
    assert!(!usage(&Usage::new()).is_known);
    assert!(!usage(&Usage::new().total_tokens(10)).is_known);
    let over = usage(&Usage::new().input_tokens(1).output_tokens(1).cached_input_tokens(u64::MAX));
    assert!(over.tokens.input <= 1 && !over.anomalies.is_empty());
}

/// `rig` has `serde_json` keep the order of keys, in whatever else a program is made of.
#[test]
fn the_hash_of_arguments_does_not_depend_on_the_order_of_their_names() {
    let call = |args: &str| {
        let mut tool = ToolCallInput::new("search", ToolCallStatus::Success);
        tool.args = serde_json::from_str(args).ok();
        let mut call = LlmCall::new("openai", "conversation-1");
        call.tool_calls = vec![tool];
        call
    };
    let calls = vec![
        call(r#"{"query": "a", "in": {"from": 1, "at": [{"y": 2, "x": 3}]}}"#),
        call(r#"{"in": {"at": [{"x": 3, "y": 2}], "from": 1}, "query": "a"}"#),
    ];
    let config = Config::new("msk_live_test", "raw_sdk_openai", "rig");
    let batch = modelstat::engine::build_batch(&config, calls, &mut 0);
    let hash = |index: usize| batch["tool_calls"][index]["args_hash"].as_str().map(str::to_owned);
    assert!(hash(0).is_some_and(|hash| hash.len() == 64));
    assert_eq!(hash(0), hash(1));
}
