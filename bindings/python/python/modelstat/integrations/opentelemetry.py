"""A span processor and a span exporter for OpenTelemetry.

They read the spans of `gen_ai`, OpenInference, OpenLLMetry and Vercel's AI SDK, by one table that the
server shares. Spans that repeat what their children report (agents, chains) are left out.

```python
provider.add_span_processor(ModelstatSpanProcessor(Client(config)))
```
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Dict, Mapping, Optional, Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import StatusCode

from modelstat.capture import LlmCall
from modelstat.wrap.faults import Guard
from modelstat.wrap.observation import is_observing
from modelstat.wrap.options import Options, Recorder, Session, SessionId
from modelstat.wrap.reading import text
from modelstat.wrap.usage import from_core

from .recording import apply_usage, hand_over, tags

__all__ = ["ModelstatSpanExporter", "ModelstatSpanProcessor"]

LAYER = "opentelemetry"

# Tag of a call whose span named no conversation: its session is the trace.
DERIVED_SESSION = {"session_derived": "true"}


class _Spans:
    """Turns spans into records."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def take(self, span: ReadableSpan) -> None:
        """Records a span that is a call of a model."""
        with Guard("read a span"):
            call = self._call(span)
            if call is not None:
                hand_over(self._options.recorder, LAYER, call)

    def flush(self, timeout_ms: int) -> bool:
        """Asks the recorder to send what it holds, and returns whether it did in time."""
        flush = getattr(self._options.recorder, "flush", None)
        if not callable(flush):
            return True
        with Guard("flush"):
            return bool(flush(timeout_ms / 1000))
        return False

    def _call(self, span: ReadableSpan) -> Optional[LlmCall]:
        from modelstat import _core

        scope = span.instrumentation_scope
        started, ended = span.start_time or 0, span.end_time or span.start_time or 0
        facts: Optional[Dict[str, Any]] = _core.map_span(
            dict(span.attributes or {}),
            scope.name if scope is not None else "",
            (scope.version or "") if scope is not None else "",
            started,
            ended,
        )
        if facts is None:
            return None
        is_named = not facts.get("is_session_derived")
        session = text(facts.get("session_id")) if is_named else None
        session = session or self._options.session.given()
        call = LlmCall(
            provider=text(facts.get("provider")) or self._options.provider,
            session_id=session or self._session_of(span),
            model=text(facts.get("model")),
            started_at=_moment(started),
            first_token_at=_first_token_at(facts, span),
            duration_ms=(ended - started) // 1_000_000,
            prompt=text(facts.get("prompt")),
            completion=text(facts.get("completion")),
            finish_reason=text(facts.get("finish_reason")),
            response_id=text(facts.get("response_id")),
            error_type=text(facts.get("error_type")) or _error_type(span),
            metadata=tags(
                DERIVED_SESSION if session is None else {},
                dict(facts.get("metadata") or {}),
                self._options.metadata,
            ),
        )
        apply_usage(call, from_core(facts.get("usage") or facts))
        return call

    def _session_of(self, span: ReadableSpan) -> str:
        context = span.get_span_context()
        return self._options.session.id() if context is None else format(context.trace_id, "032x")


class ModelstatSpanProcessor(SpanProcessor):
    """Records each span of a model's call when it ends.

    A span inside a call of a wrapped client is left to the wrapped client, which knows more. The
    session is the conversation that the span names, else the one given here, else the trace.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        session_id: SessionId = None,
        metadata: Optional[Mapping[str, str]] = None,
        agent: Optional[str] = None,
    ) -> None:
        self._spans = _Spans(_options(recorder, session_id, metadata, agent))

    def on_start(self, span: Span, parent_context: Optional[Context] = None) -> None:
        """Does nothing: all is read when the span ends."""

    def on_end(self, span: ReadableSpan) -> None:
        """Records a span that is a call of a model."""
        if not is_observing():
            self._spans.take(span)

    def shutdown(self) -> None:
        """Flushes; the recorder is the caller's to shut down."""
        self._spans.flush(30_000)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flushes."""
        return self._spans.flush(timeout_millis)


class ModelstatSpanExporter(SpanExporter):
    """Records spans that are handed over in batches, for programs that have their own processor."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        session_id: SessionId = None,
        metadata: Optional[Mapping[str, str]] = None,
        agent: Optional[str] = None,
    ) -> None:
        self._spans = _Spans(_options(recorder, session_id, metadata, agent))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Records those spans that are calls of a model."""
        for span in spans:
            self._spans.take(span)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Flushes; the recorder is the caller's to shut down."""
        self._spans.flush(30_000)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flushes."""
        return self._spans.flush(timeout_millis)


def _options(
    recorder: Recorder,
    session_id: SessionId,
    metadata: Optional[Mapping[str, str]],
    agent: Optional[str],
) -> Options:
    session = Session(session_id)
    return Options(recorder, provider="unknown", session=session, metadata=metadata, agent=agent)


def _moment(nanoseconds: int) -> datetime:
    # In whole microseconds first: a float of nanoseconds since the epoch is off by hundreds.
    seconds, rest = divmod(nanoseconds // 1000, 1_000_000)
    return datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=rest)


def _first_token_at(facts: Mapping[str, Any], span: ReadableSpan) -> Optional[datetime]:
    stated = facts.get("first_token_ns")
    if isinstance(stated, int):
        return _moment(stated)
    for event in span.events:
        if event.name == "gen_ai.content.completion.chunk":
            return _moment(event.timestamp)
    return None


def _error_type(span: ReadableSpan) -> Optional[str]:
    if span.status.status_code is not StatusCode.ERROR:
        return None
    for event in span.events:
        kind = text((event.attributes or {}).get("exception.type"))
        if kind is not None:
            return kind
    return "error"
