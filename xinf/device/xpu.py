"""Intel's graphics cards: Arc, Arc Pro, Data Center GPU Flex and Max.

What the kernel tells comes first: the cards, their memory (driver xe), who holds it, temperature,
and two counters whose rates are load and power. Level Zero, which engines compute through, is
asked for the rest: memory with the driver i915, and by which number each card goes. It is asked in
a process of its own, when the cards on the bus have changed and else once in `tool.REMEMBERED_S`;
so is Intel's `xpu-smi` where there is no Level Zero. (Kunlunxin has a program of that name as well.
That one is never asked here: Intel's cards are known by their vendor id.)

Graphics units of processors are not shown: models run better on the processor itself, by llama.cpp.
They count all the same where cards are numbered.

How much memory is used is the sum over processes that may be looked into: without root these are
the user's own. Level Zero tells the rest to root alone, and on some cards not even that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xinf.core.nodes import Device, DeviceProcess, Sighting
from xinf.device import drm, pci
from xinf.device.drm import Clients
from xinf.device.intel_card import IntelCard
from xinf.device.intel_told import Source, Told
from xinf.device.pci import DISPLAY, INTEL, Slot
from xinf.device.pci_names import LISTS, PciNames
from xinf.device.sysfs import program, text
from xinf.device.tool import Remembered

# Intel's processors have had their graphics unit here since 2006, and cards are never on this bus.
_INTEGRATED = "0000:00:02."
# By how the device id begins. Sources: Linux's include/drm/intel/pciids.h.
_ARCHS = {
    "0x490": "dg1",
    "0x4f8": "dg2",
    "0x56": "dg2",
    "0x0b": "pvc",
    "0xe2": "bmg",
}
# vLLM warns of wrong results of an A770 with bfloat16 (vllm/platforms/xpu.py, 0.32).
_DTYPES: Mapping[str, tuple[str, ...]] = {
    "dg1": ("float16", "float32", "int8"),
    "dg2": ("float16", "bfloat16", "float32", "int8"),
    "pvc": ("bfloat16", "float16", "float32", "int8"),
    "bmg": ("bfloat16", "float16", "float32", "int8"),
}
# A walk over all processes costs more than the rest of a look.
_WALK_AGE_S = 5.0


@dataclass(frozen=True, slots=True)
class Trees:
    """Where the kernel shows itself, and the lists of names."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    names: tuple[Path, ...] = LISTS


