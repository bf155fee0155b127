"""The devices: what engines and other programs hold of them, as a driver would tell it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from scripts.simulator.engines import Engine
from scripts.simulator.scenario import Program
from xinf.core.nodes import Device, DeviceProcess, NodeStatus

NODE = "local"
# Any number does; people know these as ordinary process ids.
_FIRST_PID = 1000


class OverCommitted(AssertionError):
    """More memory is held than a device has: our bug, or the scheduler's."""


class Machine:
    def __init__(self, devices: Sequence[Device], programs: Sequence[Program]) -> None:
        self._devices = devices
        self._programs = programs
        self._taken = [0] * len(programs)

    @property
    def taken(self) -> Iterable[tuple[Program, int]]:
        """What each program holds now."""
        return zip(self._programs, self._taken, strict=True)

    def is_short(self, now: float) -> bool:
        """Whether some program would take more if it were free."""
        return any(taken < each.memory_bytes for each, taken in self.taken if each.is_on(now))

    def look(self, engines: Iterable[Engine], now: float) -> NodeStatus:
        """The devices at this moment. Other programs take what has become free first: they do not
        ask. Raises OverCommitted.
        """
        engines = tuple(engines)
        return NodeStatus(NODE, tuple(self._device(each, engines, now) for each in self._devices))

    def _device(self, device: Device, engines: tuple[Engine, ...], now: float) -> Device:
        ours = [each for each in engines if each.held and device.uuid in each.devices]
        self._grow(device, sum(each.held for each in ours), now)
        processes = (*self._strangers(device), *_own(ours))
        used = sum(process.memory_bytes for process in processes)
        if used > device.memory_total:
            names = ", ".join(f"{each.name} {each.memory_bytes}" for each in processes)
            raise OverCommitted(f"{device.id} at {now:g} s: {names} of {device.memory_total}")
        shown = () if device.hides_processes else processes
        return replace(device, memory_used=used, processes=shown)

    def _grow(self, device: Device, ours: int, now: float) -> None:
        free = device.memory_total - ours
        for number, program in enumerate(self._programs):
            if program.device == device.uuid:
                taken = min(program.memory_bytes, free) if program.is_on(now) else 0
                self._taken[number] = taken
                free -= taken

    def _strangers(self, device: Device) -> Iterable[DeviceProcess]:
        for number, (program, taken) in enumerate(self.taken):
            if taken and program.device == device.uuid:
                yield DeviceProcess(_FIRST_PID + number, program.name, taken)


def _own(engines: Iterable[Engine]) -> Iterable[DeviceProcess]:
    for number, each in enumerate(engines, 2 * _FIRST_PID):
        yield DeviceProcess(number, "engine", each.held, each.replica)
