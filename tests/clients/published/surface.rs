//! Uses every public item of the crate `modelstat` 0.1.0, and prints the batches that come of it.
//!
//! It is built twice: on the published crate, and on ours with only the dependency line changed.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use modelstat::{
    Client, Config, EventKind, FakeTransport, GitContext, HttpTransport, IngestBatch, LlmCall,
    METADATA_MAX_ENTRIES, METADATA_MAX_KEY_CHARS, METADATA_MAX_VALUE_CHARS, Mode, RawEvent,
    Redacted, RedactionPolicy, TokenUsage, ToolCallInput, ToolCallStatus, ToolCallWire, Transport,
    TransportError, cap_metadata, redact,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    check_traits();
    check_values();
    let mut said = Vec::new();
    let current = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    said.push(current.block_on(record_everything())?);
    let many =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    said.push(many.block_on(async { tokio::spawn(in_a_task()).await? })?);
    said.push(many.block_on(shared_transport())?);
    said.push(in_plain_threads(&many)?);
    said.push(check_http(&current));
    println!("{}", json!({ "redacted": redactions(), "batches": said }));
    Ok(())
}

fn shareable<T: Send + Sync + Unpin + 'static>() {}
fn caught<T: UnwindSafe + RefUnwindSafe>() {}
fn plain_value<T: Clone + Debug + UnwindSafe + RefUnwindSafe>() {}
fn comparable<T: Clone + Debug + PartialEq>() {}
fn copied<T: Copy + Eq>() {}
fn in_json<T: Serialize + DeserializeOwned>() {}
fn defaulted<T: Default>() {}
fn error<T: Error + Display + Debug>() {}

/// Fails to build where a type lacks what the published one has.
fn check_traits() {
    shareable::<Client>();
    shareable::<Config>();
    shareable::<LlmCall>();
    shareable::<FakeTransport>();
    shareable::<HttpTransport>();
    shareable::<IngestBatch>();
    shareable::<TransportError>();
    shareable::<Arc<dyn Transport>>();
    caught::<Client>();
    caught::<FakeTransport>();
    caught::<TransportError>();
    plain_value::<Config>();
    plain_value::<Mode>();
    plain_value::<LlmCall>();
    plain_value::<ToolCallInput>();
    comparable::<RawEvent>();
    comparable::<ToolCallWire>();
    comparable::<IngestBatch>();
    comparable::<GitContext>();
    comparable::<Redacted>();
    copied::<RedactionPolicy>();
    copied::<TokenUsage>();
    copied::<EventKind>();
    copied::<ToolCallStatus>();
    in_json::<RawEvent>();
    in_json::<ToolCallWire>();
    in_json::<IngestBatch>();
    in_json::<TokenUsage>();
    in_json::<GitContext>();
    in_json::<EventKind>();
    in_json::<ToolCallStatus>();
    defaulted::<TokenUsage>();
    defaulted::<GitContext>();
    defaulted::<Redacted>();
    defaulted::<FakeTransport>();
    error::<TransportError>();
}

/// Defaults, constants, and functions without a client.
fn check_values() {
    let config = Config::new("key", String::from("raw_sdk_generic"), " app ");
    let Config { app, device_id, agent, client_version, ingest_key, .. } = config.clone();
    assert_eq!(
        (app.as_str(), device_id.as_str(), agent.as_str()),
        ("app", "dev_sdk", "raw_sdk_generic")
    );
    assert!(client_version.starts_with("rust-sdk/") && ingest_key == "key");
    assert!(matches!(&config.mode, Mode::LocalDaemon { url } if url == Mode::DEFAULT_DAEMON_URL));
    assert_eq!(config.redaction, RedactionPolicy::Floor);
    assert_eq!((config.buffer_capacity, config.flush_max_batch), (4096, 256));
    assert_eq!(config.flush_interval, Duration::from_secs(2));
    assert!(!config.auto_taxonomy && config.metadata.is_empty());
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    assert!(std::panic::catch_unwind(|| Config::new("key", "agent", "  ")).is_err());
    std::panic::set_hook(hook);

    assert_eq!(Mode::DEFAULT_DAEMON_URL, "http://127.0.0.1:4319/v1/ingest");
    for (raw, path) in [(false, "/v1/ingest"), (true, "/v1/ingest/raw")] {
        let remote = config.clone().with_remote("https://api.example.test///", raw);
        assert_eq!(remote.mode.endpoint(), format!("https://api.example.test{path}"));
    }

    let usage = TokenUsage { input: 1, output: 2, cache_creation: 3, cache_read: 4, reasoning: 5 };
    assert_eq!(usage.total(), 15);
    assert_eq!(TokenUsage { input: u64::MAX, output: 1, ..Default::default() }.total(), u64::MAX);

    let limits = (METADATA_MAX_ENTRIES, METADATA_MAX_KEY_CHARS, METADATA_MAX_VALUE_CHARS);
    assert_eq!(limits, (16, 64, 256));
    let many = (0..20).map(|index| (format!("k{index:02}"), "é".repeat(300))).collect();
    let capped: BTreeMap<String, String> = cap_metadata(many);
    assert_eq!((capped.len(), capped["k15"].chars().count()), (16, 256));

    assert_eq!(TransportError::Status(503).to_string(), "http status 503");
    assert_eq!(TransportError::Other("why".into()).to_string(), "transport: why");
}

