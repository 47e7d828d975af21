"""The handle on the native worker: one thread that starts with the first call and redacts, gathers and sends.

A fork leaves the child with an empty queue and no worker; its first call starts one. At the end of the
process every worker gets two seconds, all together, to send what waits.
"""

from __future__ import annotations

import atexit
import importlib
import os
import sys
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
    # Calls of which a field was cut, replaced or left out, as it could not be taken as it was given.
    mended: int = 0

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
_knows_multiprocessing = False
# Reentrant: a finaliser that runs while this thread is inside may make or end a client.
_live_lock = threading.RLock()


def _after_fork_in_child() -> None:
    global _live_lock
    # A thread that only the parent has may hold these locks in the copy.
    _live_lock = threading.RLock()
    _log.forget()
    for worker in list(_live):
        worker._recorder.after_fork_in_child()
    _hook_multiprocessing()
    _hook_celery()


def _hook_celery() -> None:
    """Has the processes of a celery pool flush when they end, which they do by `os._exit`."""
    signals: Any = sys.modules.get("celery.signals")
    if signals is not None:
        signals.worker_process_shutdown.connect(_flush_all, weak=False, dispatch_uid="modelstat")


def _hook_multiprocessing() -> None:
    """Has children of `multiprocessing` flush when they end: those that are forked end without Python's hooks.

    They forget what was registered in the parent, and then run what was asked for `after_fork`.
    """
    global _knows_multiprocessing
    util: Any = sys.modules.get("multiprocessing.util")
    if util is None or _knows_multiprocessing:
        return
    _knows_multiprocessing = True
    util.register_after_fork(_flush_all, _flush_when_the_child_ends)
    if sys.modules["multiprocessing"].parent_process() is not None:
        _flush_when_the_child_ends()


def _flush_when_the_child_ends(_: object = None) -> None:
    sys.modules["multiprocessing.util"].Finalize(None, _flush_all, exitpriority=0)


def _flush_all(**_: object) -> None:
    ends = time.monotonic() + EXIT_WAIT_S
    for worker in list(_live):
        worker.flush(max(0.0, ends - time.monotonic()))


def _left_behind(stats: Stats) -> int:
    """Returns how many calls the end takes away, be they still pending or given up for it already."""
    return stats.recorded - stats.sent - (stats.total_dropped() - stats.dropped.get("exit_deadline", 0))


def _at_exit() -> None:
    ends = time.monotonic() + EXIT_WAIT_S
    for worker in list(_live):
        if not worker.shutdown(max(0.0, ends - time.monotonic())).complete:
            _log.warn("exit", "the process ends while %d calls still wait to be sent", _left_behind(worker.stats()))
    # The interpreter is about to go: from here on, native threads leave it alone.
    _core.finalise()


def _hook_uwsgi() -> None:
    """Has uWSGI tell of its forks: it makes them in C, without Python's hooks, and has one of its own."""
    try:
        # Exists inside of uWSGI only.
        uwsgi = importlib.import_module("uwsgi")
    except ImportError:
        return
    try:
        decorators: Any = importlib.import_module("uwsgidecorators")
        decorators.postfork(_after_fork_in_child)
    except ImportError:
        before = getattr(uwsgi, "post_fork_hook", None)

        def after() -> None:
            _after_fork_in_child()
            if before is not None:
                before()

        setattr(uwsgi, "post_fork_hook", after)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
_hook_uwsgi()
_hook_multiprocessing()
atexit.register(_at_exit)
