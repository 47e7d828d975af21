//! Records two calls of a provider from a thread without any runtime.
//!
//! `cargo run -p modelstat --example record`

use std::error::Error;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use modelstat::{Client, Config, LlmCall, Mode, TokenUsage};
use modelstat_testkit::{Provider, Receiver, post};
use serde_json::{Value, json};

/// Asks, and records what was asked, what was answered, and what it used.
fn ask(
    ms: &Client,
    provider: &Provider,
    question: &str,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let request =
        json!({ "model": "claude-x", "messages": [{ "role": "user", "content": question }] });
    let started = Instant::now();
    let answer: Value =
        serde_json::from_str(&post(&provider.url(), "/v1/messages", &request)?.body)?;
    let count = |name: &str| answer["usage"][name].as_u64().unwrap_or_default();
    let said = answer["content"][0]["text"].as_str().unwrap_or_default();
    ms.record(
        LlmCall::new("anthropic", "conversation-1")
            .model("claude-x")
            .duration(started.elapsed())
            .tokens(TokenUsage {
                input: count("input_tokens"),
                output: count("output_tokens"),
                cache_read: count("cache_read_input_tokens"),
                cache_creation: count("cache_creation_input_tokens"),
                reasoning: 0,
            })
            .text(question, said)
            .metadata("feature", "geography"),
    );
    Ok(())
}

fn run(out: &mut impl Write) -> Result<(), Box<dyn Error + Send + Sync>> {
    let provider = Provider::start()?;
    let receiver = Receiver::start()?;
    let mut config = Config::new("msk_example", "raw_sdk_anthropic", "checkout-api");
    config.mode = Mode::LocalDaemon { url: receiver.url() };
    let ms = Client::new(config);

    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            ask(&ms, &provider, "What is the capital of France? Write to jane.doe@example.com.")?;
            ask(&ms, &provider, "And of Spain?")
        });
        asking.join().expect("it does not panic")
    })?;

    let flushed = ms.shutdown_blocking(Duration::from_secs(5));
    writeln!(
        out,
        "sent {} of {}, all: {}",
        ms.stats().sent,
        ms.stats().recorded,
        flushed.complete
    )?;
    for event in receiver.events() {
        writeln!(
            out,
            "{} tokens {} text {}",
            event["model"], event["tokens"], event["content_excerpt"]
        )?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
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
        assert!(out.starts_with("sent 2 of 2, all: true\n"), "{out}");
        assert!(out.contains(r#""input":10"#) && out.contains("Paris"), "{out}");
        assert!(!out.contains("jane.doe"), "{out}");
    }
}
