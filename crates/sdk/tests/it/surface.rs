//! The names and shapes of the published crate, and ambient tags.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use modelstat::{
    Client, Config, FakeTransport, HttpTransport, IngestBatch, LlmCall, Mode, RedactionPolicy,
    TokenUsage, Transport, TransportError, WithMetadata, cap_metadata, with_metadata,
};

use crate::receiver::{OK, Receiver};
use crate::{PATIENCE, call, config, record};

fn fake_client() -> (Client, Arc<FakeTransport>) {
    let fake = Arc::new(FakeTransport::new());
    let config = config("http://127.0.0.1:1/").with_metadata("environment", "prod");
    (Client::with_transport(config, fake.clone()), fake)
}

fn tag(fake: &FakeTransport, event: usize, key: &str) -> Option<String> {
    fake.batches()[0].events[event].metadata.as_ref()?.get(key).cloned()
}

#[test]
fn tags_merge_from_the_outside_in() {
    let (client, fake) = fake_client();
    with_metadata([("feature", "search"), ("environment", "test")], || {
        client.record(call("one"));
        with_metadata([("feature", "chat")], || {
            client.record(call("two"));
            client.record(call("three").metadata("feature", "own"));
        });
    });
    client.record(call("four"));
    assert!(client.flush_blocking(PATIENCE).complete);
    for (event, feature, environment) in [
        (0, Some("search"), "test"),
        (1, Some("chat"), "test"),
        (2, Some("own"), "test"),
        (3, None, "prod"),
    ] {
        assert_eq!(tag(&fake, event, "feature").as_deref(), feature);
        assert_eq!(tag(&fake, event, "environment").as_deref(), Some(environment));
    }
}

#[test]
fn tags_follow_a_future_and_leave_with_it() {
    let (client, fake) = fake_client();
    let inner = client.clone();
    let mut work =
        Box::pin(async move { inner.record(call("one")) }.with_metadata([("team", "a")]));
    let mut context = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut work).poll(&mut context).is_ready());
    client.record(call("two"));
    assert!(client.flush_blocking(PATIENCE).complete);
    assert_eq!(tag(&fake, 0, "team").as_deref(), Some("a"));
    assert_eq!(tag(&fake, 1, "team"), None);
}

/// Written as `#[async_trait]` expands it.
struct Refusing(u16);

impl Transport for Refusing {
    fn send<'life0, 'life1, 'async_trait>(
        &'life0 self,
        _batch: &'life1 IngestBatch,
    ) -> Pin<Box<dyn Future<Output = Result<(), TransportError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { Err(TransportError::Status(self.0)) })
    }
}

#[test]
fn a_transport_of_the_published_kind_decides_what_becomes_of_a_batch() {
    let client = Client::with_transport(config("http://127.0.0.1:1/"), Arc::new(Refusing(400)));
    record(&client, 2);
    assert!(client.flush_blocking(PATIENCE).complete);
    assert_eq!(client.stats().dropped.get("rejected"), Some(&2));
    assert_eq!(client.dropped(), 0, "it counts what could not wait");
}

#[test]
fn the_http_transport_can_be_handed_in() {
    let receiver = Receiver::start(|_, _| OK);
    let config = config(&receiver.url);
    let transport = Arc::new(HttpTransport::from_config(&config));
    let client = Client::with_transport(config, transport);
    record(&client, 2);
    assert!(client.flush_blocking(PATIENCE).complete);
    assert_eq!(receiver.next().batch().events.len(), 2);
}

#[test]
fn settings_and_their_defaults_are_the_published_ones() {
    let config = Config::new("key", "raw_sdk_generic", "app").with_device_id("dev_7");
    assert_eq!((config.buffer_capacity, config.flush_max_batch), (4_096, 256));
    assert_eq!(config.flush_interval.as_secs(), 2);
    assert_eq!((config.device_id.as_str(), config.auto_taxonomy), ("dev_7", false));
    assert_eq!(config.redaction, RedactionPolicy::Floor);
    assert_eq!(config.mode.endpoint(), "http://127.0.0.1:4319/v1/ingest");
    let remote = Mode::Remote { base_url: "https://api.example.test//".into(), raw: false };
    assert_eq!(remote.endpoint(), "https://api.example.test/v1/ingest");
    assert_eq!(TokenUsage { input: u64::MAX, output: 1, ..Default::default() }.total(), u64::MAX);
    let many = (0..20).map(|index| (format!("k{index:02}"), "v".repeat(300))).collect();
    let capped = cap_metadata(many);
    assert_eq!((capped.len(), capped["k15"].len()), (16, 256));
}

#[test]
fn what_a_call_says_of_itself_is_sent() {
    let (client, fake) = fake_client();
    client.record(
        LlmCall::new("openai", "session")
            .failed("rate_limit_error", Some(429))
            .finish_reason("length")
            .response_id("resp_1")
            .usage_unknown(),
    );
    client.record(call("plain"));
    assert!(client.flush_blocking(PATIENCE).complete);
    let events = &fake.batches()[0].events;
    let error = events[0].error.as_ref().expect("an error");
    assert_eq!((error.kind.as_str(), error.status), ("rate_limit_error", Some(429)));
    assert_eq!(events[0].usage_known, Some(false));
    assert_eq!(events[0].content_excerpt, None);
    assert_eq!((events[1].usage_known, &events[1].error), (None, &None));
}
