"""Sums and groups of the recorded calls, to the last unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import prices
from outcome import Checks, wait_for
from plan import EMAIL, TOKEN_CLASSES, Call, Run
from product import Reader

APPLIED_DEADLINE_S = 90

SUMS = ["calls", "errors", "sessions", "tool_calls", "cost", "unpriced_calls"]
SUMS += ["unknown_usage_calls", *(f"tokens.{name}" for name in TOKEN_CLASSES)]
GROUP_SUMS = ["calls", "tool_calls", "cost", "tokens.total"]

Recorded = tuple[Run, Call]


def wait_until_queryable(reader: Reader, calls: int) -> None:
    """Waits until so many calls are there; more of them fail the sums that follow."""

    def look() -> bool | None:
        return reader.query(["calls"])["totals"]["calls"] >= calls or None

    wait_for(f"{calls} calls are queryable", APPLIED_DEADLINE_S, look)


def check_sums(checks: Checks, reader: Reader, runs: list[Run]) -> None:
    """Every run by itself, and all of them grouped by app and agent."""
    for run in runs:
        recorded = [(run, call) for call in run.calls]
        filters = [
            {"dimension": "app", "op": "in", "values": [run.app]},
            {"dimension": "session", "op": "in", "values": run.sessions},
        ]
        _check_totals(checks, reader, run, filters)
        _check_percentiles(checks, reader, run, filters)
        for dimension, value_of in _dimensions(run).items():
            answer = reader.query(GROUP_SUMS, [dimension], filters=filters)
            _check_groups(checks, f"{run.name}: by {dimension}", answer, recorded, value_of)
    everything = [(run, call) for run in runs for call in run.calls]
    agents = [{"dimension": "agent", "op": "in", "values": [run.agent for run in runs]}]
    answer = reader.query(GROUP_SUMS, ["app"], filters=agents)
    _check_groups(checks, "all runs: by app", answer, everything, lambda run, _: run.app)
    answer = reader.query(GROUP_SUMS, ["agent"], filters=agents)
    _check_groups(checks, "all runs: by agent", answer, everything, lambda run, _: run.agent)


def _check_totals(
    checks: Checks, reader: Reader, run: Run, filters: list[dict[str, Any]]
) -> None:
    answer = reader.query(SUMS, filters=filters)
    tools = sum(len(call.tools) for call in run.calls)
    unpriced = sum(call.cost() is None for call in run.calls)
    expected = {
        "calls": len(run.calls),
        "errors": 0,
        "sessions": len(run.sessions),
        "tool_calls": tools,
        "cost": prices.dollars(_cost(run.calls)),
        "unpriced_calls": unpriced,
        "unknown_usage_calls": 0,
    }
    for name in TOKEN_CLASSES:
        expected[f"tokens.{name}"] = sum(call.tokens[name] for call in run.calls)
    checks.equal(f"{run.name}: sums of calls, tools, tokens and cost", answer["totals"], expected)
    coverage = {"unpriced_calls": unpriced, "unknown_usage_calls": 0, "flagged_time": 0}
    checks.equal(f"{run.name}: coverage", answer["coverage"], coverage)


def _check_percentiles(
    checks: Checks, reader: Reader, run: Run, filters: list[dict[str, Any]]
) -> None:
    durations = [call.duration_ms for call in run.calls]
    first = [call.first_token_ms if run.client.names_app else None for call in run.calls]
    asked = {"latency_ms": (durations, (50, 95, 99)), "first_token_ms": (first, (50, 95))}
    expected = {
        f"{name}.p{percent}": _percentile(values, percent)
        for name, (values, percents) in asked.items()
        for percent in percents
    }
    answer = reader.query(list(expected), filters=filters)
    checks.equal(f"{run.name}: latency percentiles", answer["totals"], expected)


def _percentile(values: list[int | None], percent: int) -> int | None:
    """The smallest value that so many percent of the known ones do not exceed."""
    known = sorted(value for value in values if value is not None)
    return known[-(-len(known) * percent // 100) - 1] if known else None


def _dimensions(run: Run) -> dict[str, Callable[[Run, Call], str | None]]:
    by: dict[str, Callable[[Run, Call], str | None]] = {
        "model": lambda _, call: call.model,
        "provider": lambda _, call: call.provider,
        "session": lambda _, call: call.session,
        "kind": lambda _, call: call.kind,
    }
    for key in ("feature", "customer", "tenant", "environment"):
        by[f"metadata.{key}"] = lambda run, call, key=key: run.tags(call).get(key)
    return by


def _check_groups(
    checks: Checks,
    name: str,
    answer: dict[str, Any],
    recorded: Iterable[Recorded],
    value_of: Callable[[Run, Call], str | None],
) -> None:
    groups: dict[str | None, list[Call]] = defaultdict(list)
    for run, call in recorded:
        value = value_of(run, call)
        groups["h_…" if value == EMAIL else value].append(call)
    expected = {value: _group_sums(calls) for value, calls in groups.items()}
    shown = {_without_hash(row[0]): row[1:] for row in answer["rows"]}
    checks.equal(name, (shown, answer["other"]), (expected, []))


def _without_hash(value: str | None) -> str | None:
    """An address used as a tag comes out as a hash of this installation, the same each time."""
    return "h_…" if value is not None and value.startswith("h_") else value


def _group_sums(calls: list[Call]) -> list[Any]:
    tools = sum(len(call.tools) for call in calls)
    tokens = sum(sum(call.tokens.values()) for call in calls)
    return [len(calls), tools, prices.dollars(_cost(calls)), tokens]


def _cost(calls: Iterable[Call]) -> int | None:
    priced = [cost for cost in (call.cost() for call in calls) if cost is not None]
    return sum(priced) if priced else None
