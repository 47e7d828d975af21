"""The floor: secrets and personal data are replaced before anything leaves the process."""

from __future__ import annotations

from dataclasses import dataclass

from . import _core

__all__ = ["Redacted", "redact"]


@dataclass
class Redacted:
    """A text after the floor, and how much was found in it."""

    text: str
    # How many secrets (keys, tokens, passwords) were replaced.
    secrets: int = 0
    # How many pieces of personal data (addresses, paths, numbers) were replaced.
    pii: int = 0


def redact(input_text: str) -> Redacted:
    """Replaces secrets and personal data by placeholders such as `[REDACTED:email]`.

    Runs in native code without the GIL, in time linear in the length of the text.
    """
    text, secrets, pii = _core.redact(input_text)
    return Redacted(text, secrets, pii)
