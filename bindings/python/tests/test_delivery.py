"""Servers that refuse, stall and fail, and transports written in Python."""

from __future__ import annotations

import logging
import socket
import threading
import time
from typing import Any, Callable, Dict, List, Optional

import pytest
from modelstat import Client, Config, FakeTransport, HttpTransport, LlmCall, Mode, Transport, TransportError
from receiver import Receiver, wait_until

MakeConfig = Callable[..., Config]
MakeReceiver = Callable[..., Receiver]


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_the_same_bytes_are_sent_again(receivers: MakeReceiver, config: MakeConfig) -> None:
    receiver = receivers(lambda number: (503, {}) if number < 3 else (200, {}))
    with Client(config(receiver)) as ms:
        ms.record(LlmCall("openai", "s", prompt="p"))
    first, second, third = receiver.requests
    assert first.body == second.body == third.body
    assert ms.stats().sent == 1 and ms.stats().total_dropped() == 0


def test_retry_after_is_honoured(receivers: MakeReceiver, config: MakeConfig) -> None:
    times: List[float] = []

    def answer(number: int) -> Any:
        times.append(time.monotonic())
        return (429, {"retry-after": "1"}) if number == 1 else (200, {})

    receiver = receivers(answer)
    with Client(config(receiver)) as ms:
        ms.record(LlmCall("openai", "s"))
    assert len(times) == 2 and times[1] - times[0] >= 0.9


def test_a_refusal_drops_and_is_counted(receivers: MakeReceiver, config: MakeConfig) -> None:
    receiver = receivers(lambda _: (400, {}))
    with Client(config(receiver)) as ms:
        ms.record(LlmCall("openai", "s"))
        assert ms.flush().complete
    assert ms.stats().dropped == {"rejected": 1}


def test_a_batch_that_is_too_large_is_halved(receivers: MakeReceiver, config: MakeConfig) -> None:
    def answer(number: int) -> Any:
        return (200, {}) if len(receiver.requests[number - 1].json()["events"]) < 3 else (413, {})

    receiver = receivers(answer)
    with Client(config(receiver, flush_interval=5.0)) as ms:
        for number in range(8):
            ms.record(LlmCall("openai", f"s{number}"))
    assert ms.stats().sent == 8 and ms.stats().total_dropped() == 0
    taken = [batch for batch in receiver.batches() if len(batch["events"]) < 3]
    assert sorted(e["session_id"] for b in taken for e in b["events"]) == [f"s{n}" for n in range(8)]


