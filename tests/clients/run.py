"""Runs every published client, unmodified, against the built binary.

Wants MODELSTAT_BINARY, the binary, and MODELSTAT_TEST_CACHE, a folder for what is installed and built.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from pathlib import Path

import checks_privacy
import checks_vectors
import environments
from checks_drop_in import check_drop_in
from checks_sessions import check_sessions
from checks_sums import check_sums, wait_until_queryable
from checks_wrap import check_wrap
from floor import Floor
from outcome import Checks, Failure
from plan import all_runs, now_utc
from product import Product, Reader, refuse_taken_port
from record import Programs, record


def main() -> int:
    checks = Checks()
    try:
        binary = _path_from("MODELSTAT_BINARY")
        cache = _path_from("MODELSTAT_TEST_CACHE")
        if not binary.is_file():
            raise Failure(f"there is no binary at {binary}: `cargo xtask build` makes it")
        refuse_taken_port()
        cache.mkdir(parents=True, exist_ok=True)
        rust = environments.rust_programs(cache)
        check_drop_in(checks, rust, environments.our_rust_programs(cache))
        programs = Programs(environments.pythons(cache), rust / "client-check")
        _check_product(checks, binary, programs)
    except Failure as failure:
        checks.fail("the run", str(failure))
    except Exception:
        checks.fail("the run", "broke off, see below")
        traceback.print_exc(file=sys.stdout)
    print(f"clients: {checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


def _path_from(variable: str) -> Path:
    text = os.environ.get(variable)
    if not text:
        raise Failure(f"{variable} is not set; `cargo xtask test clients` sets it")
    return Path(text).resolve()


def _check_product(checks: Checks, binary: Path, programs: Programs) -> None:
    with tempfile.TemporaryDirectory(prefix="modelstat-clients-") as folder:
        product = Product(binary, Path(folder) / "data")
        try:
            product.start()
            _check_everything(checks, product, programs)
        finally:
            code = product.stop()
        checks.equal("SIGTERM stops the product with exit code 0", code, 0)


def _check_everything(checks: Checks, product: Product, programs: Programs) -> None:
    ingest_key = product.ready["ingest_key"]
    reader = Reader(product, product.ready["read_key"])
    floor = Floor(product.binary)
    runs = all_runs(now_utc())
    for run in runs:
        record(checks, programs, run, ingest_key, product.server_url)
    wait_until_queryable(reader, sum(len(run.calls) for run in runs))
    check_sums(checks, reader, runs)
    check_sessions(checks, reader, runs)
    check_wrap(checks, product, programs, ingest_key, reader)
    # Segments close after a minute without a new call. It passes while the rest is checked, and what
    # is left of it is waited for once, at the end.
    door = checks_vectors.post_to_daemon(checks, product)
    checks_vectors.check_server(checks, product, floor)
    checks_vectors.check_daemon(checks, door, floor)
    checks_privacy.check_abstracts(checks, reader, runs)
    checks_privacy.check_raw_turns_are_told(checks, reader)
    checks_vectors.check_abstracts(checks, door, floor)
    checks_privacy.check_nothing_raw_is_shown(checks, product, runs)


if __name__ == "__main__":
    sys.exit(main())
