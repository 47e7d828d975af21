"""A provider on this machine and a list in place of a client."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterator, List

import pytest

# LiteLLM would fetch its prices when it is imported; no test needs another machine.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

from modelstat.capture import LlmCall

from .provider import FakeProvider


class Records:
    """Keeps what is recorded."""

    def __init__(self) -> None:
        self.calls: List[LlmCall] = []

    def record(self, call: LlmCall) -> None:
        self.calls.append(call)

    def one(self) -> LlmCall:
        assert len(self.calls) == 1, [(call.response_id, call.error_type) for call in self.calls]
        return self.calls[0]


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """What fails unseen, in a finaliser or a forgotten task, fails its test."""
    unseen = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(unseen)


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    fake = FakeProvider()
    yield fake
    fake.close()


def tokens(call: LlmCall) -> Any:
    """The five classes in the order of the published type."""
    held = call.tokens
    return (held.input, held.output, held.cache_creation, held.cache_read, held.reasoning)
