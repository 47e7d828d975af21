"""Builds the wheel, installs it beside the pinned packages of the providers, and tests and type-checks it.

Run by `cargo xtask test python`. Wants MODELSTAT_TEST_CACHE, a folder for what is installed; the first run
needs a network. MODELSTAT_PYTHON_PROFILE is cargo's profile, `dev` unless set.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent
# Frameworks hold some providers' packages at older versions; here they stand alone.
NEWEST = HERE / "requirements-newest.txt"
NEEDS_FRAMEWORKS = ("test_langchain.py", "test_litellm.py", "test_readme.py")
# Long enough for the slowest step, building the core on two busy cores.
DEADLINE_S = 2_400
NEEDS_NETWORK = "The packages come from PyPI, which takes a network at the first run; afterwards they are cached."
# The oldest and the newer interpreters that the wheel is for, tried where they are installed.
OTHER_PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


class Failure(Exception):
    """A step that failed."""


def main() -> int:
    try:
        cache = cache_folder()
        python = environment(cache, [file for file in HERE.glob("requirements*.txt") if file != NEWEST])
        newest = environment(cache, [NEWEST])
        wheel = build(python, cache)
        install(python, wheel)
        install(newest, wheel)
        failed = [name for name, passed in checks(python, newest, cache, wheel) if not passed]
    except Failure as failure:
        print(f"python: {failure}", file=sys.stderr)
        return 1
    print(f"python: {'failed: ' + ', '.join(failed) if failed else 'passed'}")
    return 1 if failed else 0


def cache_folder() -> Path:
    folder = os.environ.get("MODELSTAT_TEST_CACHE")
    if not folder:
        raise Failure("MODELSTAT_TEST_CACHE is not set; `cargo xtask test python` sets it")
    path = Path(folder).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def environment(cache: Path, files: List[Path]) -> Path:
    """Returns the interpreter of a virtual environment with everything that is pinned in the files."""
    pinned = sorted(files)
    content = sys.version + "".join(file.read_text() for file in pinned)
    folder = cache / f"python-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if done.exists():
        return python
    say("installing the pinned packages")
    step("make a virtual environment", [sys.executable, "-m", "venv", "--clear", str(folder)])
    for file in pinned:
        step(f"install {file.name}", pip(python, "--requirement", str(file)), remedy=NEEDS_NETWORK)
    done.touch()
    return python


def build(python: Path, cache: Path) -> Path:
    say("building the wheel")
    folder = cache / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    profile = os.environ.get("MODELSTAT_PYTHON_PROFILE", "dev")
    command = [str(python), "-m", "maturin", "build", "--quiet", "--profile", profile, "--out", str(folder)]
    step("build the wheel", command, folder=PACKAGE)
    wheels = list(folder.glob("modelstat_sdk-*-cp39-abi3-*.whl"))
    if len(wheels) != 1:
        raise Failure(f"expected one wheel for CPython 3.9 and later, found {len(wheels)}")
    return wheels[0]


def install(python: Path, wheel: Path) -> None:
    step(f"install {wheel.name}", pip(python, "--no-deps", "--force-reinstall", str(wheel)))


def checks(python: Path, newest: Path, cache: Path, wheel: Path) -> List[tuple[str, bool]]:
    """Runs every check and returns how each went."""
    # The sources beside the tests have no core in them: what is tested is the wheel.
    results = [("pytest", run([str(python), "-m", "pytest", "-q", str(HERE)], {"MODELSTAT_TEST_NEEDS_ALL": "1"}))]
    say("the newest packages of the providers")
    left_out = [f"--ignore={HERE / 'wrap' / name}" for name in NEEDS_FRAMEWORKS]
    results.append(
        ("pytest with the newest", run([str(newest), "-m", "pytest", "-q", "-rs", str(HERE / "wrap"), *left_out]))
    )
    mypy = [str(python), "-m", "mypy", "--cache-dir", str(cache / "mypy")]
    results.append(("mypy", run(mypy)))
    pyright = [str(python), "-m", "pyright", "--pythonpath", str(python)]
    settings = {"PYRIGHT_PYTHON_CACHE_DIR": str(cache / "pyright"), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    results.append(("pyright", run(pyright, settings)))
    for version in OTHER_PYTHONS:
        if version == f"{sys.version_info.major}.{sys.version_info.minor}":
            continue
        passed = other_python(version, cache, wheel)
        if passed is not None:
            results.append((f"CPython {version}", passed))
    return results


def other_python(version: str, cache: Path, wheel: Path) -> Optional[bool]:
    """Tests the same wheel with another interpreter, without the providers' packages."""
    found = shutil.which(f"python{version}")
    if found is None or subprocess.run([found, "-c", ""], capture_output=True).returncode != 0:
        say(f"skipped: CPython {version}, which is not installed")
        return None
    folder = cache / f"python-{version}"
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        step("make a virtual environment", [found, "-m", "venv", "--clear", str(folder)])
        # The newest pytest does not run on the oldest interpreter.
        step("install pytest", pip(python, "pytest"), remedy=NEEDS_NETWORK)
        (folder / "installed").touch()
    install(python, wheel)
    say(f"CPython {version}, without the tests of wrap() and the integrations")
    return run([str(python), "-m", "pytest", "-q", "-rs", str(HERE), "--ignore", str(HERE / "wrap")])


def pip(python: Path, *arguments: str) -> List[str]:
    return [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]


def step(what: str, command: List[str], remedy: str = "", folder: Path = HERE) -> None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, cwd=folder)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(f"could not {what}: {type(error).__name__}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").splitlines()[-20:]
        raise Failure(f"could not {what}. {remedy}\n" + "\n".join(said))


def run(command: List[str], settings: Optional[Dict[str, str]] = None) -> bool:
    """Runs a check outside of the sources' folder, with its output shown."""
    environment = {**os.environ, **(settings or {}), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    try:
        return subprocess.run(command, cwd=PACKAGE, env=environment, timeout=DEADLINE_S).returncode == 0
    except subprocess.TimeoutExpired:
        say(f"took longer than {DEADLINE_S} s: {command[2]}")
        return False


def say(text: str) -> None:
    print(f"      {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
