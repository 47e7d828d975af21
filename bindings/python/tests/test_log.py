"""What is said, and that saying it never stops anybody."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from typing import List

import pytest
from modelstat import _log


class Collected(logging.Handler):
    """Keeps lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: List[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def test_a_kind_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        _log.warn("one", "first %d", 1)
        _log.warn("two", "second")
    assert caplog.messages == ["first 1", "second"]


# Each takes the lock, drops something whose finaliser needs it, and would never come back with a plain one. A process
# of its own, as a deadlock cannot be undone.
FINALISERS = {
    "warn": ("_log._lock", "_log.warn('inner', 'said by the finaliser')"),
    "deprecated": ("_log._lock", "_log.deprecated('inner', 'said by the finaliser')"),
    "a client": (
        "worker._live_lock",
        "modelstat.Client.with_transport(modelstat.Config('k', 'a', 'app'), modelstat.FakeTransport()).shutdown()",
    ),
}


@pytest.mark.parametrize("kind", FINALISERS)
def test_a_finaliser_that_needs_the_lock_gets_it(kind: str) -> None:
    lock, needs = FINALISERS[kind]
    program = f"""
import gc, modelstat
from modelstat import _log, worker
class Dropped:
    def __init__(self): self.itself = self
    def __del__(self):
        {needs}
        print('finalised')
gc.disable()
Dropped()
with {lock}:
    gc.collect()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("finalised\n", "")


def test_a_warning_of_another_thread_is_not_lost() -> None:
    handler = Collected()
    logger = logging.getLogger("modelstat")
    logger.addHandler(handler)
    try:
        threads = [threading.Thread(target=_log.warn, args=(f"kind {n}", f"line {n}")) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        logger.removeHandler(handler)
    assert sorted(handler.lines) == sorted(f"line {n}" for n in range(20))
