"""A program as users write them; mypy and pyright read it, nobody runs it."""

from __future__ import annotations

from typing import Any, Dict, Optional

import modelstat
from modelstat import (
    BillingMode,
    Client,
    Config,
    EventKind,
    FakeTransport,
    Flushed,
    GitContext,
    HttpTransport,
    LlmCall,
    Mode,
    RedactionPolicy,
    Stats,
    TokenUsage,
    ToolCallInput,
    ToolCallStatus,
    TransportError,
)


class Own:
    def send(self, batch: Dict[str, Any]) -> None:
        raise TransportError("no", status=503)


def program() -> None:
    config = Config("key", "agent", "app", metadata={"a": "b"}, redaction=RedactionPolicy.FLOOR)
    config = config.with_remote("https://example.com", raw=True).with_device_id("dev_1")
    config.mode = Mode.local_daemon(full_turns=False)
    Config("key", "agent")
    Config.from_env()
    call = (
        LlmCall("openai", "s", kind=EventKind.SUMMARY, billing=BillingMode.API, git=GitContext(branch="b"))
        .model_("m")
        .with_tokens(TokenUsage(input=1))
        .text("p", "c")
        .with_metadata({"a": "b"})
    )
    call.tool_calls.append(ToolCallInput("Bash", ToolCallStatus.SUCCESS, args={"a": [1]}))
    with Client(config) as ms, modelstat.metadata({"feature": "search"}):
        ms.record(call)
        flushed: Flushed = ms.flush()
        again: Flushed = ms.flush(timeout=1.5)
        stats: Stats = ms.stats()
        lost: int = stats.dropped.get("queue_full", 0) + ms.dropped()
        ms.record(call=call)
        print(flushed.complete, again.pending, lost, stats.mended)
    fake = FakeTransport()
    Client.with_transport(config, fake).shutdown()
    Client.with_transport(config, Own()).shutdown()
    Client.with_transport(config, HttpTransport("http://127.0.0.1:1", "key", timeout=1)).shutdown()
    text: str = modelstat.redact("text").text
    batch, seq = modelstat.build_batch(config, [call], 0)
    wire: Dict[str, Any] = batch.to_dict()
    excerpt: Optional[str] = batch.events[0].content_excerpt
    print(text, seq, wire, excerpt, modelstat.content_hash(["a"]), modelstat.cap_metadata({"a": "b"}))
