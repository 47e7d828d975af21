"""Reads requests and answers of Google's Gemini API."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from .answer import Answer
from .reading import Text, flatten, items, read, text
from .surface import Method

__all__ = ["METHODS", "GenerateContent"]


class GenerateContent:
    """The generateContent API."""

    shape = "gemini"

    def prompt(self, request: Mapping[str, Any]) -> Optional[str]:
        """Returns the system instruction and the text of the contents."""
        whole = Text()
        whole.add_line(flatten(read(request.get("config"), "system_instruction")))
        contents = request.get("contents")
        for content in contents if isinstance(contents, (list, tuple)) else [contents]:
            whole.add_line(flatten(content))
        return whole.value()

    def answer(self, response: Any, answer: Answer) -> None:
        """Reads a whole answer."""
        self.chunk(response, answer)

    def chunk(self, chunk: Any, answer: Answer) -> bool:
        """Reads a piece of an answer and returns whether it holds output."""
        answer.note(model=read(chunk, "model_version"), response_id=read(chunk, "response_id"))
        answer.add_usage(read(chunk, "usage_metadata"))
        has_output = False
        for index, candidate in enumerate(items(read(chunk, "candidates"))):
            reason = read(candidate, "finish_reason")
            answer.note(finish_reason=getattr(reason, "value", reason))
            for part in items(read(candidate, "content", "parts")):
                has_output = self._part(part, index, answer) or has_output
        return has_output

    def _part(self, part: Any, candidate: int, answer: Answer) -> bool:
        call = read(part, "function_call")
        if call is not None:
            tool = answer.tool(len(answer.tool_calls()))
            tool.name = text(read(call, "name")) or ""
            tool.arguments = read(call, "args")
            return True
        if read(part, "thought"):
            return bool(text(read(part, "text")))
        return answer.add_text(read(part, "text"), candidate)


_GENERATE = GenerateContent()

# What is observed on `Client`. The underscored methods send one request each; the public ones repeat them
# for automatic function calls and continuations, and count only where they don't go through the former.
METHODS: List[Method] = [
    Method(prefix + "models", name, _GENERATE, sends_when_iterated=lazy)
    for prefix in ("", "aio.")
    for name, lazy in (
        ("generate_content", False),
        ("generate_content_stream", True),
        ("_generate_content", False),
        ("_generate_content_stream", prefix == ""),
    )
]
