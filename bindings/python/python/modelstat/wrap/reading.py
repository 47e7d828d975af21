"""Reads fields of requests and answers, be they dicts, typed objects or something else entirely."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Optional

__all__ = ["TEXT_LIMIT", "Text", "flatten", "items", "json_or_text", "number", "plain", "read", "text"]

# Most code points of prompt or completion that are kept: the most that the daemon takes of a turn.
TEXT_LIMIT = 262_144

# Deepest nesting of content parts that is followed.
_DEPTH_LIMIT = 6


def read(value: Any, *names: str) -> Any:
    """Returns the field at the end of the path `names`, `None` where there is none."""
    for name in names:
        if value is None:
            return None
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    return value


def text(value: Any) -> Optional[str]:
    """Returns `value` where it is a string that says something."""
    return value if isinstance(value, str) and value else None


def number(value: Any) -> Optional[int]:
    """Returns `value` where it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def items(value: Any) -> List[Any]:
    """Returns the elements of a list or tuple, none for anything else."""
    return list(value) if isinstance(value, (list, tuple)) else []


def plain(value: Any) -> Dict[str, Any]:
    """Returns a provider's usage object as a dict of JSON values, an empty one for anything else."""
    dumped = value
    if callable(getattr(value, "model_dump", None)):
        # Answers are built without validation, and pydantic would warn on the caller's stderr.
        dumped = value.model_dump(mode="json", warnings=False)
    elif not isinstance(value, dict) and hasattr(value, "__dict__"):
        dumped = dict(vars(value))
    return dumped if isinstance(dumped, dict) else {}


def json_or_text(value: Any) -> Any:
    """Returns what a JSON string holds, the string itself where it is no JSON."""
    if not isinstance(value, str):
        return value
    if not value:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


class Text:
    """Text that is put together from pieces, up to `TEXT_LIMIT` code points."""

    __slots__ = ("_pieces", "_room")

    def __init__(self, limit: int = TEXT_LIMIT) -> None:
        self._pieces: List[str] = []
        self._room = limit

    def add(self, piece: Any) -> bool:
        """Adds a piece and returns whether there was one."""
        if not isinstance(piece, str) or not piece:
            return False
        if self._room > 0:
            kept = piece if len(piece) <= self._room else piece[: self._room]
            self._pieces.append(kept)
            self._room -= len(kept)
        return True

    def add_line(self, piece: Any) -> None:
        """Adds a piece on a line of its own."""
        if self._pieces and isinstance(piece, str) and piece:
            self.add("\n")
        self.add(piece)

    def value(self) -> Optional[str]:
        """Returns the text so far, `None` where there is none."""
        if not self._pieces:
            return None
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0]


def flatten(content: Any) -> str:
    """Returns the text of a message's content: a string, or parts of which some hold text."""
    if isinstance(content, str):
        return content
    whole = Text()
    for piece in _pieces(content, _DEPTH_LIMIT):
        whole.add(piece)
    return whole.value() or ""


def _pieces(content: Any, depth: int) -> Iterator[str]:
    if isinstance(content, str):
        yield content
        return
    if content is None or depth == 0:
        return
    if isinstance(content, (list, tuple)):
        for part in content:
            yield from _pieces(part, depth - 1)
        return
    for name in ("text", "content", "parts", "output"):
        inner = read(content, name)
        if isinstance(inner, (str, list, tuple)):
            yield from _pieces(inner, depth - 1)
            return
