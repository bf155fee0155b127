"""Apple's GPU, which shares the machine's main memory.

There is one for each chip and nothing to choose, so there is no variable. How much it may take is
`iogpu.wired_limit_mb`, where 0 is the system's own rule: two thirds of the memory up to 36 GiB,
three quarters of more. `memory_total` is that ceiling; used is what of it cannot be had because
others have it. Everything but `vm_stat` and `ioreg`, which take milliseconds, is asked once.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from xinf.core.nodes import Device, Sighting, Vitals
from xinf.core.units import GIB, MIB
from xinf.device.tool import Remembered, Tool

KIND, UUID = "mps", "MPS-0"
# What MLX computes in on every one of Apple's chips.
_DTYPES = ("float32", "float16", "bfloat16", "int8")
# system_profiler gathers for seconds.
_PROFILER_LIMIT_S = 15.0
_SYSCTLS = ("hw.memsize", "hw.optional.arm64", "machdep.cpu.brand_string", "kern.osproductversion")
# What the kernel can give away at once. Pages that were read ahead are among those of files.
_FREE = ("Pages free", "Pages purgeable", "File-backed pages")
_PROGRAMS = ("sysctl", "system_profiler", "vm_stat", "ioreg")

# Runs the program with these arguments; returns what it writes. Raises OSError.
Run = Callable[..., str]


@dataclass(frozen=True, slots=True)
class _Static:
    """What does not change while the machine is on. `memory` is bytes of main memory."""

    memory: int
    chip: str
    system: str
    name: str


class MpsBackend:
    """`now` is monotonic seconds. Nothing is run where the system is not Apple's."""

    kind = KIND

    def __init__(
        self,
        now: Callable[[], float],
        platform: str = sys.platform,
        run: Run | None = None,
    ) -> None:
        self._platform = platform
        self._run = run or _programs()
        self._static: _Static | None = None
        self._limit = Remembered(partial(_limit, self._run), now)

    def detect(self) -> bool:
        return self._platform == "darwin"

    def look(self) -> Sighting:
        static = self._static = self._static or _look_once(self._run)
        total = ceiling(static.memory, self._limit.get(static))
        used = parse_vm_stat(self._run("vm_stat"), static.memory)
        statistics = self._run("ioreg", "-r", "-d", "1", "-w", "0", "-c", "IOAccelerator")
        device = Device(
            uuid=UUID,
            kind=self.kind,
            index=0,
            name=static.name,
            memory_total=total,
            memory_used=min(max(total - (static.memory - used), 0), total),
            driver=static.system,
            arch=static.chip,
            dtypes=_DTYPES,
            hides_processes=True,
            is_unified=True,
            vitals=Vitals(utilisation=parse_utilisation(statistics)),
        )
        return Sighting((device,))

    def visible_env(self, uuids: Sequence[str]) -> Mapping[str, str]:
        return {}


def ceiling(memory: int, limit_mb: int) -> int:
    """Bytes that the GPU may take of `memory`. The shares for 0 are what Metal recommends as its
    working set on machines of these sizes (reported by users, not documented by Apple).
    """
    if limit_mb > 0:
        return min(limit_mb * MIB, memory)
    return memory * 2 // 3 if memory <= 36 * GIB else memory * 3 // 4


def parse_sysctl(text: str) -> dict[str, str]:
    """Values by name, from `name: value` lines."""
    pairs = (line.partition(": ") for line in text.splitlines())
    return {name: value.strip() for name, colon, value in pairs if colon}


def parse_vm_stat(text: str, memory: int) -> int:
    """Bytes of `memory` that the system cannot give away at once. Raises OSError when `vm_stat`
    tells no page size or no free pages.
    """
    page = re.search(r"page size of (\d{3,6}) bytes", text)
    pages = {
        name.strip(): int(count)
        for name, count in re.findall(r'^"?([A-Z][^":]*)"?:\s+(\d{1,15})\.', text, re.MULTILINE)
    }
    if page is None or not pages.keys() >= set(_FREE):
        raise OSError("vm_stat tells what cannot be understood")
    free = sum(pages[name] for name in _FREE) * int(page[1])
    return min(max(memory - free, 0), memory)


def parse_utilisation(text: str) -> float | None:
    """The GPU's share of time busy, in what ioreg writes of its accelerator."""
    match = re.search(r'"Device Utilization %"=(\d{1,3})\b', text)
    return min(int(match[1]) / 100, 1.0) if match else None


def parse_displays(text: str) -> str | None:
    """The GPU's name with its cores, in what `system_profiler SPDisplaysDataType -json` writes."""
    try:
        told: Any = json.loads(text)
        first = cast("dict[str, Any]", told["SPDisplaysDataType"][0])
        name, cores = first.get("sppci_model"), first.get("sppci_cores")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    if not isinstance(name, str):
        return None
    return f"{name} ({cores}-core GPU)" if isinstance(cores, str) else name


def _look_once(run: Run) -> _Static:
    told = parse_sysctl(run("sysctl", *_SYSCTLS))
    memory, chip = told.get("hw.memsize", ""), told.get("machdep.cpu.brand_string", "")
    if told.get("hw.optional.arm64") != "1":
        raise OSError(f"this Mac ({chip or 'of an unknown chip'}) is not one of Apple's own chips")
    if not memory.isdecimal():
        raise OSError("sysctl does not tell hw.memsize")
    try:
        name = parse_displays(run("system_profiler", "SPDisplaysDataType", "-json"))
    except OSError:
        name = None
    return _Static(int(memory), chip, told.get("kern.osproductversion", ""), name or chip)


def _limit(run: Run) -> int:
    """MiB, 0 where nobody has set it or where the system is older than the setting."""
    try:
        told = parse_sysctl(run("sysctl", "iogpu.wired_limit_mb"))
    except OSError:
        return 0
    value = told.get("iogpu.wired_limit_mb", "")
    return int(value) if value.isdecimal() else 0


def _programs() -> Run:
    tools = {name: Tool(name, _PROFILER_LIMIT_S) for name in _PROGRAMS}

    def run(program: str, *arguments: str) -> str:
        return tools[program].ask(*arguments)

    return run
