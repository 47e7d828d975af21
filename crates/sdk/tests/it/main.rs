//! The SDK against receivers that answer, refuse, stall and break off.

mod budget;
mod delivery;
mod flushing;
mod hostile;
mod local;
mod privacy;
mod receiver;
#[cfg(feature = "https")]
mod remote;
mod runtimes;
mod surface;
mod vectors;

use std::time::Duration;

use modelstat::{Client, Config, LlmCall};

/// Far longer than anything here takes, so that only a hang reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Settings for a receiver, with nothing sent but on request.
pub(crate) fn config(url: &str) -> Config {
    let mut config = Config::new("test-key", "raw_sdk_openai", "checkout-api");
    config.mode = modelstat::Mode::LocalDaemon { url: url.to_owned() };
    config.flush_interval = Duration::from_hours(1);
    config
}

pub(crate) fn call(session: &str) -> LlmCall {
    LlmCall::new("openai", session).model("gpt-x").text("what is asked", "what is answered")
}

/// Records so many calls.
pub(crate) fn record(client: &Client, calls: usize) {
    for index in 0..calls {
        client.record(call(&format!("session-{index}")));
    }
}
