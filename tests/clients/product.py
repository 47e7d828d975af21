"""The built binary: started, asked and stopped."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from outcome import Failure

# Where published clients look for the daemon when they are told nothing.
DAEMON_ADDRESS = ("127.0.0.1", 4319)
START_DEADLINE_S = 60
STOP_DEADLINE_S = 30
REQUEST_DEADLINE_S = 30

# What is on this machine is never reached through a proxy.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def post(url: str, key: str, body: Any) -> tuple[int, Any]:
    """Posts JSON and returns status and answer."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    data = json.dumps(body).encode()
    status, text = _send(urllib.request.Request(url, data, headers, method="POST"))
    return status, json.loads(text)


def _send(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with _opener.open(request, timeout=REQUEST_DEADLINE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


class Product:
    """`modelstat up` on a data directory of its own."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.binary = binary
        self.folder = folder
        self.answers: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder.with_suffix(".log")
        self.ready: dict[str, str] = {}

    def start(self) -> None:
        """Starts it and waits for the line that says it is ready."""
        listen = f"{DAEMON_ADDRESS[0]}:{DAEMON_ADDRESS[1]}"
        command = [self.binary, "up", "--data-dir", self.folder, "--json"]
        command += ["--listen", "127.0.0.1:0", "--daemon-listen", listen]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=plain_environment()
            )
        self.ready = json.loads(self._first_line())

    def _first_line(self) -> bytes:
        process = self._process
        assert process is not None and process.stdout is not None
        end = time.monotonic() + START_DEADLINE_S
        line = b""
        while not line.endswith(b"\n"):
            left = end - time.monotonic()
            readable, _, _ = select.select([process.stdout], [], [], max(left, 0))
            part = os.read(process.stdout.fileno(), 65536) if readable else b""
            if not part:
                why = "ended" if readable else f"was not ready within {START_DEADLINE_S} s"
                raise Failure(f"`modelstat up` {why}:\n{self.log_tail()}")
            line += part
        return line

    def log_tail(self) -> str:
        """Returns the last lines that it wrote to standard error."""
        return "\n".join(self.log().splitlines()[-20:])

    def log(self) -> str:
        """Returns all that it wrote to standard error."""
        return self._log.read_text(errors="replace")

    def stop(self) -> int | None:
        """Asks it to end and returns its exit code; `None` when it did not run."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            if process.stdout is not None:
                process.stdout.close()

    @property
    def server_url(self) -> str:
        return self.ready["ingest_url"].removesuffix("/v1/ingest")

    def verb(self, *words: str) -> Any:
        """Runs a verb against the running process and returns its JSON."""
        return json.loads(self.output(*words))

    def output(self, *words: str) -> str:
        """Runs a verb against the running process and returns what it prints."""
        command = [str(self.binary), *words, "--data-dir", str(self.folder), "--json"]
        done = subprocess.run(command, capture_output=True, env=plain_environment(), timeout=60)
        if done.returncode != 0:
            raise Failure(f"`modelstat {' '.join(words)}` failed: {done.stderr.decode()}")
        self.answers.append(done.stdout.decode())
        return self.answers[-1]

    def org(self, name: str) -> tuple[str, Reader]:
        """Makes an org and returns an ingest key and a reader of it."""
        self.verb("orgs", "create", name)
        ingest = self.verb("keys", "create", "--org", name, "--scope", "ingest")["secret"]
        read = self.verb("keys", "create", "--org", name, "--scope", "read")["secret"]
        return ingest, Reader(self, read)


class Reader:
    """The query API, as one read key sees it. Every answer is kept for the search for secrets."""

    def __init__(self, product: Product, key: str) -> None:
        self._product = product
        self._key = key

    def get(self, path: str, **parameters: str) -> Any:
        """Asks; an answer other than 200 is a failure."""
        given = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        return self._ask(urllib.request.Request(f"{self._product.server_url}{path}{given}"))

    def query(self, measures: list[str], dimensions: list[str] | None = None, **more: Any) -> Any:
        """Asks `POST /v1/query` over all that the checks record."""
        question = {"measures": measures, "dimensions": dimensions or [], "limit": 1000}
        question |= all_time() | more
        body = json.dumps(question).encode()
        url = f"{self._product.server_url}/v1/query"
        return self._ask(urllib.request.Request(url, body, method="POST"))

    def session(self, session_id: str, app: str) -> Any:
        return self.get(f"/v1/sessions/{urllib.parse.quote(session_id, safe='')}", app=app)

    def event(self, event_id: str, app: str) -> Any:
        return self.get(f"/v1/events/{urllib.parse.quote(event_id, safe='')}", app=app)

    def _ask(self, request: urllib.request.Request) -> Any:
        request.add_header("Authorization", f"Bearer {self._key}")
        request.add_header("Content-Type", "application/json")
        status, text = _send(request)
        self._product.answers.append(text)
        if status != 200:
            raise Failure(f"{request.selector} answered {status}: {text}")
        return json.loads(text)


def all_time() -> dict[str, str]:
    """The range that holds the recorded payloads and what is recorded today."""
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    return {"from": "2026-01-01T00:00:00Z", "to": tomorrow.strftime("%Y-%m-%dT%H:%M:%SZ")}


def plain_environment() -> dict[str, str]:
    """An environment in which nothing configures a client, a proxy or the product."""
    kept = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LANG": "C.UTF-8"}


def refuse_taken_port() -> None:
    """Says who could hold the daemon's default port, before anything is built for nothing."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(DAEMON_ADDRESS)
        except OSError:
            host, port = DAEMON_ADDRESS
            raise Failure(
                f"{host}:{port} is taken: published clients post there by default, so stop what "
                f"holds it (`ss -ltnp 'sport = :{port}'`) and run this again"
            ) from None
