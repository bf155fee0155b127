"""Everything a reviewer would run: `python3 xinf.py test [pytest arguments]`.

Format, lint, types, floors and stubs are checked side by side, all of them even when one fails;
then pytest runs with the arguments given. The exit code is 0 only if all of it was fine. pytest
speaks last when all is well.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CHECK_TIMEOUT_S = 900
INTERRUPTED = 130


@dataclass(frozen=True)
class Check:
    """One static check; `fix` is what to do when it fails."""

    name: str
    command: Sequence[str]
    fix: str


CHECKS = (
    Check("format", (f"{BIN}/ruff", "format", "--check"), "run `.venv/bin/ruff format`"),
    Check("lint", (f"{BIN}/ruff", "check"), "run `.venv/bin/ruff check --fix`"),
    Check("types", (f"{BIN}/pyright", "--warnings"), "pyright names file and line"),
    Check("floors", (f"{BIN}/lint-imports",), "see the floors in docs/architecture.md"),
    Check("stubs", (sys.executable, "scripts/gen_proto.py", "--check"), "generate them again"),
)

# Before a run that is divided the tests are imported, and so compiled, once and not by each worker.
IMPORTS = Check(
    "imports", (sys.executable, "-m", "pytest", "--collect-only", "-qq"), "pytest names the file"
)

# A whole run takes every core, up to a number at which heavy engines do not fill the memory. Tests
# that share something go to one worker (tests/support/together.py says which), in the order in
# which they lie: the slow ones come first.
WORKERS_MAX = 4
WHOLE = ("--dist", "loadscope", "--no-loadscope-reorder")


def main(pytest_args: Sequence[str]) -> int:
    division = spread(pytest_args)
    checks = (*CHECKS, IMPORTS) if division else CHECKS
    with ThreadPoolExecutor(cores()) as pool:
        failed = [done.check for done in pool.map(run, checks) if not passed(done)]
    print("-- tests", flush=True)
    command = (sys.executable, "-m", "pytest", *division, *pytest_args)
    environ, quiet = environment(), subprocess.DEVNULL
    code = subprocess.run(command, cwd=ROOT, env=environ, stdin=quiet, check=False).returncode
    for check in failed:
        print(f"FAILED {check.name}: {check.fix}", flush=True)
    return code or len(failed)


def cores() -> int:
    return len(os.sched_getaffinity(0))


def spread(pytest_args: Sequence[str]) -> tuple[str, ...]:
    """How a run is divided; one of chosen tests is not, so that it can be watched and debugged."""
    is_whole = all(argument == "--long" for argument in pytest_args)
    workers = min(cores(), WORKERS_MAX)
    return ("-n", str(workers), *WHOLE) if is_whole and workers > 1 else ()


def environment() -> dict[str, str]:
    """Of all that is run. Tests start xinf some hundred times: without its compiled files, which
    that variable forbids, each of them would compile it again.
    """
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}


@dataclass(frozen=True)
class Done:
    """How a check ended; `said` is all that it printed."""

    check: Check
    code: int
    seconds: float
    said: str


def run(check: Check) -> Done:
    began = time.monotonic()
    ended = subprocess.run(
        check.command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=CHECK_TIMEOUT_S,
        env=environment(),
        check=False,
    )
    return Done(check, ended.returncode, time.monotonic() - began, ended.stdout)


def passed(done: Done) -> bool:
    """Tell how it went, and what it said if it failed."""
    verdict = "FAILED" if done.code else "ok"
    print(f"-- {done.check.name}: {verdict} in {done.seconds:.1f} s", flush=True)
    if done.code:
        print(done.said, flush=True)
    return done.code == 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
