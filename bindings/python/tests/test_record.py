"""From `record` to a server on this machine."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List

import modelstat
from modelstat import BillingMode, Client, Config, FakeTransport, LlmCall, Mode, TokenUsage, ToolCallInput
from receiver import Receiver

MakeConfig = Callable[..., Config]
STARTED = datetime(2026, 6, 19, 12, 0, 0, 123_456, tzinfo=timezone.utc)


def secret() -> str:
    return "sk-ant-" + "api03-" + "Zx9" * 12


def sent(config: Config, *calls: LlmCall) -> List[Dict[str, Any]]:
    """Returns the events that a client sends for the calls."""
    transport = FakeTransport()
    with Client.with_transport(config, transport) as ms:
        for call in calls:
            ms.record(call)
    return [event for batch in transport.batches() for event in batch["events"]]


def test_a_call_arrives(receiver: Receiver, config: MakeConfig) -> None:
    call = LlmCall(
        "openai",
        "session-1",
        model="gpt-x",
        tokens=TokenUsage(8, 2, 1, 3, 4),
        started_at=STARTED,
        duration_ms=250,
        prompt="ask jane@example.com",
        completion="she said " + secret(),
        metadata={"feature": "search"},
        tool_calls=[ToolCallInput("Bash", modelstat.ToolCallStatus.ERROR, args={"command": "ls /home/jane"})],
    )
    with Client(config(receiver)) as ms:
        ms.record(call)
    (request,) = receiver.requests
    assert request.path == "/v1/ingest"
    assert request.headers["authorization"] == "Bearer msk_test"
    (batch,) = receiver.batches()
    assert (batch["app"], batch["device_id"], batch["daemon_version"]) == (
        "checkout-api",
        "dev_sdk",
        "python-sdk/0.2.0",
    )
    assert batch["auto_taxonomy"] is False
    (event,) = batch["events"]
    assert event["content_excerpt"].startswith("ask [REDACTED:email]\n---\nshe said [REDACTED:")
    assert (event["provider"], event["model"], event["session_id"]) == ("openai", "gpt-x", "session-1")
    assert event["ts"] == event["started_at"] == "2026-06-19T12:00:00.123Z"
    assert event["tokens"] == TokenUsage(8, 2, 1, 3, 4).to_dict() and event["duration_ms"] == 250
    assert event["metadata"] == {"feature": "search"}
    (tool,) = batch["tool_calls"]
    assert tool["name"] == "Bash" and tool["status"] == "error" and len(tool["args_hash"]) == 64
    body = request.body.decode()
    assert secret() not in body and "jane" not in body


def test_raw_mode_sends_whole_turns(receiver: Receiver, config: MakeConfig) -> None:
    with Client(config(receiver, raw=True)) as ms:
        ms.record(LlmCall("openai", "s", prompt="word " * 200))
    assert receiver.requests[0].path == "/v1/ingest/raw"
    assert receiver.events()[0]["content_excerpt"] == "word " * 200


def test_an_excerpt_is_cut_at_320_code_points(config: MakeConfig) -> None:
    (event,) = sent(config(), LlmCall("openai", "s", prompt="é" * 321))
    assert event["content_excerpt"] == "é" * 320 + "…"
    (event,) = sent(config(), LlmCall("openai", "s", prompt="é" * 320))
    assert event["content_excerpt"] == "é" * 320


def test_prompt_and_completion_are_joined(config: MakeConfig) -> None:
    events = sent(
        config(),
        LlmCall("openai", "s").text("p", "c"),
        LlmCall("openai", "s", completion="c"),
        LlmCall("openai", "s", prompt="", completion="c"),
        LlmCall("openai", "s"),
    )
    assert [event.get("content_excerpt") for event in events] == ["p\n---\nc", "c", "c", None]


def test_a_daemon_that_asks_gets_whole_turns(receivers: Callable[..., Receiver], config: MakeConfig) -> None:
    text = "word " * 200
    for asks, full_turns, length in ((True, True, 1000), (False, True, 321), (True, False, 321)):
        receiver = receivers(full_turns=asks)
        mode = Mode.local_daemon(receiver.url, full_turns=full_turns)
        with Client(config(mode=mode)) as ms:
            ms.record(LlmCall("openai", "s", prompt=text))
        assert len(receiver.events()[0]["content_excerpt"]) == length


def test_what_only_our_servers_read(config: MakeConfig) -> None:
    call = LlmCall(
        "openai",
        "s",
        billing=BillingMode.API,
        usage_detail={"cache_creation_1h": 5, "service_tier": "flex", "batch": True, "unknown": 1},
        usage_known=False,
        error_type="RateLimitError",
        error_status=429,
        finish_reason="stop",
        response_id="resp_1",
    )
    (event,) = sent(config(), call)
    assert event["billing"] == "api" and event["usage_known"] is False
    assert event["usage_detail"] == {"cache_creation_1h": 5, "service_tier": "flex", "batch": True}
    assert event["error"] == {"type": "RateLimitError", "status": 429}
    assert (event["finish_reason"], event["response_id"]) == ("stop", "resp_1")
    (event,) = sent(config(), LlmCall("openai", "s"))
    extra = {"billing", "usage_detail", "usage_known", "error", "finish_reason", "response_id"}
    assert not extra & set(event)


def test_tags_have_three_layers(config: MakeConfig) -> None:
    layered = config(metadata={"a": "config", "b": "config", "c": "config"})
    with modelstat.metadata({"b": "outer", "d": "outer"}):
        with modelstat.metadata({"b": "block", "c": "block"}):
            call = LlmCall("openai", "s", metadata={"c": "call"})
            pinned = LlmCall("openai", "s", ambient_metadata={"b": "pinned"})
            events = sent(layered, call, pinned)
    assert events[0]["metadata"] == {"a": "config", "b": "block", "c": "call", "d": "outer"}
    assert events[1]["metadata"] == {"a": "config", "b": "pinned", "c": "config"}
    assert call.ambient_metadata is None


def test_tags_of_a_block_end_with_it(config: MakeConfig) -> None:
    try:
        with modelstat.metadata({"a": "1"}):
            raise KeyError
    except KeyError:
        pass
    (event,) = sent(config(), LlmCall("openai", "s"))
    assert "metadata" not in event


def test_what_changes_after_record_is_not_sent(config: MakeConfig) -> None:
    transport = FakeTransport()
    with Client.with_transport(config(flush_interval=5.0), transport) as ms:
        call = LlmCall("openai", "s", model="before", tokens=TokenUsage(input=1), metadata={"a": "before"})
        call.tool_calls.append(ToolCallInput("before", modelstat.ToolCallStatus.SUCCESS))
        ms.record(call)
        call.model = "after"
        call.tokens = TokenUsage(input=7)
        call.metadata["a"] = "after"
        call.tool_calls.clear()
    (batch,) = transport.batches()
    (event,) = batch["events"]
    assert (event["model"], event["tokens"]["input"], event["metadata"]) == ("before", 1, {"a": "before"})
    assert [tool["name"] for tool in batch["tool_calls"]] == ["before"]


def test_what_is_filled_after_record_is_not_sent(config: MakeConfig) -> None:
    """Tags and tools that were empty then are changed in place by the call's own builders."""
    transport = FakeTransport()
    with Client.with_transport(config(flush_interval=5.0), transport) as ms:
        call = LlmCall("openai", "s")
        ms.record(call)
        call.with_metadata({"a": "after"})
        call.tool_calls.append(ToolCallInput("after", modelstat.ToolCallStatus.SUCCESS))
    (batch,) = transport.batches()
    assert "metadata" not in batch["events"][0] and "tool_calls" not in batch


