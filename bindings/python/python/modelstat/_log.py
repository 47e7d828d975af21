"""The one way that this package says something: `logging`, seldom, and never with captured text."""

from __future__ import annotations

import logging
import threading
import time
from typing import Dict, Set

__all__ = ["LOGGER", "deprecated", "warn"]

LOGGER = logging.getLogger("modelstat")
# Without a handler of its own, `logging` would print warnings of libraries on stderr.
LOGGER.addHandler(logging.NullHandler())

# The same warning is said once in this many seconds, however often its cause occurs.
WARNING_INTERVAL_S = 60.0

_said: Dict[str, float] = {}
_deprecations: Set[str] = set()
# Reentrant: a finaliser that the garbage collector runs while this thread is inside may warn too.
_lock = threading.RLock()


def warn(kind: str, message: str, *values: object) -> None:
    """Logs a warning, at most once a minute for each `kind`; never raises."""
    try:
        now = time.monotonic()
        with _lock:
            last = _said.get(kind)
            if last is not None and now - last < WARNING_INTERVAL_S:
                return
            _said[kind] = now
        LOGGER.warning(message, *values)
    except Exception:  # a broken handler of the application must not reach the caller
        return


def deprecated(kind: str, message: str) -> None:
    """Logs a deprecation once in the life of the process; never raises."""
    try:
        with _lock:
            if kind in _deprecations:
                return
            _deprecations.add(kind)
        LOGGER.warning("deprecated: %s", message)
    except Exception:
        return


def forget() -> None:
    """Makes every warning new again; for tests and for the child of a fork."""
    global _lock
    # A thread of the parent may have held the lock while the process forked.
    _lock = threading.RLock()
    _said.clear()
    _deprecations.clear()
