"""Reads requests and answers of OpenAI's APIs, and of the many servers that speak them."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from modelstat.wire import ToolCallStatus

from .answer import Answer
from .reading import Text, flatten, items, read, text
from .surface import Method

__all__ = ["METHODS", "Chat", "Embeddings", "Responses", "TextCompletions", "provider_of"]

# Vendors that speak OpenAI's API, by the end of their host name. Any other host is taken for a gateway
# in front of OpenAI itself, as the published package does.
_VENDORS = (
    ("anthropic.com", "anthropic"),
    ("deepseek.com", "deepseek"),
    ("fireworks.ai", "fireworks"),
    ("generativelanguage.googleapis.com", "google"),
    ("groq.com", "groq"),
    ("mistral.ai", "mistral"),
    ("openrouter.ai", "openrouter"),
    ("perplexity.ai", "perplexity"),
    ("together.xyz", "together"),
    ("x.ai", "xai"),
)


def provider_of(client: Any) -> str:
    """Returns whose models a client of OpenAI's package reaches."""
    host = getattr(getattr(client, "base_url", None), "host", None)
    if not isinstance(host, str):
        return "openai"
    for ending, vendor in _VENDORS:
        if host == ending or host.endswith("." + ending):
            return vendor
    return "openai"


class Chat:
    """Chat completions."""

    shape = "openai.chat"

    def prompt(self, request: Mapping[str, Any]) -> Optional[str]:
        """Returns the text of the messages."""
        whole = Text()
        for message in items(request.get("messages")):
            whole.add_line(flatten(read(message, "content")))
        return whole.value()

    def answer(self, response: Any, answer: Answer) -> None:
        """Reads a whole answer."""
        self._envelope(response, answer)
        for index, choice in enumerate(items(read(response, "choices"))):
            message = read(choice, "message")
            answer.note(finish_reason=read(choice, "finish_reason"))
            answer.add_text(flatten(read(message, "content")), index)
            for place, call in enumerate(items(read(message, "tool_calls"))):
                self._tool(call, (index, place), answer)

    def chunk(self, chunk: Any, answer: Answer) -> bool:
        """Reads a piece of an answer and returns whether it holds output."""
        self._envelope(chunk, answer)
        has_output = False
        for choice in items(read(chunk, "choices")):
            index = read(choice, "index") or 0
            delta = read(choice, "delta")
            answer.note(finish_reason=read(choice, "finish_reason"))
            has_output = answer.add_text(read(delta, "content"), index) or has_output
            for call in items(read(delta, "tool_calls")):
                self._tool(call, (index, read(call, "index")), answer)
                has_output = True
            # Not a field of OpenAI's: to look for it where it is missing takes time.
            has_output = has_output or bool(text(read(delta, "reasoning_content")))
        return has_output

    def _envelope(self, response: Any, answer: Answer) -> None:
        answer.note(
            model=read(response, "model"),
            response_id=read(response, "id"),
            service_tier=read(response, "service_tier"),
        )
        answer.add_usage(read(response, "usage"))
        # OpenAI's package raises it; here are what others state in place of an answer, and raw events.
        if isinstance(response, dict) or not read(response, "choices"):
            _note_error(read(response, "error"), answer)

    def _tool(self, call: Any, key: Any, answer: Answer) -> None:
        tool = answer.tool(key)
        function = read(call, "function")
        tool.name = text(read(function, "name")) or text(read(call, "custom", "name")) or tool.name
        tool.pieces.add(read(function, "arguments"))
        tool.pieces.add(read(call, "custom", "input"))


class TextCompletions(Chat):
    """The older completions of a plain prompt."""

    def prompt(self, request: Mapping[str, Any]) -> Optional[str]:
        """Returns the prompt, or the prompts on lines of their own."""
        return _strings(request.get("prompt"))

    def answer(self, response: Any, answer: Answer) -> None:
        """Reads a whole answer."""
        self.chunk(response, answer)

    def chunk(self, chunk: Any, answer: Answer) -> bool:
        """Reads a piece of an answer and returns whether it holds output."""
        self._envelope(chunk, answer)
        has_output = False
        for choice in items(read(chunk, "choices")):
            answer.note(finish_reason=read(choice, "finish_reason"))
            has_output = answer.add_text(read(choice, "text"), read(choice, "index") or 0) or has_output
        return has_output


