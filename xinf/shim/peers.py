"""Whether two devices reach each other: one of two processes that add up what each of them holds.

    python -P -m xinf.shim.peers BACKEND RANK MEETING_FILE

BACKEND is nccl on GPUs, gloo on a CPU. Says "imported" on standard output when what takes long is
over and the meeting begins, then "reached" and exits with 0, or the reason why not and exits with
1. Two that cannot reach each other usually hang: whoever starts this ends it after a while.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any

USAGE = "usage: python -m xinf.shim.peers BACKEND RANK MEETING_FILE"
WORLD = 2
# Small messages take another way than large ones; 64 MiB do not fit any buffer on the way.
SIZES = (1, 64 * 1024, 16 * 1024 * 1024)
# Longer than anybody waits: to hang is an answer, too.
PATIENCE_S = 600


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 3:
        sys.stderr.write(f"{USAGE}\n")
        return 2
    backend, rank, meeting = arguments
    try:
        wrong = meet(backend, int(rank), meeting)
    except Exception as problem:
        # One line: libraries put whole pages into their exceptions.
        words = " ".join(str(problem).split())
        wrong = f"{type(problem).__name__}: {words}"
    say(wrong or "reached")
    return 1 if wrong else 0


def meet(backend: str, rank: int, meeting: str) -> str:
    """What is wrong with the sums; empty if they are right. Raises what torch does."""
    torch: Any = import_module("torch")
    group: Any = import_module("torch.distributed")
    say("imported")
    place = f"cuda:{rank}" if backend == "nccl" else "cpu"
    if backend == "nccl":
        torch.cuda.set_device(rank)
    group.init_process_group(
        backend,
        init_method=f"file://{meeting}",
        rank=rank,
        world_size=WORLD,
        timeout=timedelta(seconds=PATIENCE_S),
    )
    wrong = next((size for size in SIZES if not _sums_up(torch, group, size, rank, place)), 0)
    group.destroy_process_group()
    return f"a sum of {wrong} numbers came out wrong" if wrong else ""


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _sums_up(torch: Any, group: Any, size: int, rank: int, place: str) -> bool:
    """Reaching memory that is only pretended to be reachable may hang, or bring other numbers."""
    numbers = torch.full((size,), float(rank + 1), device=place)
    group.all_reduce(numbers)
    return bool((numbers == sum(range(1, WORLD + 1))).all())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
