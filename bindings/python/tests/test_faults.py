"""Each fault of the published packages that the project reproduced, as it is here.

Some are tested in this file, most where they belong; a test below sees to it that every one of them exists.

| fault of the published packages | where it is tested |
|---|---|
| the child of a fork has a dead worker: calls pile up silently, flush() hangs | test_faults.py::test_the_child_of_a_fork_sends |
| what waits at a fork is inherited, and would be sent twice | test_faults.py::test_what_waits_at_a_fork_is_sent_once |
| a set among a tool's arguments ends the worker | test_faults.py::test_a_bad_argument_does_not_kill_the_worker |
| flush() hangs after that | test_faults.py::test_a_bad_argument_does_not_kill_the_worker |
| record() after shutdown() is kept silently, dropped() stays 0, flush() hangs | test_faults.py::test_record_after_shutdown_is_counted |
| the end of a program without shutdown() loses everything | test_faults.py::test_the_end_of_a_program_loses_nothing |
| dropped() leaves out batches that were given up | test_faults.py::test_losses_after_retries_are_counted |
| flush() and shutdown() wait without end for a server | test_delivery.py::test_a_stalled_server_blocks_nobody |
| redaction holds the GIL | test_bounds.py::test_the_worker_needs_no_gil_to_redact_and_send |
| other threads stall while long prompts are redacted | test_faults.py::test_other_threads_run_while_long_texts_are_redacted |
| the queue is bounded in calls and not in bytes: 410 MB | test_bounds.py::test_a_stalled_server_costs_a_bounded_amount_of_memory |
| one retry, and the batch is lost | test_delivery.py::test_the_same_bytes_are_sent_again |
| Retry-After is not read | test_delivery.py::test_retry_after_is_honoured |
| a batch that is too large is lost | test_delivery.py::test_a_batch_that_is_too_large_is_halved |
| the worker prints on stderr | test_delivery.py::test_a_closed_port |
| a thread starts when the client is made | test_record.py::test_importing_and_making_a_client_starts_no_thread |
| two processes make the same event id in the same millisecond | test_record.py::test_ids_differ_between_clients |
| the sessions of all wrapped clients are one constant | wrap/test_transparency.py::test_sessions_are_random_per_wrap_and_process |
| the end of a tool call is not sent | test_vectors.py::test_the_end_of_a_tool_call_is_sent |
| AsyncOpenAI: no tokens, no text | wrap/test_openai.py::test_async_chat_has_tokens_and_text |
| AsyncAnthropic: no tokens, no text | wrap/test_anthropic.py::test_async_messages_have_tokens_and_text |
| streams of OpenAI: no tokens | wrap/test_openai.py::test_streams_have_tokens_when_the_caller_asks |
| unknown usage is 0 | wrap/test_openai.py::test_streams_say_when_their_usage_is_unknown |
| streams of Anthropic: no tokens, and deltas add up | wrap/test_anthropic.py::test_streams_are_merged_and_not_added |
| the Responses API is not seen | wrap/test_openai.py::test_responses_are_recorded |
| cached and reasoning tokens are dropped or counted at full price | wrap/test_openai.py::test_chat_is_recorded_whole |
| no duration, no first token | wrap/test_openai.py::test_async_streams_have_tokens |
| errors are not recorded | wrap/test_openai.py::test_refusals_are_recorded_and_raised |
| a wrapped client is another object | wrap/test_transparency.py::test_the_client_comes_back |
| a copy of a wrapped client is not recorded | wrap/test_transparency.py::test_copies_are_recorded |
| raw and streaming responses are not seen | wrap/test_openai.py::test_streaming_responses_are_recorded |
| streams that are left early are not recorded | wrap/test_streams.py::test_leaving_the_block_records |
| several layers count one call each | wrap/test_once.py::test_the_first_layer_records_an_answer |
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from modelstat import Client, Config, FakeTransport, LlmCall, ToolCallInput, ToolCallStatus
from receiver import Receiver

MakeConfig = Callable[..., Config]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")


# Python warns of every fork of a process with threads.
QUIET = {"PYTHONWARNINGS": "ignore"}


def run(program: str, receiver: Receiver, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "URL": receiver.base_url, **QUIET, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


HEAD = """
import os, sys, time, threading
from modelstat import Client, Config, LlmCall, FakeTransport
config = Config('key', 'agent', 'app', flush_interval=float(os.environ.get('INTERVAL', '60')))
config.with_remote(os.environ['URL'])
ms = Client(config)
"""


def test_every_fault_has_its_test() -> None:
    folder = Path(__file__).parent
    rows = [line.strip("|").split("|")[-1].strip() for line in (__doc__ or "").splitlines() if "::" in line]
    assert len(rows) > 30
    missing = []
    for row in rows:
        file, _, name = row.partition("::")
        if f"def {name}(" not in (folder / file).read_text():
            missing.append(row)
    assert missing == []


@needs_fork
def test_the_child_of_a_fork_sends(receiver: Receiver) -> None:
    """Published: the child's worker is dead, records pile up and flush() hangs for ever."""
    done = run(
        HEAD
        + """
ms.record(LlmCall('openai', 'before')); ms.flush()
child = os.fork()
if child == 0:
    ms.record(LlmCall('openai', 'child'))
    complete = ms.flush(10.0).complete
    stats = ms.stats()
    os._exit(0 if complete and stats.sent == 1 and stats.recorded == 1 else 3)
_, status = os.waitpid(child, 0)
ms.record(LlmCall('openai', 'parent')); ms.shutdown()
sys.exit(os.WEXITSTATUS(status))
""",
        receiver,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert sorted(event["session_id"] for event in receiver.events()) == ["before", "child", "parent"]


@needs_fork
def test_what_waits_at_a_fork_is_sent_once(receiver: Receiver) -> None:
    """Published: the child inherits pending records, which a restart there would send again."""
    done = run(
        HEAD
        + """
for n in range(50): ms.record(LlmCall('openai', f'parent-{n}'))
children = []
for c in range(3):
    child = os.fork()
    if child == 0:
        stats = ms.stats()
        assert stats.dropped == {'fork_discarded': 50}, stats
        for n in range(5): ms.record(LlmCall('openai', f'child-{c}-{n}'))
        if not ms.shutdown(10.0).complete: os._exit(4)
        os._exit(0)
    children.append(child)
codes = [os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children]
assert ms.shutdown(10.0).complete
sys.exit(max(codes))
""",
        receiver,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    sessions = sorted(event["session_id"] for event in receiver.events())
    expected = [f"parent-{n}" for n in range(50)] + [f"child-{c}-{n}" for c in range(3) for n in range(5)]
    assert sessions == sorted(expected)
    ids = {event["source_event_id"] for event in receiver.events()}
    assert len(ids) == 65
    assert len({batch["instance_id"] for batch in receiver.batches()}) == 4


@needs_fork
def test_a_child_of_a_child(receiver: Receiver) -> None:
    done = run(
        HEAD
        + """
ms.record(LlmCall('openai', 'one')); ms.flush()
if os.fork() == 0:
    ms.record(LlmCall('openai', 'two')); assert ms.flush(10.0)
    if os.fork() == 0:
        ms.record(LlmCall('openai', 'three')); assert ms.flush(10.0)
        os._exit(0)
    os._exit(os.WEXITSTATUS(os.wait()[1]))
sys.exit(os.WEXITSTATUS(os.wait()[1]))
""",
        receiver,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert sorted(event["session_id"] for event in receiver.events()) == ["one", "three", "two"]


@needs_fork
def test_forks_while_threads_record(receiver: Receiver) -> None:
    """The child may inherit any lock in any state; none of them is needed to record there."""
    done = run(
        HEAD
        + """
import warnings; warnings.simplefilter('ignore')
stop = False
def record():
    while not stop: ms.record(LlmCall('openai', 'busy')); time.sleep(0.0001)
threads = [threading.Thread(target=record, daemon=True) for _ in range(3)]
for thread in threads: thread.start()
for n in range(20):
    child = os.fork()
    if child == 0:
        ms.record(LlmCall('openai', f'child-{n}'))
        os._exit(0 if ms.flush(20.0).complete else 5)
    if os.WEXITSTATUS(os.waitpid(child, 0)[1]): sys.exit(5)
stop = True
for thread in threads: thread.join()
assert ms.shutdown(20.0).complete
""",
        receiver,
        INTERVAL="0.02",
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    children = [e["session_id"] for e in receiver.events() if e["session_id"] != "busy"]
    assert sorted(children) == sorted(f"child-{n}" for n in range(20))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str, receiver: Receiver, tmp_path: Path) -> None:
    if method != "spawn" and not hasattr(os, "fork"):
        pytest.skip("the platform has no fork")
    script = tmp_path / "pool.py"
    script.write_text(
        HEAD
        + """
import multiprocessing
def work(n):
    ms.record(LlmCall('openai', f'child-{n}'))
    return ms.flush(20.0).complete
if __name__ == '__main__':
    ms.record(LlmCall('openai', 'parent'))
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert all(pool.map(work, range(6)))
    assert ms.shutdown(20.0).complete
"""
    )
    done = subprocess.run(
        [sys.executable, str(script), method],
        env={**os.environ, "URL": receiver.base_url, **QUIET},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    sessions = sorted(event["session_id"] for event in receiver.events())
    assert sessions == sorted(["parent"] + [f"child-{n}" for n in range(6)])


@pytest.mark.parametrize("imported", ["before", "in the child"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_end_without_a_loss(
    method: str, imported: str, receiver: Receiver, tmp_path: Path
) -> None:
    """Nobody flushes, and those that are forked run none of Python's hooks when they end."""
    if method != "spawn" and not hasattr(os, "fork"):
        pytest.skip("the platform has no fork")
    script = tmp_path / "children.py"
    script.write_text(
        f"""
import multiprocessing, sys
if {imported == "before"}:
    import client
def work(n):
    import client
    client.ms.record(client.LlmCall('openai', f'child-{{n}}'))
if __name__ == '__main__':
    context = multiprocessing.get_context(sys.argv[1])
    children = [context.Process(target=work, args=(n,)) for n in range(3)]
    for child in children: child.start()
    for child in children: child.join(30)
    sys.exit(max(abs(child.exitcode) for child in children))
"""
    )
    (tmp_path / "client.py").write_text(HEAD)
    done = subprocess.run(
        [sys.executable, str(script), method],
        env={**os.environ, "URL": receiver.base_url, **QUIET},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert sorted(event["session_id"] for event in receiver.events()) == ["child-0", "child-1", "child-2"]


def test_a_bad_argument_does_not_kill_the_worker(config: MakeConfig) -> None:
    """Published: a set among a tool's arguments ends the worker's thread, and flush() hangs."""
    transport = FakeTransport()
    ms = Client.with_transport(config(), transport)
    ms.record(LlmCall("openai", "a", tool_calls=[ToolCallInput("t", ToolCallStatus.SUCCESS, args={"x": {1}})]))
    ms.record(LlmCall("openai", "b"))
    assert ms.flush(10.0).complete
    ms.record(LlmCall("openai", "c"))
    assert ms.shutdown(10.0).complete
    assert [e["session_id"] for b in transport.batches() for e in b["events"]] == ["a", "b", "c"]


def test_record_after_shutdown_is_counted(config: MakeConfig) -> None:
    """Published: it is kept silently, dropped() stays 0, and flush() hangs."""
    ms = Client.with_transport(config(), FakeTransport())
    ms.shutdown()
    ms.record(LlmCall("openai", "s"))
    started = time.monotonic()
    assert ms.flush().complete
    assert time.monotonic() - started < 5.0
    assert ms.stats().dropped == {"after_shutdown": 1}


def test_the_end_of_a_program_loses_nothing(receiver: Receiver) -> None:
    """Published: without shutdown(), everything that waits is lost silently."""
    done = run(HEAD + "for n in range(10): ms.record(LlmCall('openai', f's{n}'))", receiver)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(receiver.events()) == 10


def test_losses_after_retries_are_counted(config: MakeConfig) -> None:
    """Published: dropped() leaves out batches that were given up."""

    class Refusing:
        def send(self, batch: Dict[str, Any]) -> None:
            from modelstat import TransportError

            raise TransportError("no", 422)

    ms = Client.with_transport(config(), Refusing())  # type: ignore[arg-type]
    ms.record(LlmCall("openai", "s"))
    ms.shutdown()
    assert ms.stats().dropped == {"rejected": 1} and ms.stats().total_dropped() == 1


def test_other_threads_run_while_long_texts_are_redacted(receiver: Receiver, config: MakeConfig) -> None:
    """Published: redaction holds the GIL, so that a sleep of 0.5 ms took up to 52 ms.

    What is measured is compared with the same loop beforehand, since the machine may be busy.
    """
    text = ("the quick brown fox, jane@example.com, AKIA" + "ABCDEFGH23456789 ") * 1_700

    def longest_sleeps(seconds: float) -> List[float]:
        took: List[float] = []
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            began = time.perf_counter()
            time.sleep(0.0005)
            took.append(time.perf_counter() - began)
        return sorted(took)

    ms = Client(config(receiver, raw=True, flush_interval=0.01))
    stop = threading.Event()

    def record() -> None:
        while not stop.wait(0.005):
            ms.record(LlmCall("openai", "s", prompt=text))

    quiet = longest_sleeps(0.7)
    thread = threading.Thread(target=record)
    thread.start()
    busy = longest_sleeps(1.5)
    stop.set()
    thread.join()
    assert ms.shutdown().complete and len(receiver.events()) > 20
    median = busy[len(busy) // 2]
    assert median < 10 * quiet[len(quiet) // 2] + 0.005
