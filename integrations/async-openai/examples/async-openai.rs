//! A chat, a streamed response and a refusal, and what is recorded of them.
//!
//! `cargo run -p modelstat-async-openai --example async-openai`

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use async_openai::error::WrappedError;
use async_openai::types::chat::CreateChatCompletionResponse;
use modelstat::{Client, Config, Mode};
use modelstat_async_openai::{Asked, ResponseStream, answered, record, refused};
use modelstat_testkit::{Provider, Receiver, post};
use serde_json::{from_str, json};

fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let provider = Provider::start()?;
    let receiver = Receiver::start()?;
    let mut config = Config::new("msk_example", "raw_sdk_openai", "checkout-api");
    config.mode = Mode::LocalDaemon { url: receiver.url() };
    let client = Client::new(config);

    // In a program it is `client.chat().create(request).await` that answers.
    let question = "What is the capital of France?";
    let asked = Asked::now("openai", "conversation-1").prompt(question);
    let answer = post(&provider.url(), "/v1/chat/completions", &json!({ "model": "gpt-x" }))?;
    let answer: CreateChatCompletionResponse = from_str(&answer.body)?;
    record(&client, answered(asked, &answer));

    let mut stream = ResponseStream::new(Asked::now("openai", "conversation-1").prompt(question));
    let request = json!({ "model": "gpt-x", "stream": true });
    for event in post(&provider.url(), "/v1/responses", &request)?.events() {
        stream.push(&from_str(event)?);
    }
    record(&client, stream.finish());

    provider.refuse_next(429);
    let asked = Asked::now("openai", "conversation-1").model("gpt-x");
    let answer = post(&provider.url(), "/v1/chat/completions", &json!({ "model": "gpt-x" }))?;
    let error: WrappedError = from_str(&answer.body)?;
    record(&client, refused(asked, answer.status, &error.error));

    client.shutdown_blocking(Duration::from_secs(5));
    for event in receiver.events() {
        let (id, tokens, error) = (&event["response_id"], &event["tokens"], &event["error"]);
        writeln!(out, "{id} tokens {tokens} error {error}")?;
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
        let [chat, response, refusal] = &out.lines().collect::<Vec<_>>()[..] else {
            panic!("{out}")
        };
        assert!(chat.contains("chatcmpl-0") && chat.contains(r#""input":15"#), "{out}");
        assert!(response.contains("resp_1") && response.contains(r#""reasoning":40"#), "{out}");
        assert!(refusal.contains(r#""status":429"#), "{out}");
    }
}
