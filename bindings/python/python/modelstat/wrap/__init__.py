"""`wrap`: records every call that a provider's client makes, and changes nothing else about it.

```python
client = modelstat.wrap(OpenAI(), recorder=Client(config), metadata={"feature": "search"})
client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": "hello"}])
```

The client that comes back is the one that went in: the methods of this one object are observed, its
types, answers, streams and exceptions stay the provider's own. Clients of OpenAI (also Azure's and
servers that speak its API), Anthropic and Google GenAI are known, synchronous and asynchronous. No
provider's package is imported.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple, TypeVar

from . import anthropic, google, openai
from .options import Options, Recorder, Session, SessionId
from .patching import patch_client
from .surface import Method

__all__ = ["wrap"]

C = TypeVar("C")


def wrap(
    client: C,
    *,
    recorder: Optional[Recorder] = None,
    metadata: Optional[Dict[str, str]] = None,
    session_id: SessionId = None,
    agent: Optional[str] = None,
    include_usage: bool = False,
) -> C:
    """Records the calls of `client` with `recorder`, a `modelstat.Client`, and returns `client`.

    `metadata` are tags for every call; `agent` is one more of them, under that name. `session_id`
    groups calls: an id, or a function that is asked at each call; without it, all calls of this client
    in this process share a random one. `include_usage` asks OpenAI for the tokens of chat streams,
    which they do not state otherwise; the extra chunk that holds them is not passed on.

    Copies that `copy()` and `with_options()` make of the client are recorded too. Raises `TypeError`
    for a client of an unknown kind or without a `recorder`; the client's calls never raise because of
    us.
    """
    if recorder is None:
        raise TypeError(
            "modelstat.wrap: pass the modelstat Client as `recorder=`, "
            "e.g. modelstat.wrap(openai_client, recorder=ms)"
        )
    known = _methods_of(client)
    if known is None:
        raise TypeError(
            "modelstat.wrap: could not detect an OpenAI, Anthropic or Google GenAI client (expected "
            "`.chat.completions.create`, `.messages.create` or `.models.generate_content`)"
        )
    provider, methods = known
    options = Options(
        recorder,
        provider=provider,
        session=Session(session_id),
        metadata=metadata,
        agent=agent,
        include_usage=include_usage,
    )
    patch_client(client, options, methods)
    return client


def _methods_of(client: Any) -> Optional[Tuple[str, List[Method]]]:
    """Returns the provider and its methods by the shape of the client, as its class may be anyone's."""
    if _has(client, "chat", "completions", "create"):
        return openai.provider_of(client), openai.METHODS
    if _has(client, "messages", "create"):
        return "anthropic", anthropic.METHODS
    if _has(client, "models", "generate_content"):
        return "google", google.METHODS
    return None


def _has(client: Any, *names: str) -> bool:
    found = client
    for name in names:
        found = getattr(found, name, None)
        if found is None:
            return False
    return callable(found)
