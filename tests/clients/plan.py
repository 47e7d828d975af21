"""The calls that every client records, and what each must look like when it is read back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import prices

TOKEN_CLASSES = ("input", "output", "cache_creation", "cache_read", "reasoning")
MODES = ("daemon", "remote", "raw")

# Assembled here, so that no line of this file looks like a live credential.
SECRET = "sk-ant-" + "api03-" + hashlib.sha256(b"a planted secret").hexdigest()
EMAIL = "jane.doe" + "@" + "customer-mail.example"
HOME_PATH = "/home/" + "janedoe" + "/shop"

# A sentence of each mode: which of them may be read afterwards is what the mode promises.
CANARIES = {
    "daemon": "the cranberry lighthouse hums beneath seventeen paper moons",
    "raw": "a velvet compass sold forty quiet umbrellas to the harbour",
    "remote": "nine copper herons drew a ladder across the frozen market",
}


@dataclass(frozen=True)
class Client:
    """One published client: what it is called, and what it can say."""

    name: str
    producer: str
    names_app: bool = True
    has_ambient: bool = True
    sends_tool_end: bool = False


PYTHON_001 = Client("py001", "python-sdk/0.0.1", names_app=False, has_ambient=False)
PYTHON_010 = Client("py010", "python-sdk/0.1.0")
RUST_010 = Client("rust010", "rust-sdk/0.1.0", has_ambient=False, sends_tool_end=True)
CLIENTS = (PYTHON_001, PYTHON_010, RUST_010)


@dataclass(frozen=True)
class Call:
    """One call as it is handed to a client."""

    provider: str
    session: str
    at: datetime
    model: str | None
    tokens: dict[str, int]
    kind: str = "assistant_message"
    prompt: str | None = None
    completion: str | None = None
    # The excerpt that arrives where excerpts may: cut and redacted.
    excerpt: str | None = None
    # What the floor finds in what the client leaves unredacted, by rule.
    redactions: dict[str, int] = field(default_factory=dict)
    first_token_ms: int | None = None
    duration_ms: int | None = None
    cwd: str | None = None
    git: dict[str, str] | None = None
    tools: tuple[dict[str, Any], ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    ambient: dict[str, str] = field(default_factory=dict)

    def cost(self) -> int | None:
        return prices.cost(self.provider, self.model, self.tokens)


@dataclass(frozen=True)
class Run:
    """One process that records calls with one client in one mode."""

    client: Client
    mode: str
    calls: tuple[Call, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    redaction: str = "floor"

    @property
    def name(self) -> str:
        suffix = "" if self.redaction == "floor" else "-unredacted"
        return f"{self.client.name}-{self.mode}{suffix}"

    @property
    def app(self) -> str:
        """The app under which the server files the run."""
        return f"shop-{self.name}" if self.client.names_app else "default"

    @property
    def agent(self) -> str:
        return f"raw_sdk_{self.name.replace('-', '_')}"

    @property
    def sessions(self) -> list[str]:
        return sorted({call.session for call in self.calls})

    def tags(self, call: Call) -> dict[str, str]:
        """The tags of a call, as this client merges the layers that it has."""
        if not self.client.names_app:
            return {}
        ambient = call.ambient if self.client.has_ambient else {}
        return self.metadata | ambient | call.metadata

    def plan(self, ingest_key: str, server_url: str) -> dict[str, Any]:
        """What the client's program reads."""
        config: dict[str, Any] = {"ingest_key": ingest_key, "agent": self.agent}
        config["redaction"] = self.redaction
        if self.client.names_app:
            config |= {"app": self.app, "metadata": self.metadata}
        if self.mode != "daemon":
            config |= {"base_url": server_url, "raw": self.mode == "raw"}
        return {"config": config, "calls": [self._call(call) for call in self.calls]}

    def _call(self, call: Call) -> dict[str, Any]:
        plan = {
            "provider": call.provider,
            "session_id": call.session,
            "model": call.model,
            "kind": call.kind,
            "tokens": call.tokens,
            "started_at": call.at.isoformat(),
            "duration_ms": call.duration_ms,
            "prompt": call.prompt,
            "completion": call.completion,
            "cwd": call.cwd,
            "git": call.git,
            "tool_calls": call.tools,
        }
        if not self.client.names_app:
            git = dict(call.git) if call.git else None
            if git:
                git.pop("slug_source", None)
            return plan | {"git": git}
        if call.first_token_ms is not None:
            first = call.at + timedelta(milliseconds=call.first_token_ms)
            plan["first_token_at"] = first.isoformat()
        ambient = call.ambient if self.client.has_ambient else {}
        return plan | {"metadata": call.metadata, "ambient": ambient}


def all_runs(now: datetime) -> list[Run]:
    """Every client in every mode, and one that leaves redaction to the daemon."""
    runs = [make_run(client, mode, now) for client in CLIENTS for mode in MODES]
    return [*runs, unredacted_run(now)]


def make_run(client: Client, mode: str, now: datetime) -> Run:
    start = (now - timedelta(minutes=10)).replace(microsecond=0)
    prefix = f"{client.name}-{mode}"
    calls = [*_review(prefix, mode, start), *_research(prefix, start), *_odd(prefix, mode, start)]
    if not client.names_app:
        # Without tags the address in one of them is not there to be found.
        calls = [_without_tags(call) for call in calls]
    return Run(client, mode, tuple(calls), metadata={"environment": "test", "feature": "none"})


def _without_tags(call: Call) -> Call:
    fields = {name: getattr(call, name) for name in call.__dataclass_fields__}
    redactions = {rule: count for rule, count in call.redactions.items() if rule != "email"}
    return Call(**(fields | {"metadata": {}, "ambient": {}, "redactions": redactions}))


