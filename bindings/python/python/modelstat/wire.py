"""The records of the wire, their ids and limits.

An absent value is left out, never sent as `null`. Tool calls carry hashes and sizes, no text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import Any, Dict, List, Optional

from . import _core

__all__ = [
    "TokenUsage",
    "EventKind",
    "BillingMode",
    "ToolCallStatus",
    "GitContext",
    "RawEvent",
    "ToolCallWire",
    "SessionInstall",
    "IngestBatch",
    "content_hash",
    "source_event_id",
    "batch_id",
    "format_rfc3339",
    "cap_metadata",
    "METADATA_MAX_ENTRIES",
    "METADATA_MAX_KEY_CHARS",
    "METADATA_MAX_VALUE_CHARS",
]

# As many tags as an event may carry; the first by key stay.
METADATA_MAX_ENTRIES = 16
# Code points of a tag's key and value.
METADATA_MAX_KEY_CHARS = 64
METADATA_MAX_VALUE_CHARS = 256


def cap_metadata(metadata: Dict[str, str]) -> Dict[str, str]:
    """Returns the tags within the limits: sixteen, by key, each key and value cut without a mark."""
    return _core.cap_metadata(metadata)


def format_rfc3339(dt: datetime) -> str:
    """Writes a time as the wire has it: UTC, three decimals, `Z`. One without a zone is UTC already."""
    utc = dt.replace(tzinfo=timezone.utc) if dt.tzinfo is None else dt.astimezone(timezone.utc)
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _present(**values: Any) -> Dict[str, Any]:
    """Returns the values that are not `None`."""
    return {name: value for name, value in values.items() if value is not None}


def _time(dt: Optional[datetime]) -> Optional[str]:
    return None if dt is None else format_rfc3339(dt)


def _value(choice: Any) -> Any:
    """Returns the word of an enum; the wire's sets of words are open, so a bare word is fine too."""
    return choice.value if isinstance(choice, Enum) else choice


@dataclass
class TokenUsage:
    """Five classes of tokens that do not overlap.

    `input` is without what the cache served or took, `output` without `reasoning`.
    """

    input: int = 0
    output: int = 0
    cache_creation: int = 0
    cache_read: int = 0
    reasoning: int = 0

    def total(self) -> int:
        """Returns the sum of the classes."""
        return self.input + self.output + self.cache_creation + self.cache_read + self.reasoning

    def to_dict(self) -> Dict[str, int]:
        """Returns all five, zeros included, as the wire wants them."""
        return {
            "input": self.input,
            "output": self.output,
            "cache_creation": self.cache_creation,
            "cache_read": self.cache_read,
            "reasoning": self.reasoning,
        }


class EventKind(str, Enum):
    """What kind of event a call is."""

    USER_MESSAGE = "user_message"
    ASSISTANT_MESSAGE = "assistant_message"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    SUMMARY = "summary"


class BillingMode(str, Enum):
    """How the provider billed the call. Prices come from the server; this is kept for old programs."""

    SUBSCRIPTION = "subscription"
    API = "api"


class ToolCallStatus(str, Enum):
    """How a tool call ended."""

    SUCCESS = "success"
    ERROR = "error"
    DENIED = "denied"
    TIMEOUT = "timeout"
    UNKNOWN = "unknown"


@dataclass
class GitContext:
    """Where in a repository the call was made.

    `slug_source` says how the slug was found; one read from git's configuration is `git_remote`.
    """

    remote_slug: Optional[str] = None
    host: Optional[str] = None
    branch: Optional[str] = None
    slug_source: Optional[str] = None

    def to_dict(self) -> Dict[str, Any]:
        """Returns what is known."""
        return _present(
            remote_slug=self.remote_slug,
            host=self.host,
            branch=self.branch,
            slug_source=self.slug_source,
        )


