"""How many threads may compute, on a machine that must also do everything else."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path


def compute_threads(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Threads for generating: one for each core that is ours, less one where there are several.

    llama.cpp's threads wait for each other by spinning, so a core that somebody else needs stalls
    all of them. Measured on 2 cores with both busy otherwise: 6 tokens/s on two threads, 24 on one.
    """
    cores = usable_cores(os.sched_getaffinity(0), proc, cgroup)
    return max(1, cores - 1)


def prefill_threads(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Threads for reading prompts: every core that is ours; it is pure computing, in long steps."""
    return usable_cores(os.sched_getaffinity(0), proc, cgroup)


def usable_cores(cpus: Collection[int], proc: Path, cgroup: Path) -> int:
    """Physical cores among `cpus`, at most what a container's CPU quota allows; at least 1."""
    cores = _physical_cores(cpus, proc) or len(cpus)
    quota = _quota(cgroup)
    return max(1, min(cores, quota) if quota else cores)


def _physical_cores(cpus: Collection[int], proc: Path) -> int:
    """Distinct (package, core) pairs; 0 where the system does not tell."""
    try:
        blocks = (proc / "cpuinfo").read_text().strip().split("\n\n")
    except OSError:
        return 0
    found: set[tuple[str, str]] = set()
    for block in blocks:
        fields = {key.strip(): value.strip() for key, _, value in map(_split, block.splitlines())}
        if fields.get("processor", "").isdecimal() and int(fields["processor"]) in cpus:
            if "core id" not in fields:
                return 0
            found.add((fields.get("physical id", "0"), fields["core id"]))
    return len(found)


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def _quota(cgroup: Path) -> int:
    """Whole cores that cgroup v2 grants; 0 = no limit."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return 0
    return 0 if quota == "max" else max(1, int(quota) // int(period))