fn redactions() -> Vec<Value> {
    let texts = ["", "nothing to hide", "ask jane@example.com in /home/jane/notes"];
    let redacted = texts.map(|text| {
        let Redacted { text, secrets, pii } = redact(text);
        json!([text, secrets, pii])
    });
    redacted.into()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn config() -> Config {
    let mut config = Config::new("test-key", "raw_sdk_openai", "checkout-api")
        .with_device_id("dev_7")
        .with_metadata("environment", "prod")
        .with_metadata("service", "checkout");
    config.client_version = "program/1".into();
    config.flush_interval = Duration::from_secs(3600);
    config
}

/// A call in which every field is set.
fn full_call() -> LlmCall {
    let mut tool = ToolCallInput::new("Bash", ToolCallStatus::Success);
    tool.server = "mcp:github".into();
    tool.args = Some(json!({ "command": "ls -la", "timeout": 5 }));
    tool.result_bytes = 128;
    tool.started_at = at("2026-06-19T12:00:01Z");
    tool.ended_at = Some(at("2026-06-19T12:00:02.500Z"));
    tool.command_families = ["ls", "cat", "git", "rm"].map(String::from).to_vec();
    let other = ToolCallInput {
        name: "search".into(),
        server: "builtin".into(),
        args: None,
        result_bytes: 0,
        status: ToolCallStatus::Timeout,
        started_at: at("2026-06-19T12:00:03Z"),
        ended_at: None,
        command_families: Vec::new(),
    };
    let mut call = LlmCall::new("openai", "trace-123")
        .model("gpt-x")
        .tokens(TokenUsage { input: 800, output: 120, ..Default::default() })
        .first_token_at(at("2026-06-19T12:00:00.140Z"))
        .text("ask jane@example.com", "done".repeat(200))
        .metadata("feature", "search")
        .with_metadata([("customer", "cus_42"), ("environment", "test")]);
    call.started_at = at("2026-06-19T12:00:00Z");
    call.duration = Some(Duration::from_millis(1_234));
    call.kind = EventKind::AssistantMessage;
    call.cwd = Some("/srv/app".into());
    call.git = Some(GitContext {
        remote_slug: Some("acme/shop".into()),
        host: Some("github.com".into()),
        branch: Some("main".into()),
        slug_source: Some("git_remote".into()),
    });
    call.tool_calls = vec![tool, other];
    call
}

fn kinds() -> Vec<LlmCall> {
    let kinds = [
        EventKind::UserMessage,
        EventKind::ToolCall,
        EventKind::ToolResult,
        EventKind::Summary,
        EventKind::AssistantMessage,
    ];
    let calls = kinds.into_iter().enumerate().map(|(index, kind)| {
        let mut call =
            LlmCall::new(if index == 1 { "" } else { "anthropic" }, format!("s-{index}"));
        call.kind = kind;
        call.started_at = at("2026-06-19T12:00:00.001Z");
        call.completion = (index == 2).then(|| "only an answer".to_owned());
        call.prompt = (index == 3).then(|| "only a question".to_owned());
        call
    });
    calls.collect()
}

async fn record_everything() -> Result<Value> {
    let fake = Arc::new(FakeTransport::new());
    let client = Client::with_transport(config(), fake.clone());
    client.record(full_call());
    kinds().into_iter().for_each(|call| client.record(call));
    sendable(client.flush()).await;
    assert_eq!(client.dropped(), 0);
    let batches = fake.batches();
    for batch in &batches {
        check_fields(batch);
    }
    Ok(serde_json::to_value(batches)?)
}

/// Every public field of what a transport is given.
fn check_fields(batch: &IngestBatch) {
    let IngestBatch { batch_id, device_id, daemon_version, app, events, tool_calls, .. } = batch;
    assert!(batch_id.starts_with("batch_") && device_id == "dev_7");
    assert_eq!((daemon_version.as_str(), app.as_deref()), ("program/1", Some("checkout-api")));
    assert_eq!(batch.session_installs["trace-123"].provider_account_id, "checkout-api");
    assert_eq!(batch.session_installs["trace-123"].provider, "openai");
    assert_eq!(batch.auto_taxonomy, Some(false));
    let RawEvent { source_event_id, ts, started_at, first_token_at, kind, agent, provider, .. } =
        &events[0];
    assert!(source_event_id.starts_with("evt_") && Some(*ts) == *started_at);
    assert_eq!(first_token_at.map(|at| at.timestamp_subsec_millis()), Some(140));
    assert_eq!((*kind, agent.as_str()), (EventKind::AssistantMessage, "raw_sdk_openai"));
    assert_eq!((provider.as_str(), events[0].model.as_deref()), ("openai", Some("gpt-x")));
    assert_eq!((events[0].session_id.as_str(), events[0].tokens.total()), ("trace-123", 920));
    assert_eq!((events[0].cwd.as_deref(), events[0].duration_ms), (Some("/srv/app"), Some(1_234)));
    assert!(events[0].git.is_some() && events[0].content_excerpt.is_some());
    assert_eq!(events[0].metadata.as_ref().map(BTreeMap::len), Some(4));
    let ToolCallWire { external_call_id, session_id, source_event_id: event, segment_id, .. } =
        &tool_calls[0];
    assert!(external_call_id.starts_with("tc_") && event == source_event_id);
    assert_eq!((session_id.as_str(), segment_id), ("trace-123", &None));
    let tool = &tool_calls[0];
    assert_eq!((tool.agent.as_str(), tool.server.as_str()), ("raw_sdk_openai", "mcp:github"));
    assert_eq!((tool.name.as_str(), tool.turn_index, tool.call_index), ("Bash", None, 0));
    assert!(tool.ended_at > Some(tool.started_at) && tool.status == ToolCallStatus::Success);
    assert_eq!((tool.args_hash.len(), tool.signature_hash.len(), tool.args_bytes), (64, 64, 32));
    assert_eq!((tool.result_bytes, tool.model.as_deref()), (128, Some("gpt-x")));
    assert_eq!(tool.command_families.len(), 3);
}

/// What web handlers await must be able to move between threads.
fn sendable<T: Future + Send>(future: T) -> T {
    future
}

async fn in_a_task() -> Result<Value> {
    let fake = Arc::new(FakeTransport::default());
    let mut config = config().with_remote("https://api.example.test", true);
    config.auto_taxonomy = true;
    config.buffer_capacity = 16;
    let client = Client::with_transport(config, fake.clone());
    let handles = (0..4).map(|index| {
        let client = client.clone();
        tokio::spawn(async move {
            let mut call = full_call();
            call.session_id = format!("task-{index}");
            client.record(call);
        })
    });
    for handle in handles.collect::<Vec<_>>() {
        handle.await?;
    }
    sendable(client.shutdown()).await;
    let mut batches = fake.batches();
    for batch in &mut batches {
        batch.events.sort_by(|one, other| one.session_id.cmp(&other.session_id));
        batch.tool_calls.sort_by(|one, other| {
            (&one.session_id, one.call_index).cmp(&(&other.session_id, other.call_index))
        });
    }
    Ok(serde_json::to_value(batches)?)
}

/// A transport of a program's own, shared with the program.
struct Collecting {
    batches: Mutex<Vec<Value>>,
    refusals: Mutex<Vec<TransportError>>,
}

#[async_trait]
impl Transport for Collecting {
    async fn send(&self, batch: &IngestBatch) -> std::result::Result<(), TransportError> {
        let json = serde_json::to_value(batch).map_err(|_| TransportError::Other("JSON".into()))?;
        self.batches.lock().expect("no panic").push(json);
        match self.refusals.lock().expect("no panic").pop() {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }
}

/// A refused batch is sent again, the same.
async fn shared_transport() -> Result<Value> {
    let refusals = Mutex::new(vec![TransportError::Status(503)]);
    let collecting = Arc::new(Collecting { batches: Mutex::default(), refusals });
    let mut config = config();
    config.redaction = RedactionPolicy::None;
    let client = Client::with_transport(config, collecting.clone() as Arc<dyn Transport>);
    client.record(full_call());
    client.flush().await;
    let batches = collecting.batches.lock().expect("no panic").clone();
    assert_eq!(batches.len(), 2);
    assert_eq!(batches[0], batches[1]);
    Ok(Value::Array(batches))
}

/// Recording needs no runtime on the thread that records.
fn in_plain_threads(runtime: &tokio::runtime::Runtime) -> Result<Value> {
    let fake = Arc::new(FakeTransport::new());
    let client = runtime.block_on(async { Client::with_transport(config(), fake.clone()) });
    let threads = (0..2).map(|_| {
        let client = client.clone();
        std::thread::spawn(move || client.record(full_call()))
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().map_err(|_| "a thread panicked")?;
    }
    runtime.block_on(client.flush());
    Ok(serde_json::to_value(fake.batches())?)
}

/// Nobody listens there: an error, and no panic.
fn check_http(runtime: &tokio::runtime::Runtime) -> Value {
    let mut config = config();
    config.mode = Mode::LocalDaemon { url: "http://127.0.0.1:9/v1/ingest".into() };
    let batch: IngestBatch = serde_json::from_value(json!({
        "batch_id": "batch_1", "device_id": "dev_7", "daemon_version": "program/1", "events": []
    }))
    .expect("a batch of the required fields alone");
    let transport = HttpTransport::from_config(&config);
    let sent = runtime.block_on(async { sendable(transport.send(&batch)).await });
    json!(matches!(sent, Err(TransportError::Other(_))))
}
