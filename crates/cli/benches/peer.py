"""How fast a peer takes the events of `ingest.rs`, measured the same way on the same machine.

    python3 crates/cli/benches/peer.py --cache DIR

The peer is Arize Phoenix in its default configuration: one process, SQLite in its own folder,
nothing asked of the internet. Every event goes in as one OTLP span that says the same of its call.
Figures go to standard output as rows of the table of `cargo xtask bench ingest`, remarks to
standard error. The first use installs the pinned peer under DIR; later uses need no network.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REQUIREMENTS = Path(__file__).resolve().with_name("requirements-peer.txt")
PACKAGE = "arize-phoenix"
# A self-built interpreter is often not profile-optimised and would make the peer look slower.
SYSTEM_PYTHON = Path("/usr/bin/python3")
HOST = "127.0.0.1"

CLIENTS = 4
RUNS = 3
# As in `ingest.rs`, but fewer batches: three runs of a shape have to end within its deadline.
BATCHES = {1: 400, 256: 4, 1_000: 1}
SHARES = {1: "a tenth", 256: "a hundredth", 1_000: "a hundredth"}
# More than one of the peer's transactions, so that no statement is prepared on the clock.
WARM_UP_EVENTS = 256

INSTALL_DEADLINE_S = 900
# All runs of one shape, the start included.
SHAPE_DEADLINE_S = 180
STOP_DEADLINE_S = 15
REQUEST_DEADLINE_S = 60
# The peer answers on the thread that stores, so that asking often would slow it down; a run takes
# ten seconds and more.
POLL_INTERVAL_S = 0.5

SERVICE = "checkout-api"
WARM_UP_PROJECT = "warm-up"
SESSION_EVENTS = 8
CUSTOMERS = 50
STARTED_NS = 1_793_527_200 * 10**9  # 2026-11-01T10:00:00Z
DURATION_NS = 1_200 * 10**6
PROMPT = "Summarise the incident in two sentences for the status page, without names."
ANSWER = (
    "Between 10:02 and 10:19 UTC some checkouts failed because a cache node restarted. "
    "All orders were retried and none was lost; we have added a second node."
)

# What is on this machine is never reached through a proxy.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failure(Exception):
    """Why there are no figures."""


@dataclass(frozen=True)
class Figures:
    """What one run took."""

    acknowledged_s: float
    queryable_s: float
    cpu_s: float
    peak_mib: int


def main() -> None:
    """Measures every shape in the peer's environment, which is made first where it is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--cache", type=Path, required=True, help="where the peer stays installed")
    # Ended from outside, the servers end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser.add_argument("--python", type=Path, default=SYSTEM_PYTHON, help="what the peer runs on")
    arguments = parser.parse_args()
    environment = installed(arguments.cache.resolve(), arguments.python)
    if Path(sys.prefix).resolve() != environment.resolve():
        # OTLP's messages come with the peer, so the rest runs on its interpreter.
        python = str(environment / "bin" / "python")
        os.execv(python, [python, "-B", *sys.argv])
    for batch_events, batches in BATCHES.items():
        print(row(environment, batch_events, batches), flush=True)


def installed(cache: Path, python: Path) -> Path:
    """The environment for exactly these requirements; a half-made one is made again."""
    parts = REQUIREMENTS.read_bytes() + os.fsencode(python.resolve())
    environment = cache / f"peer-{hashlib.sha256(parts).hexdigest()[:12]}"
    complete = environment / "complete"
    if complete.exists():
        return environment
    remark(f"installing {pinned()} into {environment}")
    shutil.rmtree(environment, ignore_errors=True)
    make = [str(python), "-m", "venv", str(environment)]
    subprocess.run(make, check=True, timeout=INSTALL_DEADLINE_S, stdout=sys.stderr)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    command = [*pip, "install", "--quiet", "--only-binary", ":all:", "-r", str(REQUIREMENTS)]
    subprocess.run(command, check=True, timeout=INSTALL_DEADLINE_S, stdout=sys.stderr)
    complete.touch()
    return environment


