"""The CPU with its main memory, as one device that is always there."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xinf.core.nodes import Device, Sighting
from xinf.device import isa
from xinf.device.cgroup import memory_limits
from xinf.device.meminfo import main_memory
from xinf.device.numa import nodes

UUID = "cpu"


@dataclass(frozen=True, slots=True)
class _Traits:
    """What does not change while a machine runs."""

    name: str
    features: tuple[str, ...]
    numa_nodes: tuple[int, ...]


class CpuBackend:
    """`proc` and `sys` are the kernel's trees, `machine` its kind of processor like "x86_64".

    Memory is the lower of physical and cgroups'. What is free is what can be had without swapping:
    swap is no memory to run a model in.
    """

    kind = "cpu"

    def __init__(
        self,
        proc: Path = Path("/proc"),
        sys: Path = Path("/sys"),
        machine: str | None = None,
    ) -> None:
        self._proc = proc
        self._sys = sys
        self._machine = machine or platform.machine()
        # The kernel measures every core's frequency for its list: not to be read at each look.
        self._traits: _Traits | None = None

    def detect(self) -> bool:
        return True

    def look(self) -> Sighting:
        self._traits = traits = self._traits or self._read_traits()
        total, free = self._memory()
        device = Device(
            uuid=UUID,
            kind=self.kind,
            index=0,
            name=traits.name,
            memory_total=total,
            memory_used=total - free,
            arch=self._machine,
            dtypes=isa.dtypes(traits.features, self._machine),
            features=(*traits.features, *_spread(traits.numa_nodes)),
            # Memory is near to one node only where there is one.
            numa_node=traits.numa_nodes[0] if len(traits.numa_nodes) == 1 else None,
        )
        return Sighting((device,))

    def visible_env(self, uuids: Sequence[str]) -> Mapping[str, str]:
        # An engine that is to run on the CPU must not find a GPU that was not given to it.
        return {"CUDA_VISIBLE_DEVICES": ""}

    def _memory(self) -> tuple[int, int]:
        """Bytes in all and free. A group may have room left where the machine has none, and the
        other way round. Raises OSError where the kernel does not tell.
        """
        memory = main_memory(self._proc)
        limits = memory_limits(self._proc, self._sys)
        total = min([memory.total, *(each.limit for each in limits)])
        return total, min([total, memory.available, *(each.left for each in limits)])

    def _read_traits(self) -> _Traits:
        cpuinfo = isa.read_cpuinfo(self._proc)
        name = isa.name(cpuinfo, self._machine)
        return _Traits(name, isa.features(cpuinfo), nodes(self._sys))


def _spread(numa_nodes: tuple[int, ...]) -> tuple[str, ...]:
    """That memory is not equally near to all cores, for rules that ask."""
    return (f"numa-{len(numa_nodes)}",) if len(numa_nodes) > 1 else ()