def test_what_looks_like_a_call_is_one(config: MakeConfig) -> None:
    from types import SimpleNamespace

    lookalike: Any = SimpleNamespace(provider="openai", session_id="s", prompt="p", tokens={"input": 5})
    (event,) = sent(config(), lookalike)
    assert (event["content_excerpt"], event["tokens"]["input"]) == ("p", 5)


def test_the_call_may_be_given_by_name(config: MakeConfig) -> None:
    transport = FakeTransport()
    with Client.with_transport(config(), transport) as ms:
        ms.record(call=LlmCall("openai", "s"))
    assert ms.stats().sent == 1


def test_clients_may_be_inherited_from(config: MakeConfig) -> None:
    class Tagging(Client):
        def record(self, call: LlmCall) -> None:
            super().record(call.with_metadata({"team": "search"}))

    transport = FakeTransport()
    with Tagging.with_transport(config(), transport) as ms:
        ms.record(LlmCall("openai", "s"))
    assert transport.batches()[0]["events"][0]["metadata"] == {"team": "search"}
    with Tagging(config()) as ms:
        assert isinstance(ms, Tagging) and ms.stats().recorded == 0


def test_a_full_batch_is_sent_at_once(config: MakeConfig) -> None:
    transport = FakeTransport()
    ms = Client.with_transport(config(flush_interval=60.0, flush_max_batch=4), transport)
    for _ in range(4):
        ms.record(LlmCall("openai", "s"))
    ends = time.monotonic() + 10
    while not transport.batches() and time.monotonic() < ends:
        time.sleep(0.01)
    assert len(transport.batches()[0]["events"]) == 4
    ms.shutdown()


