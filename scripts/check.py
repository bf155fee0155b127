"""Everything a reviewer would run: `python3 xinf.py test [pytest arguments]`.

Format, lint, types, floors and stubs are all checked even when one fails; then pytest runs with the
arguments given. The exit code is 0 only if all of it was fine. pytest speaks last when all is well.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
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


# A whole run takes every core, up to a number at which heavy engines do not fill the memory. Tests
# that share something go to one worker (tests/support/together.py says which), in the order in
# which they lie: the slow ones come first.
WORKERS_MAX = 4
WHOLE = ("--dist", "loadscope", "--no-loadscope-reorder")


def main(pytest_args: Sequence[str]) -> int:
    failed = [check for check in CHECKS if not passes(check)]
    print("-- tests", flush=True)
    command = [sys.executable, "-m", "pytest", *spread(pytest_args), *pytest_args]
    # Tests start xinf some hundred times; without its compiled files each would compile it again.
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    quiet = subprocess.DEVNULL
    code = subprocess.run(command, cwd=ROOT, env=environ, stdin=quiet, check=False).returncode
    for check in failed:
        print(f"FAILED {check.name}: {check.fix}", flush=True)
    return code or len(failed)


def spread(pytest_args: Sequence[str]) -> tuple[str, ...]:
    """How a run is divided; one of chosen tests is not, so that it can be watched and debugged."""
    is_whole = all(argument == "--long" for argument in pytest_args)
    workers = min(len(os.sched_getaffinity(0)), WORKERS_MAX)
    return ("-n", str(workers), *WHOLE) if is_whole and workers > 1 else ()


def passes(check: Check) -> bool:
    """Run one check and tell how it went; its output is shown only if it fails."""
    began = time.monotonic()
    done = subprocess.run(
        check.command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=CHECK_TIMEOUT_S,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        check=False,
    )
    verdict = "ok" if done.returncode == 0 else "FAILED"
    print(f"-- {check.name}: {verdict} in {time.monotonic() - began:.1f} s", flush=True)
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
