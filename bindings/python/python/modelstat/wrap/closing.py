"""Learns that the caller closes an answer before its end."""

from __future__ import annotations

import weakref
from typing import Any

from .observation import Observation

__all__ = ["hook_close"]


def hook_close(observation: Observation, response: Any) -> None:
    """Finishes the observation when an HTTP response is closed, by whatever holds it.

    The hooks hold neither: what the caller drops goes at once, with its connection.
    """
    weak_observation, weak_response = weakref.ref(observation), weakref.ref(response)
    body = response.stream

    def finish() -> None:
        observed = weak_observation()
        # A response closes itself at the end of its body, while the last pieces are still on their way.
        if observed is not None and not observed.is_advancing:
            observed.finish()

    # The garbage collector takes the references away before the response closes itself a last time.
    def close() -> None:
        held: Any = weak_response()
        if held is None:
            body.close()
        else:
            type(held).close(held)
        finish()

    async def aclose() -> None:
        held: Any = weak_response()
        try:
            await (body.aclose() if held is None else type(held).aclose(held))
        finally:
            finish()

    response.close = close
    response.aclose = aclose
