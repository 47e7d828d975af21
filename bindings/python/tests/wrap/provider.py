"""A provider on this machine that answers, streams and fails like the real ones.

The model's name says how: `refuse-429` is refused with that status, `broken` streams and breaks off,
`stalled` streams and falls silent, `late` never answers, `tools` asks for a tool, `partial` fails
within the stream; any other name is answered with text.
"""

from __future__ import annotations

import base64
import json
import struct
import threading
import uuid
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, Iterator, List, Optional, Tuple

__all__ = ["FakeProvider"]

# Longest that a stalled stream lasts when no one hangs up.
STALL_SECONDS = 20.0

CHAT_USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 200,
    "total_tokens": 1200,
    "prompt_tokens_details": {"cached_tokens": 900},
    "completion_tokens_details": {"reasoning_tokens": 150},
}
RESPONSES_USAGE = {
    "input_tokens": 1000,
    "output_tokens": 200,
    "total_tokens": 1200,
    "input_tokens_details": {"cached_tokens": 900},
    "output_tokens_details": {"reasoning_tokens": 150},
}
ANTHROPIC_USAGE = {
    "input_tokens": 100,
    "cache_read_input_tokens": 800,
    "cache_creation_input_tokens": 60,
    "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 40},
    "output_tokens": 200,
    "service_tier": "standard",
}
GEMINI_USAGE = {
    "promptTokenCount": 1000,
    "cachedContentTokenCount": 900,
    "candidatesTokenCount": 50,
    "thoughtsTokenCount": 150,
    "totalTokenCount": 1200,
}
Event = Tuple[Optional[str], Any]


class FakeProvider:
    """The server; `requests` are the bodies that it was sent."""

    def __init__(self) -> None:
        self.requests: List[Dict[str, Any]] = []
        self.hang_up = threading.Event()
        # Ids of two tests must not meet: they are remembered in the process.
        self._ids = uuid.uuid4().hex
        self._count = 0
        provider = self

        class Handler(_Handler):
            owner = provider

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def next_id(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._ids}{self._count:04d}"

    def close(self) -> None:
        self.hang_up.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: clients that hang up are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: FakeProvider

    def log_message(self, format: str, *args: Any) -> None:
        return

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])) or b"{}")
        self.owner.requests.append(body)
        path, _, query = self.path.partition("?")
        if "count" in path:
            self._json(200, {"input_tokens": 7})
            return
        if self._is_cloud(path, body):
            return
        model = body.get("model") or path.rpartition("/")[2].partition(":")[0]
        if model == "late":
            self.owner.hang_up.wait(STALL_SECONDS)
            self.close_connection = True
            return
        if model.startswith("refuse-"):
            self._json(int(model[len("refuse-") :]), _refusal(path))
            return
        if "/models/" in path:
            if path.endswith(":streamGenerateContent"):
                self._events(model, _gemini_chunks(model, self.owner))
                return
            self._json(200, _gemini(model, self.owner))
            return
        stream = bool(body.get("stream"))
        answers = {
            "/chat/completions": (_chat, _chat_chunks),
            "/v1/completions": (_completion, None),
            "/responses": (_responses, _responses_events),
            "/embeddings": (_embeddings, None),
            "/messages": (_messages, _messages_events),
        }
        whole, pieces = next(answers[end] for end in answers if path.endswith(end))
        if stream and pieces is not None:
            self._events(model, pieces(body, model, self.owner))
            return
        self._json(200, whole(body, model, self.owner))

    def _is_cloud(self, path: str, body: Any) -> bool:
        """Answers as the clouds that serve Anthropic's models do, which name the model in the path."""
        names, _, verb = path.partition("/invoke") if "/invoke" in path else path.partition(":")
        if verb not in ("", "-with-response-stream", "rawPredict", "streamRawPredict"):
            return False
        if "/model/" not in path and not verb:
            return False
        model = names.rpartition("/")[2]
        if model.startswith("refuse-"):
            self._json(int(model[len("refuse-") :]), _refusal("/messages"))
        elif verb == "streamRawPredict":
            self._events(model, _messages_events(body, model, self.owner))
        elif verb == "-with-response-stream":
            self._frames(_messages_events(body, model, self.owner))
        else:
            self._json(200, _messages(body, model, self.owner))
        return True

    def _frames(self, events: Iterator[Event]) -> None:
        """Writes events in the binary frames of AWS."""
        data = b"".join(_frame(event) for _, event in events)
        self.send_response(200)
        self.send_header("content-type", "application/vnd.amazon.eventstream")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _json(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _events(self, model: str, events: Iterator[Event]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for count, (name, data) in enumerate(events):
                if count == 4 and model == "broken":
                    self.close_connection = True
                    self.connection.close()
                    return
                if count == 4 and model == "stalled":
                    self.owner.hang_up.wait(STALL_SECONDS)
                    self.close_connection = True
                    return
                text = data if isinstance(data, str) else json.dumps(data)
                self._chunk((f"event: {name}\n" if name else "") + f"data: {text}\n\n")
            self._chunk("")
        except OSError:
            self.close_connection = True

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


def _frame(event: Any) -> bytes:
    held = json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode()}).encode()
    headers = b""
    for name, value in ((b":event-type", b"chunk"), (b":content-type", b"application/json"), (b":message-type", b"event")):
        headers += struct.pack("!B", len(name)) + name + struct.pack("!BH", 7, len(value)) + value
    head = struct.pack("!II", 16 + len(headers) + len(held), len(headers))
    frame = head + struct.pack("!I", zlib.crc32(head)) + headers + held
    return frame + struct.pack("!I", zlib.crc32(frame))


