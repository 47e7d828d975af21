"""What a program hands over per call of a model, and the batch that it becomes."""

from __future__ import annotations

import sys
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional, Tuple

from . import _core, _log, wire
from .config import Config
from .wire import (
    BillingMode,
    EventKind,
    GitContext,
    IngestBatch,
    RawEvent,
    SessionInstall,
    TokenUsage,
    ToolCallStatus,
    ToolCallWire,
)

if TYPE_CHECKING or sys.version_info >= (3, 10):
    from dataclasses import KW_ONLY

__all__ = ["LlmCall", "ToolCallInput", "build_batch"]

# Code points of the excerpt, in every mode but raw.
EXCERPT_MAX_CHARS = 320


def _now_utc() -> datetime:
    return datetime.now(timezone.utc)


@dataclass
class ToolCallInput:
    """One tool call. Its arguments are hashed and sized on the worker and go nowhere."""

    name: str
    status: ToolCallStatus
    # `builtin` or `mcp:<server>`.
    server: str = "builtin"
    # Anything that JSON can hold.
    args: Optional[Any] = None
    # How long the result was.
    result_bytes: int = 0
    started_at: datetime = field(default_factory=_now_utc)
    ended_at: Optional[datetime] = None
    # Names of commands, for tools like a shell: at most three, each of at most forty characters.
    command_families: List[str] = field(default_factory=list)


class _Open(_core.CallFields):
    """Takes attributes that are no fields, as any object of Python's does."""


# What is generated for a call is `__eq__`, `__repr__` and the names of the fields; `__init__` is the core's, where
# the fields are.
if TYPE_CHECKING:
    from dataclasses import dataclass as _call
else:
    _call = dataclass(init=False)


