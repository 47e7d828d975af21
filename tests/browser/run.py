"""Starts the built binary on sample data and clicks through the dashboard in Chromium.

Run by `cargo xtask test`: `MODELSTAT_BINARY=… python3 tests/browser/run.py`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 20


def start(binary: str, data: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Starts the product on free ports and waits for its line of JSON."""
    command = [binary, "up", "--demo", "--json", "--data-dir", data]
    command += ["--listen", "127.0.0.1:0", "--daemon-listen", "127.0.0.1:0"]
    product = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert product.stdout is not None
    line = product.stdout.readline()
    if not line:
        raise SystemExit(f"the product ended at its start with {product.wait()}")
    return product, json.loads(line)


def main() -> int:
    binary = os.environ["MODELSTAT_BINARY"]
    data = tempfile.mkdtemp(prefix="modelstat-browser-")
    product, ready = start(binary, data)
    try:
        environment = os.environ | {
            "MODELSTAT_E2E_URL": ready["demo_dashboard"],
            "MODELSTAT_E2E_EMPTY_URL": ready["dashboard"],
        }
        clicked = subprocess.run(["node", "e2e/dashboard.mjs"], cwd=ROOT / "web", env=environment)
        code = clicked.returncode
    finally:
        product.send_signal(signal.SIGTERM)
        try:
            ended = product.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            product.kill()
            ended = product.wait()
        shutil.rmtree(data, ignore_errors=True)
    if ended != 0:
        print(f"the product ended with {ended}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
