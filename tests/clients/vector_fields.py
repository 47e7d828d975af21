"""Compares what the published clients sent with what is read back, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from floor import Floor, Identifiers

# The app of a batch that names none.
DEFAULT_APP = "default"

EVENT_NAMES = ("source_event_id", "kind", "agent", "provider", "model", "session_id")
EVENT_TIMES = ("ts", "started_at", "first_token_at")
TOOL_NAMES = ("external_call_id", "session_id", "source_event_id", "agent", "server", "name")
TOOL_NAMES += ("status", "model")
TOOL_COUNTS = ("call_index", "args_bytes", "result_bytes")
TOOL_HASHES = ("args_hash", "signature_hash")
TOOL_ABSENT = ("segment_id", "turn_index", "ended_at")
EVENT_ABSENT = ("original_event_id", "reported_cost", "price_id", "error", "cost", "billing")

Batch = dict[str, Any]


class Comparison:
    """One way that the batches took: straight to the server, or through the daemon."""

    def __init__(self, floor: Floor, batches: list[Batch], through_daemon: bool) -> None:
        self._floor = floor
        self._through_daemon = through_daemon
        self._names = Identifiers(floor, identifiers_of(batches))

    def session(self, batch: Batch, event: dict[str, Any], detail: dict[str, Any]) -> Iterator[str]:
        """Compares a session of the recorded payloads, each of which has one event."""
        if len(detail["events"]) != 1:
            yield f"{event['session_id']}: {len(detail['events'])} events instead of one"
            return
        yield from self.event(batch, event, detail["events"][0])
        tools = batch.get("tool_calls", [])
        sent = [tool for tool in tools if tool["session_id"] == event["session_id"]]
        shown = {row["external_call_id"]: row for row in detail["tool_calls"]}
        if len(shown) != len(sent):
            yield f"{event['session_id']}: {len(shown)} tool calls instead of {len(sent)}"
            return
        for tool in sent:
            yield from self.tool_call(tool, shown[tool["external_call_id"]])
        install = batch.get("session_installs", {}).get(event["session_id"], {})
        account = detail["session"]["provider_account_id"]
        if not self._names.match(account, install.get("provider_account_id")):
            yield f"{event['session_id']}: provider_account_id is {account!r}"

    def event(self, batch: Batch, sent: dict[str, Any], shown: dict[str, Any]) -> Iterator[str]:
        """Compares an event."""
        name = sent["source_event_id"]
        yield from self._identifiers(name, EVENT_NAMES, sent, shown)
        yield from _equal(name, "app", shown["app"], batch.get("app", DEFAULT_APP))
        yield from _equal(name, "device_id", shown["device_id"], batch["device_id"])
        yield from _equal(name, "producer", shown["producer"], batch["daemon_version"])
        if not self._through_daemon:
            yield from _equal(name, "batch_id", shown["batch_id"], batch["batch_id"])
        for field in EVENT_TIMES:
            yield from _equal(name, field, time(shown[field]), time(sent.get(field)))
        yield from _equal(name, "first_token_ms", shown["first_token_ms"], first_token_ms(sent))
        yield from _equal(name, "tokens", shown["tokens"], sent["tokens"])
        yield from _equal(name, "usage_known", shown["usage_known"], True)
        yield from _equal(name, "duration_ms", shown["duration_ms"], sent.get("duration_ms"))
        yield from self._metadata(name, sent.get("metadata", {}), shown["metadata"])
        yield from self._git(name, sent.get("git"), shown["git"])
        for field in ("cwd", "content_excerpt"):
            yield from _equal(name, field, shown[field], self._prose(sent.get(field)))
        yield from self._redactions(name, sent, shown["redactions"])
        for field in EVENT_ABSENT:
            yield from _equal(name, field, shown[field], None)
        reason = "unknown_model" if sent.get("model") else "no_model"
        yield from _equal(name, "unpriced_reason", shown["unpriced_reason"], reason)
        yield from _equal(name, "flags", shown["flags"], [])

    def tool_call(self, sent: dict[str, Any], shown: dict[str, Any]) -> Iterator[str]:
        """Compares a tool call."""
        name = sent["external_call_id"]
        yield from self._identifiers(name, TOOL_NAMES, sent, shown)
        for field in TOOL_COUNTS:
            yield from _equal(name, field, shown[field], sent.get(field))
        yield from _equal(name, "started_at", time(shown["started_at"]), time(sent["started_at"]))
        families = sent.get("command_families", [])
        yield from _equal(name, "command_families", shown["command_families"], families)
        for field in TOOL_HASHES:
            is_keyed = self._through_daemon and sent[field] not in ("", "none")
            kept = shown[field].startswith("h_") if is_keyed else shown[field] == sent[field]
            if not kept:
                yield f"{name}: {field} is {shown[field]!r}"
        for field in TOOL_ABSENT:
            yield from _equal(name, field, shown[field], None)

    def _identifiers(
        self, name: str, fields: tuple[str, ...], sent: dict[str, Any], shown: dict[str, Any]
    ) -> Iterator[str]:
        for field in fields:
            if not self._names.match(shown[field], sent.get(field)):
                yield f"{name}: {field} is {shown[field]!r} instead of {sent.get(field)!r}"

    def _metadata(self, name: str, sent: dict[str, str], shown: dict[str, str]) -> Iterator[str]:
        """A key with a finding is looked up by the hash that it became."""
        left = dict(shown)
        hashed = []
        for key, value in sent.items():
            if self._names.is_hashed(key):
                hashed.append((key, value))
            elif not self._names.match(left.pop(key, None), value):
                yield f"{name}: metadata.{key} is {shown.get(key)!r} instead of {value!r}"
        for key, value in hashed:
            candidates = [other for other in left if self._names.match(other, key)]
            if not candidates or not self._names.match(left.pop(candidates[0]), value):
                yield f"{name}: metadata {key!r} has no hash in its place"
        if left:
            yield f"{name}: metadata that was not sent: {sorted(left)}"

    def _git(
        self, name: str, sent: dict[str, str] | None, shown: dict[str, str] | None
    ) -> Iterator[str]:
        if sent is None or shown is None:
            yield from _equal(name, "git", shown, sent)
            return
        if shown.keys() != sent.keys():
            yield f"{name}: git has the fields {sorted(shown)} instead of {sorted(sent)}"
            return
        for field, value in sent.items():
            actual = shown[field]
            if not self._names.match(actual, value):
                yield f"{name}: git.{field} is {actual!r} instead of {value!r}"

    def _prose(self, text: str | None) -> str | None:
        if text is None or self._through_daemon:
            return None
        return self._floor.redact(text).text

    def _redactions(
        self, name: str, sent: dict[str, Any], shown: dict[str, int]
    ) -> Iterator[str]:
        """Every finding in the event is counted once, whichever door took it out."""
        prose = [sent[field] for field in ("cwd", "content_excerpt") if sent.get(field)]
        found = sum(self._floor.redact(text).findings for text in prose)
        found += sum(self._names.findings(text) for text in event_identifiers(sent))
        yield from _equal(name, "the number of redactions", sum(shown.values()), found)


def identifiers_of(batches: list[Batch]) -> Iterator[str]:
    """Every text of the batches that names something."""
    for batch in batches:
        for event in batch["events"]:
            yield from event_identifiers(event)
        for tool in batch.get("tool_calls", []):
            yield from (tool[field] for field in TOOL_NAMES if tool.get(field))
        for install in batch.get("session_installs", {}).values():
            yield install["provider_account_id"]


def event_identifiers(event: dict[str, Any]) -> Iterator[str]:
    """Every text of an event that names something, as often as it is there."""
    yield from (event[field] for field in EVENT_NAMES if event.get(field))
    for key, value in event.get("metadata", {}).items():
        yield from (key, value)
    yield from (event.get("git") or {}).values()


def first_token_ms(event: dict[str, Any]) -> int | None:
    """How long after the start the first chunk came; some recorded ones came before it."""
    started, first = time(event.get("started_at")), time(event.get("first_token_at"))
    if started is None or first is None or first < started:
        return None
    return (first - started) // timedelta(milliseconds=1)


def time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _equal(name: str, field: str, shown: Any, expected: Any) -> Iterator[str]:
    if shown != expected:
        yield f"{name}: {field} is {shown!r} instead of {expected!r}"
