//! The published SDK, which needs a runtime of tokio.

use std::sync::Arc;

use async_trait::async_trait;
use published::{
    Client, Config, HttpTransport, IngestBatch, LlmCall, Mode, TokenUsage, Transport,
    TransportError,
};
use tokio::runtime::{Builder, Runtime};

use crate::subject::{Destination, Subject, Turns};
use crate::texts::Texts;

/// The client and the runtime that its worker lives in: one thread, as ours has.
#[derive(Clone)]
pub struct Published {
    client: Client,
    runtime: Arc<Runtime>,
}

impl Subject for Published {
    type Call = LlmCall;

    fn start(destination: Destination, turns: Turns) -> Self {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let mut config = Config::new("bench-key", "raw_sdk_openai", "bench");
        if let Destination::Daemon(url) = &destination {
            config.mode = Mode::LocalDaemon { url: url.clone() };
        }
        if turns == Turns::Whole {
            config = config.with_remote("https://bench.invalid", true);
        }
        let transport: Arc<dyn Transport> = match &destination {
            Destination::Daemon(_) => Arc::new(HttpTransport::from_config(&config)),
            _ => Arc::new(Null(destination)),
        };
        let entered = runtime.enter();
        let client = Client::with_transport(config, transport);
        drop(entered);
        Self { client, runtime: Arc::new(runtime) }
    }

    fn call(texts: &Texts) -> LlmCall {
        LlmCall::new("openai", "conversation-17")
            .model("gpt-4o")
            .tokens(TokenUsage { input: 800, output: 120, ..TokenUsage::default() })
            .text(texts.prompt.as_str(), texts.completion.as_str())
    }

    #[inline]
    fn record(&self, call: LlmCall) {
        self.client.record(call);
    }

    fn drain(&self) {
        self.runtime.block_on(self.client.flush());
    }

    fn dropped(&self) -> u64 {
        self.client.dropped()
    }
}

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
