"""One request to a provider while it is under way, and the record that it becomes."""

from __future__ import annotations

import contextlib
import contextvars
import time
from datetime import datetime, timezone
from typing import Any, List, Mapping, Optional

from modelstat.capture import LlmCall
from modelstat.context import ambient_metadata

from .answer import Answer
from .faults import Guard
from .once import claims
from .options import Options
from .reading import number, text
from .surface import Method
from .usage import Usage, normalise

__all__ = ["Active", "Observation", "is_observing", "status_of"]

LAYER = "wrap"

_current: contextvars.ContextVar[Optional[Observation]] = contextvars.ContextVar(
    "modelstat_observation", default=None
)


def is_observing() -> bool:
    """Returns whether this code runs inside a call of a wrapped client, which will be recorded."""
    return _current.get() is not None


def status_of(error: BaseException) -> Optional[int]:
    """Returns the HTTP status that a provider's exception carries, where it says that something failed."""
    for value in (
        getattr(error, "status_code", None),
        getattr(error, "code", None),
        getattr(getattr(error, "response", None), "status_code", None),
    ):
        status = number(value)
        if status is not None and 400 <= status <= 599:
            return status
    return None


class Active:
    """A `with` block in which code of the provider's package works for an observation.

    What is observed inside belongs to the same request, so the outer observation stays silent. The
    errors that leave the block are the request's.
    """

    __slots__ = ("_observation", "_token")

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._token: Optional[contextvars.Token[Optional[Observation]]] = None

    def __enter__(self) -> None:
        self._observation.is_advancing = True
        self._token = _current.set(self._observation)

    def __exit__(self, kind: Any, error: Optional[BaseException], traceback: Any) -> None:
        self._observation.is_advancing = False
        if self._token is not None:
            # A loop may close what it cancels in another context.
            with contextlib.suppress(ValueError):
                _current.reset(self._token)
        if error is None or isinstance(error, (StopIteration, StopAsyncIteration, GeneratorExit)):
            return
        self._observation.finish(error)


class Observation:
    """A request from when it is sent until its answer is complete, given up or lost.

    It records itself once, at the latest when nothing holds it any more: a stream that the caller
    drops half read leaves no other trace.
    """

    def __init__(self, options: Options, method: Method, request: Mapping[str, Any]) -> None:
        self._open: List[bool] = [True]
        self.is_advancing = False
        self.is_covered = False
        # Whether the request is under way; an iterator that nobody advances sends none.
        self.is_sent = not method.sends_when_iterated
        # Whether a last chunk with nothing but the usage is ours and not the caller's.
        self.hides_usage_chunk = False
        self.answer = Answer()
        self._options = options
        self._api = method.api
        self._model = text(request.get("model"))
        self._session_id = options.session.id()
        self._ambient = ambient_metadata()
        self._first_token_at: Optional[datetime] = None
        self._start()
        self._prompt: Optional[str] = None
        with Guard("read a request"):
            self._prompt = method.api.prompt(request)
        outer = _current.get()
        if outer is not None:
            outer.is_covered = True

    def __del__(self) -> None:
        # At the end of the process, what this needs may be gone before it.
        try:
            self.finish(at=getattr(self, "_last", None))
        except Exception:
            return

    def _start(self) -> None:
        self._started_at = datetime.now(timezone.utc)
        self._started = self._last = time.monotonic()

    def advance(self) -> None:
        """Notes that the next piece is asked for; the first time may send the request."""
        if not self.is_sent:
            self.is_sent = True
            self._start()

    def whole(self, response: Any) -> None:
        """Takes the whole answer."""
        with Guard("read an answer"):
            self._api.answer(response, self.answer)
        self.finish()

    def piece(self, chunk: Any) -> bool:
        """Takes a piece of the answer and returns whether the caller is to see it."""
        if not self._open:
            return True
        self._last = time.monotonic()
        with Guard("read a part of an answer"):
            count = len(self.answer.usages)
            if self._api.chunk(chunk, self.answer) and self._first_token_at is None:
                self._first_token_at = datetime.now(timezone.utc)
            if self.hides_usage_chunk and len(self.answer.usages) > count:
                return bool(getattr(chunk, "choices", True))
        return True

    def finish(self, error: Optional[BaseException] = None, *, at: Optional[float] = None) -> None:
        """Records the call, the first time that it is called."""
        try:
            self._open.pop()
        except (AttributeError, IndexError):
            return
        with Guard("record a call"):
            if self.is_covered or not self.is_sent:
                return
            if error is not None and (self._is_misuse(error) or not claims.claim_error(LAYER, error)):
                return
            call = self._call(error, time.monotonic() if at is None else at)
            if claims.claim_call(LAYER, call):
                self._options.recorder.record(call)

    def _is_misuse(self, error: BaseException) -> bool:
        """Returns whether the package refused the arguments, so that there was no call to record."""
        return type(error) in (TypeError, ValueError) and self._last == self._started

    def _call(self, error: Optional[BaseException], ended: float) -> LlmCall:
        answer = self.answer
        usage = Usage()
        with Guard("read the usage of an answer"):
            usage = normalise(self._api.shape, answer.usages)
        error_type = answer.error_type if error is None else type(error).__name__
        status = answer.error_status if error is None else status_of(error)
        if answer.service_tier and not usage.detail.get("service_tier"):
            usage.detail["service_tier"] = answer.service_tier
        # A request that the provider refused used nothing, and that is known.
        is_refused = status is not None and not answer.usages
        return LlmCall(
            provider=self._options.provider,
            session_id=self._session_id,
            model=answer.model or self._model,
            tokens=usage.tokens,
            started_at=self._started_at,
            first_token_at=self._first_token_at,
            duration_ms=max(0, round((ended - self._started) * 1000)),
            prompt=self._prompt,
            completion=answer.completion(),
            tool_calls=answer.tool_calls(),
            metadata=dict(self._options.metadata),
            ambient_metadata=self._ambient,
            usage_detail=usage.detail or None,
            usage_known=usage.known or is_refused,
            error_type=error_type,
            error_status=status,
            finish_reason=answer.finish_reason,
            response_id=answer.response_id,
        )
