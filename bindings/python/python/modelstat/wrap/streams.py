"""Watches answers that arrive in pieces without changing what the caller holds.

The objects of the providers' packages stay the same objects of the same type: their inner iterator
is replaced, and the response below them says when it is closed.
"""

from __future__ import annotations

import inspect
from typing import Any, AsyncGenerator, AsyncIterator, Generator, Iterator

from .bodies import follow_body
from .closing import hook_close
from .faults import Guard, report
from .observation import Active, Observation

__all__ = ["follow"]


class Pieces:
    """An iterator that shows each item to an observation."""

    def __init__(self, inner: Iterator[Any], observation: Observation) -> None:
        self._inner = inner
        self._observation = observation

    def __iter__(self) -> Pieces:
        return self

    def __next__(self) -> Any:
        while True:
            try:
                with Active(self._observation):
                    item = next(self._inner)
            except StopIteration:
                self._observation.finish()
                raise
            if self._observation.piece(item):
                return item

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class AsyncPieces:
    """An asynchronous iterator that shows each item to an observation."""

    def __init__(self, inner: AsyncIterator[Any], observation: Observation) -> None:
        self._inner = inner
        self._observation = observation

    def __aiter__(self) -> AsyncPieces:
        return self

    async def __anext__(self) -> Any:
        while True:
            try:
                with Active(self._observation):
                    item = await self._inner.__anext__()
            except StopAsyncIteration:
                self._observation.finish()
                raise
            if self._observation.piece(item):
                return item

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def follow(observation: Observation, result: Any) -> Any:
    """Returns what the caller gets for `result`: the same object, or a generator for a generator."""
    if inspect.isgenerator(result):
        return _generator(observation, result)
    if inspect.isasyncgen(result):
        return _async_generator(observation, result)
    with Guard("follow an answer"):
        if getattr(result, "http_response", None) is not None:
            follow_body(observation, result.http_response)
            return result
        if hasattr(type(result), "__next__") or hasattr(type(result), "__anext__"):
            _follow_stream(observation, result)
            return result
        observation.whole(result)
    return result


def _follow_stream(observation: Observation, stream: Any) -> None:
    inner = getattr(stream, "_iterator", None)
    response = getattr(stream, "response", None)
    if inner is not None:
        kind = AsyncPieces if hasattr(inner, "__anext__") else Pieces
        stream._iterator = kind(inner, observation)
        if response is not None:
            hook_close(observation, response)
        return
    if response is not None:
        follow_body(observation, response)
        return
    report("follow a stream of a type that is not known")
    observation.finish()


def _generator(observation: Observation, inner: Generator[Any, Any, Any]) -> Iterator[Any]:
    try:
        while True:
            observation.advance()
            try:
                with Active(observation):
                    item = next(inner)
            except StopIteration:
                return
            observation.piece(item)
            yield item
    finally:
        inner.close()
        observation.finish()


async def _async_generator(
    observation: Observation, inner: AsyncGenerator[Any, Any]
) -> AsyncIterator[Any]:
    try:
        while True:
            observation.advance()
            try:
                with Active(observation):
                    item = await inner.__anext__()
            except StopAsyncIteration:
                return
            observation.piece(item)
            yield item
    finally:
        observation.finish()
        await inner.aclose()