def _refusal(path: str) -> Any:
    if path.endswith("/messages"):
        return {"type": "error", "error": {"type": "rate_limit_error", "message": "no"}}
    if "/models/" in path:
        return {"error": {"code": 429, "message": "no", "status": "RESOURCE_EXHAUSTED"}}
    return {"error": {"message": "no", "type": "requests", "code": "rate_limit_exceeded"}}


def _chat(body: Any, model: str, owner: FakeProvider) -> Any:
    message: Dict[str, Any] = {"role": "assistant", "content": "hello there"}
    reason = "stop"
    if model == "tools":
        reason = "tool_calls"
        function = {"name": "find", "arguments": '{"city": "Oslo"}'}
        message["content"] = None
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    if body.get("response_format"):
        message["content"] = '{"city": "Oslo"}'
    return {
        "id": owner.next_id("chatcmpl-"),
        "object": "chat.completion",
        "created": 1,
        "model": model + "-2026-01-01",
        "service_tier": "default",
        "choices": [{"index": 0, "finish_reason": reason, "message": message, "logprobs": None}],
        "usage": CHAT_USAGE,
    }


def _chat_chunks(body: Any, model: str, owner: FakeProvider) -> Iterator[Event]:
    head = {
        "id": owner.next_id("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model + "-2026-01-01",
    }

    def chunk(delta: Any, reason: Optional[str] = None) -> Event:
        return None, {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    yield chunk({"role": "assistant", "content": ""})
    if model == "tools":
        call = {"index": 0, "id": "call_1", "type": "function"}
        yield chunk({"tool_calls": [{**call, "function": {"name": "find", "arguments": ""}}]})
        yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]})
        yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": ' "Oslo"}'}}]})
        yield chunk({}, "tool_calls")
    else:
        yield chunk({"content": "hello"})
        yield chunk({"content": " "})
        yield chunk({"content": "there"})
        if model == "partial":
            yield None, {"error": {"message": "no", "type": "server_error", "code": "overloaded"}}
            return
        yield chunk({}, "stop")
    if (body.get("stream_options") or {}).get("include_usage"):
        yield None, {**head, "choices": [], "usage": CHAT_USAGE}
    yield None, "[DONE]"


def _completion(body: Any, model: str, owner: FakeProvider) -> Any:
    choice = {"index": 0, "finish_reason": "stop", "text": "hello there", "logprobs": None}
    return {
        "id": owner.next_id("cmpl-"),
        "object": "text_completion",
        "created": 1,
        "model": model,
        "choices": [choice],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
    }


def _embeddings(body: Any, model: str, owner: FakeProvider) -> Any:
    return {
        "object": "list",
        "model": model,
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }


