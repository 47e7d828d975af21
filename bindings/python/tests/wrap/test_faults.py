"""Whatever fails on our side, the caller's call is as if we were not there."""

from __future__ import annotations

import logging
from typing import Any, List

import openai
import pytest

import modelstat
from modelstat.wrap import observation as observation_module
from modelstat.wrap import openai as openai_reader

from .conftest import Records
from .provider import FakeProvider

SECRET = "my secret prompt"
ASK: Any = {"model": "gpt-x", "messages": [{"role": "user", "content": SECRET}]}


class Broken:
    """Fails to record, and quotes what it was given while it does."""

    def record(self, call: Any) -> None:
        raise RuntimeError(call.prompt)


def client(provider: FakeProvider, recorder: Any, **options: Any) -> openai.OpenAI:
    made = openai.OpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)
    return modelstat.wrap(made, recorder=recorder, **options)


def test_a_failing_recorder_is_logged_once_without_content(
    provider: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    made = client(provider, Broken())
    with caplog.at_level(logging.DEBUG, logger="modelstat"):
        for _ in range(3):
            assert made.chat.completions.create(**ASK).choices
            assert list(made.chat.completions.create(**ASK, stream=True))

    lines = [line.getMessage() for line in caplog.records if line.name == "modelstat"]
    assert lines == ["could not record a call: RuntimeError"]
    assert SECRET not in caplog.text.replace("Request options", "").split("modelstat", 1)[-1]


@pytest.mark.parametrize("place", ["prompt", "answer", "chunk"])
def test_failing_readers_cost_only_what_they_read(
    provider: FakeProvider, records: Records, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def fail(*args: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(openai_reader.Chat, place, fail)
    made = client(provider, records)
    assert made.chat.completions.create(**ASK).choices
    assert len(list(made.chat.completions.create(**ASK, stream=True))) == 5
    assert len(records.calls) == 2


def test_a_failing_observation_leaves_the_call_alone(
    provider: FakeProvider, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(observation_module.Observation, "_start", fail)
    made = client(provider, records)
    assert made.chat.completions.create(**ASK).choices
    assert records.calls == []


def test_strange_answers_are_recorded(records: Records) -> None:
    answers: List[Any] = [
        None,
        7,
        "text",
        {},
        {"choices": None, "usage": None},
        {"choices": [None, 3, {"message": {"content": 3, "tool_calls": [{"function": None}]}}]},
        {"usage": "much"},
        {"id": 4, "model": b"x", "usage": {"prompt_tokens": "many"}},
    ]

    class Completions:
        def create(self, **kwargs: Any) -> Any:
            return answers[len(records.calls)]

    class Chat:
        completions = Completions()

    class Client:
        chat = Chat()

    made = modelstat.wrap(Client(), recorder=records)
    for answer in answers:
        assert made.chat.completions.create(messages=object()) is answer
    assert len(records.calls) == len(answers)
    assert not any(call.usage_known for call in records.calls)


def test_arguments_that_are_no_json_are_kept_as_text() -> None:
    from modelstat.wrap.answer import ToolRequest

    tool = ToolRequest("find")
    tool.pieces.add('{"city": ')
    assert tool.input().args == '{"city": '


def test_clients_that_take_no_attributes_still_work(records: Records) -> None:
    class Completions:
        __slots__ = ()

        def create(self, **kwargs: Any) -> str:
            return "answer"

    class Chat:
        completions = Completions()

    class Client:
        chat = Chat()

    made = modelstat.wrap(Client(), recorder=records)
    assert made.chat.completions.create(**ASK) == "answer"
