//! No secret leaves, wherever it was put.

use std::time::Duration;

use modelstat::{
    CallError, Client, Config, FakeTransport, GitContext, LlmCall, Mode, RedactionPolicy,
    ToolCallInput, ToolCallStatus, UsageDetail,
};
use proptest::prelude::*;
use std::sync::Arc;

use crate::receiver::{OK, Receiver};
use crate::{PATIENCE, call, config};

/// Put together here, so that no line of the sources looks like a credential.
fn secret() -> String {
    format!("sk-{}-{}", "ant", "0123456789abcdefghijABCDEFGHIJ")
}

/// A call with the secret in every place that takes text.
fn poisoned() -> LlmCall {
    let secret = secret();
    let mut call = LlmCall::new(secret.clone(), secret.clone())
        .model(secret.clone())
        .text(format!("my key is {secret}"), secret.clone())
        .metadata(secret.clone(), secret.clone())
        .failed(secret.clone(), Some(401))
        .finish_reason(secret.clone())
        .response_id(secret.clone());
    call.cwd = Some(format!("/srv/{secret}"));
    let git = Some(secret.clone());
    call.git = Some(GitContext {
        remote_slug: git.clone(),
        host: git.clone(),
        branch: git.clone(),
        slug_source: git,
    });
    let mut tool = ToolCallInput::new(secret.clone(), ToolCallStatus::Success);
    tool.server.clone_from(&secret);
    tool.args = Some(serde_json::json!({ secret.clone(): secret.clone() }));
    tool.command_families = vec![secret.clone()];
    call.tool_calls.push(tool);
    let extra = call.extra_mut();
    extra.billing = Some(secret.clone());
    extra.error = Some(CallError { kind: secret.clone(), status: None });
    extra.usage_detail = Some(UsageDetail {
        service_tier: Some(secret.clone()),
        speed: Some(secret),
        ..UsageDetail::default()
    });
    call
}

#[test]
fn a_secret_in_any_field_is_not_sent() {
    let receiver = Receiver::start(|_, _| OK);
    let mut config = config(&receiver.url);
    config.agent = secret();
    config.device_id = secret();
    config.metadata.insert("key".into(), secret());
    let client = Client::new(config);
    client.record(poisoned());
    assert!(client.flush_blocking(PATIENCE).complete);
    let request = receiver.next();
    let sent = String::from_utf8(request.body).expect("text");
    assert!(!sent.contains(&secret()[..20]), "{sent}");
    assert!(sent.contains("[REDACTED:anthropic_key]"));
    // Sessions can still be told apart, and the same one stays the same.
    assert!(sent.contains("\"session_id\":\"h_"));
}

#[test]
fn names_hide_alike_in_every_process() {
    let receiver = Receiver::start(|_, _| OK);
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let client = Client::new(config(&receiver.url));
        client.record(call("jane.doe@example.com"));
        assert!(client.shutdown_blocking(PATIENCE).complete);
        sessions.push(receiver.next().batch().events.remove(0).session_id);
    }
    assert_eq!(sessions[0], sessions[1]);
    assert!(sessions[0].starts_with("h_"));
}

fn sent_excerpt(config: Config) -> (String, modelstat::Stats) {
    let fake = Arc::new(FakeTransport::new());
    let client = Client::with_transport(config, fake.clone());
    client.record(call("session").text("ask jane@example.com", ""));
    assert!(client.flush_blocking(PATIENCE).complete);
    let excerpt = fake.batches()[0].events[0].content_excerpt.clone().expect("a text");
    (excerpt, client.stats())
}

#[test]
fn text_as_captured_goes_to_this_machine_only() {
    let mut here = config("http://127.0.0.1:4319/v1/ingest");
    here.redaction = RedactionPolicy::None;
    assert!(sent_excerpt(here.clone()).0.contains("jane@example.com"));
    let mut elsewhere = here;
    elsewhere.mode = Mode::Remote { base_url: "https://example.test".into(), raw: true };
    let (excerpt, stats) = sent_excerpt(elsewhere.clone());
    assert!(excerpt.starts_with("ask [REDACTED:email]"), "{excerpt}");
    assert_eq!(stats.policy_overridden, 1);
    elsewhere.allow_raw = true;
    assert!(sent_excerpt(elsewhere).0.contains("jane@example.com"));
}

#[test]
fn a_secret_across_the_cut_of_a_long_text_is_not_sent() {
    // Half of the secret lies beyond what is kept of the text.
    let filling = "a ".repeat(512 * 1024 - 10);
    let secret = secret();
    let config = config("http://127.0.0.1:1/").with_remote("https://example.test", true);
    let fake = Arc::new(FakeTransport::new());
    let client = Client::with_transport(config, fake.clone());
    client.record(call("session").text(format!("{filling}\n{secret}"), "answer"));
    assert!(client.flush_blocking(PATIENCE).complete);
    let excerpt = fake.batches()[0].events[0].content_excerpt.clone().expect("a text");
    assert!(!excerpt.contains(&secret[..12]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_makes_recording_or_sending_panic(
        texts in proptest::collection::vec(".{0,400}", 6),
        numbers in proptest::collection::vec(any::<u64>(), 5),
        seconds in -8_000_000_000_000_i64..8_000_000_000_000,
    ) {
        let fake = Arc::new(FakeTransport::new());
        let client = Client::with_transport(config("http://127.0.0.1:1/"), fake.clone());
        let mut call = LlmCall::new(texts[0].clone(), texts[1].clone())
            .model(texts[2].clone())
            .text(texts[3].repeat(40), texts[4].clone())
            .metadata(texts[5].clone(), texts[0].clone())
            .duration(Duration::from_secs(numbers[4]));
        call.tokens.input = numbers[0];
        call.tokens.output = numbers[1];
        call.tokens.reasoning = numbers[2];
        if let Some(at) = chrono::DateTime::from_timestamp(seconds, 999_999_999) {
            call.started_at = at;
        }
        client.record(call);
        prop_assert!(client.flush_blocking(PATIENCE).complete);
        prop_assert_eq!(client.stats().sent, 1);
    }
}