def _review(prefix: str, mode: str, start: datetime) -> list[Call]:
    """A session with text, tools, a repository and tags."""
    session = f"{prefix}-review"
    git = {
        "remote_slug": "acme/web",
        "host": "github.com",
        "branch": "feature/login",
        "slug_source": "git_remote",
    }
    asked = f"Rotate {SECRET} and tell {EMAIL} that {CANARIES[mode]}."
    shown = f"Rotate [REDACTED:anthropic_key] and tell [REDACTED:email] that {CANARIES[mode]}."
    return [
        Call(
            provider="openai",
            session=session,
            at=start + timedelta(milliseconds=123),
            model="gpt-4o",
            tokens=usage(1_203, 211, cache_read=512),
            prompt=asked,
            completion="Done: the key is rotated.",
            excerpt=f"{shown}\n---\nDone: the key is rotated.",
            first_token_ms=310,
            duration_ms=1_849,
            cwd="/srv/app",
            git=git,
            tools=(
                tool(start, 0, "Bash", "success", ["git", "ls"]),
                tool(start, 1, "create_pr", "error", [], server="mcp:github"),
            ),
            metadata={"feature": "search", "customer": "acme"},
        ),
        Call(
            provider="anthropic",
            session=session,
            at=start + timedelta(seconds=40),
            model="claude-sonnet-4-5",
            tokens=usage(2_017, 333, cache_creation=1_024, cache_read=4_096, reasoning=17),
            prompt="Which test covers the login form?",
            excerpt="Which test covers the login form?",
            first_token_ms=420,
            duration_ms=2_750,
            cwd=HOME_PATH,
            redactions={"path": 1},
            tools=(tool(start, 2, "Bash", "denied", ["rm"]),),
            ambient={"feature": "review", "tenant": "north"},
        ),
        Call(
            provider="openai",
            session=session,
            at=start + timedelta(seconds=55),
            model="gpt-4o-mini",
            tokens=usage(7, 1),
            kind="user_message",
            ambient={"feature": "shadowed"},
            metadata={"feature": "search", "customer": "globex"},
        ),
    ]


def _research(prefix: str, start: datetime) -> list[Call]:
    """A session with reasoning, a long context and a tag that holds an address."""
    session = f"{prefix}-research"
    return [
        Call(
            provider="google",
            session=session,
            at=start + timedelta(seconds=5),
            model="gemini-2.5-pro",
            tokens=usage(1_500, 90, cache_read=250, reasoning=610),
            redactions={"email": 1},
            duration_ms=900,
            metadata={"customer": EMAIL},
        ),
        Call(
            provider="google",
            session=session,
            at=start + timedelta(seconds=15),
            model="gemini-2.5-pro",
            tokens=usage(200_001, 77, cache_read=3, reasoning=5),
            redactions={"email": 1},
            duration_ms=9_000,
            metadata={"customer": EMAIL, "feature": "search"},
        ),
        Call(
            provider="mistral",
            session=session,
            at=start + timedelta(seconds=25, milliseconds=7),
            model="mistral-large-2512",
            tokens=usage(11, 13, cache_read=17),
            git={"branch": "main"},
        ),
    ]


def _odd(prefix: str, mode: str, start: datetime) -> list[Call]:
    """A session with a model that nobody knows, none at all, and a text that is cut."""
    session = f"{prefix}-odd"
    long = f"{CANARIES[mode]} " * 9
    return [
        Call(
            provider="acme",
            session=session,
            at=start + timedelta(seconds=6),
            model="acme-experimental-1",
            tokens=usage(999_983, 1),
            prompt=long,
            excerpt=f"{long[:320]}…",
        ),
        Call(
            provider="openai",
            session=session,
            at=start + timedelta(seconds=9),
            model=None,
            tokens=usage(0, 0),
            kind="tool_call",
            completion="listed 3 files",
            excerpt="listed 3 files",
            tools=(tool(start, 3, "Bash", "timeout", ["ls", "cat", "rm"]),),
        ),
    ]


def unredacted_run(now: datetime) -> Run:
    """A client that is told to leave redaction to the daemon on its own machine."""
    start = (now - timedelta(minutes=9)).replace(microsecond=0)
    call = Call(
        provider="openai",
        session="py010-daemon-unredacted",
        at=start,
        model="gpt-4o",
        tokens=usage(31, 37),
        prompt=f"Why does {SECRET} of {EMAIL} not work?",
        redactions={"anthropic_key": 1, "email": 1},
    )
    return Run(PYTHON_010, "daemon", (call,), redaction="none")


def usage(
    given: int, made: int, cache_creation: int = 0, cache_read: int = 0, reasoning: int = 0
) -> dict[str, int]:
    return dict(zip(TOKEN_CLASSES, (given, made, cache_creation, cache_read, reasoning)))


def tool(
    start: datetime,
    number: int,
    name: str,
    status: str,
    families: list[str],
    server: str = "builtin",
) -> dict[str, Any]:
    """A tool call whose arguments are hashed alike by every client: ASCII, keys in order."""
    began = start + timedelta(seconds=60, milliseconds=number * 250)
    return {
        "name": name,
        "server": server,
        "status": status,
        "args": {"command": f"step {number}", "timeout": 5} if families else None,
        "result_bytes": 6_111 + number,
        "started_at": began.isoformat(),
        "ended_at": (began + timedelta(milliseconds=80)).isoformat(),
        "command_families": families,
    }


def now_utc() -> datetime:
    return datetime.now(timezone.utc)
