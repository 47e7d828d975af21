//! A program on the published crate: reads a plan on standard input, records its calls, flushes, and
//! reports on standard output what the client says of itself.

use std::error::Error;
use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use modelstat::{
    Client, Config, EventKind, GitContext, LlmCall, RedactionPolicy, TokenUsage, ToolCallInput,
    ToolCallStatus,
};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let plan: Value = serde_json::from_reader(io::stdin())?;
    let client = Client::new(config(&plan["config"])?);
    for call in list(&plan["calls"]) {
        client.record(build_call(call)?);
    }
    client.flush().await;
    println!("{}", json!({ "dropped": client.dropped(), "flushed": true }));
    client.shutdown().await;
    Ok(())
}

fn config(plan: &Value) -> Result<Config> {
    let mut config =
        Config::new(text(plan, "ingest_key")?, text(plan, "agent")?, text(plan, "app")?);
    for (key, value) in pairs(&plan["metadata"]) {
        config = config.with_metadata(key, value);
    }
    if let Some(base_url) = plan["base_url"].as_str() {
        config = config.with_remote(base_url, plan["raw"] == true);
    }
    if plan["redaction"] == "none" {
        config.redaction = RedactionPolicy::None;
    }
    Ok(config)
}

fn build_call(plan: &Value) -> Result<LlmCall> {
    let mut call = LlmCall::new(text(plan, "provider")?, text(plan, "session_id")?);
    call.model = maybe_text(plan, "model");
    call.kind = match text(plan, "kind")?.as_str() {
        "user_message" => EventKind::UserMessage,
        "tool_call" => EventKind::ToolCall,
        _ => EventKind::AssistantMessage,
    };
    let count = |class: &str| plan["tokens"][class].as_u64().unwrap_or_default();
    call.tokens = TokenUsage {
        input: count("input"),
        output: count("output"),
        cache_creation: count("cache_creation"),
        cache_read: count("cache_read"),
        reasoning: count("reasoning"),
    };
    call.started_at = time(plan, "started_at")?;
    call.first_token_at = maybe_time(plan, "first_token_at")?;
    call.duration = plan["duration_ms"].as_u64().map(Duration::from_millis);
    call.prompt = maybe_text(plan, "prompt");
    call.completion = maybe_text(plan, "completion");
    call.cwd = maybe_text(plan, "cwd");
    call.git = plan["git"].is_object().then(|| GitContext {
        remote_slug: maybe_text(&plan["git"], "remote_slug"),
        host: maybe_text(&plan["git"], "host"),
        branch: maybe_text(&plan["git"], "branch"),
        slug_source: maybe_text(&plan["git"], "slug_source"),
    });
    call.tool_calls = list(&plan["tool_calls"]).iter().map(tool_call).collect::<Result<_>>()?;
    Ok(call.with_metadata(pairs(&plan["metadata"])))
}

fn tool_call(plan: &Value) -> Result<ToolCallInput> {
    let status = match text(plan, "status")?.as_str() {
        "success" => ToolCallStatus::Success,
        "error" => ToolCallStatus::Error,
        "denied" => ToolCallStatus::Denied,
        "timeout" => ToolCallStatus::Timeout,
        _ => ToolCallStatus::Unknown,
    };
    let mut call = ToolCallInput::new(text(plan, "name")?, status);
    call.server = text(plan, "server")?;
    call.args = Some(plan["args"].clone()).filter(|args| !args.is_null());
    call.result_bytes = plan["result_bytes"].as_u64().unwrap_or_default().try_into()?;
    call.started_at = time(plan, "started_at")?;
    call.ended_at = maybe_time(plan, "ended_at")?;
    let families = list(&plan["command_families"]);
    call.command_families =
        families.iter().filter_map(|name| Some(name.as_str()?.into())).collect();
    Ok(call)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn maybe_text(plan: &Value, field: &str) -> Option<String> {
    plan[field].as_str().map(str::to_owned)
}

fn text(plan: &Value, field: &str) -> Result<String> {
    maybe_text(plan, field).ok_or_else(|| format!("the plan names no {field}").into())
}

fn maybe_time(plan: &Value, field: &str) -> Result<Option<DateTime<Utc>>> {
    let parsed = plan[field].as_str().map(str::parse::<DateTime<Utc>>).transpose()?;
    Ok(parsed)
}

fn time(plan: &Value, field: &str) -> Result<DateTime<Utc>> {
    maybe_time(plan, field)?.ok_or_else(|| format!("the plan names no {field}").into())
}
