"""The real `litellm` package."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any, Iterator

import litellm
import openai
import pytest

import modelstat
from modelstat.integrations.litellm import ModelstatLogger

from .conftest import Records, tokens
from .provider import FakeProvider

DISJOINT = (100, 50, 0, 900, 150)
ASK: Any = {"messages": [{"role": "user", "content": "hi"}], "api_key": "none", "num_retries": 0}


@pytest.fixture
def ask(provider: FakeProvider, records: Records) -> Iterator[Any]:
    litellm.callbacks = [ModelstatLogger(records)]
    yield {**ASK, "api_base": provider.url + "/v1"}
    for name, held in vars(litellm).items():
        if "callback" in name and isinstance(held, list):
            held.clear()


async def settle(records: Records, count: int) -> None:
    """Waits for LiteLLM's own threads and tasks."""
    for _ in range(500):
        if len(records.calls) >= count:
            break
        await asyncio.sleep(0.01)
    # A second report of the same call would come now.
    await asyncio.sleep(0.05)


def test_calls_are_recorded_once(records: Records, ask: Any) -> None:
    litellm.completion(model="openai/gpt-x", metadata={"session_id": "thread-7"}, **ask)
    asyncio.run(settle(records, 1))

    call = records.one()
    assert tokens(call) == DISJOINT and call.usage_known
    assert (call.provider, call.model) == ("openai", "gpt-x")
    assert (call.prompt, call.completion) == ("hi", "hello there")
    assert call.session_id == "thread-7"
    assert call.response_id is not None and call.duration_ms is not None


def test_async_calls_are_recorded_once(records: Records, ask: Any) -> None:
    async def main() -> None:
        await litellm.acompletion(model="openai/gpt-x", **ask)
        await settle(records, 1)

    asyncio.run(main())
    assert tokens(records.one()) == DISJOINT


def test_streams_are_recorded_once_and_whole(records: Records, ask: Any) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}

    async def main() -> None:
        async for _ in await litellm.acompletion(model="openai/gpt-x", **options, **ask):
            pass
        await settle(records, 1)
        for _ in litellm.completion(model="openai/gpt-x", **options, **ask):
            pass
        await settle(records, 2)

    asyncio.run(main())
    assert len(records.calls) == 2
    for call in records.calls:
        assert tokens(call)[:2] == DISJOINT[:2] and call.completion == "hello there"
        assert call.first_token_at is not None


def test_embeddings_are_recorded(records: Records, ask: Any) -> None:
    options = {name: value for name, value in ask.items() if name != "messages"}
    litellm.embedding(model="openai/embed-x", input=["one"], **options)
    asyncio.run(settle(records, 1))
    assert tokens(records.one()) == (8, 0, 0, 0, 0)


def test_refusals_are_recorded_once(records: Records, ask: Any) -> None:
    async def main() -> None:
        with pytest.raises(litellm.exceptions.RateLimitError):
            await litellm.acompletion(model="openai/refuse-429", **ask)
        await settle(records, 1)

    asyncio.run(main())
    assert records.one().error_status == 429 and records.one().usage_known


def test_a_report_that_comes_twice_or_early_is_no_call(records: Records) -> None:
    logger = ModelstatLogger(records)
    now = datetime.datetime.now()
    facts = {"model": "m", "litellm_call_id": "one", "stream": True, "messages": []}
    whole = {"id": "x1", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 6}}
    logger.log_success_event(facts, None, now, now)
    assert records.calls == []
    facts["complete_streaming_response"] = whole
    logger.log_success_event(facts, None, now, now)
    logger.log_success_event(facts, whole, now, now)
    logger.log_success_event({**facts, "litellm_call_id": "two", "cache_hit": True}, whole, now, now)
    assert tokens(records.one()) == (5, 6, 0, 0, 0)


def test_a_wrapped_client_below_is_not_counted_again(
    provider: FakeProvider, records: Records, ask: Any
) -> None:
    made = openai.OpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)
    modelstat.wrap(made, recorder=records)
    litellm.completion(model="openai/gpt-x", client=made, **ask)
    with pytest.raises(litellm.exceptions.RateLimitError):
        litellm.completion(model="openai/refuse-429", client=made, **ask)
    asyncio.run(settle(records, 3))
    assert len(records.calls) == len(provider.requests) == 2
