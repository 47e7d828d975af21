"""Token counts through the one table that all languages and the server share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List

from modelstat.wire import TokenUsage

from .reading import plain

__all__ = ["Usage", "from_core", "normalise"]


@dataclass
class Usage:
    """What a call used, in five disjoint classes."""

    tokens: TokenUsage = field(default_factory=TokenUsage)
    detail: Dict[str, Any] = field(default_factory=dict)
    known: bool = False


def normalise(shape: str, parts: List[Any]) -> Usage:
    """Returns the usage that a provider stated in the chunks or the usage objects of one answer."""
    if not parts:
        return Usage()
    # The native module is loaded with the first answer, not with the import of this one.
    from modelstat import _core

    stream = _core.UsageStream(shape)
    for part in parts:
        stream.push(plain(part))
    return from_core(stream.finish())


def from_core(answer: Dict[str, Any]) -> Usage:
    """Returns the native module's answer in our types."""
    tokens = answer["tokens"]
    return Usage(
        tokens=TokenUsage(
            input=tokens["input"],
            output=tokens["output"],
            cache_creation=tokens["cache_creation"],
            cache_read=tokens["cache_read"],
            reasoning=tokens["reasoning"],
        ),
        detail=dict(answer.get("detail") or {}),
        known=bool(answer["known"]),
    )
