"""What a machine has, as its agent last saw it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceProcess:
    """A process that holds memory on a device; 0 bytes where the driver does not tell how much."""

    pid: int
    name: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator, or the CPU with its main memory. Memory is bytes.

    `index` is the place in PCI order; `uuid` is what engines are pinned by. `memory_total` is on
    the CPU device the lower of physical memory and cgroup limits, elsewhere what is built in;
    `memory_used` is all of it that nobody can have any more, be it a process's or the driver's own.
    """

    uuid: str
    kind: str
    index: int
    name: str
    memory_total: int
    memory_used: int
    compute_capability: str | None = None
    processes: tuple[DeviceProcess, ...] = ()
    driver: str | None = None

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.index}"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one look at devices found. `problems` say in words what it did not."""

    devices: tuple[Device, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One machine: its devices, and whether they can be relied upon. `at` is wall seconds."""

    node: str
    devices: tuple[Device, ...]
    is_degraded: bool = False
    reason: str = ""
    at: float = 0.0
