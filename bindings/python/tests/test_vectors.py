"""What the published packages send for 131 calls, and what we make of the same calls.

Where ours differs on purpose, the difference is named here and tested.
"""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any, Dict, List, Tuple

import modelstat
import pytest
from modelstat import BillingMode, Config, EventKind, GitContext, LlmCall, Mode, TokenUsage, ToolCallInput

FOLDER = Path(__file__).resolve().parents[3] / "crates" / "wire" / "tests" / "vectors"
VERSIONS = ("0.0.1", "0.1.0")

EXCERPT_MAX_CHARS = 320


def vectors(version: str) -> Dict[str, Any]:
    with gzip.open(FOLDER / f"wire-{version}.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)  # type: ignore[no-any-return]


def batches() -> List[Any]:
    found = [(version, batch) for version in VERSIONS for batch in vectors(version)["batches"]]
    return [pytest.param(v, b, id=f"{v}-{i}") for i, (v, b) in enumerate(found)]


def time(text: Any) -> Any:
    return None if text is None else datetime.fromisoformat(text)


def config_of(batch: Any) -> Config:
    given = dict(batch["config"])
    mode, url = given.pop("mode"), batch["endpoint"]
    policy = modelstat.RedactionPolicy(given.pop("redaction"))
    key, agent = given.pop("ingest_key"), given.pop("agent")
    given.setdefault("app", "default")
    config = Config(key, agent, redaction=policy, **given)
    if mode.startswith("local"):
        config.mode = Mode.local_daemon(url, full_turns=False)
    else:
        raw = url.endswith("/raw")
        config.mode = Mode.remote(url[: url.index("/v1/")], raw=raw)
    assert config.mode.endpoint() == url
    return config


def call_of(given: Any) -> LlmCall:
    given = dict(given)
    given["kind"] = EventKind(given["kind"])
    given["tokens"] = TokenUsage(**given["tokens"])
    given["started_at"] = time(given["started_at"])
    if "first_token_at" in given:
        given["first_token_at"] = time(given["first_token_at"])
    given["git"] = None if given["git"] is None else GitContext(**given["git"])
    if given.get("billing") is not None:
        given["billing"] = BillingMode(given["billing"])
    given["tool_calls"] = [tool_call_of(tool) for tool in given["tool_calls"]]
    return LlmCall(**given)


def tool_call_of(given: Any) -> ToolCallInput:
    given = dict(given)
    given["status"] = modelstat.ToolCallStatus(given["status"])
    given["started_at"], given["ended_at"] = time(given["started_at"]), time(given["ended_at"])
    return ToolCallInput(**given)


def made(batch: Any) -> Tuple[Any, int]:
    built, seq = modelstat.build_batch(config_of(batch), [call_of(c) for c in batch["calls"]], batch["seq"])
    return json.loads(json.dumps(built.to_dict())), seq


# Fields that 0.1.0 and we send, and 0.0.1 did not.
NEW_SINCE_SEED = ("app", "session_installs", "auto_taxonomy")


def without_text(batch: Any) -> Any:
    """Returns the batch without its texts, which are compared by themselves."""
    events = [{k: v for k, v in event.items() if k != "content_excerpt"} for event in batch["events"]]
    return {**batch, "events": events}


def as_published(version: str, built: Any) -> Any:
    """Takes out of our batch what the published package does not send."""
    batch = dict(built)
    if version == "0.0.1":
        for name in NEW_SINCE_SEED:
            batch.pop(name, None)
        batch["events"] = [{k: v for k, v in e.items() if k != "started_at"} for e in batch["events"]]
    if "tool_calls" in batch:
        tools = [{k: v for k, v in tool.items() if k != "ended_at"} for tool in batch["tool_calls"]]
        batch["tool_calls"] = tools
    return batch


@pytest.mark.parametrize(("version", "batch"), batches())
def test_everything_but_texts_is_as_published(version: str, batch: Any) -> None:
    built, seq = made(batch)
    assert without_text(as_published(version, built)) == without_text(batch["expect"])
    assert seq == batch["seq_after"]


@pytest.mark.parametrize(("version", "batch"), batches())
def test_texts_are_as_published_but_for_what_the_floor_sees_more(version: str, batch: Any) -> None:
    built, _ = made(batch)
    for call, ours, theirs in zip(batch["calls"], built["events"], batch["expect"]["events"]):
        published, excerpt = theirs.get("content_excerpt"), ours.get("content_excerpt")
        if excerpt == published:
            continue
        # Where it is not the same, it is what the floor makes of the text, which has its own tests.
        assert batch["config"]["redaction"] == "floor" and published is not None
        joined = "\n---\n".join(text for text in (call["prompt"], call["completion"]) if text)
        redacted = modelstat.redact(joined).text
        is_cut = not batch["endpoint"].endswith("/raw") and len(redacted) > EXCERPT_MAX_CHARS
        assert excerpt == (redacted[:EXCERPT_MAX_CHARS] + "…" if is_cut else redacted)


def test_most_texts_are_the_same() -> None:
    pairs: List[Tuple[Any, Any]] = []
    for version in VERSIONS:
        for batch in vectors(version)["batches"]:
            pairs += zip(made(batch)[0]["events"], batch["expect"]["events"])
    same = [ours.get("content_excerpt") == theirs.get("content_excerpt") for ours, theirs in pairs]
    assert sum(same) >= 0.9 * len(same)


def test_what_we_send_beyond_0_0_1() -> None:
    """The seed knew neither the app nor when a call began."""
    batch = next(batch for batch in vectors("0.0.1")["batches"] if batch["calls"])
    built, _ = made(batch)
    assert built["app"] == "default" and built["auto_taxonomy"] is False
    assert set(built["session_installs"]) == {call["session_id"] for call in batch["calls"]}
    assert all(event["started_at"] == event["ts"] for event in built["events"])


def test_the_end_of_a_tool_call_is_sent() -> None:
    """The published packages forget it, and the published crate does not."""
    found = 0
    for batch in vectors("0.1.0")["batches"]:
        tools = [tool for call in batch["calls"] for tool in call["tool_calls"]]
        for given, ours in zip(tools, made(batch)[0].get("tool_calls", [])):
            found += given["ended_at"] is not None
            assert ("ended_at" in ours) is (given["ended_at"] is not None)
    assert found > 0


@pytest.mark.parametrize("version", VERSIONS)
def test_hashes(version: str) -> None:
    for vector in vectors(version)["ids"]:
        assert modelstat.content_hash(vector["parts"]) == vector["content_hash"]


@pytest.mark.parametrize("version", VERSIONS)
def test_whatever_the_published_floor_hides_is_hidden(version: str) -> None:
    """Ours may hide more and name it otherwise; what it leaves is what the published one leaves."""
    for vector in vectors(version)["redact"]:
        ours = modelstat.redact(vector["text"])
        assert ours.secrets + ours.pii >= vector["secrets"] + vector["pii"] or ours.text == vector["redacted"]


def test_ids() -> None:
    assert modelstat.source_event_id("dev_sdk", "s::1::2").startswith("evt_")
    ids = ["evt_b", "evt_a"]
    assert modelstat.batch_id(ids) == modelstat.batch_id(sorted(ids))
    assert modelstat.batch_id(ids) == "batch_" + modelstat.content_hash(sorted(ids))


def test_the_batch_is_of_the_published_types() -> None:
    batch = next(b for b in vectors("0.1.0")["batches"] if b["expect"].get("tool_calls"))
    built, _ = modelstat.build_batch(config_of(batch), [call_of(c) for c in batch["calls"]], batch["seq"])
    assert isinstance(built, modelstat.IngestBatch)
    event, tool = built.events[0], built.tool_calls[0]
    assert isinstance(event, modelstat.RawEvent) and isinstance(event.kind, EventKind)
    assert isinstance(event.ts, datetime) and isinstance(event.tokens, TokenUsage)
    assert isinstance(tool, modelstat.ToolCallWire)
    assert isinstance(tool.status, modelstat.ToolCallStatus)
    with pytest.raises(TypeError):
        modelstat.build_batch(config_of(batch), ["no call"], 0)  # type: ignore[list-item]
