//! The layer on spans as real crates make them, and on hostile ones.

mod hostile;
mod spans;
mod tools;

use std::sync::Arc;
use std::time::Duration;

use modelstat::{Client, Config, FakeTransport, RawEvent, ToolCallWire};
use modelstat_tracing::Layer;
use tracing_subscriber::layer::SubscriberExt;

/// Far longer than anything here takes, so that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was recorded.
struct Recorded {
    events: Vec<RawEvent>,
    tool_calls: Vec<ToolCallWire>,
}

impl Recorded {
    fn only_event(&self) -> &RawEvent {
        assert_eq!(self.events.len(), 1, "{:?}", self.events);
        &self.events[0]
    }
}

fn client() -> (Client, Arc<FakeTransport>) {
    let transport = Arc::new(FakeTransport::new());
    let mut config = Config::new("test-key", "raw_sdk_openai", "checkout-api");
    config.flush_interval = Duration::from_hours(1);
    (Client::with_transport(config, transport.clone()), transport)
}

fn flushed(client: &Client, transport: &FakeTransport) -> Recorded {
    assert!(client.flush_blocking(PATIENCE).complete);
    let batches = transport.batches();
    let events = batches.iter().flat_map(|batch| batch.events.clone()).collect();
    let tool_calls = batches.into_iter().flat_map(|batch| batch.tool_calls).collect();
    Recorded { events, tool_calls }
}

/// Runs a program under a layer and returns what was recorded.
fn recorded_with(change: impl FnOnce(Layer) -> Layer, program: impl FnOnce()) -> Recorded {
    let (client, transport) = client();
    let layer = change(Layer::new(client.clone()));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, program);
    flushed(&client, &transport)
}

fn recorded(program: impl FnOnce()) -> Recorded {
    recorded_with(|layer| layer, program)
}