def pinned() -> str:
    """Name and version of the peer."""
    pins = (line.strip().split("==") for line in REQUIREMENTS.read_text().splitlines())
    version = next(pin[1] for pin in pins if pin[0] == PACKAGE)
    return f"Phoenix {version}"


def row(environment: Path, batch_events: int, batches: int) -> str:
    """Runs one shape on one server, as the peer takes long to start, and gives the median run."""
    events = batch_events * batches
    deadline = time.monotonic() + SHAPE_DEADLINE_S
    load = os.getloadavg()[0]
    with server(environment, deadline) as (pid, port):
        send(port, [encoded(WARM_UP_PROJECT, 0, WARM_UP_EVENTS)], deadline)
        wait_for_count(port, WARM_UP_PROJECT, WARM_UP_EVENTS, deadline)
        runs = []
        for number in range(RUNS):
            project = f"{SERVICE}-{number}"
            bodies = [encoded(project, batch, batch_events) for batch in range(batches)]
            runs.append(run(pid, port, project, bodies, events, deadline))
    runs.sort(key=lambda figures: figures.queryable_s)
    median = runs[RUNS // 2]
    spread = ", ".join(f"{events / figures.queryable_s:.0f}" for figures in runs)
    remark(f"{batch_events} a batch: queryable/s of all runs {spread}; load before {load:.1f}")
    noun = "event" if batch_events == 1 else "events"
    return (
        f"| peer {pinned()}: {batch_events:,} {noun} a batch, {SHARES[batch_events]} of the events "
        f"| {events} "
        f"| {events / median.acknowledged_s:.0f} | {events / median.queryable_s:.0f} "
        f"| {median.cpu_s * 1e6 / events:.1f} | {median.peak_mib} |"
    )


def run(
    pid: int, port: int, project: str, bodies: list[bytes], events: int, deadline: float
) -> Figures:
    """Sends all bodies and waits until the server counts every event of this run's project."""
    cpu_before = cpu_s(pid)
    started = time.monotonic()
    send(port, bodies, deadline)
    acknowledged = time.monotonic()
    wait_for_count(port, project, events, deadline)
    queryable = time.monotonic()
    cpu = cpu_s(pid) - cpu_before
    return Figures(acknowledged - started, queryable - started, cpu, peak_mib(pid))


@contextlib.contextmanager
def server(environment: Path, deadline: float) -> Iterator[tuple[int, int]]:
    """A peer with an empty store of its own: its process id and port, once it answers."""
    with tempfile.TemporaryDirectory(prefix="peer-") as folder:
        ports = free_ports()
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(environment / "bin" / "phoenix"), "serve"],
                cwd=folder,
                env=surroundings(Path(folder), *ports),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_for_answer(process, ports[0], log, deadline)
            yield process.pid, ports[0]
        finally:
            stop(process)


def free_ports() -> tuple[int, int]:
    """Two ports that nobody listened on a moment ago: for HTTP and for gRPC."""
    with socket.create_server((HOST, 0)) as first, socket.create_server((HOST, 0)) as second:
        ports = first.getsockname()[1], second.getsockname()[1]
    return ports


def surroundings(folder: Path, port: int, grpc_port: int) -> dict[str, str]:
    """Where the peer listens and stores; nothing that would tune it."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": HOST,
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(grpc_port),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    }


def wait_for_answer(
    process: subprocess.Popen[bytes], port: int, log: Path, deadline: float
) -> None:
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            with _opener.open(f"http://{HOST}:{port}/healthz", timeout=REQUEST_DEADLINE_S):
                return
        time.sleep(0.2)
    tail = log.read_text(errors="replace")[-2_000:]
    raise Failure(f"the peer did not start (exit code {process.poll()}):\n{tail}")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def encoded(project: str, number: int, batch_events: int) -> bytes:
    """One export request, as an OTLP exporter sends it: protobuf, by default not compressed."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    for key, value in (("service.name", SERVICE), ("openinference.project.name", project)):
        resource_spans.resource.attributes.add(key=key).value.string_value = value
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "raw_sdk_openai"
    for index in range(batch_events):
        fill(scope_spans.spans.add(), project, number * batch_events + index, index % CUSTOMERS)
    return request.SerializeToString()