def _responses(body: Any, model: str, owner: FakeProvider) -> Any:
    text = '{"city": "Oslo"}' if body.get("text") else "hello there"
    output: List[Dict[str, Any]] = [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }
    ]
    if model == "tools":
        call = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "status": "completed"}
        output.append({**call, "name": "find", "arguments": '{"city": "Oslo"}'})
        output.append({"id": "ws_1", "type": "web_search_call", "status": "completed"})
    return {
        "id": owner.next_id("resp_"),
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": model + "-2026-01-01",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": RESPONSES_USAGE,
    }


def _responses_events(body: Any, model: str, owner: FakeProvider) -> Iterator[Event]:
    whole = _responses(body, model, owner)
    opened = {**whole, "status": "in_progress", "output": [], "usage": None}
    message: Any = whole["output"][0]
    part = {"type": "output_text", "text": "", "annotations": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: List[Dict[str, Any]] = [
        {"type": "response.created", "response": opened},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**message, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.output_text.delta", **place, "delta": "hello", "logprobs": []},
        {"type": "response.output_text.delta", **place, "delta": " there", "logprobs": []},
        {"type": "response.output_text.done", **place, "text": "hello there", "logprobs": []},
        {"type": "response.completed", "response": whole},
    ]
    for number, event in enumerate(events):
        yield str(event["type"]), {**event, "sequence_number": number}


def _messages(body: Any, model: str, owner: FakeProvider) -> Any:
    has_form = body.get("output_config") or body.get("output_format")
    text = '{"city": "Oslo"}' if has_form else "hello there"
    content: List[Dict[str, Any]] = [{"type": "text", "text": text}]
    if model == "tools":
        content.append({"type": "tool_use", "id": "toolu_1", "name": "find", "input": {"city": "Oslo"}})
    return {
        "id": owner.next_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": model + "-20260101",
        "content": content,
        "stop_reason": "tool_use" if model == "tools" else "end_turn",
        "stop_sequence": None,
        "usage": ANTHROPIC_USAGE,
    }


def _messages_events(body: Any, model: str, owner: FakeProvider) -> Iterator[Event]:
    whole = _messages(body, model, owner)
    opened = {
        **whole,
        "content": [],
        "stop_reason": None,
        "usage": {**ANTHROPIC_USAGE, "output_tokens": 1},
    }
    events: List[Dict[str, Any]] = [
        {"type": "message_start", "message": opened},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "hello"},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": " there"},
        },
        {"type": "content_block_stop", "index": 0},
    ]
    if model == "partial":
        events.append({"type": "error", "error": {"type": "overloaded_error", "message": "no"}})
    if model == "tools":
        block = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}}
        events.append({"type": "content_block_start", "index": 1, "content_block": block})
        for piece in ('{"city":', ' "Oslo"}'):
            delta = {"type": "input_json_delta", "partial_json": piece}
            events.append({"type": "content_block_delta", "index": 1, "delta": delta})
        events.append({"type": "content_block_stop", "index": 1})
    # The counts of a delta are cumulative, and some proxies repeat the input's in it.
    usage = {"output_tokens": 200, "input_tokens": 100, "cache_read_input_tokens": None}
    reason = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": reason, "usage": usage})
    events.append({"type": "message_stop"})
    for event in events:
        yield event["type"], event


def _gemini(model: str, owner: FakeProvider) -> Any:
    parts: List[Dict[str, Any]] = [{"text": "hmm", "thought": True}, {"text": "hello there"}]
    if model == "tools":
        parts.append({"functionCall": {"name": "find", "args": {"city": "Oslo"}}})
    return {
        "responseId": owner.next_id("gemini"),
        "modelVersion": model + "-001",
        "candidates": [
            {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": GEMINI_USAGE,
    }


def _gemini_chunks(model: str, owner: FakeProvider) -> Iterator[Event]:
    head = {"responseId": owner.next_id("gemini"), "modelVersion": model + "-001"}
    texts = ["hello", " ", "there", "", ""]
    for count, text in enumerate(texts):
        content = {"role": "model", "parts": [{"text": text}]}
        candidate: Dict[str, Any] = {"content": content, "index": 0}
        usage = {**GEMINI_USAGE, "candidatesTokenCount": 10 * (count + 1)}
        if count == len(texts) - 1:
            candidate["finishReason"] = "STOP"
        yield None, {**head, "candidates": [candidate], "usageMetadata": usage}
