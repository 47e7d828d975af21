//! A call in a span of OpenTelemetry, and what is recorded of it.
//!
//! `cargo run -p modelstat-opentelemetry --example opentelemetry`

use std::error::Error;
use std::io::{self, Write};

use modelstat::{Client, Config, Mode};
use modelstat_testkit::{Provider, Receiver, post};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::{Value, json};

/// Asks Anthropic's API within a span, as an instrumentation does.
fn ask(tracer: &impl Tracer, provider: &Provider, question: &str) -> Result<(), Box<dyn Error>> {
    let mut span = tracer.start("chat claude-x");
    span.set_attribute(KeyValue::new("gen_ai.operation.name", "chat"));
    span.set_attribute(KeyValue::new("gen_ai.provider.name", "anthropic"));
    span.set_attribute(KeyValue::new("gen_ai.request.model", "claude-x"));
    span.set_attribute(KeyValue::new("gen_ai.conversation.id", "conversation-1"));
    span.set_attribute(KeyValue::new("gen_ai.input.messages", question.to_owned()));
    let request =
        json!({ "model": "claude-x", "messages": [{ "role": "user", "content": question }] });
    let answer: Value =
        serde_json::from_str(&post(&provider.url(), "/v1/messages", &request)?.body)?;
    let count = |name: &str| answer["usage"][name].as_i64().unwrap_or_default();
    let (read, written) = (count("cache_read_input_tokens"), count("cache_creation_input_tokens"));
    // The convention wants the cache within the input, where this API counts it beside.
    let input = count("input_tokens") + read + written;
    span.set_attribute(KeyValue::new("gen_ai.usage.input_tokens", input));
    span.set_attribute(KeyValue::new("gen_ai.usage.cache_read.input_tokens", read));
    span.set_attribute(KeyValue::new("gen_ai.usage.cache_write.input_tokens", written));
    span.set_attribute(KeyValue::new("gen_ai.usage.output_tokens", count("output_tokens")));
    if let Some(id) = answer["id"].as_str() {
        span.set_attribute(KeyValue::new("gen_ai.response.id", id.to_owned()));
    }
    Ok(())
}

fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let provider = Provider::start()?;
    let receiver = Receiver::start()?;
    let mut config = Config::new("msk_example", "raw_sdk_anthropic", "checkout-api");
    config.mode = Mode::LocalDaemon { url: receiver.url() };
    let client = Client::new(config);
    let exporter = modelstat_opentelemetry::Exporter::new(client);
    let traces = SdkTracerProvider::builder().with_simple_exporter(exporter).build();

    ask(&traces.tracer("example"), &provider, "What is the capital of France?")?;

    traces.shutdown()?;
    for event in receiver.events() {
        let (session, model, tokens) = (&event["session_id"], &event["model"], &event["tokens"]);
        writeln!(out, "{session} {model} tokens {tokens}")?;
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
        assert!(out.starts_with(r#""conversation-1" "claude-x" tokens"#), "{out}");
        for count in
            [r#""input":10"#, r#""output":12"#, r#""cache_read":5"#, r#""cache_creation":3"#]
        {
            assert!(out.contains(count), "{out}");
        }
    }
}