def test_a_key_that_is_not_accepted(
    receivers: MakeReceiver, config: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = receivers(lambda _: (401, {}))
    ms = Client(config(receiver))
    with caplog.at_level(logging.WARNING, "modelstat"):
        ms.record(LlmCall("openai", "s"))
        ms.shutdown(timeout=3.0)
    assert wait_until(lambda: ms.stats().dropped == {"unauthorized": 1})
    # It is told after it is counted.
    assert wait_until(lambda: any("key" in line for line in caplog.messages))
    assert "msk_test" not in caplog.text


def test_a_stalled_server_blocks_nobody(config: MakeConfig) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        ms = Client(config(mode=Mode.remote(f"http://127.0.0.1:{port}"), buffer_capacity=100))
        started = time.monotonic()
        for _ in range(1_000):
            ms.record(LlmCall("openai", "s"))
        assert time.monotonic() - started < 2.0
        assert not ms.flush(timeout=0.3).complete
        stats = ms.stats()
        assert stats.recorded == 1_000 and stats.dropped["queue_full"] >= 800 and ms.dropped() >= 800
        started = time.monotonic()
        assert not ms.shutdown(timeout=0.3).complete
        assert time.monotonic() - started < 5.0


def test_a_closed_port(config: MakeConfig, capfd: pytest.CaptureFixture[str]) -> None:
    ms = Client(config(mode=Mode.local_daemon(f"http://127.0.0.1:{closed_port()}/v1/ingest")))
    ms.record(LlmCall("openai", "s"))
    assert not ms.flush(timeout=0.5)
    ms.shutdown(timeout=0.5)
    assert wait_until(lambda: ms.stats().dropped == {"exit_deadline": 1})
    assert capfd.readouterr() == ("", "")


def test_a_server_that_comes_back(receivers: MakeReceiver, config: MakeConfig) -> None:
    receiver = receivers(lambda number: None if number < 3 else (200, {}))
    with Client(config(receiver)) as ms:
        ms.record(LlmCall("openai", "s"))
    assert ms.stats().sent == 1


def test_no_redirect_is_followed(receivers: MakeReceiver, config: MakeConfig) -> None:
    other = receivers()
    receiver = receivers(lambda _: (307, {"location": other.url}))
    ms = Client(config(receiver))
    ms.record(LlmCall("openai", "s"))
    ms.shutdown(timeout=1.0)
    with pytest.raises(TransportError) as raised:
        HttpTransport(receiver.url, "key").send({"events": []})
    assert raised.value.status == 307
    assert other.requests == []


def test_an_http_transport_of_the_caller(receiver: Receiver, config: MakeConfig) -> None:
    """Its address and bearer hold, whatever the configuration says."""
    transport = HttpTransport(receiver.url, "other-bearer", timeout=5.0)
    with Client.with_transport(config(), transport) as ms:
        ms.record(LlmCall("openai", "s"))
    (request,) = [request for request in receiver.requests if request.json()["events"]]
    assert request.headers["authorization"] == "Bearer other-bearer" and request.path == "/v1/ingest"


def test_an_http_transport_by_itself(receivers: MakeReceiver) -> None:
    receiver = receivers(lambda number: (200, {}) if number == 1 else (503, {}))
    transport = HttpTransport(receiver.url, "key")
    transport.send({"events": [], "é": "é"})
    assert receiver.requests[0].json() == {"events": [], "é": "é"}
    assert receiver.requests[0].headers["authorization"] == "Bearer key"
    with pytest.raises(TransportError) as raised:
        transport.send({"events": []})
    assert raised.value.status == 503


class Scripted:
    """A transport that is none by inheritance, and raises as it is told."""

    def __init__(self, *statuses: Optional[int]) -> None:
        self.statuses = list(statuses)
        self.batches: List[Dict[str, Any]] = []
        self.threads: List[int] = []

    def send(self, batch: Dict[str, Any]) -> None:
        self.threads.append(threading.get_ident())
        self.batches.append(batch)
        if self.statuses:
            raise TransportError("told to", self.statuses.pop(0))


@pytest.mark.parametrize(
    ("statuses", "sends", "dropped"),
    [
        ((503,), 2, {}),
        ((None,), 2, {}),
        ((429, 408), 3, {}),
        ((400,), 1, {"rejected": 1}),
        ((404,), 1, {"rejected": 1}),
    ],
)
def test_what_a_transport_raises_decides(
    statuses: Any, sends: int, dropped: Dict[str, int], config: MakeConfig
) -> None:
    transport = Scripted(*statuses)
    ms = Client.with_transport(config(), transport)
    ms.record(LlmCall("openai", "s"))
    assert ms.flush().complete
    assert len([batch for batch in transport.batches if batch["events"]]) == sends
    assert ms.stats().dropped == dropped
    assert threading.get_ident() not in transport.threads
    ms.shutdown()


def test_transports_may_inherit(config: MakeConfig) -> None:
    class Doubling(HttpTransport):
        def send(self, batch: Dict[str, Any]) -> None:
            seen.append(batch)

    class Own(Transport):
        def send(self, batch: Dict[str, Any]) -> None:
            seen.append(batch)

    seen: List[Dict[str, Any]] = []
    for transport in (Doubling("http://127.0.0.1:9", "key"), Own()):
        with Client.with_transport(config(), transport) as ms:
            ms.record(LlmCall("openai", "s"))
    assert len(seen) == 2 and all(type(batch) is dict for batch in seen)


def test_a_transport_may_record(config: MakeConfig) -> None:
    class Recording:
        def send(self, batch: Dict[str, Any]) -> None:
            sessions.extend(event["session_id"] for event in batch["events"])
            if "first" in sessions and len(sessions) == 1:
                ms.record(LlmCall("openai", "second"))

    sessions: List[str] = []
    ms = Client.with_transport(config(), Recording())
    ms.record(LlmCall("openai", "first"))
    assert ms.flush().complete
    ms.shutdown()
    assert sessions == ["first", "second"]


def test_a_client_that_nobody_holds_sends_all_the_same(receiver: Receiver, config: MakeConfig) -> None:
    def record() -> None:
        ms = Client(config(receiver, flush_interval=60.0))
        ms.record(LlmCall("openai", "s"))

    started = time.monotonic()
    record()
    assert time.monotonic() - started < 5.0
    assert len(receiver.wait_for_events(1)) == 1


def test_the_fake_transport_keeps_batches(config: MakeConfig) -> None:
    transport = FakeTransport()
    with Client.with_transport(config(), transport) as ms:
        ms.record(LlmCall("openai", "a"))
        ms.flush()
        ms.record(LlmCall("openai", "b"))
    assert [len(batch["events"]) for batch in transport.batches()] == [1, 1]
    assert len({batch["instance_id"] for batch in transport.batches()}) == 1
