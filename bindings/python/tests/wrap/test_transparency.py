"""A wrapped client is the client: same object, same types, same copies, same signatures."""

from __future__ import annotations

import asyncio
import copy
import inspect
import os
import subprocess
import sys
from typing import Any, Dict, List

import anthropic
import openai
import pytest

import modelstat

from .conftest import Records, tokens
from .provider import FakeProvider

ASK: Any = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}


def bare(provider: FakeProvider) -> openai.OpenAI:
    return openai.OpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)


def test_the_client_comes_back(provider: FakeProvider, records: Records) -> None:
    made = bare(provider)
    wrapped = modelstat.wrap(made, recorder=records)

    assert wrapped is made and type(wrapped) is openai.OpenAI
    create = wrapped.chat.completions.create
    assert create.__name__ == "create"
    assert inspect.signature(create) == inspect.signature(bare(provider).chat.completions.create)


def test_other_clients_stay_as_they_are(provider: FakeProvider, records: Records) -> None:
    modelstat.wrap(bare(provider), recorder=records)
    bare(provider).chat.completions.create(**ASK)
    assert records.calls == []


def test_copies_are_recorded(provider: FakeProvider, records: Records) -> None:
    made = modelstat.wrap(bare(provider), recorder=records)
    changed = made.with_options(timeout=5.0)
    assert type(changed) is openai.OpenAI and changed is not made and changed.timeout == 5.0
    changed.chat.completions.create(**ASK)
    changed.copy(timeout=6.0).chat.completions.create(**ASK)
    copy.copy(made).chat.completions.create(**ASK)

    assert len(records.calls) == 3
    assert len({call.session_id for call in records.calls}) == 1


def test_copies_of_anthropic_clients_are_recorded(provider: FakeProvider, records: Records) -> None:
    made = anthropic.Anthropic(api_key="none", base_url=provider.url, max_retries=0)
    modelstat.wrap(made, recorder=records)
    made.with_options(timeout=5.0).messages.create(
        model="claude-x", max_tokens=1, messages=[{"role": "user", "content": "hi"}]
    )
    assert len(records.calls) == 1


def test_blocks_close_the_client(provider: FakeProvider, records: Records) -> None:
    with modelstat.wrap(bare(provider), recorder=records) as made:
        made.chat.completions.create(**ASK)
    assert made.is_closed()
    assert len(records.calls) == 1


def test_wrapping_twice_records_once(provider: FakeProvider, records: Records) -> None:
    first = Records()
    made = modelstat.wrap(bare(provider), recorder=first)
    modelstat.wrap(made, recorder=records, metadata={"feature": "second"})
    made.chat.completions.create(**ASK)

    assert first.calls == [] and records.one().metadata == {"feature": "second"}


def test_views_made_before_are_made_again(provider: FakeProvider, records: Records) -> None:
    made = bare(provider)
    assert made.chat.completions.with_raw_response and made.with_raw_response
    modelstat.wrap(made, recorder=records)
    made.chat.completions.with_raw_response.create(**ASK)
    made.with_raw_response.chat.completions.create(**ASK)
    assert len(records.calls) == 2


def test_patches_that_others_make_later_still_run(
    provider: FakeProvider, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = modelstat.wrap(bare(provider), recorder=records)
    seen: List[str] = []
    original = openai.resources.chat.completions.Completions.create

    def later(self: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["model"])
        return original(self, **kwargs)

    monkeypatch.setattr(openai.resources.chat.completions.Completions, "create", later)
    made.chat.completions.create(**ASK)
    assert seen == ["gpt-x"] and len(records.calls) == 1


def test_coroutines_stay_coroutines(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        made = openai.AsyncOpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)
        modelstat.wrap(made, recorder=records)
        pending = made.chat.completions.create(**ASK)
        assert inspect.iscoroutine(pending)
        await asyncio.create_task(pending)

    asyncio.run(main())
    assert len(records.calls) == 1


def test_concurrent_calls_are_all_recorded(provider: FakeProvider, records: Records) -> None:
    async def main() -> None:
        async with openai.AsyncOpenAI(
            api_key="none", base_url=provider.url + "/v1", max_retries=0
        ) as made:
            modelstat.wrap(made, recorder=records)
            await asyncio.gather(*(made.chat.completions.create(**ASK) for _ in range(8)))

    asyncio.run(main())
    assert len(records.calls) == 8


def test_sessions_are_random_per_wrap_and_process(provider: FakeProvider) -> None:
    from modelstat.wrap.options import Session

    one, other = Session(), Session()
    assert one.id() == one.id() != other.id()
    if hasattr(os, "fork"):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, one.id().encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reader, 100).decode() not in ("", one.id())
        os.close(reader)
        os.close(writer)


def test_the_session_is_the_callers_when_it_gives_one(
    provider: FakeProvider, records: Records
) -> None:
    ids = iter(["first", "second"])
    made = modelstat.wrap(bare(provider), recorder=records, session_id=lambda: next(ids), agent="bot")
    made.chat.completions.create(**ASK)
    made.chat.completions.create(**ASK)
    made.chat.completions.create(**ASK)

    first, second, third = records.calls
    assert (first.session_id, second.session_id) == ("first", "second")
    # Its function has failed by then; the call is recorded all the same.
    assert third.session_id.startswith("ses_")
    assert first.metadata == {"agent": "bot"}


def test_tags_in_force_at_the_call_are_kept(provider: FakeProvider, records: Records) -> None:
    made = modelstat.wrap(bare(provider), recorder=records)
    with modelstat.metadata({"step": "plan"}):
        stream = made.chat.completions.create(**ASK, stream=True)
    list(stream)
    assert records.one().ambient_metadata == {"step": "plan"}


class Duck:
    """A client of nobody's package, as the published package took it."""

    class chat:
        class completions:
            @staticmethod
            def create(**kwargs: Any) -> Dict[str, Any]:
                return {
                    "model": "m",
                    "choices": [{"message": {"content": [{"type": "text", "text": "yes"}]}}],
                    "usage": {"prompt_tokens": 3, "completion_tokens": 4},
                }


def test_clients_are_known_by_their_shape(records: Records) -> None:
    made: Any = Duck()
    made.chat = Duck.chat()
    made.chat.completions = Duck.chat.completions()
    modelstat.wrap(made, recorder=records).chat.completions.create(**ASK)
    assert records.one().completion == "yes" and tokens(records.one()) == (3, 4, 0, 0, 0)


def test_misuse_is_told_at_once(records: Records) -> None:
    with pytest.raises(TypeError, match="recorder"):
        modelstat.wrap(Duck())
    with pytest.raises(TypeError, match="could not detect"):
        modelstat.wrap(object(), recorder=records)


def test_no_providers_package_is_imported() -> None:
    script = (
        "import sys, modelstat, modelstat.wrap, modelstat.integrations\n"
        "names = {'openai', 'anthropic', 'google.genai', 'langchain_core', 'litellm', 'opentelemetry',"
        " 'pydantic', 'httpx'}\n"
        "sys.exit(len(names & set(sys.modules)))"
    )
    path = os.pathsep.join(sys.path)
    environment = {**os.environ, "PYTHONPATH": path}
    outcome = subprocess.run([sys.executable, "-c", script], env=environment, timeout=60)
    assert outcome.returncode == 0
