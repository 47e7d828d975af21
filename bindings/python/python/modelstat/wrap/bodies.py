"""Reads answers that the caller takes as bytes: raw and streaming responses."""

from __future__ import annotations

import json
import weakref
from typing import Any, AsyncIterator, Iterator

from .closing import hook_close
from .faults import Guard
from .observation import Active, Observation

__all__ = ["follow_body"]

# Largest body or event that is read; one of this size is no answer of a model.
_BODY_LIMIT = 16 * 1024 * 1024


class Body:
    """Puts bytes together to one JSON answer, or to a stream of server-sent events."""

    def __init__(self, observation: Observation, content_type: str) -> None:
        self._observation = observation
        self._is_events = "event-stream" in content_type
        self._rest = bytearray()

    def feed(self, piece: Any) -> None:
        """Takes the next bytes."""
        if len(self._rest) + len(piece) > _BODY_LIMIT:
            self._rest.clear()
            return
        self._rest += piece
        if self._is_events and (b"\n" in piece or b"\r" in piece):
            *lines, rest = self._rest.replace(b"\r", b"\n").split(b"\n")
            self._rest = bytearray(rest)
            for line in lines:
                self._line(bytes(line))

    def end(self) -> None:
        """Takes the end of the body."""
        if self._is_events:
            self._line(bytes(self._rest))
            self._observation.finish()
            return
        with Guard("read the body of an answer"):
            if self._rest:
                self._observation.whole(json.loads(bytes(self._rest)))
        self._observation.finish()

    def _line(self, line: bytes) -> None:
        # Providers write each event's JSON on one `data` line.
        if not line.startswith(b"data:"):
            return
        data = line[len(b"data:") :].strip()
        if not data.startswith(b"{"):
            return
        with Guard("read an event of an answer"):
            self._observation.piece(json.loads(data))


def follow_body(observation: Observation, response: Any) -> None:
    """Watches an HTTP response: read already, or read by the caller from now on."""
    body = Body(observation, str(response.headers.get("content-type", "")))
    if getattr(response, "is_stream_consumed", True):
        with Guard("read the body of an answer"):
            body.feed(response.content)
        body.end()
        return
    _hook_bytes(observation, response, body)
    hook_close(observation, response)


def _hook_bytes(observation: Observation, response: Any, body: Body) -> None:
    # A hook that held its response would keep a dropped one, and its connection, from going at once.
    weak = weakref.ref(response)

    def iter_bytes(*args: Any, **kwargs: Any) -> Iterator[bytes]:
        held: Any = weak()
        inner = type(held).iter_bytes(held, *args, **kwargs)
        while True:
            with Active(observation):
                piece = next(inner, None)
            if piece is None:
                break
            body.feed(piece)
            yield piece
        body.end()

    async def aiter_bytes(*args: Any, **kwargs: Any) -> AsyncIterator[bytes]:
        held: Any = weak()
        inner = type(held).aiter_bytes(held, *args, **kwargs)
        while True:
            try:
                with Active(observation):
                    piece = await inner.__anext__()
            except StopAsyncIteration:
                break
            body.feed(piece)
            yield piece
        body.end()

    response.iter_bytes = iter_bytes
    response.aiter_bytes = aiter_bytes
