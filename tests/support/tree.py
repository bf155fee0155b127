"""The repository as files, for tests that look at the source instead of running it."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "xinf"


def sources() -> list[Path]:
    """Every hand-written Python file of the package, relative to the repository."""
    paths = (path.relative_to(ROOT) for path in sorted(PACKAGE.rglob("*.py")))
    return [path for path in paths if "_pb2" not in path.name]


@cache
def texts() -> dict[str, str]:
    """Every text file that git has or would add, by its path; links and binaries left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if listed.returncode:  # an unpacked archive: there is no git, and nothing but what was packed
        found = [path for top in TOPS for path in sorted((ROOT / top).rglob("*"))]
    else:
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    plain = (path for path in found if path.is_file() and not path.is_symlink())
    read = ((str(path.relative_to(ROOT)), _text(path)) for path in plain)
    return {name: text for name, text in read if text is not None}


TOPS = ("xinf", "tests", "scripts", "configs", "docs", "README.md", "pyproject.toml", "xinf.py")


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
