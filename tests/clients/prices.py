"""What a call must cost, worked out apart from the product in whole pico-USD."""

from __future__ import annotations

from collections.abc import Mapping

PICO = 10**12
MILLION = 10**6

# USD per million tokens, from crates/pricing/prices/{openai,anthropic,google,mistral}.toml. Reasoning
# has no rate of its own there and costs what output costs.
RATES: dict[tuple[str, str], dict[str, str]] = {
    ("openai", "gpt-4o"): {"input": "2.5", "cache_read": "1.25", "output": "10"},
    ("openai", "gpt-4o-mini"): {"input": "0.15", "cache_read": "0.075", "output": "0.6"},
    ("anthropic", "claude-sonnet-4-5"): {
        "input": "3",
        "cache_read": "0.3",
        "cache_creation": "3.75",
        "output": "15",
    },
    ("google", "gemini-2.5-pro"): {"input": "1.25", "cache_read": "0.125", "output": "10"},
    ("mistral", "mistral-large-2512"): {"input": "0.5", "cache_read": "0.05", "output": "1.5"},
}

# Names under which providers report a model that the book files under another.
ALIASES = {
    "gpt-4o-2024-08-06": "gpt-4o",
    "claude-sonnet-4-5-20250929": "claude-sonnet-4-5",
}

# The whole request costs these once its input, cached or not, is above the limit.
LONG_ABOVE = 200_000
LONG_RATES: dict[tuple[str, str], dict[str, str]] = {
    ("google", "gemini-2.5-pro"): {"input": "2.5", "cache_read": "0.25", "output": "15"},
}


def cost(provider: str, model: str | None, tokens: Mapping[str, int]) -> int | None:
    """Returns pico-USD; `None` for a model that the book does not hold."""
    lines = cost_lines(provider, model, tokens)
    return None if lines is None else sum(lines.values())


def cost_lines(
    provider: str, model: str | None, tokens: Mapping[str, int]
) -> dict[str, int] | None:
    """Returns pico-USD by token class, for the classes that the call used."""
    key = (provider, ALIASES.get(model or "", model or ""))
    rates = RATES.get(key)
    if rates is None:
        return None
    whole_input = tokens["input"] + tokens["cache_read"] + tokens["cache_creation"]
    if whole_input > LONG_ABOVE and key in LONG_RATES:
        rates = LONG_RATES[key]
    used = {name: count for name, count in tokens.items() if count}
    return {name: count * _pico_rate(rates, name) for name, count in used.items()}


def _pico_rate(rates: Mapping[str, str], token_class: str) -> int:
    text = rates["output" if token_class == "reasoning" else token_class]
    whole, _, decimals = text.partition(".")
    per_million = int(whole) * PICO + int(decimals.ljust(12, "0"))
    pico, rest = divmod(per_million, MILLION)
    assert rest == 0, "every rate of these models is a whole number of pico-USD a token"
    return pico


def dollars(pico: int | None) -> str | None:
    """Writes an amount as the API does."""
    return None if pico is None else f"{pico // PICO}.{pico % PICO:012d}"
