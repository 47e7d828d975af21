"""The public names, defaults and orders of 0.0.1 and 0.1.0."""

from __future__ import annotations

import copy
import dataclasses
import gc
import importlib
import inspect
import logging
import pickle
import sys
import weakref
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import modelstat
import pytest
from modelstat import (
    BillingMode,
    Config,
    EventKind,
    GitContext,
    LlmCall,
    Mode,
    RedactionPolicy,
    TokenUsage,
    ToolCallInput,
    ToolCallStatus,
)

NAMES_0_0_1 = {
    "__version__", "Client", "Config", "Mode", "RedactionPolicy", "DEFAULT_DAEMON_URL", "LlmCall",
    "ToolCallInput", "build_batch", "redact", "Redacted", "Transport", "HttpTransport", "FakeTransport",
    "TransportError", "IngestBatch", "RawEvent", "ToolCallWire", "TokenUsage", "GitContext", "EventKind",
    "BillingMode", "ToolCallStatus", "content_hash", "source_event_id", "batch_id",
}  # fmt: skip
NAMES_0_1_0 = (NAMES_0_0_1 - {"BillingMode"}) | {
    "metadata", "wrap", "cap_metadata", "METADATA_MAX_ENTRIES", "METADATA_MAX_KEY_CHARS",
    "METADATA_MAX_VALUE_CHARS",
}  # fmt: skip
MODULES = {
    "capture": {"LlmCall", "ToolCallInput", "build_batch"},
    "client": {"Client"},
    "config": {"Mode", "RedactionPolicy", "Config", "DEFAULT_DAEMON_URL"},
    "context": {"metadata", "ambient_metadata"},
    "redact": {"Redacted", "redact"},
    "transport": {"TransportError", "Transport", "FakeTransport", "HttpTransport"},
    "wire": {
        "TokenUsage", "EventKind", "BillingMode", "ToolCallStatus", "GitContext", "RawEvent",
        "ToolCallWire", "IngestBatch", "content_hash", "source_event_id", "batch_id", "format_rfc3339",
        "cap_metadata", "METADATA_MAX_ENTRIES", "METADATA_MAX_KEY_CHARS", "METADATA_MAX_VALUE_CHARS",
    },
    "worker": {"Worker"},
    "_version": set(),
}  # fmt: skip
STARTED = datetime(2026, 6, 19, 12, 0, tzinfo=timezone.utc)


def test_every_published_name_is_there() -> None:
    names = NAMES_0_0_1 | NAMES_0_1_0
    assert names <= set(modelstat.__all__)
    assert all(hasattr(modelstat, name) for name in names)


@pytest.mark.parametrize("module", MODULES)
def test_every_published_module_has_its_names(module: str) -> None:
    found = importlib.import_module(f"modelstat.{module}")
    assert MODULES[module] <= set(getattr(found, "__all__", set()))
    assert all(hasattr(found, name) for name in MODULES[module])


def test_names_outside_of_all() -> None:
    assert importlib.import_module("modelstat.capture").EXCERPT_MAX_CHARS == 320
    hash_of = importlib.import_module("modelstat.capture").content_hash_tc
    assert hash_of("evt_a", 0) == modelstat.content_hash(["evt_a", "0"])[:16]
    assert importlib.import_module("modelstat.wire").SessionInstall("a", "p").to_dict() == {
        "provider_account_id": "a",
        "provider": "p",
    }
    assert modelstat.DEFAULT_DAEMON_URL == "http://127.0.0.1:4319/v1/ingest"


def test_the_version_is_that_of_the_wheel() -> None:
    from importlib.metadata import version

    assert modelstat.__version__ == version("modelstat-sdk") == "0.2.0"


def test_the_package_is_typed() -> None:
    folder = Path(modelstat.__file__).parent
    assert (folder / "py.typed").exists() and (folder / "_core.pyi").exists()


def test_defaults_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELSTAT_APP", raising=False)
    config = Config("key", "agent", "app")
    assert (config.device_id, config.client_version) == ("dev_sdk", "python-sdk/0.2.0")
    assert config.mode == Mode.local_daemon() and config.redaction is RedactionPolicy.FLOOR
    assert (config.buffer_capacity, config.flush_interval, config.flush_max_batch) == (4096, 2.0, 256)
    assert config.auto_taxonomy is False and config.metadata == {}
    assert Config("key", "agent", "app").metadata is not config.metadata


