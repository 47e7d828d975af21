"""What `wrap` was told, and the session that calls belong to when it was told none."""

from __future__ import annotations

import os
import secrets
from typing import Callable, Dict, Mapping, Optional, Protocol, Union

from modelstat.capture import LlmCall

from .faults import Guard

__all__ = ["Options", "Recorder", "Session", "SessionId"]

SessionId = Union[str, Callable[[], str], None]


class Recorder(Protocol):
    """What calls are handed to: a `Client`, or anything else that records."""

    def record(self, call: LlmCall, /) -> None:
        """Takes a call without blocking."""


class Session:
    """The id that groups calls: the caller's, or a random one per process.

    A constant would put the calls of every user and every replica into one session.
    """

    def __init__(self, given: SessionId = None) -> None:
        self._given = given
        self._process = 0
        self._random = ""

    def given(self) -> Optional[str]:
        """Returns the caller's id for a call that starts now."""
        given = self._given
        if callable(given):
            with Guard("ask for the session id"):
                given = given()
        return given if isinstance(given, str) and given else None

    def id(self) -> str:
        """Returns the id for a call that starts now."""
        given = self.given()
        if given is not None:
            return given
        process = os.getpid()
        if process != self._process:
            self._process, self._random = process, "ses_" + secrets.token_hex(16)
        return self._random


class Options:
    """Where and how the calls of one client are recorded."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        provider: str,
        session: Session,
        metadata: Optional[Mapping[str, str]] = None,
        agent: Optional[str] = None,
        include_usage: bool = False,
    ) -> None:
        self.recorder = recorder
        self.provider = provider
        self.session = session
        self.include_usage = include_usage
        self.metadata: Dict[str, str] = dict(metadata or {})
        if agent:
            self.metadata.setdefault("agent", agent)
