"""The CPU with its main memory, as one device that is always there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from xinf.core.nodes import Device, Sighting
from xinf.core.units import KIB
from xinf.device.cgroup import memory_limit

UUID = "cpu"


class CpuBackend:
    """`proc` and `sys` are the kernel's trees. Memory is the lower of physical and cgroup's."""

    kind = "cpu"

    def __init__(self, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> None:
        self._proc = proc
        self._sys = sys

    def detect(self) -> bool:
        return True

    def look(self) -> Sighting:
        memory = self._meminfo()
        total = memory["MemTotal"]
        used = total - memory.get("MemAvailable", memory.get("MemFree", total))
        limit = memory_limit(self._proc, self._sys)
        if limit is not None and limit.limit < total:
            total, used = limit.limit, min(limit.used, limit.limit)
        return Sighting((Device(UUID, self.kind, 0, self._name(), total, used),))

    def visible_env(self, uuids: Sequence[str]) -> Mapping[str, str]:
        # An engine that is to run on the CPU must not find a GPU that was not given to it.
        return {"CUDA_VISIBLE_DEVICES": ""}

    def _meminfo(self) -> dict[str, int]:
        """Bytes by name. Raises OSError where there is no such file."""
        found: dict[str, int] = {}
        for line in (self._proc / "meminfo").read_text().splitlines():
            name, _, rest = line.partition(":")
            number, _, unit = rest.strip().partition(" ")
            if number.isdigit():
                found[name] = int(number) * (KIB if unit == "kB" else 1)
        if "MemTotal" not in found:
            raise OSError(f"{self._proc / 'meminfo'} does not tell MemTotal")
        return found

    def _name(self) -> str:
        try:
            lines = (self._proc / "cpuinfo").read_text().splitlines()
        except OSError:
            lines = []
        names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        return next(names, "CPU")
