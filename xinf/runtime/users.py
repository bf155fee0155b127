"""Which processes stand on a folder: their program lies in it, or they have mapped files of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def processes_in(folders: Sequence[Path], proc: Path = Path("/proc")) -> tuple[int, ...]:
    """Pids of this user's processes, whoever started them. Blocks."""
    # The kernel tells where links lead to; a command line is as it was typed.
    places = tuple(f"{path}/" for each in folders for path in {each.absolute(), each.resolve()})
    return tuple(
        sorted(
            int(entry.name)
            for entry in proc.iterdir()
            if entry.name.isdigit() and places and _stands_on(entry, places)
        )
    )


def _stands_on(process: Path, places: tuple[str, ...]) -> bool:
    # By its name first: an environment's `python` is a link, and the kernel has followed it.
    program = _read(process / "cmdline").partition("\0")[0]
    if program.startswith(places):
        return True
    return any(place in _read(process / "maps") for place in places)


def _read(path: Path) -> str:
    """Empty for a process that has ended, or is not ours to ask."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