@_call
class LlmCall(_Open):
    """One call of a model. The texts are raw here; the worker redacts them.

    `tokens` is of five classes that do not overlap; `wrap` and the integrations convert what
    providers report. `record` takes the fields as they are then; the objects in them should not be
    changed afterwards.
    """

    # Without `field()`, what the core has under the name would be taken for a default.
    provider: str = field()
    # Groups calls: a trace or a conversation.
    session_id: str = field()
    model: Optional[str] = None
    kind: EventKind = EventKind.ASSISTANT_MESSAGE
    tokens: TokenUsage = field(default_factory=TokenUsage)
    started_at: datetime = field(default_factory=_now_utc)
    # Only when someone watched the answer arrive.
    first_token_at: Optional[datetime] = None
    duration_ms: Optional[int] = None
    prompt: Optional[str] = None
    completion: Optional[str] = None
    cwd: Optional[str] = None
    git: Optional[GitContext] = None
    tool_calls: List[ToolCallInput] = field(default_factory=list)
    # Above the tags of the `with modelstat.metadata(…)` block and of the configuration.
    metadata: Dict[str, str] = field(default_factory=dict)
    # The tags of the block; `record` takes those in force where this is `None`.
    ambient_metadata: Optional[Dict[str, str]] = None
    if sys.version_info >= (3, 10):
        _: KW_ONLY
    # Kept for programs written for 0.0.1; prices come from the server.
    billing: Optional[BillingMode] = None
    # What the five classes do not say: `cache_creation_1h`, `audio_input`, `service_tier` and others.
    usage_detail: Optional[Dict[str, Any]] = None
    # `False` when the provider did not say: unknown is not zero.
    usage_known: bool = True
    # Of a call that failed: the name of the exception, the status of the answer.
    error_type: Optional[str] = None
    error_status: Optional[int] = None
    finish_reason: Optional[str] = None
    # The provider's id of the answer; the same answer recorded twice is told by it.
    response_id: Optional[str] = None

    def __post_init__(self) -> None:
        """Is called by `__init__` when the arguments may be in the order of 0.0.1."""
        call: Any = self
        # The types tell, and of a call in the order of 0.1.0 none of these holds.
        if (
            type(call.first_token_at) is int
            or type(call.duration_ms) is str
            or type(call.cwd) is GitContext
            or type(call.git) is BillingMode
        ):
            _from_seed_order(call)

    if not TYPE_CHECKING:

        @property
        def __dict__(self) -> Dict[str, Any]:
            own = vars(_Open)["__dict__"].__get__(self)
            return {**{name: getattr(self, name) for name in _CALL_FIELDS}, **own}

    def __getstate__(self) -> Dict[str, Any]:
        return vars(self)

    def __setstate__(self, state: Dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def model_(self, model: str) -> LlmCall:
        """Sets the model; the underscore keeps it apart from the field."""
        self.model = model
        return self

    def with_tokens(self, tokens: TokenUsage) -> LlmCall:
        """Sets the tokens."""
        self.tokens = tokens
        return self

    def text(self, prompt: str, completion: str) -> LlmCall:
        """Sets the texts."""
        self.prompt = prompt
        self.completion = completion
        return self

    def with_metadata(self, tags: Dict[str, str]) -> LlmCall:
        """Adds tags; the same key again takes the new value."""
        self.metadata.update(tags)
        return self


_CALL_FIELDS = tuple(each.name for each in fields(LlmCall))

# The defaults were put on the class, where they stand before the core's fields.
for _field in fields(LlmCall):
    if _field.default is not MISSING:
        delattr(LlmCall, _field.name)


def _from_seed_order(call: Any) -> None:
    """Moves positional arguments in the order of 0.0.1 to where they belong.

    There, `duration_ms`, `prompt`, `completion`, `cwd`, `git` and `billing` stood one place further
    to the left or at the end. How far the positional arguments went is seen from the last one of a
    type that 0.1.0 never has there; what was given by name stays.
    """
    _log.deprecated(
        "llm_call_order",
        "LlmCall was called in the positional order of 0.0.1; give what follows `started_at` by name",
    )
    reaches_billing = type(call.git) is BillingMode
    reaches_git = reaches_billing or type(call.cwd) is GitContext
    reaches_prompt = reaches_git or type(call.duration_ms) is str
    duration, prompt, completion = call.first_token_at, call.duration_ms, call.prompt
    cwd, git, billing = call.completion, call.cwd, call.git
    call.first_token_at, call.duration_ms = None, duration
    if not reaches_prompt:
        return
    call.prompt = prompt
    if reaches_git or completion is not None:
        # Without a positional completion, one in its place was given by name and stays.
        call.completion = completion
        call.cwd = cwd if reaches_git or cwd is not None else call.cwd
    if reaches_git:
        call.git = git
    if reaches_billing:
        call.billing = billing


def content_hash_tc(src_event_id: str, index: int) -> str:
    """Returns the sixteen digits in the id of a tool call."""
    return wire.content_hash([src_event_id, str(index)])[:16]


def build_batch(cfg: Config, calls: Iterable[LlmCall], seq: int) -> Tuple[IngestBatch, int]:
    """Makes the batch that the worker would send for these calls, and returns the next `seq`.

    `seq` goes up by one per call; it keeps ids of calls in the same millisecond apart.
    """
    kept = list(calls)
    built = _core.build_batch(cfg, kept, seq)
    return _batch_of(built), seq + len(kept)


def _batch_of(built: Dict[str, Any]) -> IngestBatch:
    installs = built.get("session_installs", {})
    return IngestBatch(
        batch_id=built["batch_id"],
        device_id=built["device_id"],
        app=built["app"],
        daemon_version=built["daemon_version"],
        events=[_event_of(event) for event in built["events"]],
        tool_calls=[_tool_call_of(call) for call in built.get("tool_calls", [])],
        session_installs={session: SessionInstall(**install) for session, install in installs.items()},
        auto_taxonomy=built.get("auto_taxonomy"),
    )


def _event_of(built: Dict[str, Any]) -> RawEvent:
    values = dict(built)
    git = values.pop("git", None)
    event = RawEvent(
        source_event_id=values.pop("source_event_id"),
        ts=_time_of(values.pop("ts")),
        kind=_member(EventKind, values.pop("kind")),
        agent=values.pop("agent"),
        provider=values.pop("provider"),
        session_id=values.pop("session_id"),
        tokens=TokenUsage(**values.pop("tokens")),
        git=None if git is None else GitContext(**git),
        billing=_member(BillingMode, values.pop("billing", None)),
    )
    for name in ("started_at", "first_token_at"):
        text = values.pop(name, None)
        setattr(event, name, None if text is None else _time_of(text))
    for name in ("model", "cwd", "duration_ms", "content_excerpt"):
        setattr(event, name, values.pop(name, None))
    event.metadata = values.pop("metadata", {})
    event.extra = values
    return event


def _tool_call_of(built: Dict[str, Any]) -> ToolCallWire:
    values = dict(built)
    values["started_at"] = _time_of(values["started_at"])
    values["status"] = _member(ToolCallStatus, values["status"])
    if values.get("ended_at") is not None:
        values["ended_at"] = _time_of(values["ended_at"])
    return ToolCallWire(**values)


def _time_of(text: str) -> datetime:
    # `fromisoformat` reads no `Z` before Python 3.11.
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _member(choices: Any, word: Optional[str]) -> Any:
    """Returns the member of an enum, or the word itself where it is none of ours."""
    try:
        return None if word is None else choices(word)
    except ValueError:
        return word
