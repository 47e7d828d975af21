"""A callback handler for LangChain and LangGraph.

```python
handler = ModelstatCallbackHandler(Client(config))
model.invoke("hello", config={"callbacks": [handler]})
```
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult

from modelstat.capture import LlmCall, ToolCallInput
from modelstat.context import ambient_metadata
from modelstat.wire import ToolCallStatus
from modelstat.wrap.faults import Guard
from modelstat.wrap.options import Options, Recorder, Session, SessionId
from modelstat.wrap.reading import Text, flatten, items, read, text
from modelstat.wrap.usage import Usage

from .recording import Open, apply_error, apply_usage, hand_over, named, usage_of

__all__ = ["ModelstatCallbackHandler"]

LAYER = "langchain"

# Names under which programs tell LangChain which conversation a run is part of.
_SESSION_KEYS = ("session_id", "thread_id", "conversation_id")


class _Run:
    """A run of a model that has started."""

    def __init__(self, call: LlmCall) -> None:
        self.call = call
        self.started = time.monotonic()


class ModelstatCallbackHandler(BaseCallbackHandler):
    """Records every run of a chat model or language model.

    The session is the run's `session_id`, `thread_id` or `conversation_id` in its metadata, else the
    one given here, else a random one per process.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        session_id: SessionId = None,
        metadata: Optional[Mapping[str, str]] = None,
        agent: Optional[str] = None,
    ) -> None:
        session = Session(session_id)
        self._options = Options(
            recorder, provider="unknown", session=session, metadata=metadata, agent=agent
        )
        self._runs: Open[_Run] = Open()

    def on_chat_model_start(
        self,
        serialized: Dict[str, Any],
        messages: List[List[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: Optional[UUID] = None,
        tags: Optional[List[str]] = None,
        metadata: Optional[Dict[str, Any]] = None,
        **kwargs: Any,
    ) -> None:
        """Notes the start of a chat model's run."""
        with Guard("observe a run"):
            prompt = Text()
            for message in (message for batch in messages for message in batch):
                prompt.add_line(flatten(read(message, "content")))
            self._start(run_id, prompt.value(), metadata, kwargs)

    def on_llm_start(
        self,
        serialized: Dict[str, Any],
        prompts: List[str],
        *,
        run_id: UUID,
        parent_run_id: Optional[UUID] = None,
        tags: Optional[List[str]] = None,
        metadata: Optional[Dict[str, Any]] = None,
        **kwargs: Any,
    ) -> None:
        """Notes the start of a language model's run."""
        with Guard("observe a run"):
            whole = Text()
            for prompt in prompts:
                whole.add_line(prompt)
            self._start(run_id, whole.value(), metadata, kwargs)

    def on_llm_new_token(self, token: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Notes when the first token came."""
        run = self._runs.get(run_id)
        if run is None or run.call.first_token_at is not None:
            return
        # The chunk before the first token may hold a role and no text.
        if token or read(kwargs.get("chunk"), "message", "tool_call_chunks"):
            run.call.first_token_at = datetime.now(timezone.utc)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Records a run that succeeded."""
        run = self._runs.take(run_id)
        if run is None:
            return
        with Guard("read the answer of a run"):
            _read_answer(response, run.call)
        self._finish(run, None)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Records a run that failed, with what it had brought so far."""
        run = self._runs.take(run_id)
        if run is None:
            return
        with Guard("read the answer of a run"):
            run.call.usage_known = False
            if isinstance(kwargs.get("response"), LLMResult):
                _read_answer(kwargs["response"], run.call)
        self._finish(run, error)

    def _start(
        self,
        run_id: UUID,
        prompt: Optional[str],
        metadata: Optional[Dict[str, Any]],
        kwargs: Dict[str, Any],
    ) -> None:
        parameters = kwargs.get("invocation_params")
        call = LlmCall(
            provider=named(metadata, "ls_provider") or self._options.provider,
            session_id=named(metadata, *_SESSION_KEYS) or self._options.session.id(),
            model=named(metadata, "ls_model_name") or named(parameters, "model", "model_name"),
            prompt=prompt,
            metadata=dict(self._options.metadata),
            ambient_metadata=ambient_metadata(),
        )
        self._runs.put(run_id, _Run(call))

    def _finish(self, run: _Run, error: Optional[BaseException]) -> None:
        run.call.duration_ms = round((time.monotonic() - run.started) * 1000)
        apply_error(run.call, error)
        hand_over(self._options.recorder, LAYER, run.call, error)


def _read_answer(response: LLMResult, call: LlmCall) -> None:
    completion = Text()
    messages: List[Any] = []
    for generation in (generation for batch in response.generations for generation in batch):
        message = read(generation, "message")
        content = read(generation, "text") or flatten(read(message, "content"))
        completion.add_line(content)
        messages.append(message)
        call.tool_calls += _tool_calls(read(message, "tool_calls"))
    call.completion = completion.value()
    first = messages[0] if messages else None
    facts = read(first, "response_metadata")
    call.model = named(facts, "model_name", "model") or call.model
    call.finish_reason = named(facts, "finish_reason", "stop_reason", "done_reason")
    call.response_id = _response_id(first, facts, response.llm_output)
    # Of several choices each states the usage of them all.
    apply_usage(call, _usage(first, response.llm_output))
    tier = named(facts, "service_tier")
    if tier is not None:
        call.usage_detail = {"service_tier": tier, **(call.usage_detail or {})}


def _usage(message: Any, output: Any) -> Optional[Usage]:
    candidates: Sequence[Tuple[str, Any]] = (
        ("langchain", read(message, "usage_metadata")),
        ("openai.chat", read(output, "token_usage")),
        ("anthropic.messages", read(output, "usage")),
    )
    for shape, usage in candidates:
        if isinstance(usage, Mapping) and usage:
            return usage_of(shape, usage)
    return None


def _response_id(message: Any, facts: Any, output: Any) -> Optional[str]:
    stated = named(facts, "id") or named(output, "id")
    own = text(read(message, "id"))
    # LangChain names a message after its run where the provider gave it no id.
    if stated is None and own is not None and not own.startswith(("run-", "lc_")):
        return own
    return stated


def _tool_calls(calls: Any) -> List[ToolCallInput]:
    return [
        ToolCallInput(read(call, "name"), ToolCallStatus.UNKNOWN, args=read(call, "args"))
        for call in items(calls)
        if text(read(call, "name"))
    ]
