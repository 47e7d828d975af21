"""What a provider's package offers: its methods, and how their requests and answers read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping, Optional, Protocol

if TYPE_CHECKING:
    from .answer import Answer

__all__ = ["Api", "Method"]


class Api(Protocol):
    """Reads one API of a provider."""

    @property
    def shape(self) -> str:
        """The name of its usage objects in the table of shapes."""
        ...

    def prompt(self, request: Mapping[str, Any]) -> Optional[str]:
        """Returns the text that is sent."""
        ...

    def answer(self, response: Any, answer: Answer) -> None:
        """Reads a whole answer."""
        ...

    def chunk(self, chunk: Any, answer: Answer) -> bool:
        """Reads a piece of an answer and returns whether it holds output."""
        ...


@dataclass(frozen=True)
class Method:
    """One method of a client's resource, by the resource's dotted path."""

    resource: str
    name: str
    api: Api
    # Whether `stream_options` asks for the usage of a stream.
    takes_stream_options: bool = False
    # Whether it returns a context manager that sends the request when it is entered.
    returns_manager: bool = False
    # Whether it returns an iterator that sends the request when its first item is taken.
    sends_when_iterated: bool = False
