"""Tags that hold for every call recorded inside a `with` block."""

from __future__ import annotations

import contextvars
from contextlib import contextmanager
from typing import Dict, Iterator, Mapping, Optional

from . import _core

__all__ = ["metadata", "ambient_metadata"]

# A dict in here is never changed after it was set: `record` holds it without a copy.
_ambient: contextvars.ContextVar[Optional[Dict[str, str]]] = contextvars.ContextVar(
    "modelstat_ambient_metadata", default=None
)


@contextmanager
def metadata(tags: Mapping[str, str]) -> Iterator[None]:
    """Adds `tags` to every call recorded in the `with` block, in this thread or task.

    They stand above `Config.metadata` and below the tags of the call itself. Nested blocks add up, the
    inner one wins. What was there before is back when the block ends, by an exception too.
    """
    _core.use_tags()
    token = _ambient.set({**(_ambient.get() or {}), **tags})
    try:
        yield
    finally:
        _ambient.reset(token)


def ambient_metadata() -> Optional[Dict[str, str]]:
    """Returns a copy of the tags in force, or `None` outside of every block."""
    current = _ambient.get()
    return None if current is None else dict(current)
