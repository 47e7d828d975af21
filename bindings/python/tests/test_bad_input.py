"""Whatever is recorded: no exception, a counter, and one line in the log."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, List

import pytest
from modelstat import Client, Config, FakeTransport, LlmCall, TokenUsage, ToolCallInput, ToolCallStatus
from modelstat.wire import EventKind
from receiver import wait_until

MakeConfig = Callable[..., Config]


@pytest.fixture
def sent(config: MakeConfig) -> Callable[..., List[Dict[str, Any]]]:
    def send(*calls: Any) -> List[Dict[str, Any]]:
        transport = FakeTransport()
        with Client.with_transport(config(), transport) as ms:
            for call in calls:
                ms.record(call)
        return transport.batches()

    return send


def cyclic() -> Dict[str, Any]:
    args: Dict[str, Any] = {}
    args["self"] = args
    return args


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.mark.parametrize(
    "args",
    [{1, 2}, {"a": {1}}, {("a", "b"): 1}, {1: 2, "a": 3}, b"bytes", {"b": b"\xff"}, float("nan"), object(),
     Hostile(), {"h": Hostile()}, cyclic(), "\ud800", {"k": "\udfff"}, [[]] * 3, datetime(2026, 1, 1)],
)  # fmt: skip
def test_arguments_that_are_no_json(args: Any, sent: Any) -> None:
    tool = ToolCallInput("t", ToolCallStatus.SUCCESS, args=args)
    (batch,) = sent(LlmCall("openai", "s", tool_calls=[tool]), LlmCall("openai", "after"))
    assert [event["session_id"] for event in batch["events"]] == ["s", "after"]
    assert [call["name"] for call in batch["tool_calls"]] == ["t"]


def test_arguments_nested_too_deep(sent: Any) -> None:
    args: Any = []
    for _ in range(100_000):
        args = [args]
    tool = ToolCallInput("t", ToolCallStatus.SUCCESS, args=args)
    (batch,) = sent(LlmCall("openai", "s", tool_calls=[tool]))
    assert batch["tool_calls"][0]["args_bytes"] == 0


def test_lone_surrogates(sent: Any) -> None:
    call = LlmCall("open\ud800ai", "s\udc00", prompt="a\ud83dz", completion="\ude00", metadata={"\ud800": "\udfff"})
    (batch,) = sent(call)
    (event,) = batch["events"]
    assert event["content_excerpt"] == "a?z\n---\n?" and event["provider"] == "open?ai"
    assert event["metadata"] == {"?": "?"}


def test_bytes_for_text(sent: Any) -> None:
    (batch,) = sent(LlmCall("openai", "s", model=b"m", prompt=b"caf\xc3\xa9", completion=b"\xff"))  # type: ignore[arg-type]
    assert batch["events"][0]["content_excerpt"] == "café\n---\n�"
    assert batch["events"][0]["model"] == "m"


@pytest.mark.parametrize("text", [5, ["a"], object(), {"a": 1}, Hostile()])
def test_objects_for_text(text: Any, sent: Any) -> None:
    (batch,) = sent(LlmCall("openai", "s", prompt=text, completion="c"))
    assert batch["events"][0]["content_excerpt"] == "c"


def test_a_prompt_of_100_mb(config: MakeConfig) -> None:
    transport = FakeTransport()
    with Client.with_transport(config(), transport) as ms:
        ms.record(LlmCall("openai", "s", prompt="word " * 20_000_000, tokens=TokenUsage(input=7)))
        assert ms.stats().pending_bytes < 32 * 1024 * 1024
    (event,) = transport.batches()[0]["events"]
    assert len(event["content_excerpt"]) == 321 and event["tokens"]["input"] == 7


@pytest.mark.parametrize(
    ("tokens", "expected", "is_known"),
    [
        (TokenUsage(input=-1, output=2), (0, 2), False),
        (TokenUsage(input=3.0, output=2.9), (3, 2), True),  # type: ignore[arg-type]
        (TokenUsage(input=float("nan"), output=float("inf")), (0, 0), False),  # type: ignore[arg-type]
        (TokenUsage(input="7", output=None), (0, 0), False),  # type: ignore[arg-type]
        (TokenUsage(input=10**30, output=1), (0, 1), False),
        ({"input": 4, "output": 5}, (4, 5), True),
        (None, (0, 0), False),
        ("many", (0, 0), False),
    ],
)
def test_tokens_that_are_no_counts(tokens: Any, expected: Any, is_known: bool, sent: Any) -> None:
    (batch,) = sent(LlmCall("openai", "s", tokens=tokens))
    (event,) = batch["events"]
    assert (event["tokens"]["input"], event["tokens"]["output"]) == expected
    assert event.get("usage_known", True) is is_known


def test_naive_datetimes_are_utc(sent: Any) -> None:
    naive = datetime(2026, 6, 19, 12, 0, 0, 5_000)
    east = naive.replace(tzinfo=timezone(timedelta(hours=2)))
    batches = sent(LlmCall("openai", "s", started_at=naive), LlmCall("openai", "s", started_at=east))
    assert [event["ts"] for event in batches[0]["events"]] == [
        "2026-06-19T12:00:00.005Z",
        "2026-06-19T10:00:00.005Z",
    ]


@pytest.mark.parametrize("time", [None, "2026-06-19", 5, datetime.min, datetime.max])
def test_times_that_are_none(time: Any, sent: Any) -> None:
    (batch,) = sent(LlmCall("openai", "s", started_at=time, duration_ms="long"))  # type: ignore[arg-type]
    assert len(batch["events"]) == 1 and batch["events"][0]["ts"].endswith("Z")


def test_metadata_of_the_wrong_type(sent: Any) -> None:
    tags: Any = {"n": 5, "none": None, 7: "seven", "list": [1], "hostile": Hostile(), "ok": "yes"}
    (batch,) = sent(LlmCall("openai", "s", metadata=tags), LlmCall("openai", "t", metadata=["a"]))  # type: ignore[arg-type]
    first, second = batch["events"]
    assert first["metadata"] == {"7": "seven", "list": "[1]", "n": "5", "none": "None", "ok": "yes"}
    assert "metadata" not in second


def test_labels_of_the_wrong_type(sent: Any) -> None:
    session = uuid.UUID(int=5)
    call = LlmCall("openai", session, model=5, kind="novel", cwd=7, git="main", tool_calls=5)  # type: ignore[arg-type]
    (batch,) = sent(call, LlmCall("openai", 12, kind=EventKind.SUMMARY))  # type: ignore[arg-type]
    first, second = batch["events"]
    assert (first["session_id"], first["model"], first["kind"]) == (str(session), "5", "assistant_message")
    assert (second["session_id"], second["kind"]) == ("12", "summary")


@pytest.mark.parametrize("thing", [None, "call", 5, object(), LlmCall, {"provider": "p"}, Hostile()])
def test_what_is_no_call(thing: Any, config: MakeConfig, caplog: pytest.LogCaptureFixture) -> None:
    ms = Client.with_transport(config(), FakeTransport())
    with caplog.at_level(logging.WARNING, "modelstat"):
        ms.record(thing)
        ms.record(thing)
        ms.record(LlmCall(None, "s"))  # type: ignore[arg-type]
        assert ms.flush()
    assert ms.stats().dropped == {"conversion_failed": 3}
    lines = [line for line in caplog.messages if "no call" in line]
    assert len(lines) == 1
    ms.shutdown()


MENDED: Dict[str, Dict[str, Any]] = {
    "arguments that are no JSON": {"tool_calls": [ToolCallInput("t", ToolCallStatus.SUCCESS, args={"a": {1}})]},
    "tools that are no list": {"tool_calls": 5},
    "a lone surrogate": {"prompt": "a\ud83dz"},
    "bytes for text": {"completion": b"caf\xc3\xa9"},
    "an object for text": {"prompt": object()},
    "a prompt of 100 MB": {"prompt": "word " * 20_000_000},
    "negative tokens": {"tokens": TokenUsage(input=-1)},
    "float tokens": {"tokens": TokenUsage(input=3.5)},  # type: ignore[arg-type]
    "a naive time": {"started_at": datetime(2026, 6, 19, 12, 0)},
    "a text for a time": {"first_token_at": "2026-06-19"},
    "a value of a tag that is no text": {"metadata": {"n": 5}},
    "tags that are no dict": {"metadata": ["a"]},
    "a duration that is no number": {"duration_ms": {}},
    "a model that is no name": {"model": ["m"]},
}


@pytest.mark.parametrize("what", MENDED)
def test_what_is_mended_is_counted_and_told_once(
    what: str, config: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    ms = Client.with_transport(config(), FakeTransport())
    with caplog.at_level(logging.WARNING, "modelstat"):
        for _ in range(3):
            ms.record(LlmCall("openai", "s", **MENDED[what]))
        assert ms.shutdown().complete
    stats = ms.stats()
    assert (stats.mended, stats.sent, stats.dropped) == (3, 3, {})
    (line,) = caplog.messages
    assert line.startswith("a field of a call could not be taken as it was given (")


def test_nothing_is_mended_of_a_proper_call(config: MakeConfig, caplog: pytest.LogCaptureFixture) -> None:
    tool = ToolCallInput("t", ToolCallStatus.SUCCESS, args={"city": "Zürich"}, ended_at=datetime.now(timezone.utc))
    call = LlmCall("openai", "s", model="m", duration_ms=5, metadata={"a": "b"}, tool_calls=[tool])
    ms = Client.with_transport(config(), FakeTransport())
    ms.record(call.text("Grüße 🙂", "").with_tokens(TokenUsage(1, 2, 3, 4, 5)))
    ms.record(LlmCall("openai", uuid.UUID(int=5), first_token_at=call.started_at))  # type: ignore[arg-type]
    assert ms.shutdown().complete
    assert ms.stats().mended == 0 and caplog.messages == []


def test_record_after_shutdown(config: MakeConfig, caplog: pytest.LogCaptureFixture) -> None:
    transport = FakeTransport()
    ms = Client.with_transport(config(), transport)
    ms.shutdown()
    with caplog.at_level(logging.WARNING, "modelstat"):
        for _ in range(3):
            ms.record(LlmCall("openai", "s"))
    assert ms.stats().dropped == {"after_shutdown": 3} and transport.batches() == []
    assert len(caplog.records) == 1
    assert ms.flush().complete and ms.shutdown().complete


def test_a_transport_that_raises(config: MakeConfig, caplog: pytest.LogCaptureFixture) -> None:
    class Raising:
        def send(self, batch: Dict[str, Any]) -> None:
            raise RuntimeError("the secret of the prompt")

    ms = Client.with_transport(config(), Raising())  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING, "modelstat"):
        ms.record(LlmCall("openai", "s"))
        flushed = ms.flush(timeout=2.0)
    assert not flushed.complete and flushed.pending == 1
    ms.shutdown(timeout=0.5)
    assert wait_until(lambda: ms.stats().dropped == {"exit_deadline": 1})
    assert len([line for line in caplog.messages if "RuntimeError" in line]) == 1
    assert "secret of the prompt" not in caplog.text


def test_a_transport_without_send(config: MakeConfig) -> None:
    ms = Client.with_transport(config(), object())  # type: ignore[arg-type]
    ms.record(LlmCall("openai", "s"))
    assert not ms.shutdown(timeout=0.5).complete or ms.stats().total_dropped() == 1


def test_a_broken_log_handler_reaches_nobody(config: MakeConfig) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError

    handler = Broken()
    logging.getLogger("modelstat").addHandler(handler)
    try:
        ms = Client.with_transport(config(), FakeTransport())
        ms.shutdown()
        ms.record(LlmCall("openai", "s"))
    finally:
        logging.getLogger("modelstat").removeHandler(handler)
