"""A server on this machine that keeps what it is sent and answers as it is told."""

from __future__ import annotations

import gzip
import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Optional, Tuple

# Status, headers; `None` closes the connection without an answer.
Answer = Optional[Tuple[int, Dict[str, str]]]
WAIT_S = 20.0


def wait_until(holds: Callable[[], object]) -> bool:
    """Waits for what another thread is about to do."""
    ends = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(0.01)
    return True


@dataclass
class Request:
    path: str
    headers: Dict[str, str]
    body: bytes

    def json(self) -> Any:
        is_packed = self.headers.get("content-encoding") == "gzip"
        return json.loads(gzip.decompress(self.body) if is_packed else self.body)


class Receiver:
    """Listens on a free port from the moment it is made until `close`."""

    def __init__(self, answer: Optional[Callable[[int], Answer]] = None, full_turns: bool = False) -> None:
        self.requests: List[Request] = []
        self._answer = answer or (lambda _: (200, {}))
        self._full_turns = full_turns
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.base_url}/v1/ingest"

    def batches(self) -> List[Any]:
        """Returns the posted batches that carry events."""
        with self._lock:
            posted = list(self.requests)
        return [batch for batch in (request.json() for request in posted) if batch["events"]]

    def events(self) -> List[Any]:
        return [event for batch in self.batches() for event in batch["events"]]

    def wait_for_events(self, count: int) -> List[Any]:
        wait_until(lambda: len(self.events()) >= count)
        return self.events()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
        return self._answer(number)

    def _handler(receiver) -> type:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = receiver._take(Request(self.path, headers, body))
                if answer is None:
                    self.close_connection = True
                    return
                status, headers = answer
                self._reply(status, headers, json.dumps({"accepted": 1}).encode())

            def do_GET(self) -> None:
                wants = ["full_turns"] if receiver._full_turns else []
                body = json.dumps({"status": "ok", "capabilities": wants}).encode()
                self._reply(200 if self.path == "/healthz" else 404, {}, body)

            def _reply(self, status: int, headers: Dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        return Handler
