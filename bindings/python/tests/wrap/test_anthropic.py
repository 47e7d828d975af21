"""The real `anthropic` package in front of a provider on this machine."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel, ValidationError

import modelstat

from .conftest import Records, tokens
from .provider import FakeProvider

ASK: Any = {
    "model": "claude-x",
    "max_tokens": 100,
    "system": "be brief",
    "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
}
DISJOINT = (100, 200, 60, 800, 0)


def client(provider: FakeProvider, records: Records) -> anthropic.Anthropic:
    made = anthropic.Anthropic(api_key="none", base_url=provider.url, max_retries=0)
    return modelstat.wrap(made, recorder=records)


def async_client(provider: FakeProvider, records: Records) -> anthropic.AsyncAnthropic:
    made = anthropic.AsyncAnthropic(api_key="none", base_url=provider.url, max_retries=0)
    return modelstat.wrap(made, recorder=records)


@pytest.mark.parametrize("beta", [False, True])
def test_messages_are_recorded_whole(provider: FakeProvider, records: Records, beta: bool) -> None:
    made: Any = client(provider, records)
    answer = (made.beta if beta else made).messages.create(**ASK)

    call = records.one()
    assert answer.content[0].text == "hello there"
    assert tokens(call) == DISJOINT
    assert (call.provider, call.model) == ("anthropic", "claude-x-20260101")
    assert (call.prompt, call.completion) == ("be brief\nhi", "hello there")
    assert (call.finish_reason, call.response_id) == ("end_turn", answer.id)
    assert call.usage_detail is not None and call.usage_detail["cache_creation_1h"] == 40


class City(BaseModel):
    city: str


@pytest.mark.parametrize("beta", [False, True])
def test_parse_is_recorded(provider: FakeProvider, records: Records, beta: bool) -> None:
    made: Any = client(provider, records)
    answer = (made.beta if beta else made).messages.parse(**ASK, output_format=City)

    assert answer.parsed_output == City(city="Oslo")
    assert tokens(records.one()) == DISJOINT


def test_answers_that_do_not_parse_were_paid_for(provider: FakeProvider, records: Records) -> None:
    class Town(BaseModel):
        town: str

    with pytest.raises(ValidationError):
        client(provider, records).messages.parse(**ASK, output_format=Town)
    assert records.one().error_type == "ValidationError" and not records.one().usage_known


def test_arguments_that_the_package_refuses_are_no_call(
    provider: FakeProvider, records: Records
) -> None:
    made: Any = client(provider, records)
    with pytest.raises(TypeError):
        made.messages.create(model="claude-x")
    assert records.calls == [] and provider.requests == []


def test_async_messages_have_tokens_and_text(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        await async_client(provider, records).messages.create(**ASK)

    asyncio.run(main())
    assert tokens(records.one()) == DISJOINT and records.one().completion == "hello there"


@pytest.mark.parametrize("beta", [False, True])
def test_streams_are_merged_and_not_added(
    provider: FakeProvider, records: Records, beta: bool
) -> None:
    made: Any = client(provider, records)
    stream = (made.beta if beta else made).messages.create(**ASK, stream=True)
    events = list(stream)

    call = records.one()
    assert type(stream) is anthropic.Stream and events[-1].type == "message_stop"
    assert tokens(call) == DISJOINT and call.usage_known
    assert (call.completion, call.finish_reason) == ("hello there", "end_turn")
    assert call.first_token_at is not None


def test_async_streams_are_recorded(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        async for _ in await async_client(provider, records).messages.create(**ASK, stream=True):
            pass

    asyncio.run(main())
    assert tokens(records.one()) == DISJOINT


@pytest.mark.parametrize("beta", [False, True])
def test_stream_helper_is_recorded(provider: FakeProvider, records: Records, beta: bool) -> None:
    made: Any = client(provider, records)
    manager = (made.beta if beta else made).messages.stream(**ASK)
    expected: Any = anthropic.BetaMessageStreamManager if beta else anthropic.MessageStreamManager
    assert isinstance(manager, expected) and provider.requests == []
    with manager as stream:
        assert "".join(stream.text_stream) == "hello there"
        assert stream.get_final_message().usage.output_tokens == 200

    assert tokens(records.one()) == DISJOINT


def test_async_stream_helper_is_recorded(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        async with async_client(provider, records).messages.stream(**ASK) as stream:
            assert await stream.get_final_text() == "hello there"

    asyncio.run(main())
    assert tokens(records.one()) == DISJOINT


def test_stream_helper_left_early_is_recorded_at_its_end(
    provider: FakeProvider, records: Records
) -> None:
    with client(provider, records).messages.stream(**{**ASK, "model": "stalled"}) as stream:
        for text in stream.text_stream:
            assert text == "hello"
            break

    call = records.one()
    assert call.completion == "hello"
    # What the beginning of the message says of the output is no count of it.
    assert not call.usage_known


def test_tool_calls_are_kept(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    ask = {**ASK, "model": "tools"}
    made.messages.create(**ask)
    list(made.messages.create(**ask, stream=True))

    for call in records.calls:
        (tool,) = call.tool_calls
        assert (tool.name, tool.args) == ("find", {"city": "Oslo"})


def test_refusals_are_recorded_and_raised(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    with pytest.raises(anthropic.RateLimitError):
        made.messages.create(**{**ASK, "model": "refuse-429"})
    with pytest.raises(anthropic.InternalServerError):
        with made.messages.stream(**{**ASK, "model": "refuse-500"}):
            pass

    facts = [(call.error_type, call.error_status) for call in records.calls]
    assert facts == [("RateLimitError", 429), ("InternalServerError", 500)]


def test_failures_within_a_stream_are_recorded(provider: FakeProvider, records: Records) -> None:
    with pytest.raises(anthropic.APIError):
        list(client(provider, records).messages.create(**{**ASK, "model": "partial"}, stream=True))

    call = records.one()
    assert call.error_type is not None and call.completion == "hello there"
    assert not call.usage_known


def test_raw_and_streaming_responses_are_recorded(provider: FakeProvider, records: Records) -> None:
    messages = client(provider, records).messages
    raw: Any = messages.with_raw_response.create(**ASK)
    assert raw.parse().content[0].text == "hello there"
    with messages.with_streaming_response.create(**ASK, stream=True) as response:
        assert list(response.iter_lines())

    assert [tokens(call) for call in records.calls] == [DISJOINT] * 2


def test_counting_tokens_is_no_call(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    assert "count_tokens" not in vars(made.messages)
