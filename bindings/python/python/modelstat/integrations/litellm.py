"""A logger for LiteLLM, the package and the proxy.

```python
litellm.callbacks = [ModelstatLogger(Client(config))]
```
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from litellm.integrations.custom_logger import CustomLogger

from modelstat.capture import LlmCall
from modelstat.wrap.answer import Answer
from modelstat.wrap.faults import Guard
from modelstat.wrap.openai import Chat, Embeddings, Responses, TextCompletions
from modelstat.wrap.options import Options, Recorder, Session, SessionId
from modelstat.wrap.reading import plain, read, text
from modelstat.wrap.surface import Api

from .recording import (
    Open,
    apply_error,
    apply_usage,
    hand_over,
    milliseconds,
    named,
    usage_of,
    utc,
)

__all__ = ["ModelstatLogger"]

LAYER = "litellm"

# Names under which a request's metadata tells the conversation.
_SESSION_KEYS = ("session_id", "litellm_session_id", "thread_id", "conversation_id")


class ModelstatLogger(CustomLogger):  # type: ignore[misc, unused-ignore]
    """Records every call that LiteLLM makes, once per call id.

    LiteLLM may report a call twice, and a stream before it is complete; answers from its cache cost
    nothing and are left out.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        session_id: SessionId = None,
        metadata: Optional[Mapping[str, str]] = None,
        agent: Optional[str] = None,
    ) -> None:
        super().__init__()
        session = Session(session_id)
        self._options = Options(
            recorder, provider="unknown", session=session, metadata=metadata, agent=agent
        )
        self._done: Open[bool] = Open()

    def log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Records a call that succeeded."""
        self._log(kwargs, response_obj, start_time, end_time, is_failure=False)

    def log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Records a call that failed."""
        self._log(kwargs, response_obj, start_time, end_time, is_failure=True)

    async def async_log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Records a call that succeeded."""
        self._log(kwargs, response_obj, start_time, end_time, is_failure=False)

    async def async_log_failure_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Records a call that failed."""
        self._log(kwargs, response_obj, start_time, end_time, is_failure=True)

    def _log(self, kwargs: Any, response: Any, start: Any, end: Any, *, is_failure: bool) -> None:
        with Guard("read a call of LiteLLM"):
            if kwargs.get("cache_hit") is True:
                return
            if kwargs.get("stream") is True and not is_failure:
                response = _complete(kwargs)
                if response is None:
                    return
            call_id = kwargs.get("litellm_call_id")
            if call_id is not None:
                if self._done.get(call_id):
                    return
                self._done.put(call_id, True)
            error = kwargs.get("exception") if is_failure else None
            call = self._call(kwargs, None if is_failure else response)
            call.started_at = utc(start) or call.started_at
            call.duration_ms = milliseconds(utc(start), utc(end))
            if kwargs.get("stream") is True:
                call.first_token_at = utc(kwargs.get("completion_start_time"))
            if is_failure and not isinstance(error, BaseException):
                call.error_type = "error"
                error = None
            apply_error(call, error)
            hand_over(self._options.recorder, LAYER, call, error)

    def _call(self, kwargs: Dict[str, Any], response: Any) -> LlmCall:
        api = _api(kwargs.get("call_type"), response)
        parameters = kwargs.get("litellm_params")
        facts = read(parameters, "metadata")
        answer = Answer()
        api.answer(response, answer)
        call = LlmCall(
            provider=_provider(kwargs, parameters) or self._options.provider,
            session_id=named(facts, *_SESSION_KEYS)
            or named(parameters, "litellm_session_id")
            or self._options.session.id(),
            model=text(kwargs.get("model")) or answer.model,
            prompt=api.prompt(kwargs),
            completion=answer.completion(),
            tool_calls=answer.tool_calls(),
            finish_reason=answer.finish_reason,
            response_id=answer.response_id,
            metadata=dict(self._options.metadata),
        )
        usages = [plain(usage) for usage in answer.usages]
        apply_usage(call, usage_of("litellm", usages[-1]) if usages and usages[-1] else None)
        if answer.service_tier:
            call.usage_detail = {"service_tier": answer.service_tier, **(call.usage_detail or {})}
        return call


def _complete(kwargs: Dict[str, Any]) -> Any:
    """Returns the whole answer of a stream, `None` while it is under way."""
    for name in ("async_complete_streaming_response", "complete_streaming_response"):
        if kwargs.get(name) is not None:
            return kwargs[name]
    return None


def _provider(kwargs: Dict[str, Any], parameters: Any) -> Optional[str]:
    return text(kwargs.get("custom_llm_provider")) or named(parameters, "custom_llm_provider")


def _api(kind: Any, response: Any) -> Api:
    name = kind if isinstance(kind, str) else str(getattr(kind, "value", ""))
    if "embedding" in name:
        return Embeddings()
    if "responses" in name or read(response, "output") is not None:
        return Responses()
    return TextCompletions() if "text_completion" in name else Chat()
