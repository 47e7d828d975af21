"""The floor, asked through the binary's own verb."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from product import plain_environment

# Between texts that are asked about together. An empty line ends whatever a rule could join.
SEPARATOR = "\n\n"


@dataclass(frozen=True)
class Redacted:
    """A text after the floor, and how much was found in it."""

    text: str
    findings: int
    # Of these, how many are only random, as ids are by their nature.
    random: int


class Floor:
    """What the floor makes of texts; each is asked about once."""

    def __init__(self, binary: Path) -> None:
        self._binary = binary
        self._known: dict[str, Redacted] = {}

    def redact(self, text: str) -> Redacted:
        if text not in self._known:
            command = [str(self._binary), "redact", "--json"]
            done = subprocess.run(
                command, input=text.encode(), capture_output=True, check=True,
                env=plain_environment(), timeout=60,
            )
            answer = json.loads(done.stdout)
            rules = [finding["rule"] for finding in answer["findings"]]
            self._known[text] = Redacted(answer["text"], len(rules), rules.count("high-entropy"))
        return self._known[text]

    def with_findings(self, texts: Iterable[str]) -> set[str]:
        """Returns the texts in which the floor finds something, asking about many at a time."""
        some = sorted(set(texts))
        if not some:
            return set()
        together = self.redact(SEPARATOR.join(some))
        if together.findings == 0:
            return set()
        if len(some) == 1:
            return set(some) if together.findings > together.random else set()
        middle = len(some) // 2
        return self.with_findings(some[:middle]) | self.with_findings(some[middle:])


class Identifiers:
    """What identifiers become: themselves, or a hash of this installation where the floor finds
    something. Equal ones stay equal, so that grouping survives."""

    def __init__(self, floor: Floor, texts: Iterable[str]) -> None:
        self._floor = floor
        self._hashed = floor.with_findings(texts)
        self._seen: dict[str, str] = {}

    def is_hashed(self, text: str) -> bool:
        return text in self._hashed

    def findings(self, text: str) -> int:
        if text not in self._hashed:
            return 0
        found = self._floor.redact(text)
        return found.findings - found.random

    def match(self, shown: str | None, sent: str | None) -> bool:
        if sent is None or sent not in self._hashed:
            return shown == sent
        if shown is None or not shown.startswith("h_"):
            return False
        return self._seen.setdefault(sent, shown) == shown
