"""The programs of the README run as they stand there, in their order."""

from __future__ import annotations

import re
import signal
from dataclasses import fields
from pathlib import Path
from typing import Any, Dict, List

import modelstat
import pytest
from modelstat import Client, Config, FakeTransport

from .provider import FakeProvider

README = Path(__file__).resolve().parents[2] / "README.md"
SECTIONS = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEEDED = ("langchain_openai", "litellm", "opentelemetry.sdk")


@pytest.fixture
def transports(monkeypatch: pytest.MonkeyPatch) -> List[FakeTransport]:
    """Clients that would post keep their batches here."""
    made: List[FakeTransport] = []

    def start(self: Client, cfg: Config) -> None:
        made.append(FakeTransport())
        self._start(cfg, made[-1])

    monkeypatch.setattr(Client, "__init__", start)
    return made


def test_its_programs_run(
    provider: FakeProvider, transports: List[FakeTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NEEDED:
        pytest.importorskip(name)
    for name, value in {
        "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": provider.url + "/v1",
        "ANTHROPIC_API_KEY": "none",
        "ANTHROPIC_BASE_URL": provider.url,
    }.items():
        monkeypatch.setenv(name, value)
    before = signal.getsignal(signal.SIGTERM)
    programs = SECTIONS.findall(README.read_text(encoding="utf-8"))
    names: Dict[str, Any] = {}
    try:
        for program in programs:
            exec(compile(program, "README.md", "exec"), names)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(programs) >= 14
    assert names["handler"]({}, None) == {"statusCode": 200, "body": "hello there"}
    names["job"]()
    names["litellm"].callbacks = []
    names["ms"].shutdown()

    events = [event for kept in transports for batch in kept.batches() for event in batch["events"]]
    sessions = [event["session_id"] for event in events]
    assert "session-or-trace-id" in sessions and "trace-123" in sessions and "the-conversation" in sessions
    # Wrapped: the quick start, the handler, the job. Besides: two by hand, Anthropic and LangChain.
    assert len(events) == 7
    assert {event["metadata"].get("customer_id") for event in events if event["session_id"] == "trace-123"} == {"cus_42"}


def test_it_names_every_setting() -> None:
    text = README.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    settings = [field.name for field in fields(Config)]
    assert [row for row in rows if row in settings] == settings
    source = (Path(modelstat.__file__).parent / "config.py").read_text(encoding="utf-8")
    variables = set(re.findall(r"_variable\(\"(\w+)\"\)", source))
    assert variables and variables <= set(re.findall(r"`(\w+?)(?:=1)?`", text))


def test_its_defaults_hold() -> None:
    config = Config("key", "agent", "app")
    text = README.read_text(encoding="utf-8")
    for name in ("buffer_capacity", "flush_interval", "flush_max_batch", "auto_taxonomy", "device_id"):
        (default,) = re.findall(rf"^\| `{name}` \| `?([^|`]+?)`? \|", text, re.MULTILINE)
        assert default == str(getattr(config, name))
