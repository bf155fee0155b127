"""Accelerators that only their vendor's own program tells about.

The bus and the device nodes say whether there is one; nothing is started where neither does. The
program is asked when the slots or nodes have changed, else once in `tool.REMEMBERED_S`, and what it
told (or that it failed) holds meanwhile. So the memory of such devices may be half a minute old.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xinf.core.nodes import Device, Sighting
from xinf.device.pci import Slot, accelerators
from xinf.device.tool import Remembered, Tool

# Longer than a look at devices is waited for: with many cards some of these programs need seconds.
# A look that was given up is followed by one that finds the answer remembered.
TOOL_LIMIT_S = 15.0

# Runs the vendor's program with these arguments; returns what it writes. Raises OSError.
Ask = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Vendor:
    """One kind of accelerator.

    `pci` are its vendor's ids on the bus, each with what the ids of its accelerators begin with (a
    vendor may make other things of the same class). `nodes` is the pattern of its device nodes, one
    for each device. `read` asks the program and returns the devices, numbered as the vendor's
    runtime counts them, and a problem for each that could not be understood; it raises OSError when
    that is none. `variable` is the runtime's, and takes these numbers.
    """

    kind: str
    pci: Mapping[str, str]
    nodes: str
    program: str
    variable: str
    read: Callable[[Ask], Sighting]


@dataclass(frozen=True, slots=True)
class Trees:
    """Where the kernel shows what there is."""

    sys: Path = Path("/sys")
    dev: Path = Path("/dev")


class ToolBackend:
    """`now` is monotonic seconds. Devices that were listed once and are no more are told as lost,
    unless the program's answer was not understood: then they stand as they were.
    """

    def __init__(
        self,
        vendor: Vendor,
        now: Callable[[], float],
        trees: Trees | None = None,
        limit_s: float = TOOL_LIMIT_S,
    ) -> None:
        self.kind = vendor.kind
        self._vendor = vendor
        self._trees = trees or Trees()
        self._tool = Tool(vendor.program, limit_s)
        self._told = Remembered(lambda: vendor.read(self._tool.ask), now)
        self._known: dict[str, Device] = {}

    def detect(self) -> bool:
        return bool(self._slots() or self._nodes())

    def look(self) -> Sighting:
        slots, nodes = self._slots(), self._nodes()
        told = self._told.get((tuple(slot.address for slot in slots), nodes))
        numa = {slot.address: slot.numa_node for slot in slots}
        devices = [
            replace(each, numa_node=numa.get(each.bus_id or "")) for each in _distinct(told.devices)
        ]
        listed = {each.uuid for each in devices}
        gone = [each for uuid, each in self._known.items() if uuid not in listed]
        problems = (*told.problems, *self._problems(devices, gone, nodes))
        self._known |= {each.uuid: each for each in devices}
        if told.problems:
            shown = sorted((*devices, *gone), key=lambda each: each.index)
            return Sighting(tuple(shown), problems)
        return Sighting(tuple(devices), problems, lost=tuple(each.uuid for each in gone))

    def visible_env(self, uuids: Sequence[str]) -> Mapping[str, str]:
        # Ascending, for Ascend's runtime takes no other order. Of what is known, not of what is
        # there now: an engine may be started on a device in the moment that it is lost.
        places = sorted(self._known[uuid].index for uuid in uuids)
        return {self._vendor.variable: ",".join(map(str, places))}

    def _problems(
        self, devices: Sequence[Device], gone: Sequence[Device], nodes: Sequence[str]
    ) -> Iterator[str]:
        program = self._vendor.program
        for each in gone:
            yield f"{each.id} ({each.name}, {each.uuid}): {program} does not list it any more"
        # A container has nodes of those devices only that were given to it.
        if not gone and len(nodes) > len(devices):
            yield f"{program} lists {len(devices)} of {len(nodes)} {self.kind} devices"

    def _slots(self) -> tuple[Slot, ...]:
        return tuple(
            slot
            for vendor, begin in self._vendor.pci.items()
            for slot in accelerators(self._trees.sys, vendor)
            if slot.device.startswith(begin)
        )

    def _nodes(self) -> tuple[str, ...]:
        try:
            return tuple(sorted(path.name for path in self._trees.dev.glob(self._vendor.nodes)))
        except OSError:
            return ()


def understood(program: str, what: str, entries: Iterable[tuple[str, Device | None]]) -> Sighting:
    """What `program` lists: each entry by the name it has there, None = it makes no sense.

    Raises OSError when no `what` is left ("no card").
    """
    read = list(entries)
    devices = tuple(device for _, device in read if device is not None)
    if not devices:
        raise OSError(f"{program} lists no {what} that can be understood")
    odd = (name for name, device in read if device is None)
    return Sighting(
        devices, tuple(f"{program} tells of {n} what cannot be understood" for n in odd)
    )


def _distinct(devices: Sequence[Device]) -> Iterator[Device]:
    """Each under a name of its own: parts of one card may tell one serial number."""
    times = Counter(each.uuid for each in devices)
    for each in devices:
        own = f"{each.uuid}@{each.bus_id or ''}#{each.index}"
        yield replace(each, uuid=own) if times[each.uuid] > 1 else each
