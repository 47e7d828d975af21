"""Measures the Python SDK beside the published one, OpenTelemetry, Langfuse and PostHog.

Run by `cargo xtask bench sdk`; `docs/benchmarks.md` says what the figures mean. Every package runs in
processes of its own (`phases.py`), and all take turns; the median of the rounds counts. Wants
MODELSTAT_TEST_CACHE, a folder for what is installed; the first run needs a network.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from loopback import Receiver

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from run import Failure, build, cache_folder, install, pip, say, step  # noqa: E402

ROUNDS = 3
# The longest phase, recording with the published package, takes a minute on two busy cores.
PHASE_DEADLINE_S = 300
BUDGET_MIB, ALLOWANCE_MIB = 32, 20
NEEDS_NETWORK = "The packages come from PyPI, which takes a network at the first run; afterwards they are cached."

Figures = dict[str, Any]


class Pythons(NamedTuple):
    """The interpreters: with our wheel and the others' packages, and with the published package."""

    ours: Path
    published: Path


@dataclass
class Gate:
    demand: str
    measured: float
    is_met: bool


@dataclass
class Table:
    title: str
    columns: list[str]
    # The name of each row, and its figures.
    rows: list[tuple[str, list[float | None]]]


Part = Callable[[Pythons], tuple[list[Table], list[Gate]]]


def main() -> int:
    options = arguments()
    try:
        pythons = environments(cache_folder())
        if options.prepare:
            prepare(pythons, cache_folder())
            return 0
        for name, part in PARTS.items():
            if options.only in (None, name):
                show(*part(pythons), is_json=options.json)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(PARTS), help="one part only")
    parser.add_argument("--json", action="store_true", help="lines of JSON instead of tables")
    parser.add_argument("--prepare", action="store_true", help="only build the wheel and install it")
    return parser.parse_args()


def environments(cache: Path) -> Pythons:
    """Makes what is missing; the distributions have one name, so that each has its own."""
    return Pythons(
        environment(cache, HERE / "requirements-bench.txt"),
        environment(cache, HERE / "requirements-published.txt"),
    )


def environment(cache: Path, pinned: Path) -> Path:
    content = sys.version + pinned.read_text()
    folder = cache / f"{pinned.stem}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        say(f"installing {pinned.name}")
        step("make a virtual environment", [sys.executable, "-m", "venv", "--clear", str(folder)])
        step(f"install {pinned.name}", pip(python, "--requirement", str(pinned)), remedy=NEEDS_NETWORK)
        done.touch()
    return python


def prepare(pythons: Pythons, cache: Path) -> None:
    """Builds what is shipped, not what is tested, and installs it."""
    os.environ["MODELSTAT_PYTHON_PROFILE"] = "release"
    install(pythons.ours, build(pythons.ours, cache))


