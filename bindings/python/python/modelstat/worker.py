"""The handle on the native worker: one thread that starts with the first call and redacts, gathers and sends.

A fork leaves the child with an empty queue and no worker; its first call starts one. At the end of the
process every worker gets two seconds, all together, to send what waits.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from dataclasses import dataclass
from typing import Any, Dict, Optional, Set

from . import _core, _log
from .capture import LlmCall
from .config import Config
from .context import _ambient
from .transport import Courier, HttpTransport, Sends

__all__ = ["Worker"]

# How long `flush()` and `shutdown()` wait unless told otherwise.
DEFAULT_WAIT_S = 30.0
# How long the end of the process may take for all workers together.
EXIT_WAIT_S = 2.0


@dataclass(frozen=True)
class Flushed:
    """What a flush came to; true when nothing waits any more."""

    # Whether everything recorded before was sent, or dropped and counted.
    complete: bool
    # How many calls still wait.
    pending: int
    # Whether the worker runs.
    worker_alive: bool

    def __bool__(self) -> bool:
        return self.complete


@dataclass(frozen=True)
class Stats:
    """What became of the calls since the client was made."""

    # Calls handed to `record`: at rest, the sum of those sent, dropped and pending.
    recorded: int
    sent: int
    # Calls among those sent that the receiver had already.
    duplicates: int
    # Calls that wait or are being sent, and their bytes.
    pending: int
    pending_bytes: int
    # Calls given up, by reason, such as `queue_full` or `rejected`.
    dropped: Dict[str, int]
    # Calls whose text was dropped because the floor failed on it; their numbers were kept.
    redaction_failed: int
    # Calls that were redacted although the configuration said not to.
    policy_overridden: int

    def total_dropped(self) -> int:
        """Returns how many calls were dropped, for whatever reason."""
        return sum(self.dropped.values())


class Worker:
    """A queue, and the thread behind it."""

    def __init__(self, cfg: Config, transport: Sends) -> None:
        self._recorder = _core.Recorder(cfg, _native(transport), _ambient.get, _log.warn)
        self._record = self._recorder.record
        with _live_lock:
            _live.difference_update([worker for worker in _live if worker._recorder.has_ended()])
            _live.add(self)

    def record(self, call: LlmCall) -> None:
        """Puts a call in the queue. Never blocks and never raises."""
        self._record(call)

    def dropped(self) -> int:
        """Returns how many calls found no room."""
        return self._recorder.dropped()

    def stats(self) -> Stats:
        """Returns what became of the calls so far."""
        return Stats(**self._recorder.stats())

    def flush(self, timeout: Optional[float] = DEFAULT_WAIT_S) -> Flushed:
        """Sends what waits, and waits for it."""
        return Flushed(*self._recorder.flush(_seconds(timeout)))

    def shutdown(self, timeout: Optional[float] = DEFAULT_WAIT_S) -> Flushed:
        """Sends what waits and ends the worker; what is recorded from now on is dropped and counted."""
        flushed = Flushed(*self._recorder.shutdown(_seconds(timeout)))
        if flushed.complete:
            with _live_lock:
                _live.discard(self)
        return flushed

    def abandon(self) -> None:
        """Lets the worker send what waits and end, without waiting for it."""
        self._recorder.abandon()


def _seconds(timeout: Optional[float]) -> float:
    return DEFAULT_WAIT_S if timeout is None else max(0.0, float(timeout))


def _native(transport: Sends) -> Any:
    """Returns what the core posts by itself, (endpoint, bearer, timeout), or who calls the transport."""
    if type(transport) is HttpTransport:
        return (transport._endpoint, transport._bearer, transport._timeout)
    return Courier(transport)


# Workers that may still hold calls: what is in here is flushed when the process ends, even where the
# program let go of its client.
_live: Set[Worker] = set()
_live_lock = threading.Lock()


def _after_fork_in_child() -> None:
    global _live_lock
    # A thread that only the parent has may hold these locks in the copy.
    _live_lock = threading.Lock()
    _log.forget()
    for worker in list(_live):
        worker._recorder.after_fork_in_child()


def _at_exit() -> None:
    ends = time.monotonic() + EXIT_WAIT_S
    for worker in list(_live):
        flushed = worker.shutdown(max(0.0, ends - time.monotonic()))
        if not flushed.complete:
            _log.warn("exit", "the process ends while %d calls still wait to be sent", flushed.pending)
    # The interpreter is about to go: from here on, native threads leave it alone.
    _core.finalise()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
