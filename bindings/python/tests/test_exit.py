"""How programs end, and what is left of the calls that waited."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from typing import Callable, Dict, Tuple

import pytest
from receiver import Receiver

HEAD = """
import atexit, os, signal, sys, threading, time
import modelstat
from modelstat import Client, Config, LlmCall
config = Config('key', 'agent', 'app', flush_interval=60.0).with_remote(os.environ['URL'])
ms = Client(config)
"""
# A hang is what these tests look for; two seconds of grace and the start of an interpreter fit well in here.
LIMIT_S = 30.0


def run(program: str, url: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", HEAD + program],
        env={**os.environ, "URL": url, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert time.monotonic() - started < LIMIT_S
    assert done.returncode == code, done.stderr
    return done


ONE = "ms.record(LlmCall('openai', 's'))\n"
ENDINGS = {
    "normal": (ONE, 0, ""),
    "exception": (ONE + "raise SystemError('own')\n", 1, "SystemError"),
    "sys.exit": (ONE + "sys.exit(3)\n", 3, ""),
    "sys.exit in a thread": (ONE + "threading.Thread(target=sys.exit).start()\n", 0, ""),
    "record in a thread that outlives main": (
        "threading.Thread(target=lambda: (time.sleep(0.3), ms.record(LlmCall('openai', 's')))).start()\n",
        0,
        "",
    ),
    "record at exit": ("atexit.register(lambda: ms.record(LlmCall('openai', 's')))\n", 0, ""),
    "a handler of SIGTERM": (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n" + ONE + "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(5)\n",
        0,
        "",
    ),
    "keyboard interrupt": (
        # A process in the background may have been started with the signal ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n" + ONE + "os.kill(os.getpid(), signal.SIGINT)\n"
        "time.sleep(5)\n",
        -2,
        "Keyboard",
    ),
    "the client is gone": (ONE + "del ms\n", 0, ""),
    "shut down before": (ONE + "ms.shutdown()\n", 0, ""),
    "a client in a cycle": (ONE + "loop = [ms]; loop.append(loop); del ms, loop\n", 0, ""),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_lost(ending: str, receiver: Receiver) -> None:
    program, code, said = ENDINGS[ending]
    done = run(program, receiver.base_url, code)
    assert len(receiver.events()) == 1
    assert said in done.stderr if said else done.stderr == ""


def test_a_burst_and_then_the_end(receiver: Receiver) -> None:
    """All are sent, or on a machine that is too slow for that in two seconds, the rest is told of."""
    program = """
import logging
logging.basicConfig(format='%(args)s')
big = Config('key', 'agent', 'app', buffer_capacity=20_000).with_remote(os.environ['URL'])
ms = Client(big)
for n in range(10_000): ms.record(LlmCall('openai', f's{n}', prompt='p' * 100))
assert ms.dropped() == 0
"""
    told = run(program, receiver.base_url).stderr
    waiting = int(told.strip("(),\n")) if told else 0
    assert len({event["session_id"] for event in receiver.events()}) + waiting >= 10_000


def test_the_end_waits_two_seconds_for_a_server_that_is_not_there() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        started = time.monotonic()
        done = run(ONE, url)
    assert time.monotonic() - started < 15.0
    assert done.stderr == ""


def test_the_end_waits_two_seconds_for_a_server_that_is_slow() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        started = time.monotonic()
        done = run("clients = [Client(config) for _ in range(5)]\n"
                   "for client in clients: client.record(LlmCall('openai', 's'))\n" + ONE, url)  # fmt: skip
    assert time.monotonic() - started < 15.0
    assert done.stderr == ""


@pytest.mark.parametrize("server", ["down", "stalled"])
@pytest.mark.parametrize("ending", ["exception", "sys.exit in a thread", "a handler of SIGTERM", "keyboard interrupt"])
def test_no_ending_waits_longer(ending: str, server: str) -> None:
    program, code, said = ENDINGS[ending]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if server == "stalled":
            listener.listen()
        started = time.monotonic()
        done = run(program, f"http://127.0.0.1:{listener.getsockname()[1]}", code)
    assert time.monotonic() - started < 15.0
    assert said in done.stderr if said else done.stderr == ""


def test_a_server_that_takes_its_time_gets_everything(receivers: Callable[..., Receiver]) -> None:
    def answer(_: int) -> Tuple[int, Dict[str, str]]:
        time.sleep(0.4)
        return 200, {}

    receiver = receivers(answer)
    assert run("for n in range(100): ms.record(LlmCall('openai', f's{n}'))\n", receiver.base_url).stderr == ""
    assert len({event["session_id"] for event in receiver.events()}) == len(receiver.events()) == 100


def test_what_the_end_leaves_behind_is_told() -> None:
    program = """
import logging
logging.basicConfig(format='%(message)s')
for n in range(3): ms.record(LlmCall('openai', 's'))
"""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        done = run(program, f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert done.stderr == "the process ends while 3 calls still wait to be sent\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_the_child_of_a_fork_ends_like_any_process(receiver: Receiver) -> None:
    program = ONE + """
if os.fork() == 0:
    ms.record(LlmCall('openai', 'child'))
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert run(program, receiver.base_url).stderr == ""
    assert sorted(event["session_id"] for event in receiver.events()) == ["child", "s"]


@pytest.mark.parametrize("body", ["time.sleep(60)", "while True: pass", "threading.Event().wait()"])
def test_the_end_does_not_wait_for_a_transport_that_hangs(body: str) -> None:
    transport = f"class Hanging:\n    def send(self, batch):\n        {body}\n"
    use = "ms = Client.with_transport(config, Hanging())\n" + ONE + "ms.flush(0.2)\n"
    done = run(transport + use, "http://127.0.0.1:9")
    assert done.stderr == ""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the platform has no such signals")
def test_sigterm_without_a_handler_ends_at_once(receiver: Receiver) -> None:
    """Python runs no hook then; the program that wants its calls sent installs a handler."""
    run(ONE + "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(20)\n", receiver.base_url, -15)


def test_os_exit_ends_at_once(receiver: Receiver) -> None:
    run(ONE + "os._exit(7)\n", receiver.base_url, 7)


def test_a_flush_before_os_exit_is_enough(receiver: Receiver) -> None:
    run(ONE + "assert ms.flush()\nos._exit(7)\n", receiver.base_url, 7)
    assert len(receiver.events()) == 1


def test_losses_at_the_end_are_counted(receivers: Callable[..., Receiver]) -> None:
    receiver = receivers(lambda _: (503, {}))
    program = ONE + "ms.shutdown(0.5)\ntime.sleep(2)\nprint(ms.stats().dropped)\n"
    assert run(program, receiver.base_url).stdout == "{'exit_deadline': 1}\n"
