"""What the integrations share: one place that decides whether a call is recorded."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timezone
from typing import Any, Dict, Generic, Mapping, Optional, TypeVar

from modelstat.capture import LlmCall
from modelstat.wrap.faults import Guard
from modelstat.wrap.observation import status_of
from modelstat.wrap.once import claims
from modelstat.wrap.options import Recorder
from modelstat.wrap.reading import text
from modelstat.wrap.usage import Usage, from_core

__all__ = [
    "Open",
    "apply_error",
    "apply_usage",
    "hand_over",
    "milliseconds",
    "named",
    "tags",
    "usage_of",
    "utc",
]

# Most calls that are under way at once in one integration; the oldest is forgotten first.
OPEN_LIMIT = 4096

V = TypeVar("V")


class Open(Generic[V]):
    """What has started and not ended, by its id, within a limit."""

    def __init__(self) -> None:
        self._values: OrderedDict[Any, V] = OrderedDict()

    def put(self, key: Any, value: V) -> None:
        """Keeps a value."""
        self._values[key] = value
        while len(self._values) > OPEN_LIMIT:
            self._values.popitem(last=False)

    def get(self, key: Any) -> Optional[V]:
        """Returns a value that stays."""
        return self._values.get(key)

    def take(self, key: Any) -> Optional[V]:
        """Returns a value and forgets it."""
        return self._values.pop(key, None)


def hand_over(
    recorder: Recorder, layer: str, call: LlmCall, error: Optional[BaseException] = None
) -> None:
    """Records a call unless another layer has."""
    with Guard("record a call"):
        if error is not None and not claims.claim_error(layer, error):
            return
        if claims.claim_call(layer, call):
            recorder.record(call)


def usage_of(shape: str, usage: Mapping[str, Any]) -> Usage:
    """Returns a usage object of a shape in our classes."""
    from modelstat import _core

    return from_core(_core.normalise_usage(shape, dict(usage)))


def apply_usage(call: LlmCall, usage: Optional[Usage]) -> None:
    """Sets a call's tokens; without a usage they are unknown."""
    if usage is None:
        call.usage_known = False
        return
    call.tokens = usage.tokens
    call.usage_detail = usage.detail or None
    call.usage_known = usage.known


def apply_error(call: LlmCall, error: Optional[BaseException]) -> None:
    """Sets how a call failed. One that the provider refused used nothing, and that is known."""
    if error is None:
        return
    call.error_type = type(error).__name__
    call.error_status = status_of(error)
    call.usage_known = call.usage_known or call.error_status is not None


def named(values: Any, *names: str) -> Optional[str]:
    """Returns the first of the names under which a mapping holds a string."""
    if not isinstance(values, Mapping):
        return None
    for name in names:
        found = text(values.get(name))
        if found is not None:
            return found
    return None


def utc(moment: Any) -> Optional[datetime]:
    """Returns a moment in UTC; one without a zone is in local time."""
    return moment.astimezone(timezone.utc) if isinstance(moment, datetime) else None


def milliseconds(start: Optional[datetime], end: Optional[datetime]) -> Optional[int]:
    """Returns the time between two moments."""
    if start is None or end is None:
        return None
    return max(0, round((end - start).total_seconds() * 1000))


def tags(*layers: Mapping[str, str]) -> Dict[str, str]:
    """Returns the tags of all layers, of which the later win."""
    merged: Dict[str, str] = {}
    for layer in layers:
        merged.update(layer)
    return merged
