//! The programs that the documentation of the crate `modelstat` 0.1.0 shows, in its order.
//!
//! Built on the published crate and on ours; each takes the address to post to.

use std::env;
use std::error::Error;

use modelstat::{Client, Config, LlmCall, Mode, TokenUsage};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("the address of a daemon is missing")?;
    a_daemon_on_another_port(&url).await;
    tags(&url).await;
    straight_to_a_server(&url).await;
    // Made as shown, with nothing recorded: no thread, no connection, no complaint.
    let idle = Client::new(Config::new("msk_live_…", "raw_sdk_openai", "checkout-api"));
    idle.shutdown().await;
    Ok(())
}

async fn a_daemon_on_another_port(url: &str) {
    let mut cfg = Config::new("msk_live_…", "raw_sdk_openai", "checkout-api");
    cfg.mode = Mode::LocalDaemon { url: format!("{url}/v1/ingest") };
    let ms = Client::new(cfg);
    ms.record(
        LlmCall::new("openai", "session-or-trace-id")
            .model("gpt-x")
            .tokens(TokenUsage { input: 800, output: 120, ..Default::default() })
            .text("the prompt", "the completion"),
    );
    ms.shutdown().await;
}

async fn tags(url: &str) {
    let mut cfg = Config::new("msk_live_…", "raw_sdk_openai", "checkout-api")
        .with_metadata("environment", "prod")
        .with_metadata("service", "checkout");
    cfg.mode = Mode::LocalDaemon { url: format!("{url}/v1/ingest") };
    let ms = Client::new(cfg);
    ms.record(
        LlmCall::new("openai", "trace-123")
            .metadata("feature", "search")
            .with_metadata([("customer_id", "cus_42"), ("team", "growth")]),
    );
    ms.flush().await;
    ms.shutdown().await;
}

async fn straight_to_a_server(url: &str) {
    for raw in [true, false] {
        let mut cfg = Config::new("msk_live_…", "raw_sdk_openai", "checkout-api")
            .with_remote(url, /* raw */ raw);
        cfg.auto_taxonomy = true;
        let ms = Client::new(cfg);
        ms.record(LlmCall::new("openai", "session-or-trace-id").text("the prompt", "an answer"));
        ms.shutdown().await;
    }
}
