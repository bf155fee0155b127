"""Who holds memory of an NVIDIA GPU, and whether that is all that can be known.

Windows' subsystem for Linux and some virtual machines do not tell at all; a container is told of
its own processes only, while what others hold counts as used all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast

from xinf.core.nodes import DeviceProcess
from xinf.core.units import MIB
from xinf.device.nvml import Nvml, NvmlError, text_of

# A context of CUDA alone takes 300 to 500 MiB, so less is no process that works. A desktop's
# pictures are used memory of nobody's as well, and take less than this on one or two screens.
UNACCOUNTED_MAX = 512 * MIB


def processes_on(
    nvml: Nvml, handle: object, part: tuple[int, int] | None = None
) -> tuple[DeviceProcess, ...] | None:
    """Who computes and who draws; None where the driver does not tell. Raises NvmlError.

    One that does both stands in both lists, with all it holds in each; within one list a process
    appears once for each part of a card that is split. `part`, GPU and compute instance, picks one.
    """
    held: dict[int, int] = {}
    lists = [nvml.told(f"nvmlDeviceGet{each}RunningProcesses", handle) for each in _KINDS]
    if lists[0] is None:
        return None
    for running in lists:
        of_kind = Counter[int]()
        for each in cast("list[Any]", running or []):
            if part in (None, (each.gpuInstanceId, each.computeInstanceId)):
                of_kind[int(each.pid)] += int(each.usedGpuMemory or 0)
        for pid, memory in of_kind.items():
            held[pid] = max(memory, held.get(pid, 0))
    return tuple(
        DeviceProcess(pid, _program(nvml, pid), memory) for pid, memory in sorted(held.items())
    )


_KINDS = ("Compute", "Graphics")


def are_hidden(listed: Iterable[DeviceProcess] | None, used: int) -> bool:
    """Whether more of the `used` bytes is held than those listed account for."""
    if listed is None:
        return True
    return used - sum(process.memory_bytes for process in listed) > UNACCOUNTED_MAX


def _program(nvml: Nvml, pid: int) -> str:
    """Empty where the process has ended meanwhile, or lives in another container."""
    with suppress(NvmlError):
        told = text_of(nvml.ask("nvmlSystemGetProcessName", pid)).strip()
        return told.rpartition("/")[2] if told.startswith("/") else told
    return ""
