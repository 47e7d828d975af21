"""modelstat: what your calls of language models cost and what they buy, without their text leaving your machines.

    from modelstat import Client, Config, LlmCall, TokenUsage

    with Client(Config("msk_live_…", "raw_sdk_openai", "checkout-api")) as ms:
        ms.record(
            LlmCall("openai", "session-or-trace-id")
            .model_("gpt-x")
            .with_tokens(TokenUsage(input=800, output=120))
            .text("the prompt", "the completion")
        )

`record` puts references in a queue. A native thread behind it redacts, gathers and sends, to a daemon on
this machine or, with `Config.with_remote`, to a server.
"""

from __future__ import annotations

from ._version import __version__
from .capture import LlmCall, ToolCallInput, build_batch
from .client import Client
from .config import DEFAULT_DAEMON_URL, Config, Mode, RedactionPolicy
from .context import metadata
from .redact import Redacted, redact
from .transport import FakeTransport, HttpTransport, Transport, TransportError
from .wire import (
    METADATA_MAX_ENTRIES,
    METADATA_MAX_KEY_CHARS,
    METADATA_MAX_VALUE_CHARS,
    BillingMode,
    EventKind,
    GitContext,
    IngestBatch,
    RawEvent,
    TokenUsage,
    ToolCallStatus,
    ToolCallWire,
    batch_id,
    cap_metadata,
    content_hash,
    source_event_id,
)
from .worker import Flushed, Stats
from .wrap import wrap

__all__ = [
    "__version__",
    "Client",
    "Config",
    "Mode",
    "RedactionPolicy",
    "DEFAULT_DAEMON_URL",
    "Flushed",
    "Stats",
    "LlmCall",
    "ToolCallInput",
    "build_batch",
    "metadata",
    "wrap",
    "cap_metadata",
    "METADATA_MAX_ENTRIES",
    "METADATA_MAX_KEY_CHARS",
    "METADATA_MAX_VALUE_CHARS",
    "redact",
    "Redacted",
    "Transport",
    "HttpTransport",
    "FakeTransport",
    "TransportError",
    "IngestBatch",
    "RawEvent",
    "ToolCallWire",
    "TokenUsage",
    "GitContext",
    "EventKind",
    "BillingMode",
    "ToolCallStatus",
    "content_hash",
    "source_event_id",
    "batch_id",
]
