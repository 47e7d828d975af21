"""Puts observation in front of methods of one client; classes and other clients stay as they are."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Dict, List, Optional, Type

from .faults import Guard, report
from .observation import Active, Observation
from .options import Options
from .streams import follow
from .surface import Method

__all__ = ["patch_client"]

_ORIGINAL = "__modelstat_original__"

# Header by which a caller asks for the raw response; its value in `extra_headers`.
_RAW_HEADER = "X-Stainless-Raw-Response"

# Views of a resource that copy its methods when they are made.
_VIEWS = ("with_raw_response", "with_streaming_response")


def patch_client(client: Any, options: Options, methods: List[Method]) -> int:
    """Patches what `client` has of `methods` and returns how many that are."""
    count = 0
    for method in methods:
        resource = _resource(client, method.resource)
        if resource is not None and callable(getattr(resource, method.name, None)):
            count += _patch(resource, method.name, _observed(options, method))
    for name in ("copy", "with_options"):
        if callable(getattr(type(client), name, None)):
            _patch(client, name, functools.partial(_copying, options, methods))
    for owner in _path(client, methods):
        for view in _VIEWS:
            getattr(owner, "__dict__", {}).pop(view, None)
    return count


def _resource(client: Any, path: str) -> Any:
    found = client
    for name in path.split("."):
        # A resource of a package that is not installed whole may fail in any way.
        try:
            found = getattr(found, name, None)
        except Exception as error:
            report("look at a resource of a client", error)
            return None
        if found is None:
            return None
    return found


def _path(client: Any, methods: List[Method]) -> List[Any]:
    owners = [client]
    for method in methods:
        names = method.resource.split(".")
        owners += [_resource(client, ".".join(names[: end + 1])) for end in range(len(names))]
    return [owner for owner in owners if owner is not None]


def _patch(owner: Any, name: str, wrapper: Callable[[Callable[..., Any]], Any]) -> int:
    """Replaces a method of this one object and returns 1, or 0 where the object doesn't take it."""
    held = getattr(owner, "__dict__", {}).get(name)
    # Wrapped again, a client is recorded once, as it was told last.
    original = getattr(held, _ORIGINAL, held) or _class_method(owner, name)
    replacement = wrapper(original)
    try:
        functools.update_wrapper(replacement, getattr(owner, name) if held is None else original)
        setattr(replacement, _ORIGINAL, original)
        setattr(owner, name, replacement)
    except (AttributeError, TypeError) as error:
        report("observe a method of a client", error)
        return 0
    return 1


def _class_method(owner: Any, name: str) -> Callable[..., Any]:
    """Returns the method of the class, looked up at each call: other tools may patch the class later."""
    if _bound(owner, name) is None:
        return getattr(owner, name)  # type: ignore[no-any-return]

    if inspect.iscoroutinefunction(getattr(type(owner), name)):

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            return await _bound(owner, name)(*args, **kwargs)

        return call_async

    def call(*args: Any, **kwargs: Any) -> Any:
        return _bound(owner, name)(*args, **kwargs)

    return call


def _bound(owner: Any, name: str) -> Any:
    for base in type(owner).__mro__:
        found = vars(base).get(name)
        if found is not None:
            return found.__get__(owner, type(owner))
    return None


def _copying(
    options: Options, methods: List[Method], original: Callable[..., Any]
) -> Callable[..., Any]:
    def copy(*args: Any, **kwargs: Any) -> Any:
        copied = original(*args, **kwargs)
        with Guard("observe the copy of a client"):
            patch_client(copied, options, methods)
        return copied

    return copy


def _observed(options: Options, method: Method) -> Callable[[Callable[..., Any]], Any]:
    if method.returns_manager:
        return lambda original: _managing(options, method, original)

    def wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
        def observed(*args: Any, **kwargs: Any) -> Any:
            observation = _begin(options, method, kwargs)
            if observation is None:
                return original(*args, **kwargs)
            with Active(observation):
                result = original(*args, **kwargs)
            # What is returned decides: asynchronous methods of providers are often plain functions.
            if inspect.isawaitable(result):
                return _finish_async(observation, result)
            return follow(observation, result)

        if not inspect.iscoroutinefunction(original):
            return observed

        async def observed_async(*args: Any, **kwargs: Any) -> Any:
            return await observed(*args, **kwargs)

        return observed_async

    return wrapper


async def _finish_async(observation: Observation, awaitable: Any) -> Any:
    with Active(observation):
        result = await awaitable
    return follow(observation, result)


def _begin(options: Options, method: Method, request: Dict[str, Any]) -> Optional[Observation]:
    with Guard("observe a call"):
        observation = Observation(options, method, request)
        if options.include_usage and method.takes_stream_options:
            observation.hides_usage_chunk = _ask_for_usage(request)
        return observation
    return None


def _ask_for_usage(request: Dict[str, Any]) -> bool:
    """Asks for the usage of a stream, and returns whether the caller had not."""
    chosen = request.get("stream_options")
    wanted = dict(chosen) if isinstance(chosen, dict) else {}
    headers = request.get("extra_headers") or {}
    if request.get("stream") is not True or "include_usage" in wanted or _RAW_HEADER in headers:
        return False
    request["stream_options"] = {**wanted, "include_usage": True}
    return True


def _managing(
    options: Options, method: Method, original: Callable[..., Any]
) -> Callable[..., Any]:
    def managing(*args: Any, **kwargs: Any) -> Any:
        manager = original(*args, **kwargs)
        with Guard("observe a stream's manager"):
            kind: Any = type(manager)
            manager.__class__ = _manager_class(kind)
            manager._modelstat_begin = functools.partial(_begin, options, method, kwargs)
        return manager

    return managing


@functools.lru_cache(maxsize=64)
def _manager_class(base: Any) -> Type[Any]:
    """Returns a subclass of a manager of streams that observes what it sends when it is entered."""

    def enter(self: Any) -> Any:
        observation = self._modelstat_begin()
        if observation is None:
            return base.__enter__(self)
        with Active(observation):
            stream = base.__enter__(self)
        return follow(observation, stream)

    async def enter_async(self: Any) -> Any:
        observation = self._modelstat_begin()
        if observation is None:
            return await base.__aenter__(self)
        with Active(observation):
            stream = await base.__aenter__(self)
        return follow(observation, stream)

    body: Dict[str, Any] = {"__module__": base.__module__, "__qualname__": base.__qualname__}
    if hasattr(base, "__enter__"):
        body["__enter__"] = enter
    if hasattr(base, "__aenter__"):
        body["__aenter__"] = enter_async
    return type(base.__name__, (base,), body)
