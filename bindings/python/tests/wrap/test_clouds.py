"""The other clients of the providers' packages: the same models by way of somebody's cloud, and what is not a client."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any, Callable, Dict

import anthropic
import openai
import pytest

import modelstat

from .conftest import Records, tokens
from .provider import FakeProvider

ASK: Any = {
    "model": "claude-x",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hi"}],
}
CHAT: Any = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}
CLAUDE = (100, 200, 60, 800, 0)
GPT = (100, 50, 0, 900, 150)


def aws() -> Dict[str, str]:
    # Pieces, so that no line looks like a credential.
    return {"aws_region": "eu-north-1", "aws_access_key": "AKIA" + "0" * 16, "aws_secret_key": "0" * 40}


def bedrock(url: str) -> Any:
    return anthropic.AnthropicBedrock(**aws(), base_url=url, max_retries=0)


def async_bedrock(url: str) -> Any:
    return anthropic.AsyncAnthropicBedrock(**aws(), base_url=url, max_retries=0)


def vertex(url: str) -> Any:
    return anthropic.AnthropicVertex(
        region="europe-west1", project_id="p", access_token="none", base_url=url, max_retries=0
    )


def async_vertex(url: str) -> Any:
    return anthropic.AsyncAnthropicVertex(
        region="europe-west1", project_id="p", access_token="none", base_url=url, max_retries=0
    )


clouds = pytest.mark.parametrize("make", [bedrock, vertex])
async_clouds = pytest.mark.parametrize("make", [async_bedrock, async_vertex])
Make = Callable[[str], Any]


@clouds
@pytest.mark.parametrize("beta", [False, True])
def test_whole_messages(provider: FakeProvider, records: Records, make: Make, beta: bool) -> None:
    made = modelstat.wrap(make(provider.url), recorder=records)
    answer = (made.beta if beta else made).messages.create(**ASK)
    assert answer.content[0].text == "hello there"
    assert tokens(records.one()) == CLAUDE and records.one().provider == "anthropic"
    assert (records.one().model, records.one().completion) == ("claude-x-20260101", "hello there")


@clouds
def test_streams(provider: FakeProvider, records: Records, make: Make) -> None:
    made = modelstat.wrap(make(provider.url), recorder=records)
    events = list(made.messages.create(**ASK, stream=True))
    assert events[-1].type == "message_stop"
    with made.messages.stream(**ASK) as stream:
        assert "".join(stream.text_stream) == "hello there"
    assert [tokens(call) for call in records.calls] == [CLAUDE] * 2
    assert all(call.first_token_at is not None for call in records.calls)


@clouds
def test_refusals(provider: FakeProvider, records: Records, make: Make) -> None:
    made = modelstat.wrap(make(provider.url), recorder=records)
    with pytest.raises(anthropic.RateLimitError):
        made.messages.create(**{**ASK, "model": "refuse-429"})
    assert (records.one().error_type, records.one().error_status) == ("RateLimitError", 429)


@async_clouds
def test_asynchronous(provider: FakeProvider, records: Records, make: Make) -> None:
    async def main() -> None:
        made = modelstat.wrap(make(provider.url), recorder=records)
        await made.messages.create(**ASK)
        async for _ in await made.messages.create(**ASK, stream=True):
            pass
        async with made.messages.stream(**ASK) as stream:
            assert await stream.get_final_text() == "hello there"

    asyncio.run(main())
    assert [tokens(call) for call in records.calls] == [CLAUDE] * 3


@clouds
def test_copies(provider: FakeProvider, records: Records, make: Make) -> None:
    made = modelstat.wrap(make(provider.url), recorder=records)
    made.with_options(timeout=5.0).messages.create(**ASK)
    assert tokens(records.one()) == CLAUDE


def test_azure_by_deployment(provider: FakeProvider, records: Records) -> None:
    made = openai.AzureOpenAI(
        api_key="none", azure_endpoint=provider.url, api_version="2026-01-01", max_retries=0
    )
    modelstat.wrap(made, recorder=records)
    made.chat.completions.create(**CHAT)
    made.with_options(timeout=5.0).chat.completions.create(**CHAT)
    raw = made.chat.completions.with_raw_response.create(**CHAT)
    assert raw.parse().choices
    assert [tokens(call) for call in records.calls] == [GPT] * 3


def test_asynchronous_azure(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        made = openai.AsyncAzureOpenAI(
            api_key="none", azure_endpoint=provider.url, api_version="2026-01-01", max_retries=0
        )
        modelstat.wrap(made, recorder=records)
        await made.chat.completions.create(**CHAT)
        await made.responses.create(model="gpt-x", input="hi")

    asyncio.run(main())
    assert [tokens(call) for call in records.calls] == [GPT] * 2


def test_the_client_that_is_the_module(
    provider: FakeProvider, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "api_key", "none")
    monkeypatch.setattr(openai, "base_url", provider.url + "/v1/")
    monkeypatch.setattr(openai, "max_retries", 0)
    monkeypatch.setattr(openai, "_client", None)
    assert modelstat.wrap(openai, recorder=records) is openai
    openai.chat.completions.create(**CHAT)
    openai.responses.create(model="gpt-x", input="hi")
    openai.embeddings.create(model="embed-x", input="hi")
    assert [tokens(call) for call in records.calls] == [GPT, GPT, (8, 0, 0, 0, 0)]


def test_counting_tokens_is_no_call(provider: FakeProvider, records: Records) -> None:
    made = modelstat.wrap(
        anthropic.Anthropic(api_key="none", base_url=provider.url, max_retries=0), recorder=records
    )
    ask = {"model": "claude-x", "messages": ASK["messages"]}
    assert made.messages.count_tokens(**ask).input_tokens == 7
    assert made.beta.messages.count_tokens(**ask).input_tokens == 7
    assert made.messages.with_raw_response.count_tokens(**ask).parse().input_tokens == 7
    assert len(provider.requests) == 3 and records.calls == []


def test_views_of_a_copy_are_recorded(provider: FakeProvider, records: Records) -> None:
    made = modelstat.wrap(
        openai.OpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0), recorder=records
    )
    changed = made.with_options(timeout=5.0)
    assert changed.with_raw_response.chat.completions.create(**CHAT).parse().choices
    with changed.chat.completions.with_streaming_response.create(**CHAT) as response:
        assert response.parse().choices
    changed.responses.with_raw_response.create(model="gpt-x", input="hi")
    assert [tokens(call) for call in records.calls] == [GPT] * 3


def test_what_cannot_be_copied_or_pickled_still_cannot(provider: FakeProvider, records: Records) -> None:
    """Clients hold connections: their packages decide, and wrapping changes neither answer nor kind of error."""

    def outcome(act: Callable[[Any], Any], client: Any) -> str:
        try:
            return type(act(client)).__name__
        except Exception as error:
            return type(error).__name__

    def bare() -> Any:
        return openai.OpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)

    for act in (pickle.dumps, copy.copy):
        wrapped = modelstat.wrap(bare(), recorder=records)
        assert outcome(act, wrapped) == outcome(act, bare())


def test_answers_are_the_packages_own_and_copy_as_such(provider: FakeProvider, records: Records) -> None:
    made = modelstat.wrap(
        openai.OpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0), recorder=records
    )
    answer = made.chat.completions.create(**CHAT)
    assert pickle.loads(pickle.dumps(answer)) == answer == copy.deepcopy(answer)
    assert type(answer) is openai.types.chat.ChatCompletion


@pytest.mark.parametrize("stream", [False, True])
def test_each_request_of_a_tool_runner_is_recorded(
    provider: FakeProvider, records: Records, stream: bool
) -> None:
    @anthropic.beta_tool
    def find(city: str) -> str:
        """Finds a city."""
        return "north"

    made = modelstat.wrap(
        anthropic.Anthropic(api_key="none", base_url=provider.url, max_retries=0), recorder=records
    )
    for model in ("claude-x", "tools"):
        runner: Any = made.beta.messages.tool_runner(
            **{**ASK, "model": model}, tools=[find], max_iterations=2, stream=stream
        )
        for message in runner:
            if stream:
                message.get_final_message()
    assert len(provider.requests) == 3
    assert [tokens(call) for call in records.calls] == [CLAUDE] * 3
    assert [len(call.tool_calls) for call in records.calls] == [0, 1, 1]
