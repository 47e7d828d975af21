//! A completion through `rig`, and one that is refused; what is recorded of them.
//!
//! `cargo run --manifest-path integrations/rig/Cargo.toml --example rig`

mod loopback;

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use futures::executor::block_on;
use modelstat::{Client, Config, Mode};
use modelstat_rig::{Asked, answered, failed, record};
use modelstat_testkit::{Provider, Receiver};
use rig_core::completion::CompletionRequest;
use rig_core::providers::openai::OpenAIConfig;

use crate::loopback::Loopback;

fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let provider = Provider::start()?;
    let receiver = Receiver::start()?;
    let mut config = Config::new("msk_example", "raw_sdk_openai", "checkout-api");
    config.mode = Mode::LocalDaemon { url: receiver.url() };
    let client = Client::new(config);

    let openai =
        OpenAIConfig::new("an-example-key").with_base_url(format!("{}/v1", provider.url()));
    let model = openai.connect(Loopback).chat("gpt-x");
    for question in ["What is the capital of France?", "And of Spain?"] {
        let asked = Asked::now("openai", "conversation-1").model("gpt-x").prompt(question);
        match block_on(model.call(CompletionRequest::new(question))) {
            Ok(answer) => record(&client, answered(asked, &answer)),
            Err(error) => record(&client, failed(asked, &error)),
        }
        provider.refuse_next(429);
    }

    client.shutdown_blocking(Duration::from_secs(5));
    for event in receiver.events() {
        let (model, tokens, error) = (&event["model"], &event["tokens"], &event["error"]);
        writeln!(out, "{model} tokens {tokens} error {error}")?;
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
            answered.contains(r#""input":15"#) && answered.contains(r#""reasoning":3"#),
            "{out}"
        );
        assert!(refused.contains(r#""status":429"#), "{out}");
    }
}
