//! Spans as real crates make them.

use modelstat::TokenUsage;
use tracing::field::Empty;
use tracing::{info, info_span};

use crate::{recorded, recorded_with};

/// The fields that `genai` 0.7 declares for a chat, and records in this order.
fn genai_chat() {
    let span = info_span!(
        "genai.chat",
        "otel.name" = "chat gpt-4o",
        "otel.kind" = "client",
        "otel.status_code" = Empty,
        "error.type" = Empty,
        "gen_ai.operation.name" = "chat",
        "gen_ai.provider.name" = "openai",
        "gen_ai.request.model" = "gpt-4o",
        "gen_ai.request.stream" = true,
        "server.address" = "api.openai.com",
        "server.port" = 443_i64,
        "gen_ai.response.id" = Empty,
        "gen_ai.response.model" = Empty,
        "gen_ai.response.finish_reasons" = Empty,
        "gen_ai.usage.input_tokens" = Empty,
        "gen_ai.usage.output_tokens" = Empty,
        "gen_ai.usage.cache_read.input_tokens" = Empty,
        "gen_ai.usage.cache_creation.input_tokens" = Empty,
        "gen_ai.usage.reasoning.output_tokens" = Empty,
        "gen_ai.response.time_to_first_chunk" = Empty,
        "gen_ai.input.messages" = Empty,
        "gen_ai.output.messages" = Empty,
    );
    span.record(
        "gen_ai.input.messages",
        r#"[{"role":"user","parts":[{"type":"text","content":"what is asked"}]}]"#,
    );
    span.record("gen_ai.response.time_to_first_chunk", 0.25);
    span.record("gen_ai.response.id", "genai-1");
    span.record("gen_ai.response.model", "gpt-4o-2024-08-06");
    span.record("gen_ai.response.finish_reasons", r#"["stop"]"#);
    span.record("gen_ai.usage.input_tokens", 100_i64);
    span.record("gen_ai.usage.output_tokens", 30_i64);
    span.record("gen_ai.usage.cache_read.input_tokens", 60_i64);
    span.record("gen_ai.usage.cache_creation.input_tokens", 10_i64);
    span.record("gen_ai.usage.reasoning.output_tokens", 20_i64);
    span.record(
        "gen_ai.output.messages",
        r#"[{"role":"assistant","parts":[{"type":"text","content":"what is answered"}]}]"#,
    );
}

#[test]
fn a_chat_of_genai_is_recorded() {
    let recorded = recorded(genai_chat);
    let event = recorded.only_event();
    assert_eq!(event.provider, "openai");
    assert_eq!(event.model.as_deref(), Some("gpt-4o-2024-08-06"));
    let expected =
        TokenUsage { input: 30, output: 10, cache_creation: 10, cache_read: 60, reasoning: 20 };
    assert_eq!(event.tokens, expected);
    assert_eq!(event.finish_reason.as_deref(), Some("stop"));
    assert_eq!(event.response_id.as_deref(), Some("genai-1"));
    assert_eq!(event.content_excerpt.as_deref(), Some("what is asked\n---\nwhat is answered"));
    let waited = event.first_token_at.expect("a first token") - event.ts;
    assert_eq!(waited.num_milliseconds(), 250);
    assert!(event.duration_ms.is_some() && event.error.is_none() && event.usage_known.is_none());
    assert_eq!(event.session_id.len(), 32);
    let tags = event.metadata.as_ref().expect("tags");
    assert_eq!(tags["session_derived"], "true");
}

#[test]
fn a_refused_chat_of_genai_has_its_status_and_used_nothing() {
    let recorded = recorded(|| {
        let span = info_span!(
            "genai.chat",
            "otel.status_code" = Empty,
            "error.type" = Empty,
            "gen_ai.operation.name" = "chat",
            "gen_ai.provider.name" = "openai",
            "gen_ai.request.model" = "gpt-4o",
        );
        span.record("otel.status_code", "error");
        span.record("error.type", "429");
    });
    let event = recorded.only_event();
    let error = event.error.as_ref().expect("an error");
    assert_eq!((error.kind.as_str(), error.status), ("429", Some(429)));
    assert_eq!((event.usage_known, event.tokens), (None, TokenUsage::default()));
}

#[test]
fn without_content_there_is_no_text() {
    let recorded = recorded_with(|layer| layer.with_content(false), genai_chat);
    let event = recorded.only_event();
    assert_eq!(event.content_excerpt, None);
    assert_eq!(event.tokens.output, 10);
}

/// As `rig-core` 0.44 does with an agent: its span repeats the sum, each turn has one of its own.
#[test]
fn an_agent_of_rig_is_recorded_by_its_turns() {
    let recorded = recorded(|| {
        let agent = info_span!(
            "invoke_agent",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.agent.name = "assistant",
            gen_ai.conversation.id = "conversation-1",
            gen_ai.usage.input_tokens = 20_u64,
            gen_ai.usage.output_tokens = 6_u64,
        );
        for turn in 0..2 {
            let chat = info_span!(
                target: "rig::completions",
                parent: &agent,
                "chat",
                gen_ai.operation.name = "chat",
                gen_ai.provider.name = "anthropic",
                gen_ai.request.model = "claude-x",
                gen_ai.system_instructions = Option::<&str>::None,
                gen_ai.response.id = Empty,
                gen_ai.usage.input_tokens = Empty,
                gen_ai.usage.output_tokens = Empty,
                gen_ai.usage.reasoning_tokens = Empty,
            );
            chat.record("gen_ai.response.id", format!("rig-{turn}"));
            chat.record("gen_ai.usage.input_tokens", 10_u64);
            chat.record("gen_ai.usage.output_tokens", 3_u64);
            chat.record("gen_ai.usage.reasoning_tokens", 1_u64);
        }
    });
    assert_eq!(recorded.events.len(), 2);
    for event in &recorded.events {
        assert_eq!((event.tokens.input, event.tokens.output, event.tokens.reasoning), (10, 2, 1));
        assert_eq!(event.session_id, "conversation-1");
        assert_eq!(event.metadata, None);
    }
}

#[test]
fn openinference_is_read() {
    let recorded = recorded(|| {
        let chain =
            info_span!("chain", openinference.span.kind = "CHAIN", llm.model_name = "gpt-x");
        let span = info_span!(
            parent: &chain,
            "llm",
            openinference.span.kind = "LLM",
            llm.model_name = "gpt-x",
            llm.provider = "openai",
            session.id = "conversation-2",
            llm.token_count.prompt = 12_u64,
            llm.token_count.completion = 5_u64,
            llm.token_count.prompt_details.cache_read = 4_u64,
            "llm.input_messages.0.message.content" = "what is asked",
            "llm.output_messages.0.message.content" = "what is answered",
            user.id = 7_u64,
        );
        drop(span);
    });
    let event = recorded.only_event();
    assert_eq!((event.tokens.input, event.tokens.cache_read, event.tokens.output), (8, 4, 5));
    assert_eq!(event.session_id, "conversation-2");
    assert_eq!(event.content_excerpt.as_deref(), Some("what is asked\n---\nwhat is answered"));
    assert_eq!(event.metadata.as_ref().expect("tags")["user.id"], "7");
}

#[test]
fn older_names_are_read() {
    let recorded = recorded(|| {
        drop(info_span!(
            "openai.chat",
            gen_ai.system = "openai",
            gen_ai.request.model = "gpt-x",
            gen_ai.usage.prompt_tokens = 9_i64,
            gen_ai.usage.completion_tokens = 4_i64,
            "gen_ai.prompt.0.content" = "what is asked",
            "gen_ai.completion.0.content" = "what is answered",
            "gen_ai.completion.0.finish_reason" = "length",
        ));
    });
    let event = recorded.only_event();
    assert_eq!((event.tokens.input, event.tokens.output), (9, 4));
    assert_eq!(event.finish_reason.as_deref(), Some("length"));
    assert_eq!(event.content_excerpt.as_deref(), Some("what is asked\n---\nwhat is answered"));
}

#[test]
fn an_event_in_the_span_completes_it() {
    let recorded = recorded(|| {
        let span = info_span!("llm", gen_ai.request.model = "gpt-x", gen_ai.system = "openai");
        let _entered = span.enter();
        tracing::event!(name: "gen_ai.content.completion.chunk", tracing::Level::INFO, chunk = 1);
        info!(
            gen_ai.request.model = "another",
            gen_ai.usage.input_tokens = 3_u64,
            gen_ai.usage.output_tokens = 2_u64,
            "answered"
        );
    });
    let event = recorded.only_event();
    assert_eq!(event.model.as_deref(), Some("gpt-x"));
    assert_eq!((event.tokens.input, event.tokens.output), (3, 2));
    assert!(event.first_token_at.is_some());
}

#[test]
fn a_session_comes_from_the_nearest_that_names_one() {
    let call = || drop(info_span!("llm", gen_ai.request.model = "gpt-x"));
    let recorded = recorded_with(
        |layer| layer.with_session("of the layer").with_metadata("team", "search"),
        || {
            call();
            info_span!("request", session.id = "of the request").in_scope(call);
            info_span!("request").in_scope(call);
        },
    );
    let sessions: Vec<&str> = recorded.events.iter().map(|event| &*event.session_id).collect();
    assert_eq!(sessions, ["of the layer", "of the request", "of the layer"]);
    assert!(recorded.events.iter().all(|event| {
        event.metadata.as_ref().is_some_and(|tags| tags["team"] == "search" && tags.len() == 1)
    }));
}

#[test]
fn calls_under_one_outermost_span_share_a_derived_session() {
    let call = || drop(info_span!("llm", gen_ai.request.model = "gpt-x"));
    let recorded = recorded(|| {
        for _ in 0..2 {
            info_span!("request").in_scope(|| {
                call();
                info_span!("step").in_scope(call);
            });
        }
    });
    let session = |index: usize| &recorded.events[index].session_id;
    assert_eq!(recorded.events.len(), 4);
    assert!(session(0) == session(1) && session(2) == session(3) && session(0) != session(2));
}

#[test]
fn what_calls_no_model_is_not_recorded() {
    let recorded = recorded(|| {
        drop(info_span!("request", session.id = "conversation-3", http.url = "x"));
        drop(info_span!(
            "evaluation",
            gen_ai.evaluation.name = "relevance",
            gen_ai.response.id = "x"
        ));
        drop(info_span!("workflow", gen_ai.operation.name = "invoke_workflow"));
        info!(gen_ai.request.model = "gpt-x", "beside any span");
    });
    assert!(recorded.events.is_empty());
}
