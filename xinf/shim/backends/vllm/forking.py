"""vLLM's processes on the CPU, forked from this one instead of spawned.

A spawned process imports torch and vLLM once more: nine seconds of a core for EngineCore and nine
for its worker, where a fork has all of it already. vLLM spawns them on the CPU because it tells a
worker's OpenMP by variables how many threads to have and where, and those are read when the library
is loaded. So that a forked worker heeds them as well, they are carried out in it by hand.

On other devices the choice is vLLM's own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from xinf.shim.forks import at_forks

METHOD = "VLLM_WORKER_MULTIPROC_METHOD"
THREADS = "OMP_NUM_THREADS"
# Where a worker's threads may run: vLLM sets the one or the other, as a list of processors.
PLACES = ("GOMP_CPU_AFFINITY", "OMP_PLACES")
# Intel's and LLVM's OpenMP are told in another way.
OTHER_OPENMP = re.compile(r"libi?omp\d*\.")

SetThreads = Callable[[int], None]


def may_fork(environ: Mapping[str, str], tasks: Path = Path("/proc/self/task")) -> bool:
    """Whether a fork of this process is safe: with threads it is not, for only one of them goes on
    in the child, and what the others had locked stays locked. A user's own wish counts.
    """
    wish = environ.get(METHOD, "fork")
    is_known = not OTHER_OPENMP.search(environ.get("LD_PRELOAD", ""))
    return wish == "fork" and is_known and sum(1 for _ in tasks.iterdir()) == 1


@contextmanager
def forked_workers(environ: MutableMapping[str, str], set_threads: SetThreads) -> Generator[None]:
    """In the block vLLM forks its processes, and a worker gets the threads that vLLM means for it.

    EngineCore, which nothing is set for, must not make threads before it forks its worker.
    """
    before = _meant(environ)

    def in_child() -> None:
        if _meant(environ) != before:
            follow(environ, set_threads)

    environ[METHOD] = "fork"
    with at_forks(in_child):
        yield


def follow(environ: Mapping[str, str], set_threads: SetThreads) -> None:
    """Do what the variables say to this process, and to the threads that it will have."""
    places = next((environ[name] for name in PLACES if name in environ), "")
    if places:
        os.sched_setaffinity(0, {int(number) for number in re.findall(r"\d+", places)})
    set_threads(int(environ[THREADS]))


def _meant(environ: Mapping[str, str]) -> list[str | None]:
    return [environ.get(name) for name in (THREADS, *PLACES)]
