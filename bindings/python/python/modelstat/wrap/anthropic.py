"""Reads requests and answers of Anthropic's Messages API."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from .answer import Answer
from .reading import Text, flatten, items, plain, read, text
from .surface import Method

__all__ = ["METHODS", "Messages"]

_TOOL_BLOCKS = ("tool_use", "server_tool_use", "mcp_tool_use")


class Messages:
    """The Messages API."""

    shape = "anthropic.messages"

    def prompt(self, request: Mapping[str, Any]) -> Optional[str]:
        """Returns the system prompt and the text of the messages."""
        whole = Text()
        whole.add_line(flatten(request.get("system")))
        for message in items(request.get("messages")):
            whole.add_line(flatten(read(message, "content")))
        return whole.value()

    def answer(self, response: Any, answer: Answer) -> None:
        """Reads a whole answer."""
        self._envelope(response, answer)
        answer.add_usage(read(response, "usage"))
        for index, block in enumerate(items(read(response, "content"))):
            self._block(block, index, answer)
            if read(block, "type") in _TOOL_BLOCKS:
                answer.tool(index).arguments = read(block, "input")

    def chunk(self, chunk: Any, answer: Answer) -> bool:
        """Reads an event and returns whether it holds output."""
        kind = read(chunk, "type")
        if kind == "message_start":
            message = read(chunk, "message")
            self._envelope(message, answer)
            # Within its message it stands for the beginning only: the output is still to be counted.
            answer.add_usage({"message": {"usage": plain(read(message, "usage"))}})
        if kind == "message_delta":
            answer.note(finish_reason=read(chunk, "delta", "stop_reason"))
            answer.add_usage(read(chunk, "usage"))
        if kind == "content_block_start":
            block = read(chunk, "content_block")
            self._block(block, read(chunk, "index"), answer)
            return read(block, "type") in _TOOL_BLOCKS
        if kind == "content_block_delta":
            return self._delta(read(chunk, "delta"), read(chunk, "index"), answer)
        if kind == "error":
            answer.note(error_type=text(read(chunk, "error", "type")) or "error")
        return False

    def _envelope(self, message: Any, answer: Answer) -> None:
        answer.note(
            model=read(message, "model"),
            response_id=read(message, "id"),
            finish_reason=read(message, "stop_reason"),
        )

    def _block(self, block: Any, index: Any, answer: Answer) -> None:
        kind = read(block, "type")
        if kind == "text":
            answer.add_text(read(block, "text"))
        if kind not in _TOOL_BLOCKS:
            return
        tool = answer.tool(index)
        tool.name = text(read(block, "name")) or tool.name
        server = text(read(block, "server_name"))
        if server:
            tool.server = "mcp:" + server

    def _delta(self, delta: Any, index: Any, answer: Answer) -> bool:
        kind = read(delta, "type")
        if kind == "text_delta":
            return answer.add_text(read(delta, "text"))
        if kind == "input_json_delta":
            return answer.tool(index).pieces.add(read(delta, "partial_json"))
        return bool(kind == "thinking_delta")


_MESSAGES = Messages()

# What is observed on a client. The manager that `stream` returns sends its request when it is entered.
METHODS: List[Method] = [
    Method("messages", "create", _MESSAGES),
    Method("messages", "parse", _MESSAGES),
    Method("messages", "stream", _MESSAGES, returns_manager=True),
    Method("beta.messages", "create", _MESSAGES),
    Method("beta.messages", "parse", _MESSAGES),
    Method("beta.messages", "stream", _MESSAGES, returns_manager=True),
]
