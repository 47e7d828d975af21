/** Where the SDK sends unless told otherwise. */
export const DEFAULT_DAEMON_URL = "http://127.0.0.1:4319/v1/ingest";

/** A first call through the SDK; the mode is named only when the daemon listens elsewhere. */
export function pythonSnippet(daemonUrl: string): string {
  const elsewhere = daemonUrl !== DEFAULT_DAEMON_URL;
  const config = elsewhere
    ? `config = Config("<your ingest key>", "raw_sdk_openai", "my-app",\n                mode=Mode.local_daemon("${daemonUrl}"))`
    : `config = Config("<your ingest key>", "raw_sdk_openai", "my-app")`;
  return `from modelstat import Client, Config, LlmCall, ${elsewhere ? "Mode, " : ""}TokenUsage

${config}
with Client(config) as client:
    client.record(
        LlmCall("openai", "first-session")
        .model_("gpt-4o")
        .with_tokens(TokenUsage(input=800, output=120))
        .text("the prompt", "the completion")
        .with_metadata({"feature": "hello"})
    )
`;
}

/** A first call without an SDK: one batch with one event. */
export function curlSnippet(daemonUrl: string): string {
  return `curl ${daemonUrl} \\
  -H "Authorization: Bearer <your ingest key>" \\
  -H "Content-Type: application/json" \\
  -d @- <<EOF
{"batch_id": "batch_$(date +%s)", "device_id": "dev_curl",
 "daemon_version": "curl", "app": "my-app", "events": [
  {"source_event_id": "evt_$(date +%s)", "session_id": "first-session",
   "ts": "$(date -u +%Y-%m-%dT%H:%M:%SZ)", "kind": "assistant_message",
   "agent": "raw_sdk_openai", "provider": "openai", "model": "gpt-4o",
   "tokens": {"input": 800, "output": 120, "cache_creation": 0,
              "cache_read": 0, "reasoning": 0}}]}
EOF
`;
}
