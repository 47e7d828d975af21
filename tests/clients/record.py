"""Runs the published clients as processes of their own."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcome import Checks
from plan import PYTHON_001, PYTHON_010, Client, Run
from product import plain_environment

HERE = Path(__file__).resolve().parent
RECORD_DEADLINE_S = 60
# What the interpreter says of the packages around a client is no complaint of the client.
QUIET = ("-B", "-W", "ignore")


@dataclass(frozen=True)
class Programs:
    """The programs on the published clients."""

    pythons: dict[str, Path]
    rust: Path

    def command(self, client: Client) -> list[str]:
        script = str(HERE / "python_client.py")
        if client == PYTHON_001:
            return [str(self.pythons["0.0.1"]), *QUIET, script]
        if client == PYTHON_010:
            return [str(self.pythons["0.1.0"]), *QUIET, script]
        return [str(self.rust)]


def record(checks: Checks, programs: Programs, run: Run, ingest_key: str, server_url: str) -> None:
    """Records a run and checks what the client says of itself."""
    run_plan(checks, programs.command(run.client), run.name, run.plan(ingest_key, server_url))


def run_plan(checks: Checks, command: list[str], name: str, plan: dict[str, Any]) -> None:
    """Gives a client's program its plan; the clients complain on standard error alone."""
    done = subprocess.run(
        command,
        input=json.dumps(plan).encode(),
        capture_output=True,
        env=plain_environment(),
        timeout=RECORD_DEADLINE_S,
    )
    complaint = done.stderr.decode(errors="replace").strip()
    label = f"{name}: flushed, nothing dropped, no complaint"
    if done.returncode != 0 or complaint:
        checks.fail(label, f"exit code {done.returncode}: {complaint}")
        return
    report = json.loads(done.stdout)
    checks.equal(label, (report["flushed"], report["dropped"]), (True, 0))
