"""What the tests share."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, List

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import modelstat
from modelstat import _log
from receiver import Receiver


# Set by `run.py` where everything is installed that a test may want.
NEEDS_ALL = bool(os.environ.get("MODELSTAT_TEST_NEEDS_ALL"))


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Where everything is installed, a test that is skipped has failed."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if NEEDS_ALL and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, where everything is installed: {report.longrepr}"


@pytest.fixture(autouse=True)
def new_warnings() -> None:
    """Every test sees its warnings, however lately another one had the same."""
    _log.forget()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def receivers() -> Iterator[Callable[..., Receiver]]:
    """Makes receivers that answer as the test says."""
    made: List[Receiver] = []

    def make(*arguments: Any, **named: Any) -> Receiver:
        made.append(Receiver(*arguments, **named))
        return made[-1]

    yield make
    for receiver in made:
        receiver.close()


@pytest.fixture
def config() -> Callable[..., modelstat.Config]:
    """Makes a configuration that ships soon; with a receiver, to that one as a server."""

    def make(receiver: Any = None, raw: bool = False, **changes: Any) -> modelstat.Config:
        config = modelstat.Config("msk_test", "raw_sdk_test", "checkout-api", flush_interval=0.05)
        if receiver is not None:
            config.with_remote(receiver.base_url, raw)
        for name, value in changes.items():
            setattr(config, name, value)
        return config

    return make
