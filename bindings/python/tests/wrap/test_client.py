"""From a provider's answer to what is sent: `wrap` in front of the real client."""

from __future__ import annotations

import openai
import pytest

import modelstat

from .provider import FakeProvider


def test_a_wrapped_call_reaches_the_transport(provider: FakeProvider) -> None:
    transport = modelstat.FakeTransport()
    key = "msk_" + "test"
    config = modelstat.Config(key, "raw_sdk_openai", "checkout-api")
    with modelstat.Client.with_transport(config, transport) as recorder:
        made = openai.OpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)
        modelstat.wrap(made, recorder=recorder, session_id="s", metadata={"feature": "search"})
        made.chat.completions.create(model="tools", messages=[{"role": "user", "content": "hi"}])
        with pytest.raises(openai.RateLimitError):
            made.responses.create(model="refuse-429", input="hi")

    events = [event for batch in transport.batches() for event in batch["events"]]
    tools = [call for batch in transport.batches() for call in batch.get("tool_calls", [])]
    answered, refused = events
    assert answered["tokens"] == {
        "input": 100,
        "output": 50,
        "cache_creation": 0,
        "cache_read": 900,
        "reasoning": 150,
    }
    assert answered["metadata"] == {"feature": "search"} and answered["session_id"] == "s"
    assert answered["finish_reason"] == "tool_calls" and answered["content_excerpt"] == "hi"
    assert [tool["name"] for tool in tools] == ["find"] and "Oslo" not in str(tools)
    assert refused["error"] == {"type": "RateLimitError", "status": 429}
