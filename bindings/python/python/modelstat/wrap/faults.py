"""Errors of our own code: a line in the log, never an exception in the caller's program."""

from __future__ import annotations

from types import TracebackType
from typing import Optional, Type

from modelstat import _log

__all__ = ["Guard", "report"]


def report(what: str, error: Optional[BaseException] = None) -> None:
    """Logs, seldom, that `what` failed.

    Only the error's type is named: its message may quote what the caller sent.
    """
    kind = "unsupported" if error is None else type(error).__name__
    _log.warn(what, "could not %s: %s", what, kind)


class Guard:
    """A `with` block from which no `Exception` escapes: it is reported instead."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        report(self._what, error)
        return True
