"""How batches leave the process.

A client without a transport of its own posts from native code. A transport written in Python is called
on a thread behind it, never on the thread that records.
"""

from __future__ import annotations

import json
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Callable, Dict, List, Optional, Protocol, Tuple

from . import _log
from .config import Config

__all__ = ["TransportError", "Transport", "FakeTransport", "HttpTransport"]


class TransportError(Exception):
    """A batch was not taken. `status` is that of the answer, `None` where there was none.

    The worker tries again after no answer and after 408, 429 and 5xx, halves after 413, pauses after
    401 and 403, and drops the batch, counted, after any other status.
    """

    def __init__(self, message: str, status: Optional[int] = None) -> None:
        super().__init__(message)
        self.status = status


class Sends(Protocol):
    """What a transport has to have; it need not inherit from `Transport`."""

    def send(self, batch: Dict[str, Any], /) -> None:
        """Ships a batch, or raises `TransportError`."""


class Transport:
    """A transport to inherit from."""

    def send(self, batch: Dict[str, Any]) -> None:
        """Ships a batch, or raises `TransportError`."""
        raise NotImplementedError


class FakeTransport(Transport):
    """Keeps every batch in memory, for tests."""

    def __init__(self) -> None:
        self._batches: List[Dict[str, Any]] = []
        self._lock = Lock()

    def send(self, batch: Dict[str, Any]) -> None:
        """Keeps the batch."""
        with self._lock:
            self._batches.append(batch)

    def batches(self) -> List[Dict[str, Any]]:
        """Returns what was sent so far."""
        with self._lock:
            return list(self._batches)


class HttpTransport(Transport):
    """Posts to an address with a bearer.

    A client that is given one of exactly this type posts by itself, in native code, to the same address;
    `send` is for subclasses and for direct use.
    """

    def __init__(self, endpoint: str, bearer: str, timeout: float = 10.0) -> None:
        self._endpoint = endpoint
        self._bearer = bearer
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"HttpTransport({self._endpoint!r}, timeout={self._timeout!r})"

    @classmethod
    def from_config(cls, cfg: Config) -> HttpTransport:
        """Makes the transport that the configuration describes."""
        return cls(endpoint=cfg.mode.endpoint(), bearer=cfg.ingest_key)

    def send(self, batch: Dict[str, Any]) -> None:
        """Posts the batch once; no redirect is followed, since it would carry the bearer along."""
        import urllib.error
        import urllib.request

        class KeepHost(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:
                return None

        request = urllib.request.Request(
            self._endpoint,
            data=json.dumps(batch).encode("ascii"),
            method="POST",
            headers={"Authorization": f"Bearer {self._bearer}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.build_opener(KeepHost).open(request, timeout=self._timeout) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            raise TransportError(f"http status {error.code}", status=error.code) from None
        except OSError as error:  # refused, timed out, no such host
            raise TransportError(f"transport: {type(error).__name__}") from error
        if not 200 <= status < 300:
            raise TransportError(f"http status {status}", status=status)


# Takes the status of an answer: 0 for none, 200 when the batch was taken.
Reply = Callable[[int], None]


class Courier:
    """Calls a transport for the native worker, on a thread of Python's own.

    A native thread that is inside Python when the interpreter goes would take the process down with it,
    and how long a transport takes is not ours to say. A thread of Python's own is simply left behind.
    """

    def __init__(self, transport: Sends) -> None:
        self._transport = transport
        self._inbox: SimpleQueue[Tuple[bytes, Reply]] = SimpleQueue()
        self._thread: Optional[Thread] = None

    def fresh(self) -> Courier:
        """Returns another one for the same transport, for the child of a fork."""
        return Courier(self._transport)

    def post(self, body: bytes, reply: Reply) -> None:
        """Has a batch sent, and `reply` called with what came of it."""
        self._inbox.put((body, reply))
        if self._thread is None:
            thread = Thread(target=self._run, name="modelstat-transport", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no thread starts while the interpreter ends
                self._deliver(*self._inbox.get())
                return
            self._thread = thread

    def _run(self) -> None:
        while True:
            self._deliver(*self._inbox.get())

    def _deliver(self, body: bytes, reply: Reply) -> None:
        try:
            self._transport.send(json.loads(body))
        except BaseException as error:  # whatever it is, there is nobody above to catch it
            status = getattr(error, "status", None)
            _log.warn("transport", "the transport raised %s; see stats()", type(error).__name__)
            reply(status if isinstance(status, int) and 0 < status < 1000 else 0)
        else:
            reply(200)