def test_the_positional_order_of_the_configuration() -> None:
    mode = Mode.remote("https://x.test")
    given = ("k", "a", "app", "dev_1", "v/1", mode, RedactionPolicy.NONE, 1, 2.5, 3, True, {"a": "b"})
    names = [field.name for field in dataclasses.fields(Config)]
    assert [getattr(Config(*given), name) for name in names[: len(given)]] == list(given)


def test_a_configuration_needs_an_app_that_is_not_blank() -> None:
    for app in ("", "   "):
        with pytest.raises(ValueError, match="app"):
            Config("key", "agent", app)
    assert Config("key", "agent", " spaced ").app == "spaced"


@pytest.mark.parametrize(
    ("environment", "app"),
    [
        ({}, "default"),
        ({"OTEL_SERVICE_NAME": "otel"}, "otel"),
        ({"OTEL_SERVICE_NAME": "otel", "MODELSTAT_APP": "own"}, "own"),
        ({"MODELSTAT_APP": "  "}, "default"),
    ],
)
def test_the_app_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: Any, app: str
) -> None:
    for name in ("MODELSTAT_APP", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Config("key", "agent").app == app
    assert Config("key", "agent", device_id="dev_9").device_id == "dev_9"


def test_a_device_id_in_the_place_of_the_app_is_the_order_of_the_seed(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELSTAT_APP", "own")
    mode = Mode.remote("https://x.test")
    with caplog.at_level(logging.WARNING, "modelstat"):
        config = Config("k", "a", "dev_1", "v/1", mode, RedactionPolicy.NONE, 7, 0.5, 9)
        Config("k", "a", "dev_2")
    assert (config.app, config.device_id, config.client_version) == ("own", "dev_1", "v/1")
    assert config.mode is mode and config.redaction is RedactionPolicy.NONE
    assert (config.buffer_capacity, config.flush_interval, config.flush_max_batch) == (7, 0.5, 9)
    assert len(caplog.records) == 1


def test_an_app_that_is_called_like_a_device() -> None:
    assert Config("k", "a", "dev_portal", "dev_1").app == "dev_portal"
    assert Config("k", "a", app="dev_portal").app == "dev_portal"
    assert Config("k", "a", "dev_portal", device_id="dev_1").app == "dev_portal"


def test_builders_of_the_configuration_return_it() -> None:
    config = Config("k", "a", "app")
    assert config.with_remote("https://x.test/", raw=True) is config
    assert config.sends_full_turns() and config.mode.raw
    assert config.with_device_id("dev_2").device_id == "dev_2"
    assert not config.with_remote("https://x.test").sends_full_turns()


def test_the_client_version_is_cut() -> None:
    assert Config("k", "a", "app", client_version="v" * 50).client_version == "v" * 40


def test_endpoints() -> None:
    assert Mode.local_daemon("http://127.0.0.1:9/v1/ingest").endpoint() == "http://127.0.0.1:9/v1/ingest"
    assert Mode.remote("https://x.test//").endpoint() == "https://x.test/v1/ingest"
    assert Mode.remote("https://x.test", True).endpoint() == "https://x.test/v1/ingest/raw"
    with pytest.raises(dataclasses.FrozenInstanceError):
        Mode.local_daemon().kind = "remote"  # type: ignore[misc]


def test_from_env(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSTAT_INGEST_KEY", "key")
    monkeypatch.setenv("MODELSTAT_APP", "own")
    monkeypatch.setenv("MODELSTAT_SERVER_URL", "https://x.test")
    monkeypatch.setenv("MODELSTAT_RAW", "1")
    config = Config.from_env()
    assert (config.ingest_key, config.agent, config.app) == ("key", "raw_sdk_generic", "own")
    assert config.mode == Mode.remote("https://x.test", raw=True)


def test_dataclasses_behave_as_such() -> None:
    call = LlmCall("openai", "s", model="m", started_at=STARTED)
    changed = dataclasses.replace(call, model="n")
    assert isinstance(changed, LlmCall) and changed.model == "n" and changed.started_at == STARTED
    assert copy.deepcopy(call) == call == pickle.loads(pickle.dumps(call))
    config = Config("k", "a", "app")
    assert dataclasses.replace(config, app="other").app == "other"
    assert copy.deepcopy(config) == config == pickle.loads(pickle.dumps(config))
    assert dataclasses.asdict(TokenUsage(1, 2, 3, 4, 5)) == TokenUsage(1, 2, 3, 4, 5).to_dict()
    assert TokenUsage(1, 2, 3, 4, 5).total() == 15


def test_a_call_behaves_as_a_dataclass() -> None:
    call = LlmCall("openai", "s", model="m", started_at=STARTED, metadata={"a": "b"})
    names = [field.name for field in dataclasses.fields(call)]
    assert names[:3] == ["provider", "session_id", "model"] and len(names) == 22
    assert dataclasses.is_dataclass(LlmCall) and list(vars(call)) == names
    assert dataclasses.asdict(call)["metadata"] == {"a": "b"}
    if sys.version_info >= (3, 10):  # earlier, a type of the stable interface shows no signature
        assert list(inspect.signature(LlmCall).parameters) == names
        assert LlmCall.__match_args__[:2] == ("provider", "session_id")
    assert repr(call).startswith("LlmCall(provider='openai', session_id='s', model='m', kind=<EventKind.")
    assert call != LlmCall("openai", "t") and call != "call"
    with pytest.raises(TypeError, match="session_id"):
        LlmCall("openai")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="novel"):
        LlmCall("openai", "s", novel=1)  # type: ignore[call-arg]


def test_defaults_of_a_call_are_its_own() -> None:
    first, second = LlmCall("openai", "s"), LlmCall("openai", "s")
    first.metadata["a"] = "b"
    first.tool_calls.append(ToolCallInput("t", ToolCallStatus.SUCCESS))
    first.tokens.input = 5
    assert (second.metadata, second.tool_calls, second.tokens) == ({}, [], TokenUsage())
    assert second.usage_known is True and second.started_at.tzinfo is timezone.utc


def test_a_call_takes_attributes_of_its_own() -> None:
    call = LlmCall("openai", "s", started_at=STARTED)
    call.note = "mine"  # type: ignore[attr-defined]
    for copied in (copy.copy(call), copy.deepcopy(call), pickle.loads(pickle.dumps(call))):
        assert copied == call and copied.note == "mine"
    assert vars(call)["note"] == "mine"


@dataclasses.dataclass
class Traced(LlmCall):
    trace: str = "none"


def test_calls_may_be_inherited_from() -> None:
    call = Traced("openai", "s", model="m", trace="t", started_at=STARTED)
    assert (call.provider, call.model, call.trace, call.metadata) == ("openai", "m", "t", {})
    assert dataclasses.replace(call, trace="u").trace == "u"
    assert pickle.loads(pickle.dumps(call)) == call
    transport = modelstat.FakeTransport()
    with modelstat.Client.with_transport(Config("k", "a", "app"), transport) as ms:
        ms.record(call)
    assert transport.batches()[0]["events"][0]["model"] == "m"


def test_a_call_in_a_cycle_is_collected() -> None:
    call = LlmCall("openai", "s")
    call.usage_detail = {"call": call}
    gone = weakref.ref(call)
    del call
    gc.collect()
    assert gone() is None


def test_the_positional_order_of_a_call() -> None:
    first = datetime(2026, 6, 19, 12, 1, tzinfo=timezone.utc)
    git, tool = GitContext(branch="main"), ToolCallInput("Bash", ToolCallStatus.SUCCESS)
    tokens = TokenUsage(input=1)
    given = (
        "openai", "s", "m", EventKind.SUMMARY, tokens, STARTED, first, 12, "p", "c", "/w", git, [tool],
        {"a": "b"}, {"c": "d"},
    )  # fmt: skip
    names = [field.name for field in dataclasses.fields(LlmCall)]
    assert [getattr(LlmCall(*given), name) for name in names[: len(given)]] == list(given)


SEED_GIT = GitContext(branch="main")
SEED = ("openai", "s", "m", EventKind.ASSISTANT_MESSAGE, TokenUsage(), STARTED)


@pytest.mark.parametrize(
    ("rest", "named", "expected"),
    [
        ((120,), {}, {"duration_ms": 120}),
        ((120,), {"prompt": "p"}, {"duration_ms": 120, "prompt": "p"}),
        ((120, "p"), {}, {"duration_ms": 120, "prompt": "p"}),
        ((None, "p"), {"completion": "c"}, {"prompt": "p", "completion": "c"}),
        ((120, "p"), {"cwd": "/w"}, {"duration_ms": 120, "prompt": "p", "cwd": "/w"}),
        ((120, "p", "c"), {}, {"duration_ms": 120, "prompt": "p", "completion": "c"}),
        ((120, "p", "c", "/w"), {}, {"prompt": "p", "completion": "c", "cwd": "/w"}),
        ((120, "p", "c", "/w", SEED_GIT), {}, {"completion": "c", "cwd": "/w", "git": SEED_GIT}),
        ((None, None, None, None, SEED_GIT), {}, {"git": SEED_GIT}),
        (
            (120, "p", "c", "/w", SEED_GIT, BillingMode.API),
            {},
            {"duration_ms": 120, "cwd": "/w", "git": SEED_GIT, "billing": BillingMode.API},
        ),
        ((None, None, None, None, None, BillingMode.API), {}, {"billing": BillingMode.API}),
        ((1, "p", "c", None, None, None, []), {}, {"prompt": "p", "completion": "c", "tool_calls": []}),
    ],
)
def test_a_call_in_the_order_of_the_seed(
    rest: Any, named: Any, expected: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "modelstat"):
        call = LlmCall(*SEED, *rest, **named)
        LlmCall(*SEED, *rest, **named)
    defaults = {name: None for name in ("duration_ms", "prompt", "completion", "cwd", "git", "billing")}
    found = {name: getattr(call, name) for name in defaults}
    assert {name: found[name] for name in expected if name in found} == {
        name: value for name, value in expected.items() if name in found
    }
    assert call.first_token_at is None
    assert len(caplog.records) == 1


def test_builders_of_a_call_return_it() -> None:
    call = LlmCall("openai", "s")
    assert call.model_("m").with_tokens(TokenUsage(input=1)).text("p", "c") is call
    assert call.with_metadata({"a": "1"}).with_metadata({"a": "2", "b": "3"}).metadata == {
        "a": "2",
        "b": "3",
    }
    assert (call.model, call.tokens.input, call.prompt, call.completion) == ("m", 1, "p", "c")
    assert call.started_at.tzinfo is timezone.utc and call.kind is EventKind.ASSISTANT_MESSAGE


def test_billing_is_a_keyword() -> None:
    assert LlmCall("openai", "s", billing=BillingMode.API).billing is BillingMode.API
    assert [mode.value for mode in BillingMode] == ["subscription", "api"]


def test_times_are_written_in_utc_with_three_decimals() -> None:
    from modelstat.wire import format_rfc3339

    assert format_rfc3339(datetime(2026, 6, 19, 0, 0, 0, 123_999)) == "2026-06-19T00:00:00.123Z"
    east = timezone(offset=__import__("datetime").timedelta(hours=2))
    assert format_rfc3339(datetime(2026, 6, 19, tzinfo=east)) == "2026-06-18T22:00:00.000Z"


def test_metadata_is_capped() -> None:
    capped = modelstat.cap_metadata({f"k{i:02}": "v" for i in range(20)})
    assert list(capped) == [f"k{i:02}" for i in range(16)]
    capped = modelstat.cap_metadata({"k" * 70: "é" * 300, "n": 5})  # type: ignore[dict-item]
    assert capped == {"k" * 64: "é" * 256, "n": "5"}


def test_transports_have_the_published_shape() -> None:
    transport = modelstat.HttpTransport("http://127.0.0.1:1/v1/ingest", "the-bearer", 0.5)
    assert "the-bearer" not in repr(transport)
    with pytest.raises(modelstat.TransportError) as raised:
        transport.send({})
    assert raised.value.status is None
    assert modelstat.TransportError("x", status=503).status == 503
    made = modelstat.HttpTransport.from_config(Config("k", "a", "app").with_remote("https://x.test"))
    assert isinstance(made, modelstat.Transport)
    fake = modelstat.FakeTransport()
    fake.send({"a": 1})
    assert fake.batches() == [{"a": 1}] and fake.batches() is not fake.batches()
