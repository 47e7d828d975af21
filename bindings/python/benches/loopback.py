"""Receivers on this machine: one that forgets what it is sent, one that never answers."""

from __future__ import annotations

import json
import socket
import threading

_HEAD_END = b"\r\n\r\n"
_PIECE_BYTES = 1 << 16
_LISTEN_BACKLOG = 64


class Receiver:
    """Takes requests on a free port until its process ends.

    It reads nothing into the bodies, so that it takes as little of the machine as it can. A daemon that
    `wants_turns` asks for whole turns; one that `is_stalled` accepts connections and never answers.
    """

    def __init__(self, wants_turns: bool = False, is_stalled: bool = False) -> None:
        capabilities = ["full_turns"] if wants_turns else []
        self._answer = _response({"status": "ok", "accepted": 0, "capabilities": capabilities})
        self._is_stalled = is_stalled
        self._kept: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_LISTEN_BACKLOG)
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"{self.base_url}/v1/ingest"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._is_stalled:
                self._kept.append(connection)
            else:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        piece = memoryview(bytearray(_PIECE_BYTES))
        with connection:
            try:
                while self._take(connection, piece):
                    connection.sendall(self._answer)
            except OSError:
                return

    def _take(self, connection: socket.socket, piece: memoryview) -> bool:
        """Takes one request off the connection; returns whether there was one."""
        head = bytearray()
        while _HEAD_END not in head:
            received = connection.recv_into(piece)
            if not received:
                return False
            head += piece[:received]
        names, _, body = bytes(head).partition(_HEAD_END)
        left = _content_length(names) - len(body)
        while left > 0:
            received = connection.recv_into(piece)
            if not received:
                return False
            left -= received
        return True


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _response(answer: object) -> bytes:
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
