"""The programs of the published crate on ours: the same batches, but for what differs on purpose."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from outcome import Checks, Failure
from plan import EMAIL, HOME_PATH, RUST_010, make_run, now_utc
from product import plain_environment

DEADLINE_S = 60
# What ours adds to an event and to a batch; receivers that don't know it ignore it.
ADDED_TO_EVENTS = ("redactions",)
ADDED_TO_BATCHES = ("instance_id", "outcomes", "sent_at")
# Random from process to process: ours begins to count anywhere, so that no two mint the same id.
IDS = ("batch_id", "source_event_id", "external_call_id")
TIMES = ("ts", "started_at", "ended_at", "first_token_at")
# The floor hides names too: these are what the plan puts into names.
HIDDEN_NAMES = {EMAIL: "h_", HOME_PATH: "[REDACTED:path]"}


@dataclass(frozen=True)
class Side:
    """The programs on one of the two crates."""

    folder: Path
    may_complain: bool

    def output(self, program: str, *arguments: str, given: bytes = b"") -> bytes:
        """What a program prints; ours never complains."""
        done = subprocess.run(
            [str(self.folder / program), *arguments],
            input=given,
            capture_output=True,
            env=plain_environment(),
            timeout=DEADLINE_S,
        )
        complaint = done.stderr.decode(errors="replace").strip()
        if done.returncode != 0 or (complaint and not self.may_complain):
            raise Failure(f"{program}: exit code {done.returncode}: {complaint}")
        return done.stdout


def check_drop_in(checks: Checks, published: Path, ours: Path) -> None:
    """Runs every program on both crates and compares what they send."""
    sides = (Side(published, may_complain=True), Side(ours, may_complain=False))
    _check_surface(checks, sides)
    _check_readme(checks, sides)
    for mode in ("remote", "raw"):
        _check_plan(checks, sides, mode)


def _check_surface(checks: Checks, sides: Iterable[Side]) -> None:
    theirs, mine = (json.loads(side.output("surface")) for side in sides)
    checks.equal("every public item: redact", mine["redacted"], theirs["redacted"])
    for number, (their, my) in enumerate(zip(theirs["batches"], mine["batches"], strict=True)):
        checks.equal(f"every public item: batches of program {number}", _plain(my), _plain(their))


def _check_readme(checks: Checks, sides: Iterable[Side]) -> None:
    with _receiver() as (url, received):
        sent = [_requests(received, lambda: side.output("readme", url)) for side in sides]
    for requests in sent:
        for request in requests:
            # The program records when it runs, and names no version.
            is_named = request.batch.pop("daemon_version").startswith("rust-sdk/")
            checks.holds("readme: a producer is named", is_named)
            for event in request.batch["events"]:
                del event["ts"], event["started_at"]
    theirs, mine = ([(each.path, each.bearer) for each in requests] for requests in sent)
    checks.equal("readme: paths and credentials", mine, theirs)
    theirs, mine = ([_plain(each.batch) for each in requests] for requests in sent)
    checks.equal("readme: batches", mine, theirs)


def _check_plan(checks: Checks, sides: Iterable[Side], mode: str) -> None:
    run = make_run(RUST_010, mode, now_utc())
    with _receiver() as (url, received):
        given = json.dumps(run.plan("msk_" + "test", url)).encode()
        sent = [
            _requests(received, lambda: side.output("client-check", given=given)) for side in sides
        ]
    for requests in sent:
        for request in requests:
            request.batch.pop("daemon_version")
    theirs, mine = ([_plain(each.batch) for each in requests] for requests in sent)
    checks.holds(f"a plan in mode {mode}: something is sent", len(theirs) > 0)
    checks.no_differences(f"a plan in mode {mode}: the same batches", _differences(theirs, mine, ""))


def _plain(value: Any, names: dict[str, str] | None = None) -> Any:
    """A batch without what differs on purpose, and with ids by the order in which they come."""
    names = {} if names is None else names
    if isinstance(value, list):
        return [_plain(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {}
    for field, item in value.items():
        if field in ADDED_TO_EVENTS or field in ADDED_TO_BATCHES:
            continue
        if field in IDS:
            plain[field] = names.setdefault(item, f"id-{len(names)}")
        elif field in TIMES:
            plain[field] = _to_millis(item)
        else:
            plain[field] = _plain(item, names)
    return plain


def _to_millis(time: str) -> str:
    """Ours prints three decimals, as the Python client does; the published crate as many as it has."""
    whole, _, decimals = time.removesuffix("Z").partition(".")
    return f"{whole}.{decimals[:3]:0<3}Z"


def _differences(theirs: Any, mine: Any, place: str) -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(mine, dict):
        for field in sorted(theirs.keys() | mine.keys()):
            yield from _differences(theirs.get(field), mine.get(field), f"{place}.{field}")
    elif isinstance(theirs, list) and isinstance(mine, list) and len(theirs) == len(mine):
        for index, pair in enumerate(zip(theirs, mine, strict=True)):
            yield from _differences(*pair, f"{place}[{index}]")
    elif theirs != mine and not _is_hidden(theirs, mine):
        yield f"{place}: published {theirs!r}, ours {mine!r}"


def _is_hidden(theirs: Any, mine: Any) -> bool:
    return isinstance(theirs, str) and str(mine).startswith(HIDDEN_NAMES.get(theirs, "\0"))


@dataclass
class Request:
    """What came."""

    path: str
    bearer: str
    batch: dict[str, Any]


def _requests(received: list[Request], send: Callable[[], bytes]) -> list[Request]:
    """The requests that come while a program runs."""
    received.clear()
    send()
    return list(received)


@contextmanager
def _receiver() -> Iterator[tuple[str, list[Request]]]:
    """Takes every batch; knows nothing of whole turns."""
    received: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            batch = json.loads(body)
            received.append(Request(self.path, self.headers["authorization"], batch))
            self._answer(200, {"accepted": len(batch["events"])})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", received
    finally:
        server.shutdown()
        server.server_close()
