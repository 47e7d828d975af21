"""Sessions, events and tool calls of the recorded runs, field by field."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import prices
from outcome import Checks
from plan import EMAIL, HOME_PATH, TOKEN_CLASSES, Call, Run
from product import Reader


def check_sessions(checks: Checks, reader: Reader, runs: list[Run]) -> None:
    """Each session of each run."""
    for run in runs:
        differences: list[str] = []
        for session in run.sessions:
            calls = [call for call in run.calls if call.session == session]
            detail = reader.session(session, run.app)
            differences += _session_differences(run, calls, detail)
            differences += _cost_differences(reader, run, detail["events"])
        label = f"{run.name}: sessions, events, tool calls and cost lines field by field"
        checks.no_differences(label, differences)
    _check_list(checks, reader, runs)


def _session_differences(run: Run, calls: list[Call], detail: dict[str, Any]) -> Iterator[str]:
    events = detail["events"]
    if len(events) != len(calls):
        yield f"{calls[0].session}: {len(events)} events instead of {len(calls)}"
        return
    for call, event in zip(calls, events):
        yield from differences(f"{call.session} {call.model}", event, event_of(run, call))
        own = [t for t in detail["tool_calls"] if t["source_event_id"] == event["source_event_id"]]
        yield from _tool_differences(run, call, sorted(own, key=lambda t: t["call_index"]))
    summary = detail["session"]
    install = run.app if run.client.names_app else None
    expected = {
        "app": run.app,
        "session_id": calls[0].session,
        "calls": len(calls),
        "errors": 0,
        "tool_calls": sum(len(call.tools) for call in calls),
        "tokens": {name: sum(call.tokens[name] for call in calls) for name in TOKEN_CLASSES},
        "unpriced_calls": sum(call.cost() is None for call in calls),
        "provider_account_id": install,
    }
    yield from differences(calls[0].session, summary, expected)
    if (time(summary["first_at"]), time(summary["last_at"])) != (calls[0].at, calls[-1].at):
        yield f"{calls[0].session}: first_at and last_at are not those of its calls"


def event_of(run: Run, call: Call) -> dict[str, Any]:
    """What is known of an event apart from its ids."""
    cost = call.cost()
    shows_text = run.mode == "remote"
    says_times = run.client.names_app
    first = call.first_token_ms if says_times else None
    return {
        "app": run.app,
        "original_event_id": None,
        "ts": call.at,
        "kind": call.kind,
        "agent": run.agent,
        "provider": call.provider,
        "model": call.model,
        "session_id": call.session,
        "tokens": call.tokens,
        "usage_known": True,
        "cost": prices.dollars(cost),
        "reported_cost": None,
        "unpriced_reason": _unpriced_reason(call),
        "duration_ms": call.duration_ms,
        "first_token_ms": first,
        "started_at": call.at if says_times else None,
        "first_token_at": None if first is None else call.at + timedelta(milliseconds=first),
        "error": None,
        "metadata": run.tags(call),
        "git": _git_of(run, call),
        "cwd": _cwd_of(call) if run.mode != "daemon" else None,
        "content_excerpt": call.excerpt if shows_text else None,
        "redactions": call.redactions,
        "flags": [],
        "device_id": "dev_sdk",
        "producer": run.client.producer,
    }


def _unpriced_reason(call: Call) -> str | None:
    if call.cost() is not None:
        return None
    return "unknown_model" if call.model else "no_model"


def _cwd_of(call: Call) -> str | None:
    return "[REDACTED:path]" if call.cwd == HOME_PATH else call.cwd


def _git_of(run: Run, call: Call) -> dict[str, str] | None:
    if call.git is None:
        return None
    shown = dict(call.git)
    if not run.client.names_app:
        shown.pop("slug_source", None)
    return shown


def _tool_differences(run: Run, call: Call, shown: list[dict[str, Any]]) -> Iterator[str]:
    if len(shown) != len(call.tools):
        yield f"{call.session} {call.model}: {len(shown)} tool calls instead of {len(call.tools)}"
        return
    for index, (tool, row) in enumerate(zip(call.tools, shown)):
        name = f"{call.session} {call.model} tool call {index}"
        args_hash, signature, size = _hashes(tool["args"])
        ended = tool["ended_at"] if run.client.sends_tool_end else None
        expected = {
            "session_id": call.session,
            "agent": run.agent,
            "server": tool["server"],
            "name": tool["name"],
            "call_index": index,
            "started_at": time(tool["started_at"]),
            "ended_at": time(ended),
            "status": tool["status"],
            "args_bytes": size,
            "result_bytes": tool["result_bytes"],
            "model": call.model,
            "command_families": tool["command_families"],
        }
        if run.mode != "daemon":
            expected |= {"args_hash": args_hash, "signature_hash": signature}
        yield from differences(name, row, expected)
        if run.mode == "daemon":
            yield from _keyed_differences(name, row["args_hash"], args_hash)
            yield from _keyed_differences(name, row["signature_hash"], signature)


def _keyed_differences(name: str, shown: str, sent: str) -> Iterator[str]:
    """A plain hash of text confirms a guess, so the daemon ships a keyed one."""
    is_right = shown == sent if sent in ("", "none") else shown.startswith("h_")
    if not is_right:
        yield f"{name}: hash {shown!r} for {sent!r}"


def _hashes(args: Any) -> tuple[str, str, int]:
    if args is None:
        return "", "none", 0
    text = json.dumps(args, separators=(",", ":")).encode()
    keys = ",".join(sorted(args)).encode()
    return hashlib.sha256(text).hexdigest(), hashlib.sha256(keys).hexdigest(), len(text)


def _cost_differences(
    reader: Reader, run: Run, events: list[dict[str, Any]]
) -> Iterator[str]:
    """An event explains its cost: quantity and amount of each class that it used."""
    for event in events:
        detail = reader.event(event["source_event_id"], run.app)
        if detail["event"] != event:
            yield f"{event['source_event_id']}: differs from what its session shows"
        lines = prices.cost_lines(event["provider"], event["model"], event["tokens"]) or {}
        expected = {name: (event["tokens"][name], prices.dollars(a)) for name, a in lines.items()}
        shown = {line["class"]: (line["quantity"], line["amount"]) for line in detail["cost_lines"]}
        if shown != expected:
            yield f"{event['source_event_id']}: cost lines {shown} instead of {expected}"


def _check_list(checks: Checks, reader: Reader, runs: list[Run]) -> None:
    listed = reader.get("/v1/sessions", limit="200")["sessions"]
    shown = {(row["app"], row["session_id"]): row["calls"] for row in listed}
    expected: dict[tuple[str, str], int] = {}
    for run in runs:
        for call in run.calls:
            key = (run.app, call.session)
            expected[key] = expected.get(key, 0) + 1
    missing = expected.items() - shown.items()
    checks.no_differences(
        "all runs: every session is listed with its calls", [str(item) for item in missing]
    )


def differences(name: str, shown: dict[str, Any], expected: dict[str, Any]) -> Iterator[str]:
    """Compares the expected fields; times as instants, an address as the hash it becomes."""
    for field, value in expected.items():
        actual = shown.get(field, "not there")
        if isinstance(value, datetime):
            actual = time(actual)
        if field == "metadata" and isinstance(actual, dict):
            actual = {key: _address_of(text) for key, text in actual.items()}
        if actual != value:
            yield f"{name}: {field} is {actual!r} instead of {value!r}"


def _address_of(text: str) -> str:
    return EMAIL if text.startswith("h_") else text


def time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
