"""The client: `record` on the way of a request, everything else on a thread behind it."""

from __future__ import annotations

from types import TracebackType
from typing import Optional, Type

from . import _core
from .config import Config
from .transport import HttpTransport, Sends
from .worker import DEFAULT_WAIT_S, Flushed, Stats, Worker

__all__ = ["Client"]


class Client(_core.Intake):
    """Records calls. Make one per process and keep it; it may be used from any thread.

    No thread and no connection exists before the first call. `with Client(cfg) as ms:` shuts it down at
    the end of the block.
    """

    def __init__(self, cfg: Config) -> None:
        self._start(cfg, HttpTransport.from_config(cfg))

    @classmethod
    def with_transport(cls, cfg: Config, transport: Sends) -> Client:
        """Makes a client that ships through `transport`: anything with a method `send(batch)`."""
        self = cls.__new__(cls)
        self._start(cfg, transport)
        return self

    def _start(self, cfg: Config, transport: Sends) -> None:
        self._worker = Worker(cfg, transport)
        # `record` is inherited: a method of Python's would cost as much again as what it does.
        self._attach(self._worker._recorder)

    def dropped(self) -> int:
        """Returns how many calls found no room; `stats` has every reason."""
        return self._worker.dropped()

    def stats(self) -> Stats:
        """Returns what became of the calls so far."""
        return self._worker.stats()

    def flush(self, timeout: Optional[float] = DEFAULT_WAIT_S) -> Flushed:
        """Sends what waits; returns when that is done or `timeout` seconds have passed."""
        return self._worker.flush(timeout)

    def shutdown(self, timeout: Optional[float] = DEFAULT_WAIT_S) -> Flushed:
        """Sends what waits and ends the worker; again is fine."""
        return self._worker.shutdown(timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        tb: Optional[TracebackType],
    ) -> None:
        self.shutdown()

    def __del__(self) -> None:
        worker = self.__dict__.get("_worker")
        if worker is not None:
            worker.abandon()