def fill(span: Any, project: str, event: int, customer: int) -> None:
    """Writes one call into a span; calls made outside a trace are traces of their own."""
    identity = hashlib.sha256(f"{project} {event}".encode()).digest()
    span.trace_id, span.span_id = identity[:16], identity[16:24]
    span.name = "assistant_message"
    span.start_time_unix_nano = STARTED_NS
    span.end_time_unix_nano = STARTED_NS + DURATION_NS
    span.status.code = span.status.STATUS_CODE_OK
    texts = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o",
        "llm.provider": "openai",
        "session.id": f"session-{event // SESSION_EVENTS}",
        "metadata": json.dumps({"feature": "search", "customer": f"customer-{customer}"}),
        "input.value": PROMPT,
        "output.value": ANSWER,
    }
    tokens = {
        "prompt": 1_000,
        "completion": 100,
        "prompt_details.cache_write": 0,
        "prompt_details.cache_read": 0,
        "completion_details.reasoning": 0,
    }
    for key, text in texts.items():
        span.attributes.add(key=key).value.string_value = text
    for key, count in tokens.items():
        span.attributes.add(key=f"llm.token_count.{key}").value.int_value = count


def send(port: int, bodies: list[bytes], deadline: float) -> None:
    """Posts all bodies over one kept connection for each client; returns once all are accepted."""
    # Taking from one iterator is a single step of the interpreter, so that clients can share it.
    left = iter(bodies)
    problems: list[str] = []

    def client() -> None:
        connection = http.client.HTTPConnection(HOST, port, timeout=REQUEST_DEADLINE_S)
        try:
            for body in left:
                if problems or time.monotonic() > deadline:
                    raise Failure("stopped before all batches were sent")
                post(connection, body)
        except (OSError, http.client.HTTPException, Failure) as error:
            problems.append(repr(error))
        finally:
            connection.close()

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    if problems:
        raise Failure(f"the peer refused batches: {problems[0]}")


def post(connection: http.client.HTTPConnection, body: bytes) -> None:
    connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise Failure(f"{answer.status} {text[:200]!r}")


def wait_for_count(port: int, project: str, events: int, deadline: float) -> None:
    """Waits until the peer's own count of a project's spans is the number sent."""
    seen = None
    while time.monotonic() < deadline:
        seen = count(port, project)
        if seen == events:
            return
        time.sleep(POLL_INTERVAL_S)
    raise Failure(f"the peer counted {seen} of {events} spans when its time was over")


def count(port: int, project: str) -> int | None:
    """What the peer's page shows as the number of spans; nothing before the project exists."""
    query = {
        "query": "query ($name: String!) { getProjectByName(name: $name) { recordCount } }",
        "variables": {"name": project},
    }
    headers = {"Content-Type": "application/json"}
    url = f"http://{HOST}:{port}/graphql"
    request = urllib.request.Request(url, json.dumps(query).encode(), headers)
    with _opener.open(request, timeout=REQUEST_DEADLINE_S) as answer:
        found = (json.load(answer).get("data") or {}).get("getProjectByName")
    return found["recordCount"] if found else None


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int(stat(int(folder.name))[1])
                children.setdefault(parent, []).append(int(folder.name))
    found = [pid]
    for process in found:
        found.extend(children.get(process, []))
    return found


def stat(pid: int) -> list[str]:
    """The kernel's line on a process from its state on; the name before may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_s(pid: int) -> float:
    """User and system time of the whole tree, children that have ended included."""
    ticks = 0
    for process in tree(pid):
        with contextlib.suppress(OSError):
            ticks += sum(int(field) for field in stat(process)[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> int:
    """Peak memory of the whole tree."""
    total_kib = 0
    for process in tree(pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total_kib += int(line.split()[1])
    return total_kib // 1024


def remark(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except (Failure, subprocess.SubprocessError) as failure:
        sys.exit(f"no figures: {failure}")
