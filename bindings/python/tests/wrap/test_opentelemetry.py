"""The real `opentelemetry-sdk` package."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import modelstat
from modelstat.integrations.opentelemetry import ModelstatSpanExporter, ModelstatSpanProcessor

from .conftest import Records, tokens
from .provider import FakeProvider

CHAT: Any = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-x",
    "gen_ai.response.model": "gpt-x-2026-01-01",
        "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 200,
    "gen_ai.usage.cache_read.input_tokens": 900,
}
START = 1_700_000_000_123_456_789


def tracer_of(processor: Any) -> Any:
    made = TracerProvider()
    made.add_span_processor(processor)
    return made.get_tracer("opentelemetry.instrumentation.openai_v2", "2.0")


def test_spans_are_recorded(records: Records) -> None:
    tracer = tracer_of(ModelstatSpanProcessor(records, metadata={"feature": "search"}))
    span = tracer.start_span("chat gpt-x", attributes=CHAT, start_time=START)
    span.end(end_time=START + 1_500_000_000)

    call = records.one()
    assert tokens(call) == (100, 200, 0, 900, 0)
    assert (call.provider, call.model) == ("openai", "gpt-x-2026-01-01")
    assert (call.finish_reason, call.response_id) == ("stop", None)
    assert call.duration_ms == 1500 and call.started_at.microsecond == 123456
    assert call.metadata["feature"] == "search"


def test_the_trace_stands_in_for_a_conversation_and_says_so(records: Records) -> None:
    tracer = tracer_of(ModelstatSpanProcessor(records))
    span = tracer.start_span("chat", attributes=CHAT)
    span.end()
    conversation = {**CHAT, "gen_ai.conversation.id": "thread-7"}
    tracer.start_span("chat", attributes=conversation).end()

    derived, named = records.calls
    assert derived.session_id == format(span.get_span_context().trace_id, "032x")
    assert derived.metadata["session_derived"] == "true"
    assert named.session_id == "thread-7" and "session_derived" not in named.metadata


def test_spans_that_repeat_their_children_are_left_out(records: Records) -> None:
    tracer = tracer_of(ModelstatSpanProcessor(records))
    tracer.start_span("agent", attributes={**CHAT, "gen_ai.operation.name": "invoke_agent"}).end()
    tracer.start_span("GET /", attributes={"http.request.method": "GET"}).end()
    tracer.start_span("nothing").end()
    assert records.calls == []


def test_failed_spans_are_recorded(records: Records) -> None:
    tracer = tracer_of(ModelstatSpanProcessor(records))
    with pytest.raises(TimeoutError):
        with tracer.start_as_current_span("chat", attributes={**CHAT}):
            raise TimeoutError
    assert records.one().error_type == "TimeoutError"


def test_the_exporter_records_batches(records: Records) -> None:
    made = TracerProvider()
    made.add_span_processor(BatchSpanProcessor(ModelstatSpanExporter(records)))
    made.get_tracer("x").start_span("chat", attributes=CHAT).end()
    made.shutdown()
    assert tokens(records.one()) == (100, 200, 0, 900, 0)


def test_flushing_reaches_the_recorder(records: Records) -> None:
    waits: list[float] = []

    class Flushing(Records):
        def flush(self, timeout: float) -> bool:
            waits.append(timeout)
            return False

    assert ModelstatSpanProcessor(records).force_flush()
    assert not ModelstatSpanProcessor(Flushing()).force_flush(2_000)
    assert waits == [2.0]


def test_an_instrumented_and_wrapped_client_is_counted_once(
    provider: FakeProvider, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer = tracer_of(ModelstatSpanProcessor(records))
    completions = openai.resources.chat.completions.Completions
    original = completions.create

    def instrumented(self: Any, **kwargs: Any) -> Any:
        with tracer.start_as_current_span("chat", attributes=CHAT):
            return original(self, **kwargs)

    monkeypatch.setattr(completions, "create", instrumented)
    made = openai.OpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)
    modelstat.wrap(made, recorder=records)
    made.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": "hi"}])

    assert records.one().prompt == "hi"


def test_a_span_that_ends_after_its_call_is_known_by_the_answers_id(
    provider: FakeProvider, records: Records
) -> None:
    tracer = tracer_of(ModelstatSpanProcessor(records))
    made = openai.OpenAI(api_key="none", base_url=provider.url + "/v1", max_retries=0)
    modelstat.wrap(made, recorder=records)
    span = tracer.start_span("chat", attributes=CHAT)
    answer = made.chat.completions.create(
        model="gpt-x", messages=[{"role": "user", "content": "hi"}]
    )
    span.set_attribute("gen_ai.response.id", answer.id)
    span.end()

    assert records.one().response_id == answer.id
