"""The recorded payloads of the published clients: accepted, stored, and read back."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks_privacy import MAX_ABSTRACT_CHARS
from checks_sums import wait_until_queryable
from floor import Floor
from outcome import Checks, wait_for
from plan import TOKEN_CLASSES
from product import Product, Reader, post
from vector_fields import DEFAULT_APP, Batch, Comparison

FOLDER = Path(__file__).resolve().parents[2] / "crates" / "wire" / "tests" / "vectors"
VERSIONS = ("0.0.1", "0.1.0")
SUMS = ["calls", "sessions", "tool_calls", "cost", "unpriced_calls"]
SUMS += [f"tokens.{name}" for name in TOKEN_CLASSES]
ABSTRACT_DEADLINE_S = 120


@dataclass(frozen=True)
class Door:
    """Where batches are posted, and the org that they end in."""

    url: str
    key: str
    reader: Reader


def read_vectors() -> dict[str, list[Batch]]:
    """Returns what each version sends."""
    return {version: _read(version) for version in VERSIONS}


def _read(version: str) -> list[Batch]:
    with gzip.open(FOLDER / f"wire-{version}.json.gz", "rt", encoding="utf-8") as file:
        return [batch["expect"] for batch in json.load(file)["batches"]]


def check_server(checks: Checks, product: Product, floor: Floor) -> None:
    """Straight to the server, and then once more."""
    vectors = read_vectors()
    key, reader = product.org("vectors")
    door = Door(product.ready["ingest_url"], key, reader)
    for version, batches in vectors.items():
        answers = [post(door.url, key, batch) for batch in batches]
        problems = [p for b, a in zip(batches, answers) for p in _answer_problems(b, a)]
        checks.no_differences(f"vectors {version}: every batch is accepted whole", problems)
    _check_sums(checks, "vectors: sums over both versions", reader, vectors)
    for version, batches in vectors.items():
        _check_fields(checks, reader, version, batches, Comparison(floor, batches, False))
    _check_repeats(checks, door, vectors)


def post_to_daemon(checks: Checks, product: Product) -> Door:
    """Through the daemon, into an org of its own."""
    vectors = read_vectors()
    key, reader = product.org("vectors-daemon")
    door = Door(product.ready["daemon_url"], key, reader)
    for version, batches in vectors.items():
        answers = [post(door.url, key, batch) for batch in batches]
        problems = [p for b, a in zip(batches, answers) for p in _answer_problems(b, a)]
        problems += [f"{a}: is not queued" for _, a in answers if a.get("queued") is not True]
        checks.no_differences(f"vectors {version} through the daemon: accepted whole", problems)
    return door


def check_daemon(checks: Checks, door: Door, floor: Floor) -> None:
    """What may leave the machine has arrived, and nothing else."""
    vectors = read_vectors()
    _check_sums(checks, "vectors through the daemon: sums", door.reader, vectors)
    for version, batches in vectors.items():
        name = f"{version} through the daemon"
        _check_fields(checks, door.reader, name, batches, Comparison(floor, batches, True))


def check_abstracts(checks: Checks, door: Door, floor: Floor) -> None:
    """Every session that had text has an abstract in which the floor finds nothing."""
    events = [(b, e) for batches in read_vectors().values() for b in batches for e in b["events"]]
    wanted = {
        (batch.get("app", DEFAULT_APP), event["session_id"])
        for batch, event in events
        if event.get("content_excerpt")
    }

    def look() -> dict[tuple[str, str], str] | None:
        rows = door.reader.get("/v1/sessions", limit="200", **{"from": "2026-01-01T00:00:00Z"})
        shown = {(row["app"], row["session_id"]): row["abstract"] for row in rows["sessions"]}
        return shown if all(shown.get(session) for session in wanted) else None

    shown = wait_for("the vectors' sessions have abstracts", ABSTRACT_DEADLINE_S, look)
    abstracts = [text for text in shown.values() if text]
    checks.holds(
        f"vectors through the daemon: {len(wanted)} sessions have abstracts",
        all(len(text) <= MAX_ABSTRACT_CHARS for text in abstracts),
        "one of them is too long",
    )
    found = floor.with_findings(abstracts)
    checks.equal("vectors through the daemon: the floor finds nothing in them", found, set())


def _answer_problems(batch: Batch, answer: tuple[int, Any]) -> list[str]:
    status, body = answer
    if status != 200:
        return [f"{batch['batch_id']}: {status} {body}"]
    expected = {
        "accepted": len(batch["events"]),
        "duplicate": 0,
        "rejected": [],
        "batch_id": batch["batch_id"],
        "new_sessions": 0,
        "updated_sessions": 0,
    }
    problems = [
        f"{batch['batch_id']}: {name} is {body.get(name)!r}"
        for name, value in expected.items()
        if body.get(name) != value
    ]
    warned = any("app" in warning for warning in body.get("warnings", []))
    if warned == ("app" in batch):
        problems.append(f"{batch['batch_id']}: warnings are {body.get('warnings')}")
    return problems


def _check_sums(
    checks: Checks, name: str, reader: Reader, vectors: dict[str, list[Batch]]
) -> None:
    batches = [batch for some in vectors.values() for batch in some]
    events = [event for batch in batches for event in batch["events"]]
    wait_until_queryable(reader, len(events))
    expected = {
        "calls": len(events),
        "sessions": len({event["session_id"] for event in events}),
        "tool_calls": sum(len(batch.get("tool_calls", [])) for batch in batches),
        "cost": None,
        "unpriced_calls": len(events),
    }
    for token_class in TOKEN_CLASSES:
        total = sum(event["tokens"][token_class] for event in events)
        expected[f"tokens.{token_class}"] = total
    checks.equal(name, reader.query(SUMS)["totals"], expected)


def _check_fields(
    checks: Checks, reader: Reader, name: str, batches: list[Batch], comparison: Comparison
) -> None:
    in_sessions: list[str] = []
    alone: list[str] = []
    events = 0
    for batch in batches:
        app = batch.get("app", DEFAULT_APP)
        for event in batch["events"]:
            events += 1
            detail = reader.session(event["session_id"], app)
            in_sessions += comparison.session(batch, event, detail)
            shown = reader.event(event["source_event_id"], app)
            alone += comparison.event(batch, event, shown["event"])
            if shown["cost_lines"]:
                alone.append(f"{event['source_event_id']}: has cost lines without a price")
    checks.no_differences(f"vectors {name}: {events} sessions field by field", in_sessions)
    checks.no_differences(f"vectors {name}: {events} events field by field", alone)


def _check_repeats(checks: Checks, door: Door, vectors: dict[str, list[Batch]]) -> None:
    before = door.reader.query(SUMS)["totals"]
    batches = [batch for some in vectors.values() for batch in some]
    problems = []
    for batch in batches:
        status, body = post(door.url, door.key, batch)
        counts = (status, body.get("accepted"), body.get("duplicate"), body.get("rejected"))
        if counts != (200, 0, len(batch["events"]), []):
            problems.append(f"{batch['batch_id']}: {counts}")
    checks.no_differences("vectors posted again: every batch is a duplicate", problems)
    events = sum(len(batch["events"]) for batch in batches)

    def counted() -> dict[str, int] | None:
        outcomes = door.reader.get("/v1/privacy", **{"from": "2026-01-01T00:00:00Z"})["outcomes"]
        counts: dict[str, int] = {}
        for row in outcomes:
            counts[row["outcome"]] = counts.get(row["outcome"], 0) + row["count"]
        return counts if counts.get("duplicate", 0) >= events else None

    counts = wait_for("duplicates are counted", ABSTRACT_DEADLINE_S, counted)
    counts = {outcome: count for outcome, count in counts.items() if count}
    expected = {"accepted": events, "duplicate": events}
    checks.equal("vectors posted again: outcomes", counts, expected)
    checks.equal("vectors posted again: nothing changed", door.reader.query(SUMS)["totals"], before)
