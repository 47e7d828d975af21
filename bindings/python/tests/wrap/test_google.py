"""The real `google-genai` package in front of a provider on this machine."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

# Its client closes itself when nothing holds it, so each test holds its own.
from google import genai
from google.genai import errors, types

import modelstat

from .conftest import Records, tokens
from .provider import FakeProvider

DISJOINT = (100, 50, 0, 900, 150)


def client(provider: FakeProvider, records: Records) -> genai.Client:
    made = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=provider.url))
    return modelstat.wrap(made, recorder=records)


def test_content_is_recorded_whole(provider: FakeProvider, records: Records) -> None:
    config = types.GenerateContentConfig(system_instruction="be brief")
    made = client(provider, records)
    answer = made.models.generate_content(
        model="gemini-x", contents="hi", config=config
    )

    call = records.one()
    assert answer.text == "hello there"
    assert tokens(call) == DISJOINT
    assert (call.provider, call.model) == ("google", "gemini-x-001")
    assert call.prompt == "be brief\nhi" and call.completion == "hello there"
    assert (call.finish_reason, call.response_id) == ("STOP", answer.response_id)


def test_tool_calls_are_kept(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    made.models.generate_content(model="tools", contents="hi")

    (tool,) = records.one().tool_calls
    assert (tool.name, tool.args) == ("find", {"city": "Oslo"})


def test_each_request_of_automatic_function_calls_is_recorded(
    provider: FakeProvider, records: Records
) -> None:
    def find(city: str) -> str:
        """Finds a city."""
        return "north"

    calling = types.AutomaticFunctionCallingConfig(maximum_remote_calls=3)
    config = types.GenerateContentConfig(tools=[find], automatic_function_calling=calling)
    made = client(provider, records)
    made.models.generate_content(model="tools", contents="hi", config=config)

    assert len(records.calls) == len(provider.requests) == 3


def test_streams_keep_the_last_usage(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    stream: Any = made.models.generate_content_stream(
        model="gemini-x", contents=[types.Part(text="hi")]
    )
    is_generator = inspect.isgenerator(stream)
    assert is_generator and records.calls == []
    assert "".join(chunk.text or "" for chunk in stream) == "hello there"

    call = records.one()
    assert tokens(call) == DISJOINT
    assert (call.prompt, call.completion, call.finish_reason) == ("hi", "hello there", "STOP")
    assert call.first_token_at is not None


def test_async_calls_are_recorded(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        made = client(provider, records)
        models = made.aio.models
        await models.generate_content(model="gemini-x", contents="hi")
        stream = await models.generate_content_stream(model="gemini-x", contents="hi")
        assert inspect.isasyncgen(stream)
        async for _ in stream:
            pass

    asyncio.run(main())
    assert [tokens(call) for call in records.calls] == [DISJOINT] * 2


def test_chats_are_recorded(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    chat = made.chats.create(model="gemini-x")
    chat.send_message("hi")
    for _ in chat.send_message_stream("hi"):
        pass

    assert [tokens(call) for call in records.calls] == [DISJOINT] * 2


def test_refusals_are_recorded_and_raised(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    with pytest.raises(errors.ClientError):
        made.models.generate_content(model="refuse-429", contents="hi")
    with pytest.raises(errors.ServerError):
        list(made.models.generate_content_stream(model="refuse-500", contents="hi"))

    facts = [(call.error_type, call.error_status) for call in records.calls]
    assert facts == [("ClientError", 429), ("ServerError", 500)]


def test_streams_that_nobody_reads_send_and_record_nothing(
    provider: FakeProvider, records: Records
) -> None:
    made = client(provider, records)
    stream: Any = made.models.generate_content_stream(
        model="gemini-x", contents="hi"
    )
    del stream
    assert provider.requests == [] and records.calls == []


def test_streams_left_early_are_recorded(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    stream: Any = made.models.generate_content_stream(model="gemini-x", contents="hi")
    assert next(stream).text == "hello"
    stream.close()
    assert records.one().completion == "hello"
