"""What a machine has, as its agent last saw it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceProcess:
    """A process that holds memory on a device; 0 bytes where the driver does not tell how much.

    `owner` is the replica whose engine it belongs to, empty where it is not one of ours.
    """

    pid: int
    name: str
    memory_bytes: int
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Vitals:
    """How a device fares; None = it does not tell. `utilisation` is a share from 0 to 1, power is
    watts, temperature degrees Celsius. `power_limit` is the one in force, `power_limit_default`
    what the card was made for.
    """

    utilisation: float | None = None
    temperature: float | None = None
    power: float | None = None
    power_limit: float | None = None
    power_limit_default: float | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator (or a slice of one), or the CPU with its main memory. Memory is bytes.

    `index` is the place in PCI order; `uuid` is what engines are pinned by. `memory_total` is on
    the CPU device the lower of physical memory and cgroup limits, elsewhere what is built in;
    `memory_used` is all of it that nobody can have any more, be it a process's or the driver's own.

    `compute_capability` is NVIDIA's ("12.0"), `arch` what other vendors call theirs ("gfx1201").
    `dtypes` are the number formats that it computes in, `features` what else rules may ask for
    (instruction sets of a CPU). `driver` is the driver's version, `driver_api` the newest version
    of the vendor's API that it serves ("13.0" of CUDA). `hides_processes` = who holds its memory is
    not told (containers, Windows' subsystem for Linux). `is_unified` = its memory is the machine's
    main memory. `parent` is the UUID of the card that a MIG slice is part of. `problem` says in
    words what ails a device that can still be seen.
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
    driver_api: str | None = None
    arch: str | None = None
    dtypes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    bus_id: str | None = None
    numa_node: int | None = None
    hides_processes: bool = False
    is_unified: bool = False
    parent: str | None = None
    has_display: bool | None = None
    has_persistence: bool | None = None
    problem: str = ""
    vitals: Vitals = Vitals()

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.index}"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one look at devices found. `problems` say in words what it did not.

    `lost` are the UUIDs of devices that were there once and are not now, so that nothing can run on
    them. One that only cannot be asked is no such: it stands in `devices` as it was last seen.
    """

    devices: tuple[Device, ...]
    problems: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One machine: its devices, and whether they can be relied upon. `at` is wall seconds; `lost`
    is as a sighting has it.
    """

    node: str
    devices: tuple[Device, ...]
    is_degraded: bool = False
    reason: str = ""
    at: float = 0.0
    lost: tuple[str, ...] = ()
