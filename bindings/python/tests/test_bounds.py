"""What `record` and the worker may take from the program: references, a few megabytes, and no GIL while they redact.

Nothing here is measured in time. Where it matters who holds the GIL, the interval at which Python takes it from a
thread is set to longer than any test, so that it changes hands only where code gives it away.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Dict, Iterator, List

import modelstat
import pytest
from modelstat import Client, Config, FakeTransport, LlmCall, Mode

MakeConfig = Callable[..., Config]
# Longer than any test.
NEVER_S = 1_000.0
GIVE_UP_S = 60.0
# Long enough for the slowest machine to redact and send one text.
ROUND_S = 5.0
# As much as is kept of a text, so that redacting it takes a while.
LONG_TEXT = "the quick brown fox, jane@example.com, " * 26_000


@pytest.fixture
def only_given_away() -> Iterator[None]:
    """The GIL changes hands only where code gives it away."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(NEVER_S)
    yield
    sys.setswitchinterval(before)


# Answers in a process of its own, which needs nothing of this one's GIL.
SERVER = """
import sys
sys.path.insert(0, sys.argv[1])
from receiver import Receiver
print(Receiver().base_url, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The address of a server in another process."""
    command = [sys.executable, "-c", SERVER, os.path.dirname(os.path.abspath(__file__))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.communicate()


def test_the_worker_needs_no_gil_to_redact_and_send(
    elsewhere: str, config: MakeConfig, only_given_away: None
) -> None:
    """A batch is sent while this thread gives the GIL to nobody, though its text was still to be redacted.

    The worker may still need the GIL for a moment, to let go of what it has read; that round is void. If it needed
    the GIL to redact, every round would be.
    """
    ms = Client(config(mode=Mode.remote(elsewhere, raw=True), flush_interval=0.01))
    ends = time.monotonic() + GIVE_UP_S
    number, is_proven = 0, False
    while not is_proven and time.monotonic() < ends:
        number += 1
        text = LONG_TEXT + str(number)
        held = sys.getrefcount(text)
        ms.record(LlmCall("openai", "s", prompt=text))
        while sys.getrefcount(text) > held and time.monotonic() < ends:
            time.sleep(0)
        for _ in range(number % 5):
            time.sleep(0)
        # From here on this thread gives the GIL to nobody.
        is_still_to_be_sent = ms.stats().sent < number
        round_ends = time.monotonic() + ROUND_S
        while ms.stats().sent < number and time.monotonic() < round_ends:
            pass
        is_proven = is_still_to_be_sent and ms.stats().sent == number
        # And here it does again.
        ms.flush()
    assert is_proven and ms.stats().sent == number
    ms.shutdown()


def test_redact_gives_the_gil_away(only_given_away: None) -> None:
    """Another thread counts while `redact` runs, though this one gives the GIL away nowhere else."""
    counted: List[int] = []
    gate = threading.Lock()
    gate.acquire()

    def count() -> None:
        gate.acquire()
        counted.append(1)

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    ends = time.monotonic() + GIVE_UP_S
    gate.release()
    assert counted == []
    while not counted and time.monotonic() < ends:
        modelstat.redact(LONG_TEXT)
    assert counted == [1]
    thread.join()


def test_a_reference_is_all_that_record_takes(config: MakeConfig, only_given_away: None) -> None:
    ms = Client.with_transport(config(flush_interval=60.0), FakeTransport())
    text = LONG_TEXT + "!"
    call = LlmCall("openai", "s", prompt=text, completion=text)
    before = sys.getrefcount(text)
    ms.record(call)
    assert sys.getrefcount(text) == before + 2
    assert 2 * len(text) <= ms.stats().pending_bytes <= 2 * len(text) + 4_096
    assert ms.shutdown().complete
    assert sys.getrefcount(text) == before


def test_what_is_refused_is_not_held(config: MakeConfig) -> None:
    ms = Client.with_transport(config(buffer_capacity=0), FakeTransport())
    text = LONG_TEXT + "?"
    before = sys.getrefcount(text)
    ms.record(LlmCall("openai", "s", prompt=text))
    assert sys.getrefcount(text) == before and ms.dropped() == 1
    ms.shutdown()


STALLED = """
import json, os, sys
from modelstat import Client, Config, LlmCall
def peak_mb():
    fields = dict(line.split(':', 1) for line in open('/proc/self/status') if ':' in line)
    return int(fields['VmHWM'].split()[0]) / 1024
ms = Client(Config('key', 'agent', 'app', flush_interval=0.05).with_remote(os.environ['URL'], sys.argv[1] == 'raw'))
ms.record(LlmCall('openai', 's'))
before = peak_mb()
for number in range(6_000):
    ms.record(LlmCall('openai', 's', prompt=(sys.argv[2] * 9 + f'{number % 10}') * 10_000))
stats = ms.stats()
print(json.dumps([peak_mb() - before, stats.recorded, stats.sent + stats.pending + stats.total_dropped(), stats.dropped]))
ms.shutdown(0.2)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the platform tells no peak of memory")
@pytest.mark.parametrize("letter", ["a", "\u6f22", "\U0001f642"], ids=["one byte", "two bytes", "four bytes"])
@pytest.mark.parametrize("mode", ["raw", "excerpts"])
def test_a_stalled_server_costs_a_bounded_amount_of_memory(mode: str, letter: str) -> None:
    """Published: four thousand prompts of 100 KB wait, which are 410 MB, and nothing bounds their size."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-c", STALLED, mode, letter],
            env={**os.environ, "URL": url},
            capture_output=True,
            text=True,
            timeout=120,
        )
    grown_mb, recorded, accounted, dropped = json.loads(done.stdout)
    budget_mb = 32 * 1024 * 1024 / 1024 / 1024
    assert grown_mb <= budget_mb + 20
    assert recorded == accounted == 6_001
    assert sum(dropped.values()) > 4_000 and set(dropped) <= {"bytes_full", "queue_full"}
    assert done.stderr == ""


def test_what_a_tool_was_given_counts(config: MakeConfig, only_given_away: None) -> None:
    """Arguments are measured one level deep, so that they cannot fill the memory unseen."""
    ms = Client.with_transport(config(flush_interval=60.0), FakeTransport())
    args: Dict[str, Any] = {"file": "x" * 1_000_000}
    call = LlmCall("openai", "s")
    call.tool_calls.append(modelstat.ToolCallInput("write", modelstat.ToolCallStatus.SUCCESS, args=args))
    for _ in range(100):
        ms.record(call)
    stats = ms.stats()
    assert stats.pending_bytes <= 32 * 1024 * 1024 and stats.dropped["bytes_full"] >= 60
    assert ms.shutdown().complete
