"""Help is instant because nothing is imported that it does not need."""

import subprocess
import sys
from pathlib import Path

HEAVY = {"aiohttp", "asyncio", "grpc", "pydantic", "rich", "sqlite3", "uvloop"}
ROOT = Path(__file__).parents[3]


def test_nothing_heavy_is_imported_before_a_command_needs_it() -> None:
    look = "import sys, xinf.cli.main; print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True
    )
    imported = shown.stdout.split()
    assert "xinf.cli.up" in imported
    assert HEAVY.isdisjoint(imported)


def test_the_module_runs_as_xinf() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "xinf", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.startswith("Usage: xinf ")
    assert shown.stderr == ""