def test_the_timer_sends_without_a_flush(receiver: Receiver, config: MakeConfig) -> None:
    ms = Client(config(receiver))
    ms.record(LlmCall("openai", "s"))
    assert len(receiver.wait_for_events(1)) == 1
    ms.shutdown()


def test_any_sizes_and_intervals_are_honoured(config: MakeConfig) -> None:
    for capacity, interval, batch in ((1, 0.0, 1), (10**12, 1e9, 10**12), (100_000, 0.001, 0), (3, -1.0, -1)):
        changed = config(buffer_capacity=capacity, flush_interval=interval, flush_max_batch=batch)
        transport = FakeTransport()
        ms = Client.with_transport(changed, transport)
        ms.record(LlmCall("openai", "s"))
        assert ms.flush().complete
        assert len(transport.batches()) == 1
        ms.shutdown()


def test_nothing_is_kept_without_slots(config: MakeConfig) -> None:
    for capacity in (0, -1):
        ms = Client.with_transport(config(buffer_capacity=capacity), FakeTransport())
        ms.record(LlmCall("openai", "s"))
        assert ms.dropped() == 1 and ms.stats().dropped == {"queue_full": 1}
        ms.shutdown()


def test_ids_differ_between_clients(config: MakeConfig) -> None:
    call = LlmCall("openai", "s", started_at=STARTED)
    ids = {sent(config(), call)[0]["source_event_id"] for _ in range(4)}
    assert len(ids) == 4


def test_threads_record_together(config: MakeConfig) -> None:
    transport = FakeTransport()
    ms = Client.with_transport(config(buffer_capacity=100_000), transport)

    def record() -> None:
        for _ in range(500):
            ms.record(LlmCall("openai", "s", prompt="p"))

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ms.shutdown().complete
    ids = [event["source_event_id"] for batch in transport.batches() for event in batch["events"]]
    assert len(ids) == len(set(ids)) == 2000 == ms.stats().sent


def test_stats_add_up(config: MakeConfig) -> None:
    ms = Client.with_transport(config(), FakeTransport())
    ms.record(LlmCall("openai", "s"))
    ms.record("no call")  # type: ignore[arg-type]
    assert ms.flush()
    stats = ms.stats()
    assert (stats.recorded, stats.sent, stats.pending, stats.pending_bytes) == (2, 1, 0, 0)
    assert stats.dropped == {"conversion_failed": 1} and stats.total_dropped() == 1
    ms.shutdown()


def test_the_kill_switch(monkeypatch: Any, config: MakeConfig) -> None:
    monkeypatch.setenv("MODELSTAT_DISABLED", "1")
    transport = FakeTransport()
    with Client.with_transport(config(), transport) as ms:
        ms.record(LlmCall("openai", "s"))
    assert transport.batches() == [] and ms.stats().recorded == 0


def test_no_redaction_holds_toward_this_machine_only(monkeypatch: Any, config: MakeConfig) -> None:
    monkeypatch.delenv("MODELSTAT_ALLOW_RAW", raising=False)
    policy = modelstat.RedactionPolicy.NONE
    call = LlmCall("openai", "s", prompt="ask jane@example.com")
    local = config(redaction=policy, mode=Mode.local_daemon("http://127.0.0.1:9/v1/ingest"))
    remote = config(redaction=policy, mode=Mode.remote("https://x.test"))
    assert sent(local, call)[0]["content_excerpt"] == "ask jane@example.com"
    transport = FakeTransport()
    with Client.with_transport(remote, transport) as ms:
        ms.record(call)
    assert transport.batches()[0]["events"][0]["content_excerpt"] == "ask [REDACTED:email]"
    assert ms.stats().policy_overridden == 1
    monkeypatch.setenv("MODELSTAT_ALLOW_RAW", "1")
    assert sent(remote, call)[0]["content_excerpt"] == "ask jane@example.com"


def test_importing_and_making_a_client_starts_no_thread() -> None:
    import subprocess
    import sys

    program = (
        "import os, threading, modelstat\n"
        "ms = modelstat.Client(modelstat.Config('k', 'a', 'app'))\n"
        "print(len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task') else 1)\n"
        "print([name for name in ('openai', 'anthropic', 'urllib.request', 'requests') "
        "if name in __import__('sys').modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1\n[]\n", "")
