"""The memory that control groups leave us: the lowest limit on the way from our group to the root.

Version 2 has one tree under /sys/fs/cgroup with `memory.max`; version 1 has a tree of its own for
memory with `memory.limit_in_bytes`. A container sees its own group as the root of what is mounted,
so a path that does not exist there is looked up at the root as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limit:
    """Bytes that the tightest group allows and that are used in it now."""

    limit: int
    used: int


@dataclass(frozen=True, slots=True)
class _Tree:
    """Where a version keeps its groups, and how it calls limit and usage."""

    root: Path
    limit_file: str
    used_file: str


def memory_limit(proc: Path, sys: Path) -> Limit | None:
    """The tightest limit on this process, None where there is none."""
    found = [limit for tree, group in _groups(proc, sys) for limit in _limits(tree, group)]
    return min(found, key=lambda each: each.limit, default=None)


def _groups(proc: Path, sys: Path) -> Iterator[tuple[_Tree, str]]:
    mount = sys / "fs" / "cgroup"
    for line in _read(proc / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            yield _Tree(mount, "memory.max", "memory.current"), group
        elif "memory" in controllers.split(","):
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            yield _Tree(mount / "memory", *files), group


def _limits(tree: _Tree, group: str) -> Iterator[Limit]:
    here = tree.root / group.strip("/")
    for folder in (here, *here.parents):
        limit = _number(folder / tree.limit_file)
        if limit is not None:
            yield Limit(limit, _number(folder / tree.used_file) or 0)
        if folder == tree.root:
            return


def _number(path: Path) -> int | None:
    """`max`, which means no limit, is None like everything that is not a number."""
    text = _read(path).strip()
    return int(text) if text.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
