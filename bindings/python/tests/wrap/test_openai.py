"""The real `openai` package in front of a provider on this machine."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from pydantic import BaseModel

import modelstat
from modelstat.wire import ToolCallStatus

from .conftest import Records, tokens
from .provider import FakeProvider

ASK: Any = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
DISJOINT = (100, 50, 0, 900, 150)


class City(BaseModel):
    city: str


def client(provider: FakeProvider, records: Records, **options: Any) -> openai.OpenAI:
    made = openai.OpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)
    return modelstat.wrap(made, recorder=records, **options)


def async_client(provider: FakeProvider, records: Records, **options: Any) -> openai.AsyncOpenAI:
    made = openai.AsyncOpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)
    return modelstat.wrap(made, recorder=records, **options)


def test_chat_is_recorded_whole(provider: FakeProvider, records: Records) -> None:
    answer = client(provider, records, metadata={"feature": "search"}).chat.completions.create(
        model="gpt-x", messages=ASK
    )

    call = records.one()
    assert answer.choices[0].message.content == "hello there"
    assert tokens(call) == DISJOINT
    assert (call.provider, call.model) == ("openai", "gpt-x-2026-01-01")
    assert (call.prompt, call.completion) == ("be brief\nhi", "hello there")
    assert (call.finish_reason, call.response_id) == ("stop", answer.id)
    assert call.usage_known and call.error_type is None
    assert call.usage_detail == {"service_tier": "default"}
    assert call.metadata == {"feature": "search"}
    assert call.duration_ms is not None and call.first_token_at is None


def test_async_chat_has_tokens_and_text(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        await async_client(provider, records).chat.completions.create(model="gpt-x", messages=ASK)

    asyncio.run(main())
    call = records.one()
    assert tokens(call) == DISJOINT
    assert call.completion == "hello there"


def test_tool_calls_are_kept(provider: FakeProvider, records: Records) -> None:
    client(provider, records).chat.completions.create(model="tools", messages=ASK)

    (tool,) = records.one().tool_calls
    assert (tool.name, tool.server, tool.args) == ("find", "builtin", {"city": "Oslo"})
    assert tool.status is ToolCallStatus.UNKNOWN


@pytest.mark.parametrize("beta", [False, True])
def test_parse_is_recorded(provider: FakeProvider, records: Records, beta: bool) -> None:
    made = client(provider, records)
    chat = made.beta.chat if beta else made.chat
    answer = chat.completions.parse(model="gpt-x", messages=ASK, response_format=City)

    assert answer.choices[0].message.parsed == City(city="Oslo")
    assert tokens(records.one()) == DISJOINT


def test_streams_say_when_their_usage_is_unknown(provider: FakeProvider, records: Records) -> None:
    stream = client(provider, records).chat.completions.create(
        model="gpt-x", messages=ASK, stream=True
    )
    chunks = list(stream)

    call = records.one()
    assert len(chunks) == 5
    assert isinstance(stream, openai.Stream) and type(stream) is openai.Stream
    assert (call.completion, call.finish_reason) == ("hello there", "stop")
    assert not call.usage_known and tokens(call) == (0, 0, 0, 0, 0)
    assert call.first_token_at is not None and call.first_token_at >= call.started_at


def test_streams_have_tokens_when_the_caller_asks(provider: FakeProvider, records: Records) -> None:
    chunks = list(
        client(provider, records).chat.completions.create(
            model="gpt-x", messages=ASK, stream=True, stream_options={"include_usage": True}
        )
    )

    assert len(chunks) == 6 and chunks[-1].choices == []
    assert records.one().usage_known and tokens(records.one()) == DISJOINT


def test_include_usage_adds_no_chunk(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records, include_usage=True)
    chunks = list(made.chat.completions.create(model="gpt-x", messages=ASK, stream=True))

    assert provider.requests[-1]["stream_options"] == {"include_usage": True}
    assert len(chunks) == 5 and all(chunk.choices for chunk in chunks)
    assert tokens(records.one()) == DISJOINT


def test_async_streams_have_tokens(provider: FakeProvider, records: Records) -> None:
    async def main() -> int:
        made = async_client(provider, records, include_usage=True)
        stream = await made.chat.completions.create(model="gpt-x", messages=ASK, stream=True)
        assert type(stream) is openai.AsyncStream
        return len([chunk async for chunk in stream])

    assert asyncio.run(main()) == 5
    assert tokens(records.one()) == DISJOINT
    assert records.one().completion == "hello there"


def test_tool_calls_of_streams_are_put_together(provider: FakeProvider, records: Records) -> None:
    list(client(provider, records).chat.completions.create(model="tools", messages=ASK, stream=True))

    (tool,) = records.one().tool_calls
    assert (tool.name, tool.args) == ("find", {"city": "Oslo"})


def test_stream_helper_is_recorded_once(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    with made.chat.completions.stream(
        model="gpt-x", messages=ASK, stream_options={"include_usage": True}
    ) as stream:
        final = stream.get_final_completion()

    assert final.choices[0].message.content == "hello there"
    assert tokens(records.one()) == DISJOINT


def test_async_stream_helper_is_recorded_once(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        made = async_client(provider, records)
        async with made.chat.completions.stream(model="gpt-x", messages=ASK) as stream:
            await stream.get_final_completion()

    asyncio.run(main())
    assert records.one().completion == "hello there"


def test_stream_helper_left_early_is_recorded_at_its_end(
    provider: FakeProvider, records: Records
) -> None:
    made = client(provider, records)
    with made.chat.completions.stream(model="stalled", messages=ASK) as stream:
        for event in stream:
            if event.type == "content.delta" and event.delta:
                break
    assert records.one().completion == "hello"
    del stream


def test_responses_are_recorded(provider: FakeProvider, records: Records) -> None:
    answer = client(provider, records).responses.create(
        model="gpt-x", instructions="be brief", input="hi"
    )

    call = records.one()
    assert answer.output_text == "hello there"
    assert tokens(call) == DISJOINT
    assert (call.prompt, call.completion) == ("be brief\nhi", "hello there")
    assert (call.finish_reason, call.response_id) == ("completed", answer.id)


def test_responses_input_items_are_read(provider: FakeProvider, records: Records) -> None:
    given: Any = [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]
    client(provider, records).responses.create(model="tools", input=given)

    call = records.one()
    assert call.prompt == "hi"
    assert [tool.name for tool in call.tool_calls] == ["find", "web_search"]
    assert [tool.status for tool in call.tool_calls] == [
        ToolCallStatus.UNKNOWN,
        ToolCallStatus.SUCCESS,
    ]


def test_responses_streams_are_recorded(provider: FakeProvider, records: Records) -> None:
    events = list(client(provider, records).responses.create(model="gpt-x", input="hi", stream=True))

    call = records.one()
    assert events[-1].type == "response.completed"
    assert tokens(call) == DISJOINT and call.completion == "hello there"
    assert call.first_token_at is not None


def test_responses_helpers_are_recorded(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    parsed = made.responses.parse(model="gpt-x", input="hi", text_format=City)
    with made.responses.stream(model="gpt-x", input="hi") as stream:
        final = stream.get_final_response()

    assert parsed.output_parsed == City(city="Oslo")
    assert final.output_text == "hello there"
    assert [tokens(call) for call in records.calls] == [DISJOINT, DISJOINT]


def test_async_responses_are_recorded(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        made = async_client(provider, records)
        await made.responses.create(model="gpt-x", input="hi")
        async for _ in await made.responses.create(model="gpt-x", input="hi", stream=True):
            pass
        async with made.responses.stream(model="gpt-x", input="hi") as stream:
            await stream.get_final_response()

    asyncio.run(main())
    assert [tokens(call) for call in records.calls] == [DISJOINT] * 3


def test_embeddings_and_completions_are_recorded(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    made.embeddings.create(model="embed-x", input=["one", "two"])
    made.completions.create(model="old-x", prompt="say hi")

    embedding, completion = records.calls
    assert tokens(embedding) == (8, 0, 0, 0, 0)
    assert (embedding.prompt, embedding.completion) == ("one\ntwo", None)
    assert tokens(completion) == (10, 2, 0, 0, 0)
    assert (completion.prompt, completion.completion) == ("say hi", "hello there")


def test_raw_responses_are_recorded(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    raw = made.chat.completions.with_raw_response.create(model="gpt-x", messages=ASK)

    assert raw.headers["content-type"] == "application/json"
    assert raw.parse().choices[0].message.content == "hello there"
    assert tokens(records.one()) == DISJOINT


def test_raw_streams_are_recorded(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    raw = made.chat.completions.with_raw_response.create(
        model="gpt-x", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    assert records.calls == []
    assert len(list(raw.parse())) == 6
    assert tokens(records.one()) == DISJOINT and records.one().completion == "hello there"


def test_streaming_responses_are_recorded(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    options: Any = {"model": "gpt-x", "messages": ASK}
    with made.chat.completions.with_streaming_response.create(**options) as response:
        assert response.parse().choices[0].message.content == "hello there"
    options.update(stream=True, stream_options={"include_usage": True})
    with made.chat.completions.with_streaming_response.create(**options) as response:
        assert len([line for line in response.iter_lines() if "hello" in line]) == 1
    with made.chat.completions.with_streaming_response.create(**options) as response:
        assert len(list(response.parse())) == 6

    assert [tokens(call) for call in records.calls] == [DISJOINT] * 3
    assert [call.completion for call in records.calls] == ["hello there"] * 3


def test_async_raw_and_streaming_responses_are_recorded(
    provider: FakeProvider, records: Records
) -> None:
    async def main() -> None:
        chat = async_client(provider, records).chat.completions
        raw = await chat.with_raw_response.create(model="gpt-x", messages=ASK)
        assert raw.parse().choices
        async with chat.with_streaming_response.create(
            model="gpt-x", messages=ASK, stream=True, stream_options={"include_usage": True}
        ) as response:
            assert [line async for line in response.iter_lines()]

    asyncio.run(main())
    assert [tokens(call) for call in records.calls] == [DISJOINT] * 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, openai.AuthenticationError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_refusals_are_recorded_and_raised(
    provider: FakeProvider, records: Records, status: int, kind: Any
) -> None:
    with pytest.raises(kind) as raised:
        client(provider, records).chat.completions.create(model=f"refuse-{status}", messages=ASK)

    call = records.one()
    assert type(raised.value) is kind and raised.value.status_code == status
    assert (call.error_type, call.error_status) == (kind.__name__, status)
    assert call.usage_known and tokens(call) == (0, 0, 0, 0, 0)
    assert (call.model, call.prompt) == (f"refuse-{status}", "be brief\nhi")


def test_async_refusals_are_recorded_and_raised(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        with pytest.raises(openai.RateLimitError):
            await async_client(provider, records).responses.create(model="refuse-429", input="hi")

    asyncio.run(main())
    assert records.one().error_status == 429


def test_unreachable_providers_are_recorded(records: Records) -> None:
    made = openai.OpenAI(api_key="none", base_url="http://127.0.0.1:1/v1", max_retries=0)
    with pytest.raises(openai.APIConnectionError):
        modelstat.wrap(made, recorder=records).embeddings.create(model="x", input="hi")

    call = records.one()
    assert (call.error_type, call.error_status) == ("APIConnectionError", None)
    assert not call.usage_known


def test_azure_is_recorded(provider: FakeProvider, records: Records) -> None:
    made = openai.AzureOpenAI(
        api_key="none", base_url=provider.url + "/v1", api_version="2026-01-01", max_retries=0
    )
    modelstat.wrap(made, recorder=records).chat.completions.create(model="gpt-x", messages=ASK)

    assert records.one().provider == "openai" and tokens(records.one()) == DISJOINT


def test_vendors_are_told_by_their_host() -> None:
    from modelstat.wrap.openai import provider_of

    def named(url: str) -> str:
        return provider_of(openai.OpenAI(api_key="none", base_url=url))

    assert named("https://api.openai.com/v1") == "openai"
    assert named("https://openrouter.ai/api/v1") == "openrouter"
    assert named("https://api.deepseek.com") == "deepseek"
    assert named("https://max.ai/v1") == "openai"