class Embeddings:
    """Embeddings: a prompt and its tokens, no text in return."""

    shape = "openai.embeddings"

    def prompt(self, request: Mapping[str, Any]) -> Optional[str]:
        """Returns the texts on lines of their own."""
        return _strings(request.get("input"))

    def answer(self, response: Any, answer: Answer) -> None:
        """Reads a whole answer."""
        answer.note(model=read(response, "model"))
        answer.add_usage(read(response, "usage"))

    def chunk(self, chunk: Any, answer: Answer) -> bool:
        """Reads nothing: embeddings don't stream."""
        return False


class Responses:
    """The Responses API."""

    shape = "openai.responses"

    def prompt(self, request: Mapping[str, Any]) -> Optional[str]:
        """Returns the instructions and the text of the input."""
        whole = Text()
        whole.add_line(request.get("instructions"))
        given = request.get("input")
        whole.add_line(given)
        for item in items(given):
            whole.add_line(flatten(item))
        return whole.value()

    def answer(self, response: Any, answer: Answer) -> None:
        """Reads a whole answer."""
        status = read(response, "status")
        reason = read(response, "incomplete_details", "reason")
        answer.note(
            model=read(response, "model"),
            response_id=read(response, "id"),
            service_tier=read(response, "service_tier"),
            finish_reason=reason or status,
        )
        answer.add_usage(read(response, "usage"))
        _note_error(read(response, "error"), answer)
        output = items(read(response, "output"))
        if output:
            answer.clear_output()
        for index, item in enumerate(output):
            self._item(item, index, answer)

    def chunk(self, chunk: Any, answer: Answer) -> bool:
        """Reads an event and returns whether it holds output."""
        kind = read(chunk, "type")
        if kind == "error":
            answer.note(error_type=read(chunk, "code") or "error")
            return False
        if not isinstance(kind, str) or not kind.startswith("response."):
            return False
        response = read(chunk, "response")
        if response is not None:
            self.answer(response, answer)
            return False
        if kind == "response.output_text.delta":
            return answer.add_text(read(chunk, "delta"), read(chunk, "output_index") or 0)
        if kind in ("response.output_item.added", "response.output_item.done"):
            self._tool(read(chunk, "item"), read(chunk, "output_index"), answer)
            return False
        return kind.endswith(".delta")

    def _item(self, item: Any, index: int, answer: Answer) -> None:
        if read(item, "type") == "message":
            answer.add_text(flatten(read(item, "content")), index)
            return
        self._tool(item, index, answer)

    def _tool(self, item: Any, index: Any, answer: Answer) -> None:
        kind = read(item, "type")
        if not isinstance(kind, str) or not kind.endswith("_call"):
            return
        tool = answer.tool(index)
        tool.name = text(read(item, "name")) or kind[: -len("_call")]
        given = read(item, "arguments")
        tool.arguments = read(item, "input") if given is None else given
        label = text(read(item, "server_label"))
        if label:
            tool.server = "mcp:" + label
        # A function is run by the caller, so its outcome is not known yet; the rest ran at the provider.
        if kind in ("function_call", "custom_tool_call"):
            return
        status = read(item, "status")
        if status == "completed" and not read(item, "error"):
            tool.status = ToolCallStatus.SUCCESS
        if status == "failed" or read(item, "error"):
            tool.status = ToolCallStatus.ERROR


def _strings(value: Any) -> Optional[str]:
    whole = Text()
    for piece in [value] if isinstance(value, str) else items(value):
        whole.add_line(piece)
    return whole.value()


def _note_error(error: Any, answer: Answer) -> None:
    if error is None:
        return
    answer.note(error_type=text(read(error, "code")) or text(read(error, "type")) or "error")


_CHAT, _RESPONSES, _EMBEDDINGS = Chat(), Responses(), Embeddings()

# What is observed on a client; `stream` helpers go through `create`.
METHODS: List[Method] = [
    Method("chat.completions", "create", _CHAT, takes_stream_options=True),
    Method("chat.completions", "parse", _CHAT),
    Method("beta.chat.completions", "create", _CHAT, takes_stream_options=True),
    Method("beta.chat.completions", "parse", _CHAT),
    Method("completions", "create", TextCompletions(), takes_stream_options=True),
    Method("responses", "create", _RESPONSES),
    Method("responses", "parse", _RESPONSES),
    Method("responses", "compact", _RESPONSES),
    Method("beta.responses", "create", _RESPONSES),
    Method("beta.responses", "parse", _RESPONSES),
    Method("beta.responses", "compact", _RESPONSES),
    Method("embeddings", "create", _EMBEDDINGS),
]
