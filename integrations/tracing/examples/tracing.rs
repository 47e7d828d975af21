//! Spans of two calls, and what is recorded of them.
//!
//! `cargo run -p modelstat-tracing --example tracing`

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use modelstat::{Client, Config, Mode};
use modelstat_testkit::{Provider, Receiver, post};
use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt;

/// Asks a provider within a span, as an instrumented client does.
fn ask(provider: &Provider, question: &str) -> io::Result<()> {
    let span = info_span!(
        "chat",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "openai",
        gen_ai.request.model = "gpt-x",
        gen_ai.input.messages = question,
        gen_ai.output.messages = Empty,
        gen_ai.response.id = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.cache_read.input_tokens = Empty,
        error.type = Empty,
    );
    let request =
        json!({ "model": "gpt-x", "messages": [{ "role": "user", "content": question }] });
    let answer = post(&provider.url(), "/v1/chat/completions", &request)?;
    if answer.status != 200 {
        span.record("error.type", answer.status);
        return Ok(());
    }
    let body: Value = serde_json::from_str(&answer.body)?;
    let count = |path| body.pointer(path).and_then(Value::as_u64);
    let text = |path| body.pointer(path).and_then(Value::as_str);
    span.record("gen_ai.response.id", text("/id"));
    span.record("gen_ai.output.messages", text("/choices/0/message/content"));
    span.record("gen_ai.usage.input_tokens", count("/usage/prompt_tokens"));
    span.record("gen_ai.usage.output_tokens", count("/usage/completion_tokens"));
    let cached = count("/usage/prompt_tokens_details/cached_tokens");
    span.record("gen_ai.usage.cache_read.input_tokens", cached);
    Ok(())
}

fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let provider = Provider::start()?;
    let receiver = Receiver::start()?;
    let mut config = Config::new("msk_example", "raw_sdk_openai", "checkout-api");
    config.mode = Mode::LocalDaemon { url: receiver.url() };
    let client = Client::new(config);

    let subscriber =
        tracing_subscriber::registry().with(modelstat_tracing::Layer::new(client.clone()));
    tracing::subscriber::with_default(subscriber, || {
        info_span!("request", session.id = "conversation-1").in_scope(|| {
            ask(&provider, "What is the capital of France? I am jane.doe@example.com.")?;
            provider.refuse_next(429);
            ask(&provider, "And of Spain?")
        })
    })?;

    client.shutdown_blocking(Duration::from_secs(5));
    for event in receiver.events() {
        writeln!(
            out,
            "{} {} tokens {} error {} text {}",
            event["session_id"],
            event["model"],
            event["tokens"],
            event["error"],
            event["content_excerpt"],
        )?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_was_recorded() {
        let mut out = Vec::new();
        run(&mut out).expect("a run");
        let out = String::from_utf8(out).expect("text");
        let [answered, refused] = &out.lines().collect::<Vec<_>>()[..] else { panic!("{out}") };
        assert!(
            answered.contains(r#""input":15"#) && answered.contains(r#""cache_read":4"#),
            "{out}"
        );
        assert!(answered.contains("Paris") && !answered.contains("jane.doe"), "{out}");
        assert!(refused.contains(r#""status":429"#), "{out}");
    }
}
