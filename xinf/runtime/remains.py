"""All that lies in the cache of one runtime: environments, half-built ones, wheels on their way.

Environments are `<cache>/runtimes/<variant>-<8 hex>/`. The one that the lock means now is the
runtime; others were made for an older lock or another Python.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path


def remains(cache_dir: Path, variant: str) -> tuple[Path, ...]:
    """The folders, by name."""
    name = rf"{re.escape(variant)}-[0-9a-f]{{8}}"
    pattern = re.compile(rf"{name}|\.{name}\.new")
    return tuple(
        entry
        for home in (cache_dir / "runtimes", cache_dir / "wheels")
        for entry in _entries(home)
        if pattern.fullmatch(entry.name) and entry.is_dir()
    )


def environment_name(folder: Path) -> str:
    """Of the environment that this is, or was to become."""
    return folder.name.removeprefix(".").removesuffix(".new")


def size_of(folders: Iterable[Path]) -> int:
    """Bytes of the files in them. Blocks; of a large environment for a second or two."""
    return sum(_tree_size(folder) for folder in folders)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _tree_size(folder: str | Path) -> int:
    """Links are not followed, and what vanishes meanwhile counts nothing."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += _tree_size(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        return total
    return total