@dataclass
class RawEvent:
    """One call as it crosses the wire: numbers, labels and redacted text."""

    source_event_id: str
    ts: datetime
    kind: EventKind
    agent: str
    provider: str
    session_id: str
    tokens: TokenUsage = field(default_factory=TokenUsage)
    # When the call began.
    started_at: Optional[datetime] = None
    # When its first output arrived, if someone watched for it.
    first_token_at: Optional[datetime] = None
    model: Optional[str] = None
    cwd: Optional[str] = None
    git: Optional[GitContext] = None
    duration_ms: Optional[int] = None
    # Redacted: 320 characters, or the whole turn in raw mode.
    content_excerpt: Optional[str] = None
    metadata: Dict[str, str] = field(default_factory=dict)
    billing: Optional[BillingMode] = None
    # Fields that only our servers read, as they stand on the wire: usage, error, finish reason.
    extra: Dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> Dict[str, Any]:
        """Returns the JSON of the wire."""
        out: Dict[str, Any] = {
            "source_event_id": self.source_event_id,
            "ts": format_rfc3339(self.ts),
            "kind": _value(self.kind),
            "agent": self.agent,
            "provider": self.provider,
            "session_id": self.session_id,
            "tokens": self.tokens.to_dict(),
        }
        out.update(
            _present(
                started_at=_time(self.started_at),
                first_token_at=_time(self.first_token_at),
                model=self.model,
                cwd=self.cwd,
                git=None if self.git is None else self.git.to_dict(),
                duration_ms=self.duration_ms,
                billing=_value(self.billing),
                content_excerpt=self.content_excerpt,
                metadata=self.metadata or None,
            )
        )
        out.update(self.extra)
        return out


@dataclass
class ToolCallWire:
    """One tool call: hashes and sizes."""

    external_call_id: str
    session_id: str
    source_event_id: str
    agent: str
    # `builtin` or `mcp:<server>`.
    server: str
    name: str
    call_index: int
    started_at: datetime
    status: ToolCallStatus
    # SHA-256 of the arguments as JSON; empty without arguments.
    args_hash: str
    # SHA-256 of the sorted names of the arguments; `none` where they are no object.
    signature_hash: str
    args_bytes: int
    result_bytes: int
    segment_id: Optional[str] = None
    turn_index: Optional[int] = None
    ended_at: Optional[datetime] = None
    model: Optional[str] = None
    command_families: List[str] = field(default_factory=list)

    def to_dict(self) -> Dict[str, Any]:
        """Returns the JSON of the wire."""
        out: Dict[str, Any] = {
            "external_call_id": self.external_call_id,
            "session_id": self.session_id,
            "source_event_id": self.source_event_id,
            "agent": self.agent,
            "server": self.server,
            "name": self.name,
            "call_index": self.call_index,
            "started_at": format_rfc3339(self.started_at),
            "status": _value(self.status),
            "args_hash": self.args_hash,
            "signature_hash": self.signature_hash,
            "args_bytes": self.args_bytes,
            "result_bytes": self.result_bytes,
        }
        out.update(
            _present(
                segment_id=self.segment_id,
                turn_index=self.turn_index,
                ended_at=_time(self.ended_at),
                model=self.model,
                command_families=self.command_families or None,
            )
        )
        return out


@dataclass
class SessionInstall:
    """The account that a session belongs to; for an SDK it is the app."""

    provider_account_id: str
    provider: str

    def to_dict(self) -> Dict[str, Any]:
        """Returns the JSON of the wire."""
        return {"provider_account_id": self.provider_account_id, "provider": self.provider}


@dataclass
class IngestBatch:
    """What is posted."""

    batch_id: str
    device_id: str
    app: str
    # The version of the producer, whatever it is.
    daemon_version: str
    events: List[RawEvent] = field(default_factory=list)
    tool_calls: List[ToolCallWire] = field(default_factory=list)
    # By session.
    session_installs: Dict[str, SessionInstall] = field(default_factory=dict)
    # Whether the server derives a taxonomy; `None` leaves it to the server.
    auto_taxonomy: Optional[bool] = None

    def to_dict(self) -> Dict[str, Any]:
        """Returns the JSON of the wire."""
        out: Dict[str, Any] = {
            "batch_id": self.batch_id,
            "device_id": self.device_id,
            "app": self.app,
            "daemon_version": self.daemon_version,
            "events": [event.to_dict() for event in self.events],
        }
        if self.tool_calls:
            out["tool_calls"] = [call.to_dict() for call in self.tool_calls]
        if self.session_installs:
            out["session_installs"] = {
                session: install.to_dict() for session, install in self.session_installs.items()
            }
        if self.auto_taxonomy is not None:
            out["auto_taxonomy"] = self.auto_taxonomy
        return out


def content_hash(parts: List[str]) -> str:
    """Hashes the parts with BLAKE3, joined by 0x1F: 32 hexadecimal digits."""
    return _core.content_hash(parts)


def source_event_id(device_id: str, source_ref: str) -> str:
    """Returns the id of an event: the same event of the same device has the same one."""
    return _core.source_event_id(device_id, source_ref)


def batch_id(source_event_ids: List[str]) -> str:
    """Returns the id of a batch, whatever the order of its events."""
    return _core.batch_id(source_event_ids)