class XpuBackend:
    """A card's `uuid` is made of its place on the bus, which no answer of a library can change.
    `now` is monotonic seconds; `ask` is what tells where the kernel does not.
    """

    kind = "xpu"

    def __init__(
        self,
        now: Callable[[], float],
        trees: Trees | None = None,
        ask: Callable[[], Told] | None = None,
    ) -> None:
        self._now = now
        self._trees = trees or Trees()
        self._names = PciNames(self._trees.names)
        self._told = Remembered(ask or Source().ask, now)
        self._clients = Remembered(lambda: drm.clients(self._trees.proc), now, _WALK_AGE_S)
        self._cards: dict[str, IntelCard] = {}
        # By address, so that a lost card keeps its number and the others theirs.
        self._known: dict[str, Device] = {}
        self._numbers: Mapping[str, int] = {}

    def detect(self) -> bool:
        return any(_is_card(slot) for slot in self._slots())

    def look(self) -> Sighting:
        slots = self._slots()
        told, failure = self._asked(slots)
        self._numbers = told.numbers or _in_bus_order(slots)
        clients = self._clients.get(slots)
        cards = [slot for slot in slots if _is_card(slot)]
        found = ((slot, self._device(slot, told, clients)) for slot in cards if slot.driver)
        seen = {slot.address: device for slot, device in found if device is not None}
        gone = [each for address, each in sorted(self._known.items()) if address not in seen]
        self._known |= seen
        order = sorted(self._known)
        self._known = {a: replace(self._known[a], index=number) for number, a in enumerate(order)}
        devices = tuple(self._known[address] for address in sorted(seen))
        problems = (*self._unknown(cards, failure), *_losses(gone))
        return Sighting(devices, problems, lost=tuple(each.uuid for each in gone))

    def visible_env(self, uuids: Sequence[str]) -> Mapping[str, str]:
        """By number in the order of the bus, which Level Zero keeps only if it is told to. A card
        with several tiles is one device, as its memory is told. What is gone gets a number that no
        device has.
        """
        numbers = (self._numbers.get(uuid.removeprefix("PCI-"), 1_000) for uuid in uuids)
        return {
            "ZE_AFFINITY_MASK": ",".join(map(str, numbers)),
            "ZE_ENABLE_PCI_ID_DEVICE_ORDER": "1",
            "ZE_FLAT_DEVICE_HIERARCHY": "COMPOSITE",
            "ONEAPI_DEVICE_SELECTOR": "level_zero:gpu",
        }

    def _slots(self) -> tuple[Slot, ...]:
        return pci.accelerators(self._trees.sys, INTEL, (DISPLAY,))

    def _asked(self, slots: Sequence[Slot]) -> tuple[Told, str]:
        """What was told, and why nothing was."""
        try:
            return self._told.get(slots), ""
        except OSError as error:
            return Told(), str(error)

    def _device(self, slot: Slot, told: Told, clients: Clients) -> Device | None:
        """None for one whose memory nobody tells. Its number comes later."""
        if slot.address not in self._cards:
            folder = pci.folder(self._trees.sys, slot.address)
            self._cards[slot.address] = IntelCard(folder, self._now)
        card = self._cards[slot.address]
        total = card.memory_total() or told.sizes.get(slot.address)
        if total is None or not card.is_there():
            return None
        held = clients.held.get(slot.address, {})
        used = max(sum(held.values()), told.used.get(slot.address, 0))
        arch = next((a for begin, a in _ARCHS.items() if slot.device.startswith(begin)), None)
        return Device(
            uuid=f"PCI-{slot.address}",
            kind=self.kind,
            index=0,
            name=self._name(slot),
            memory_total=total,
            memory_used=min(used, total),
            processes=self._processes(held),
            driver=text(self._trees.proc / "sys" / "kernel" / "osrelease") or "unknown",
            arch=arch,
            dtypes=_DTYPES.get(arch or "", ()),
            features=(slot.driver,),
            bus_id=slot.address,
            numa_node=slot.numa_node,
            hides_processes=clients.is_partial,
            vitals=card.vitals(),
        )

    def _name(self, slot: Slot) -> str:
        return self._names.of(slot.vendor, slot.device) or f"Intel {slot.device[2:]}"

    def _processes(self, held: Mapping[int, int]) -> tuple[DeviceProcess, ...]:
        proc = self._trees.proc
        return tuple(DeviceProcess(pid, program(proc, pid), held[pid]) for pid in sorted(held))

    def _unknown(self, cards: Sequence[Slot], failure: str) -> Iterator[str]:
        """Those that have never been seen: others are told as lost."""
        for slot in cards:
            if not slot.driver:
                yield f"no kernel driver is loaded for the card at {slot.address}"
            elif slot.address not in self._known:
                why = f": {failure}" if failure else ""
                yield f"the memory of the card at {slot.address} is not told{why}"


def _is_card(slot: Slot) -> bool:
    return not slot.address.startswith(_INTEGRATED)


def _in_bus_order(slots: Sequence[Slot]) -> dict[str, int]:
    """The numbers that Level Zero will have, if it can use all that have a driver."""
    driven = (slot.address for slot in slots if slot.driver in {"xe", "i915"})
    return {address: number for number, address in enumerate(driven)}


def _losses(gone: Sequence[Device]) -> Iterator[str]:
    for device in gone:
        yield f"{device.id} ({device.name}, {device.uuid}): it is no longer there"
