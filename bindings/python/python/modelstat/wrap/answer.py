"""What is known of a provider's answer, whole or so far."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from modelstat.capture import ToolCallInput
from modelstat.wire import ToolCallStatus

from .reading import Text, json_or_text

__all__ = ["Answer", "ToolRequest"]

# Most tool calls of one answer that are kept.
_TOOL_LIMIT = 256

# Most usage objects of one stream that are kept. Providers that send many repeat themselves: the first
# ones and the last one say it all.
_USAGE_LIMIT = 8


class ToolRequest:
    """One tool that the model asks for; its arguments may arrive in pieces."""

    __slots__ = ("arguments", "name", "pieces", "server", "status")

    def __init__(self, name: str = "", server: str = "builtin") -> None:
        self.name = name
        self.server = server
        self.status = ToolCallStatus.UNKNOWN
        self.arguments: Any = None
        self.pieces = Text()

    def input(self) -> ToolCallInput:
        """Returns it as our record."""
        whole = self.pieces.value()
        arguments = self.arguments if whole is None else json_or_text(whole)
        return ToolCallInput(self.name, self.status, server=self.server, args=arguments)


class Answer:
    """Model, text, tool calls and usage of an answer; filled by the readers of each API."""

    def __init__(self) -> None:
        self.model: Optional[str] = None
        self.response_id: Optional[str] = None
        self.finish_reason: Optional[str] = None
        self.service_tier: Optional[str] = None
        self.error_type: Optional[str] = None
        self.error_status: Optional[int] = None
        self.usages: List[Any] = []
        self._texts: Dict[Any, Text] = {}
        self._tools: Dict[Any, ToolRequest] = {}

    def note(self, **fields: Any) -> None:
        """Sets those of the plain fields that the provider stated; a later statement wins."""
        for name, value in fields.items():
            if isinstance(value, str) and value:
                setattr(self, name, value)

    def add_text(self, piece: Any, choice: Any = 0) -> bool:
        """Adds a piece to the text of a choice and returns whether there was one."""
        if not isinstance(piece, str) or not piece:
            return False
        known = self._texts.get(choice)
        if known is None:
            known = self._texts[choice] = Text()
        return known.add(piece)

    def add_usage(self, usage: Any) -> None:
        """Keeps a usage object; they are merged when the answer is complete."""
        if usage is None:
            return
        if len(self.usages) >= _USAGE_LIMIT:
            self.usages[-1] = usage
            return
        self.usages.append(usage)

    def tool(self, key: Any) -> ToolRequest:
        """Returns the tool call with this key, a new one where there was none."""
        known = self._tools.get(key)
        if known is None:
            known = ToolRequest()
            if len(self._tools) < _TOOL_LIMIT:
                self._tools[key] = known
        return known

    def clear_output(self) -> None:
        """Forgets text and tool calls, for an answer that is about to be stated whole."""
        self._texts.clear()
        self._tools.clear()

    def completion(self) -> Optional[str]:
        """Returns the text of all choices, each on a line of its own."""
        whole = Text()
        for part in self._texts.values():
            whole.add_line(part.value())
        return whole.value()

    def tool_calls(self) -> List[ToolCallInput]:
        """Returns the tool calls that have a name."""
        return [tool.input() for tool in self._tools.values() if tool.name]
