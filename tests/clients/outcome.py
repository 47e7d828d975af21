"""One line per check, and the sum of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

# How soon a condition that is waited for is looked at again: at once first, less often later.
FIRST_POLL_S = 0.05
LAST_POLL_S = 1.0
# Differences that are shown of one failed check.
SHOWN = 5
SHOWN_CHARS = 600

T = TypeVar("T")


class Failure(Exception):
    """Something without which the remaining checks mean nothing."""


class Checks:
    """Counts checks and prints each."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def equal(self, name: str, actual: Any, expected: Any) -> None:
        if actual == expected:
            self._pass(name)
        else:
            self._fail(name, [f"expected {expected!r}", f"     got {actual!r}"])

    def holds(self, name: str, condition: bool, otherwise: str = "does not hold") -> None:
        if condition:
            self._pass(name)
        else:
            self._fail(name, [otherwise])

    def no_differences(self, name: str, differences: Iterable[str]) -> None:
        found = list(differences)
        if not found:
            self._pass(name)
            return
        rest = len(found) - SHOWN
        self._fail(name, found[:SHOWN] + ([f"and {rest} more"] if rest > 0 else []))

    def fail(self, name: str, reason: str) -> None:
        self._fail(name, [reason])

    def _pass(self, name: str) -> None:
        self.passed += 1
        print(f"ok    {name}", flush=True)

    def _fail(self, name: str, details: list[str]) -> None:
        self.failed += 1
        print(f"FAIL  {name}", flush=True)
        for detail in details:
            print(f"        {detail[:SHOWN_CHARS]}", flush=True)


def wait_for(what: str, deadline_s: float, look: Callable[[], T | None]) -> T:
    """Looks until there is something to see; a condition that never holds is a failure."""
    end = time.monotonic() + deadline_s
    pause = FIRST_POLL_S
    while True:
        seen = look()
        if seen is not None:
            return seen
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {deadline_s:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.5, LAST_POLL_S)
