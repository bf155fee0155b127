"""The memory that control groups leave us: each limit on the way from our group to the root.

What a group has used includes files that were read and are kept because nobody wants the room yet.
The kernel drops those first, so they are not counted: `inactive_file`, as container tools do.

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
    """Bytes that a group allows, and that are used in it now and cannot be had."""

    limit: int
    used: int

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class _Tree:
    """Where a version keeps its groups, and how it calls limit, usage and what can be dropped."""

    root: Path
    limit_file: str
    used_file: str
    droppable: str


def memory_limits(proc: Path, sys: Path) -> tuple[Limit, ...]:
    """All limits on this process, the innermost first; none where there is none."""
    return tuple(limit for tree, group in _groups(proc, sys) for limit in _limits(tree, group))


def _groups(proc: Path, sys: Path) -> Iterator[tuple[_Tree, str]]:
    mount = sys / "fs" / "cgroup"
    for line in _read(proc / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            yield _Tree(mount, "memory.max", "memory.current", "inactive_file"), group
        elif "memory" in controllers.split(","):
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            # Without "total_" it is the group's own, without those below it.
            yield _Tree(mount / "memory", *files, "total_inactive_file"), group


def _limits(tree: _Tree, group: str) -> Iterator[Limit]:
    here = tree.root / group.strip("/")
    for folder in (here, *here.parents):
        limit = _number(folder / tree.limit_file)
        if limit is not None:
            used = (_number(folder / tree.used_file) or 0) - _droppable(folder, tree)
            yield Limit(limit, max(0, used))
        if folder == tree.root:
            return


def _droppable(folder: Path, tree: _Tree) -> int:
    lines = (line.split() for line in _read(folder / "memory.stat").splitlines())
    numbers = (words[1] for words in lines if len(words) == 2 and words[0] == tree.droppable)
    return next((int(number) for number in numbers if number.isdecimal()), 0)


def _number(path: Path) -> int | None:
    """`max`, which means no limit, is None like everything that is not a number."""
    text = _read(path).strip()
    return int(text) if text.isdecimal() else None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
