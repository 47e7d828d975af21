"""Where calls go, as whom, and how the worker gathers them."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Dict, Optional, Tuple

from . import _log
from ._version import __version__

__all__ = ["Mode", "RedactionPolicy", "Config", "DEFAULT_DAEMON_URL"]

# Where a daemon on this machine listens unless it was told otherwise.
DEFAULT_DAEMON_URL = "http://127.0.0.1:4319/v1/ingest"

# What the wire allows for the name of the producer.
MAX_CLIENT_VERSION_CHARS = 40

# The app of a process that names itself nowhere.
UNNAMED_APP = "default"


@dataclass(frozen=True)
class Mode:
    """Where the SDK ships calls: `Mode.local_daemon()` or `Mode.remote(base_url)`."""

    # "local_daemon" or "remote".
    kind: str
    # The daemon's address, in local mode.
    url: Optional[str] = None
    # The server's address without a path, in remote mode.
    base_url: Optional[str] = None
    # Whether the server gets whole redacted turns, which it summarises, instead of an excerpt.
    raw: bool = False
    # Whether a daemon on this machine that asks for whole redacted turns gets them.
    full_turns: bool = True

    @classmethod
    def local_daemon(cls, url: str = DEFAULT_DAEMON_URL, full_turns: bool = True) -> Mode:
        """Hands calls to the daemon on this machine, the default.

        With `full_turns=False` it gets an excerpt of 320 characters in any case.
        """
        return cls(kind="local_daemon", url=url, full_turns=full_turns)

    @classmethod
    def remote(cls, base_url: str, raw: bool = False) -> Mode:
        """Ships straight to a server."""
        return cls(kind="remote", base_url=base_url, raw=raw)

    def endpoint(self) -> str:
        """Returns the address that batches are posted to."""
        if self.kind == "local_daemon":
            return self.url or DEFAULT_DAEMON_URL
        base = (self.base_url or "").rstrip("/")
        return f"{base}/v1/ingest/raw" if self.raw else f"{base}/v1/ingest"


class RedactionPolicy(Enum):
    """How text is redacted before it leaves the process."""

    # The floor: secrets and personal data. The default.
    FLOOR = "floor"
    # Nothing here, because the daemon on this machine redacts. Toward any other machine the floor runs
    # all the same, unless MODELSTAT_ALLOW_RAW=1.
    NONE = "none"


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _app_of_process() -> str:
    return _variable("MODELSTAT_APP") or _variable("OTEL_SERVICE_NAME") or UNNAMED_APP


@dataclass
class Config:
    """What a `Client` needs to know; read once, when the client is made."""

    # The bearer: an ingest key of the org (`msk_…`) or a device secret.
    ingest_key: str
    # Which integration made the calls, such as `raw_sdk_openai`.
    agent: str
    # The service that is instrumented. From MODELSTAT_APP, OTEL_SERVICE_NAME, else `default`.
    app: str = field(default_factory=_app_of_process)
    # Matters only with a device secret; under an org's key the server knows the device by the app.
    device_id: str = "dev_sdk"
    # Who produced the batches, cut to 40 characters.
    client_version: str = field(default_factory=lambda: f"python-sdk/{__version__}")
    mode: Mode = field(default_factory=Mode.local_daemon)
    redaction: RedactionPolicy = RedactionPolicy.FLOOR
    # Calls that wait at most; the newest is dropped, and counted, when there is no room.
    buffer_capacity: int = 4096
    # The worker ships at least this often, in seconds.
    flush_interval: float = 2.0
    # As many calls as make a batch; that many waiting are shipped at once.
    flush_max_batch: int = 256
    # Whether the server derives a taxonomy from these calls.
    auto_taxonomy: bool = False
    # Tags of every call; those of a `with modelstat.metadata(…)` block and of the call win.
    metadata: Dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.app = (self.app or "").strip()
        if not self.app:
            raise ValueError(
                "modelstat: `app` must not be empty; it names the service that is instrumented, as in "
                'Config(key, agent, "checkout-api"). Leave it out to take it from MODELSTAT_APP.'
            )
        self.client_version = self.client_version[:MAX_CLIENT_VERSION_CHARS]

    @classmethod
    def from_env(cls) -> Config:
        """Reads the configuration from the environment.

        MODELSTAT_INGEST_KEY, MODELSTAT_AGENT (else `raw_sdk_generic`), MODELSTAT_APP (else
        OTEL_SERVICE_NAME, else `default`), MODELSTAT_DEVICE_ID; MODELSTAT_SERVER_URL to ship straight to
        a server, with MODELSTAT_RAW=1 for whole turns; else MODELSTAT_DAEMON_URL.
        """
        config = cls(_variable("MODELSTAT_INGEST_KEY"), _variable("MODELSTAT_AGENT") or "raw_sdk_generic")
        config.device_id = _variable("MODELSTAT_DEVICE_ID") or config.device_id
        server, daemon = _variable("MODELSTAT_SERVER_URL"), _variable("MODELSTAT_DAEMON_URL")
        if server:
            is_raw = _variable("MODELSTAT_RAW").lower() in ("1", "true", "yes", "on")
            config.mode = Mode.remote(server, is_raw)
        elif daemon:
            config.mode = Mode.local_daemon(daemon)
        return config

    def with_remote(self, base_url: str, raw: bool = False) -> Config:
        """Ships straight to a server instead of a daemon; `raw=True` sends whole redacted turns."""
        self.mode = Mode.remote(base_url, raw)
        return self

    def with_device_id(self, device_id: str) -> Config:
        """Sets the device id."""
        self.device_id = device_id
        return self

    def sends_full_turns(self) -> bool:
        """Whether the server gets whole redacted turns: remote mode with `raw`."""
        return self.mode.kind == "remote" and self.mode.raw


# The order of the positional arguments in 0.0.1, which knew no `app`.
_SEED_ORDER = (
    "ingest_key",
    "agent",
    "device_id",
    "client_version",
    "mode",
    "redaction",
    "buffer_capacity",
    "flush_interval",
    "flush_max_batch",
)


def _is_seed_order(positional: Tuple[Any, ...], named: Dict[str, Any]) -> bool:
    """Whether the third positional argument is a device id, as 0.0.1 had it."""
    if len(positional) < 3 or "app" in named or "device_id" in named:
        return False
    third = positional[2]
    if not (isinstance(third, str) and third.startswith("dev_")):
        return False
    # Two device ids in a row are an app that is called so, and its device id.
    return len(positional) == 3 or not str(positional[3]).startswith("dev_")


_generated_init = Config.__init__


@functools.wraps(_generated_init)
def _init(self: Config, *positional: Any, **named: Any) -> None:
    if _is_seed_order(positional, named):
        _log.deprecated(
            "config_order",
            "Config(key, agent, device_id) is the order of 0.0.1; write Config(key, agent, app)",
        )
        named.update(zip(_SEED_ORDER[2:], positional[2:]))
        positional = positional[:2]
    _generated_init(self, *positional, **named)


Config.__init__ = _init  # type: ignore[method-assign]
