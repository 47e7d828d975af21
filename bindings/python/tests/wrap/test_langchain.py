"""The real `langchain-core` and `langchain-openai` packages."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI

import modelstat
from modelstat.integrations.langchain import ModelstatCallbackHandler

from .conftest import Records, tokens
from .provider import FakeProvider

DISJOINT = (100, 50, 0, 900, 150)


def model(provider: FakeProvider, name: str = "gpt-x", **options: Any) -> ChatOpenAI:
    fixed: Any = {"api_key": "none", "base_url": provider.url + "/v1", "max_retries": 0}
    return ChatOpenAI(model=name, **fixed, **options)


def observed(records: Records, **metadata: Any) -> Any:
    return {"callbacks": [ModelstatCallbackHandler(records)], "metadata": metadata}


def test_runs_are_recorded_whole(provider: FakeProvider, records: Records) -> None:
    answer = model(provider).invoke([("system", "be brief"), ("user", "hi")], observed(records))

    call = records.one()
    assert answer.content == "hello there"
    assert tokens(call) == DISJOINT
    assert (call.provider, call.model) == ("openai", "gpt-x-2026-01-01")
    assert (call.prompt, call.completion) == ("be brief\nhi", "hello there")
    assert call.finish_reason == "stop" and call.usage_known
    assert call.response_id is not None and call.response_id.startswith("chatcmpl-")
    assert call.duration_ms is not None


def test_async_runs_and_streams_are_recorded(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        made = model(provider, stream_usage=True)
        await made.ainvoke("hi", observed(records))
        async for _ in made.astream("hi", observed(records)):
            pass

    asyncio.run(main())
    for _ in model(provider, stream_usage=True).stream("hi", observed(records)):
        pass
    assert [tokens(call) for call in records.calls] == [DISJOINT] * 3
    assert [call.completion for call in records.calls] == ["hello there"] * 3
    assert records.calls[1].first_token_at is not None


def test_the_session_is_the_thread(provider: FakeProvider, records: Records) -> None:
    model(provider).invoke("hi", observed(records, thread_id="thread-7"))
    model(provider).invoke("hi", observed(records))
    first, second = records.calls
    assert first.session_id == "thread-7" and second.session_id.startswith("ses_")


def test_tool_calls_are_kept(provider: FakeProvider, records: Records) -> None:
    model(provider, "tools").invoke("hi", observed(records))
    (tool,) = records.one().tool_calls
    assert (tool.name, tool.args) == ("find", {"city": "Oslo"})


def test_refusals_are_recorded(provider: FakeProvider, records: Records) -> None:
    with pytest.raises(openai.RateLimitError):
        model(provider, "refuse-429").invoke("hi", observed(records))
    call = records.one()
    # LangChain derives a class of its own from the provider's.
    assert call.error_type is not None and call.error_type.endswith("RateLimitError")
    assert call.error_status == 429 and call.usage_known


def test_usage_of_any_model_is_read(records: Records) -> None:
    message = AIMessage(
        "yes",
        usage_metadata={
            "input_tokens": 100,
            "output_tokens": 30,
            "total_tokens": 130,
            "input_token_details": {"cache_read": 60, "cache_creation": 10},
            "output_token_details": {"reasoning": 20},
        },
    )
    fake = GenericFakeChatModel(messages=iter([message, AIMessage("no")]))
    fake.invoke("hi", observed(records))
    fake.invoke("hi", observed(records))
    known, unknown = records.calls
    assert tokens(known) == (30, 10, 10, 60, 20) and known.usage_known
    assert not unknown.usage_known


def test_a_wrapped_client_below_is_not_counted_again(
    provider: FakeProvider, records: Records
) -> None:
    made = openai.OpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)
    modelstat.wrap(made, recorder=records)
    chat = model(provider, client=made.chat.completions, root_client=made, stream_usage=True)
    chat.invoke("hi", observed(records))
    assert len(records.calls) == 1
    for _ in chat.stream("hi", observed(records)):
        pass
    assert len(records.calls) == 2
    refused = model(provider, "refuse-429", client=made.chat.completions, root_client=made)
    with pytest.raises(openai.RateLimitError):
        refused.invoke("hi", observed(records))
    assert len(records.calls) == 3
    assert len(provider.requests) == 3
