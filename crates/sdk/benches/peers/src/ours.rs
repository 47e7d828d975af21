//! Our SDK.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use modelstat::engine::{self, Body, Convert, Outcome, Recorder};
use modelstat::{
    Client, Config, IngestBatch, LlmCall, Mode, TokenUsage, Transport, TransportError,
};

use crate::subject::{Destination, Subject, Turns};
use crate::texts::Texts;

/// Nothing here takes so long; it bounds a benchmark that went wrong.
const PATIENCE: Duration = Duration::from_mins(2);

/// The client that its users have.
#[derive(Clone)]
pub struct Ours(Client);

impl Subject for Ours {
    type Call = LlmCall;

    fn start(destination: Destination, turns: Turns) -> Self {
        let config = config(&destination, turns);
        Self(match destination {
            Destination::Daemon(_) => Client::new(config),
            other => Client::with_transport(config, Arc::new(Null(other))),
        })
    }

    fn call(texts: &Texts) -> LlmCall {
        LlmCall::new("openai", "conversation-17")
            .model("gpt-4o")
            .tokens(TokenUsage { input: 800, output: 120, ..TokenUsage::default() })
            .text(texts.prompt.as_str(), texts.completion.as_str())
    }

    #[inline]
    fn record(&self, call: LlmCall) {
        self.0.record(call);
    }

    fn drain(&self) {
        assert!(self.0.flush_blocking(PATIENCE).complete, "a flush took too long");
    }

    fn dropped(&self) -> u64 {
        self.0.dropped()
    }
}

fn config(destination: &Destination, turns: Turns) -> Config {
    let mut config = Config::new("bench-key", "raw_sdk_openai", "bench");
    if let Destination::Daemon(url) = destination {
        config.mode = Mode::LocalDaemon { url: url.clone() };
    }
    if turns == Turns::Whole {
        config = config.with_remote("https://bench.invalid", true);
    }
    config
}

/// A transport of the published kind: it is handed a batch, for which ours is decoded again.
struct Null(Destination);

#[async_trait]
impl Transport for Null {
    async fn send(&self, batch: &IngestBatch) -> Result<(), TransportError> {
        match self.0 {
            Destination::Stalled => std::future::pending().await,
            Destination::Encoded => {
                std::hint::black_box(serde_json::to_vec(batch).unwrap_or_default());
            }
            Destination::Nowhere | Destination::Daemon(_) => {}
        }
        Ok(())
    }
}

/// The same worker without the detour for transports of the published kind: it gets bytes.
#[derive(Clone)]
pub struct OursEncoded(Recorder<LlmCall>);

impl Subject for OursEncoded {
    type Call = LlmCall;

    /// The destination makes no difference: the bytes are forgotten.
    fn start(destination: Destination, turns: Turns) -> Self {
        Self(Recorder::new(config(&destination, turns), Box::new(Forget), Box::new(AsItIs)))
    }

    fn call(texts: &Texts) -> LlmCall {
        Ours::call(texts)
    }

    fn record(&self, call: LlmCall) {
        self.0.record(call);
    }

    fn drain(&self) {
        assert!(self.0.flush(PATIENCE).complete, "a flush took too long");
    }

    fn dropped(&self) -> u64 {
        self.0.stats().all_dropped()
    }
}

struct Forget;

impl engine::Transport for Forget {
    fn send(&mut self, body: &Body) -> Outcome {
        std::hint::black_box(body);
        Outcome::Sent { answer: None }
    }

    fn fresh(&self) -> Box<dyn engine::Transport> {
        Box::new(Self)
    }
}

struct AsItIs;

impl Convert<LlmCall> for AsItIs {
    fn convert(&mut self, mut items: Vec<LlmCall>, to: &mut Vec<LlmCall>) -> usize {
        to.append(&mut items);
        0
    }

    fn fresh(&self) -> Box<dyn Convert<LlmCall>> {
        Box::new(Self)
    }
}
