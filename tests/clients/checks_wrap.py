"""`wrap()` of the published client, around provider clients that talk to a provider of our own."""

from __future__ import annotations

import prices
from checks_sums import wait_until_queryable
from outcome import Checks
from plan import PYTHON_010, TOKEN_CLASSES, usage
from product import Product, Reader
from provider import Provider
from record import Programs, run_plan

APP = "shop-wrap"
AGENT = "raw_sdk_wrap"
TIMES = 3
OPENAI_SESSION = "wrap-openai"
ANTHROPIC_SESSION = "wrap-anthropic"

# What the published wrap() reads out of the answers of provider.py.
CALLS = {
    OPENAI_SESSION: ("openai", "gpt-4o-2024-08-06", usage(120, 30)),
    ANTHROPIC_SESSION: ("anthropic", "claude-sonnet-4-5-20250929", usage(210, 45)),
}


def check_wrap(
    checks: Checks, product: Product, programs: Programs, ingest_key: str, reader: Reader
) -> None:
    """Through the default daemon, as the client's own documentation shows it."""
    before = reader.query(["calls"])["totals"]["calls"]
    with Provider() as provider:
        plan = {
            "config": {
                "ingest_key": ingest_key,
                "agent": AGENT,
                "app": APP,
                "metadata": {"environment": "test"},
            },
            "calls": [],
            "wrap": {
                "provider_url": provider.url,
                "provider_key": "not-a-key",
                "prompt": "What is two and two?",
                "openai_session": OPENAI_SESSION,
                "anthropic_session": ANTHROPIC_SESSION,
                "metadata": {"feature": "chat"},
                "ambient": {"tenant": "south"},
                "times": TIMES,
            },
        }
        run_plan(checks, programs.command(PYTHON_010), "py010-wrap", plan)
    wait_until_queryable(reader, before + TIMES * len(CALLS))
    _check_sums(checks, reader)
    for session in CALLS:
        _check_session(checks, reader, session)


def _check_sums(checks: Checks, reader: Reader) -> None:
    measures = ["calls", "cost", *(f"tokens.{name}" for name in TOKEN_CLASSES)]
    filters = [{"dimension": "app", "op": "in", "values": [APP]}]
    answer = reader.query(measures, ["model", "metadata.tenant"], filters=filters)
    expected = {
        model: ["south", TIMES, _dollars(provider, model, tokens), *_times(tokens)]
        for provider, model, tokens in CALLS.values()
    }
    shown = {row[0]: row[1:] for row in answer["rows"]}
    checks.equal("py010-wrap: by model and ambient tag", shown, expected)


def _dollars(provider: str, model: str, tokens: dict[str, int]) -> str | None:
    cost = prices.cost(provider, model, tokens)
    return None if cost is None else prices.dollars(cost * TIMES)


def _times(tokens: dict[str, int]) -> list[int]:
    return [tokens[name] * TIMES for name in TOKEN_CLASSES]


def _check_session(checks: Checks, reader: Reader, session: str) -> None:
    provider, model, tokens = CALLS[session]
    expected = {
        "provider": provider,
        "model": model,
        "tokens": tokens,
        "agent": AGENT,
        "metadata": {"environment": "test", "feature": "chat", "tenant": "south"},
        "content_excerpt": None,
        "kind": "assistant_message",
    }
    events = reader.session(session, APP)["events"]
    shown = [{name: event[name] for name in expected} for event in events]
    checks.equal(f"{session}: events", shown, [expected] * TIMES)