def measure(python: Path, phase: str, **asked: Any) -> Figures:
    """Runs one phase in a process of its own."""
    command = [str(python), str(HERE / "phases.py"), phase, json.dumps(asked)]
    # Nothing here may go through a proxy, and the sources beside the wheel have no core in them.
    hidden = ("PYTHONPATH", "OTEL_", "LANGFUSE_", "POSTHOG_", "MODELSTAT_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(hidden) and not name.lower().endswith("_proxy")
    }
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PHASE_DEADLINE_S, env=kept, cwd=HERE
        )
    except subprocess.TimeoutExpired as error:
        raise Failure(f"the phase `{phase}` took longer than {PHASE_DEADLINE_S} s") from error
    if done.returncode != 0:
        raise Failure(f"the phase `{phase}` failed:\n{done.stderr[-2_000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def median(rounds: list[Any]) -> Any:
    """The median of each figure, however deep it is."""
    if isinstance(rounds[0], dict):
        return {name: median([figures[name] for figures in rounds]) for name in rounds[0]}
    return statistics.median(rounds)


def rounds(measures: dict[str, Callable[[], Figures]]) -> dict[str, Figures]:
    """Has all take turns, several times."""
    found: dict[str, list[Figures]] = {name: [] for name in measures}
    for number in range(ROUNDS):
        for name, one in measures.items():
            print(f"      round {number + 1} of {ROUNDS}: {name}", file=sys.stderr, flush=True)
            found[name].append(one())
    return {name: median(figures) for name, figures in found.items()}


def callers(pythons: Pythons) -> tuple[list[Table], list[Gate]]:
    receiver = Receiver()
    found = rounds(
        {
            "ours": lambda: measure(pythons.ours, "caller"),
            "published": lambda: measure(pythons.published, "caller"),
            "yardsticks": lambda: measure(pythons.ours, "yardsticks"),
            "opentelemetry": lambda: measure(pythons.ours, "opentelemetry"),
            "langfuse": lambda: measure(pythons.ours, "langfuse", url=receiver.base_url),
            "posthog": lambda: measure(pythons.ours, "posthog", url=receiver.base_url),
        }
    )
    ours, published = found.pop("ours"), found.pop("published")
    rows = []
    for name in ours:
        rows += [(f"{name}: ours", row(ours[name])), (f"{name}: published", row(published[name]))]
    for others in found.values():
        rows += [(name, row(figures)) for name, figures in others.items()]
    columns = ["", "p50 (groups of 32)", "p50 (single)", "p99 (single)"]
    title = "Python, ns on the caller's thread per call; less the clock's own, but for one in 0.5 ms"
    gates = []
    for demand, name, figure, least in (
        ("burst", "record, 1 KB", "grouped", 4),
        ("burst", "record, 100 KB", "grouped", 4),
        ("sparse", "record, 1 KB, one in 0.5 ms", "median", 6),
        ("sparse", "record, 100 KB, one in 0.5 ms", "median", 6),
    ):
        ratio = published[name][figure] / ours[name][figure]
        gates.append(Gate(f"{demand}: {name}, published / ours ≥ {least}", ratio, ratio >= least))
    return [Table(title, columns, rows)], gates


def row(figures: Figures) -> list[float | None]:
    return [figures.get("grouped"), figures["median"], figures["late"]]


def workers(pythons: Pythons) -> tuple[list[Table], list[Gate]]:
    plain, greedy = Receiver(), Receiver(wants_turns=True)
    found = rounds(
        {
            "ours, to a daemon on this machine": lambda: measure(pythons.ours, "worker", url=plain.url),
            "ours, whole turns, to the daemon": lambda: measure(pythons.ours, "worker", url=greedy.url),
            "ours, to a transport in Python that forgets": lambda: measure(
                pythons.ours, "worker", url=None
            ),
            "published, to the daemon": lambda: measure(pythons.published, "worker", url=plain.url),
            "published, to a transport in Python that forgets": lambda: measure(
                pythons.published, "worker", url=None
            ),
        }
    )
    rows = [(name, [figures["1 KB"], figures["100 KB"]]) for name, figures in found.items()]
    title = "Python worker, events per second of its processor time"
    daemon, whole, forgets, peer_daemon, peer_forgets = found.values()
    gates = []
    for size in ("1 KB", "100 KB"):
        for demand, ours, published in (
            ("to the daemon", daemon, peer_daemon),
            ("whole turns, to the daemon", whole, peer_daemon),
            ("to a transport in Python", forgets, peer_forgets),
        ):
            ratio = ours[size] / published[size]
            gates.append(Gate(f"worker at {size}, {demand}, ours / published ≥ 10", ratio, ratio >= 10))
    return [Table(title, ["", "1 KB", "100 KB"], rows)], gates


def memory(pythons: Pythons) -> tuple[list[Table], list[Gate]]:
    stalled = Receiver(is_stalled=True)
    found = {
        "ours": measure(pythons.ours, "memory", url=stalled.url),
        "published": measure(pythons.published, "memory", url=stalled.url),
    }
    rows = [
        (name, [figures["growth"], figures["recorded"], figures["dropped"]])
        for name, figures in found.items()
    ]
    title = "Python, 100 KB prompts for 10 s, one in 1 ms, to a receiver that accepts and never answers"
    columns = ["", "growth of the peak resident set, MiB", "recorded", "dropped"]
    limit, growth = BUDGET_MIB + ALLOWANCE_MIB, found["ours"]["growth"]
    demand = f"growth with a stalled receiver ≤ budget of {BUDGET_MIB} MiB + {ALLOWANCE_MIB} MiB"
    return [Table(title, columns, rows)], [Gate(demand, growth, growth <= limit)]


def gil(pythons: Pythons) -> tuple[list[Table], list[Gate]]:
    plain, greedy = Receiver(), Receiver(wants_turns=True)

    def starving(python: Path, url: str | None, is_core_taken: bool = False) -> Callable[[], Figures]:
        return lambda: measure(python, "starving", url=url, is_core_taken=is_core_taken)

    found = rounds(
        {
            "nothing is recorded": starving(pythons.ours, None),
            "nothing is recorded, another process computes": starving(pythons.ours, None, True),
            "ours": starving(pythons.ours, plain.url),
            "ours, whole turns": starving(pythons.ours, greedy.url),
            "published": starving(pythons.published, plain.url),
        }
    )
    rows = [
        (name, [figures["median"], figures["late"], figures["max"], figures["rate"]])
        for name, figures in found.items()
    ]
    title = "Python, ms that another thread's sleep of 0.5 ms takes while prompts of 100 KB are redacted"
    gates = [
        Gate(f"sleep of 0.5 ms beside {name}, p99 ≤ 2 ms", found[name]["late"], found[name]["late"] <= 2)
        for name in ("ours", "ours, whole turns")
    ]
    return [Table(title, ["", "p50", "p99", "longest", "prompts per second"], rows)], gates


PARTS: dict[str, Part] = {"python": callers, "worker": workers, "memory": memory, "gil": gil}


def show(tables: list[Table], gates: list[Gate], is_json: bool) -> None:
    if is_json:
        for table in tables:
            rows = [{"name": name, "figures": figures} for name, figures in table.rows]
            print(json.dumps({"table": table.title, "columns": table.columns, "rows": rows}))
        for gate in gates:
            print(json.dumps({"gate": gate.demand, "measured": gate.measured, "is_met": gate.is_met}))
        sys.stdout.flush()
        return
    for table in tables:
        print(f"\n{table.title}\n\n| {' | '.join(table.columns)} |\n|{'---|' * len(table.columns)}")
        for name, figures in table.rows:
            print(f"| {name} | {' | '.join(shown(figure) for figure in figures)} |")
    print("\n| gate | measured | |\n|---|---|---|")
    for gate in gates:
        print(f"| {gate.demand} | {shown(gate.measured)} | {'met' if gate.is_met else '**missed**'} |")
    sys.stdout.flush()


def shown(figure: float | None) -> str:
    """A number with as many places as it is worth."""
    if figure is None:
        return ""
    places = 0 if abs(figure) >= 100 or figure == 0 else 1 if abs(figure) >= 10 else 2
    return f"{figure:,.{places}f}"


if __name__ == "__main__":
    sys.exit(main())
