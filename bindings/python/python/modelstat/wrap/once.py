"""Keeps a call from being recorded twice when several layers see it.

A chain framework, a gateway, an OpenTelemetry span and a wrapped client may all watch one request. Each
asks here before it records; the first to ask wins.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from typing import List, Optional, Tuple, Union

from modelstat.capture import LlmCall

__all__ = ["LIMIT", "Claims", "claims"]

# Most answers that are remembered, by their ids and by their content.
LIMIT = 16_384

# Most answers of one content that are remembered.
KEY_LIMIT = 64

# How long an answer is remembered after it ended.
MAX_AGE_SECONDS = 60.0

# How far the clocks of two layers may be apart.
CLOCK_SECONDS = 0.05

# Attribute that marks an error of a builtin type, which takes no weak reference.
_MARK = "__modelstat_layer__"

# Most errors of a chain of causes that are looked at.
_CAUSE_LIMIT = 8

# Code points of a text, from its end, by which two layers' texts are compared.
_TEXT_TAIL = 256

_Key = Tuple[str, Union[str, int]]


class _Answer:
    """An answer, and the layers that have seen it."""

    __slots__ = ("ended", "layers", "response_id", "started")

    def __init__(self, layer: str, call: LlmCall) -> None:
        self.layers = {layer}
        self.response_id = call.response_id
        self.started = call.started_at.timestamp()
        self.ended = self.started + (call.duration_ms or 0) / 1000

    def is_same(self, other: _Answer) -> bool:
        """Returns whether another layer's answer may be this one."""
        if self.response_id and other.response_id and self.response_id != other.response_id:
            return False
        is_apart = (
            other.started > self.ended + CLOCK_SECONDS or self.started > other.ended + CLOCK_SECONDS
        )
        return not is_apart


class Claims:
    """Which layer has recorded which answer and which error."""

    def __init__(self) -> None:
        # Reentrant, as a stream that the garbage collector drops may claim while this thread is inside.
        self._lock = threading.RLock()
        self._answers: OrderedDict[_Key, List[_Answer]] = OrderedDict()
        self._errors: weakref.WeakKeyDictionary[BaseException, str] = weakref.WeakKeyDictionary()

    def after_fork_in_child(self) -> None:
        """Replaces the lock, which a thread that the child doesn't have may hold."""
        self._lock = threading.RLock()

    def claim_call(self, layer: str, call: LlmCall) -> bool:
        """Returns whether `layer` is to record this answer.

        Layers mean the same answer when they were under way at the same time and the provider's id
        is the same; where a layer isn't told the id, what was asked and answered takes its place. What
        one layer sees twice is two answers, as some servers use an id again.
        """
        seen = _Answer(layer, call)
        keys = _keys(call)
        with self._lock:
            for key in keys:
                for known in self._answers.get(key, ()):
                    if layer not in known.layers and known.is_same(seen):
                        known.layers.add(layer)
                        return False
            for key in keys:
                self._remember(key, seen)
            return True

    def _remember(self, key: _Key, seen: _Answer) -> None:
        recent = [known for known in self._answers.pop(key, []) if known.ended > seen.ended - MAX_AGE_SECONDS]
        self._answers[key] = recent[-KEY_LIMIT:] + [seen]
        while len(self._answers) > LIMIT:
            self._answers.popitem(last=False)

    def claim_error(self, layer: str, error: BaseException) -> bool:
        """Returns whether `layer` is to record this failure.

        The causes count too: frameworks raise errors of their own from the provider's.
        """
        with self._lock:
            cause: Optional[BaseException] = error
            for _ in range(_CAUSE_LIMIT):
                if cause is None:
                    break
                if self._claimed_by(cause) not in (None, layer):
                    return False
                cause = cause.__cause__ or cause.__context__
            self._mark(layer, error)
            return True

    def _claimed_by(self, error: BaseException) -> Optional[str]:
        try:
            return self._errors.get(error)
        except TypeError:
            return getattr(error, _MARK, None)

    def _mark(self, layer: str, error: BaseException) -> None:
        try:
            self._errors[error] = layer
        except TypeError:
            setattr(error, _MARK, layer)


def _keys(call: LlmCall) -> List[_Key]:
    """Returns what the answer may be known by; nothing where too little is known to compare."""
    keys: List[_Key] = []
    if call.response_id:
        keys.append(("id", call.response_id))
    if call.completion or call.tool_calls:
        prompt, completion = call.prompt or "", call.completion or ""
        tools = tuple(tool.name for tool in call.tool_calls)
        ends = (len(prompt), prompt[-_TEXT_TAIL:], len(completion), completion[-_TEXT_TAIL:])
        keys.append(("content", hash((call.model, ends, tools))))
    return keys


# The process's one record of what is counted; layers that never meet would not need it.
claims = Claims()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=claims.after_fork_in_child)
