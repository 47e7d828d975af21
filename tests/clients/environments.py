"""What the published clients need to run: virtual environments and one built program, all cached."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from outcome import Failure

HERE = Path(__file__).resolve().parent
# Long enough for the slowest step, building the Rust program on two busy cores.
DEADLINE_S = 1_800
NEEDS_NETWORK = (
    "The published clients come from their registries, which takes a network at the first run; "
    "afterwards they are cached."
)
PYTHON_VERSIONS = ("0.0.1", "0.1.0")


def pythons(cache: Path) -> dict[str, Path]:
    """Returns the interpreter that has each published version of the Python package."""
    return {version: _python(cache, version) for version in PYTHON_VERSIONS}


def _python(cache: Path, version: str) -> Path:
    requirements = HERE / f"requirements-{version}.txt"
    content = f"{sys.version} {requirements.read_text()}".encode()
    folder = cache / f"python-{version}-{hashlib.sha256(content).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if done.exists():
        return python
    print(f"      installing modelstat-sdk {version}", flush=True)
    make = [sys.executable, "-m", "venv", "--clear", str(folder)]
    _run("make a virtual environment", make, "On Debian: apt-get install python3-venv")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    install += ["--no-deps", "--requirement", str(requirements)]
    _run(f"install {requirements.name}", install, NEEDS_NETWORK)
    done.touch()
    return python


def rust_programs(cache: Path) -> Path:
    """Builds the programs on the published crate and returns their folder."""
    return _rust_programs("the crate modelstat 0.1.0", HERE / "rust", cache / "rust", "--locked")


def our_rust_programs(cache: Path) -> Path:
    """Builds the same programs on our crate and returns their folder."""
    # Its lock follows the workspace, whose dependencies are ours to change: nothing is held to it.
    return _rust_programs("our crate", HERE / "published", cache / "rust-ours")


def _rust_programs(what: str, folder: Path, target: Path, *options: str) -> Path:
    print(f"      building the programs on {what}", flush=True)
    build = ["cargo", "build", "--quiet", "--bins", *options]
    build += ["--manifest-path", str(folder / "Cargo.toml")]
    environment = os.environ | {"CARGO_TARGET_DIR": str(target)}
    _run("build them", build, NEEDS_NETWORK, environment)
    return target / "debug"


def _run(
    what: str, command: list[str], remedy: str, environment: dict[str, str] | None = None
) -> None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, env=environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(f"could not {what}: {type(error).__name__}") from error
    if done.returncode == 0:
        return
    said = (done.stderr or done.stdout).decode(errors="replace").splitlines()[-12:]
    raise Failure(f"could not {what}. {remedy}\n" + "\n".join(said))
