"""However a stream ends, it is recorded once and the caller sees what it would see without us."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import openai
import pytest

import modelstat

from .conftest import Records
from .provider import FakeProvider

ASK: Any = {"messages": [{"role": "user", "content": "hi"}], "stream": True}


def client(provider: FakeProvider, records: Records) -> openai.OpenAI:
    made = openai.OpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)
    return modelstat.wrap(made, recorder=records)


def async_client(provider: FakeProvider, records: Records) -> openai.AsyncOpenAI:
    made = openai.AsyncOpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)
    return modelstat.wrap(made, recorder=records)


def read_two(stream: Any) -> None:
    next(stream)
    assert next(stream).choices[0].delta.content == "hello"


def test_exhaustion_and_what_follows_record_once(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    with made.chat.completions.create(model="gpt-x", **ASK) as stream:
        assert len(list(stream)) == 5
        assert list(stream) == []
    stream.close()
    del stream
    gc.collect()
    assert records.one().completion == "hello there"


def test_close_records(provider: FakeProvider, records: Records) -> None:
    stream = client(provider, records).chat.completions.create(model="stalled", **ASK)
    read_two(stream)
    stream.close()
    assert records.one().completion == "hello"
    assert records.one().error_type is None and not records.one().usage_known


def test_leaving_the_block_records(provider: FakeProvider, records: Records) -> None:
    with client(provider, records).chat.completions.create(model="stalled", **ASK) as stream:
        read_two(stream)
        assert records.calls == []
    assert records.one().completion == "hello"


def test_an_error_of_the_caller_leaves_the_block_and_records(
    provider: FakeProvider, records: Records
) -> None:
    with pytest.raises(KeyError, match="the caller's own"):
        with client(provider, records).chat.completions.create(model="stalled", **ASK) as stream:
            read_two(stream)
            raise KeyError("the caller's own")
    assert records.one().completion == "hello" and records.one().error_type is None


def test_a_dropped_stream_is_recorded(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records)
    stream = made.chat.completions.create(model="stalled", **ASK)
    read_two(stream)
    gone = weakref.ref(stream)
    del stream
    gc.collect()
    assert gone() is None and records.one().completion == "hello"


def test_a_stream_that_was_never_read_is_recorded(
    provider: FakeProvider, records: Records
) -> None:
    made = client(provider, records)
    stream: Any = made.chat.completions.create(model="gpt-x", **ASK)
    del stream
    gc.collect()
    assert records.one().completion is None and not records.one().usage_known


def test_a_broken_stream_raises_as_it_would_and_is_recorded(
    provider: FakeProvider, records: Records
) -> None:
    bare = openai.OpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)
    with pytest.raises(Exception) as expected:
        list(bare.chat.completions.create(model="broken", **ASK))
    with pytest.raises(Exception) as raised:
        list(client(provider, records).chat.completions.create(model="broken", **ASK))

    call = records.one()
    assert type(raised.value) is type(expected.value)
    assert call.error_type == type(raised.value).__name__
    assert call.completion == "hello there" and not call.usage_known


def test_an_error_within_the_stream_is_recorded(provider: FakeProvider, records: Records) -> None:
    with pytest.raises(openai.APIError):
        list(client(provider, records).chat.completions.create(model="partial", **ASK))
    assert records.one().error_type == "APIError" and records.one().completion == "hello there"


def test_an_error_within_raw_lines_is_recorded(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records).chat.completions.with_streaming_response
    with made.create(model="partial", **ASK) as response:
        assert list(response.iter_lines())
    assert records.one().error_type == "overloaded"


def test_raw_lines_left_early_are_recorded(provider: FakeProvider, records: Records) -> None:
    made = client(provider, records).chat.completions.with_streaming_response
    with made.create(model="stalled", **ASK) as response:
        for line in response.iter_lines():
            if "hello" in line:
                break
    assert records.one().completion == "hello"


def test_async_close_records(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        made = async_client(provider, records)
        stream = await made.chat.completions.create(model="stalled", **ASK)
        await stream.__anext__()
        await stream.__anext__()
        await stream.close()
        assert records.one().completion == "hello"

    asyncio.run(main())


def test_cancelling_a_stream_records(provider: FakeProvider, records: Records) -> None:
    async def read(stream: Any, has_text: asyncio.Event) -> None:
        async for chunk in stream:
            if chunk.choices[0].delta.content == "there":
                has_text.set()

    async def main() -> None:
        made = async_client(provider, records)
        stream = await made.chat.completions.create(model="stalled", **ASK)
        has_text = asyncio.Event()
        task = asyncio.create_task(read(stream, has_text))
        await has_text.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert records.one().completion == "hello there"
    assert records.one().error_type == "CancelledError"


def test_cancelling_a_request_records(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        made = async_client(provider, records)
        task = asyncio.create_task(
            made.chat.completions.create(
                model="late", messages=[{"role": "user", "content": "hi"}]
            )
        )
        while not provider.requests:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    call = records.one()
    assert (call.error_type, call.error_status) == ("CancelledError", None)
    assert not call.usage_known and call.prompt == "hi"


def test_text_is_kept_up_to_a_limit() -> None:
    from modelstat.wrap.reading import TEXT_LIMIT, Text

    text = Text()
    for _ in range(5):
        text.add("x" * (TEXT_LIMIT // 4))
    assert len(text.value() or "") == TEXT_LIMIT
