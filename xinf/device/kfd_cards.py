"""Cards whose compute driver is AMD's kfd, or one made from it: AMD's GPUs and Hygon's DCUs.

Everything is read from the kernel's own trees, so nothing can hang, no card is woken, and nothing
of the vendor's need be installed. The bus tells which cards there are, the compute driver which of
them compute and for whom, and each card's folder how it fares.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from xinf.core.nodes import Device, DeviceProcess, Sighting
from xinf.core.units import MIB
from xinf.device import amdgpu, kfd, pci
from xinf.device.amdgpu import Memory
from xinf.device.kfd import KfdGpu
from xinf.device.meminfo import main_memory
from xinf.device.pci import Slot
from xinf.device.pci_names import LISTS, PciNames
from xinf.device.sysfs import program, text

# The driver of cards that were made before there was a compute driver: they are none of ours.
_TOO_OLD = "radeon"
# What draws is not told by the compute driver; one or two screens take less than this.
UNACCOUNTED_MAX = 512 * MIB


@dataclass(frozen=True, slots=True)
class Make:
    """One vendor's cards. `modules` are the names that its kernel driver has had. What an
    architecture computes in is `dtypes`, what else is to be known of it `features`; both are empty
    where nothing is known. `unified` are those that compute in main memory.
    """

    kind: str
    vendor: str
    modules: tuple[str, ...]
    dtypes: Callable[[str | None], tuple[str, ...]]
    features: Callable[[str | None], tuple[str, ...]]
    unified: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Trees:
    """Where the kernel shows itself, and the lists of names."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")
    names: tuple[Path, ...] = LISTS


@dataclass(frozen=True, slots=True)
class _Part:
    """A card, or one of the `parts` that it is split into, as the compute driver has it.
    `has_own_id` = nothing else has its unique id.
    """

    gpu: KfdGpu
    slot: Slot
    partition: int
    parts: int
    has_own_id: bool

    @property
    def place(self) -> tuple[str, int]:
        return self.slot.address, self.partition

    @property
    def uuid(self) -> str:
        """As the runtime has it, where it has one: parts of a card share theirs."""
        if self.gpu.unique_id and self.has_own_id:
            return f"GPU-{self.gpu.unique_id:016x}"
        part = f"/{self.partition}" if self.parts > 1 else ""
        return f"PCI-{self.slot.address}{part}"


class KfdCards:
    """The cards of one make. Those that were seen once and are no more are told as lost."""

    def __init__(self, make: Make, trees: Trees) -> None:
        self._make = make
        self._trees = trees
        self._names = PciNames(trees.names)
        # By their place on the bus, so that a lost card keeps its number and the others theirs.
        self._known: dict[tuple[str, int], Device] = {}
        self._runtime_numbers: dict[str, int] = {}

    def are_there(self) -> bool:
        return bool(self._slots())

    def look(self) -> Sighting:
        """Raises OSError where the driver is not loaded, or shows none of the cards."""
        slots = self._slots()
        parts = self._parts(slots)
        self._runtime_numbers = {part.uuid: number for number, part in enumerate(parts)}
        seen = {part.place: device for part in parts if (device := self._device(part)) is not None}
        gone = [each for place, each in sorted(self._known.items()) if place not in seen]
        self._known |= seen
        order = sorted(self._known)
        self._known = {p: replace(self._known[p], index=number) for number, p in enumerate(order)}
        devices = tuple(self._known[place] for place in sorted(seen))
        problems = (
            *_undriven(slots),
            *_silent(parts, self._known),
            *_losses(gone),
            *_ailments(devices),
        )
        return Sighting(devices, problems, lost=tuple(each.uuid for each in gone))

    def runtime_number(self, uuid: str) -> int | None:
        """By which the vendor's runtime counts; None for what was not there at the last look."""
        return self._runtime_numbers.get(uuid)

    def _slots(self) -> dict[str, Slot]:
        found = pci.accelerators(self._trees.sys, self._make.vendor)
        return {slot.address: slot for slot in found if slot.driver != _TOO_OLD}

    def _parts(self, slots: Mapping[str, Slot]) -> tuple[_Part, ...]:
        """In the order in which the runtime counts them."""
        try:
            gpus = kfd.gpus(self._trees.sys)
        except OSError:
            told = f"the kernel driver {self._make.modules[0]} is not loaded, or does not compute"
            raise OSError("; ".join(_undriven(slots)) or told) from None
        own = [(gpu, _place(gpu, slots)) for gpu in gpus if gpu.vendor == self._make.vendor]
        on_bus = [(gpu, place) for gpu, place in own if place[0] in slots]
        if not on_bus:
            raise OSError("the compute driver shows none of them to this process")
        cards = Counter(address for _, (address, _) in on_bus)
        ids = Counter(gpu.unique_id for gpu, _ in on_bus)
        return tuple(
            _Part(gpu, slots[address], partition, cards[address], ids[gpu.unique_id] == 1)
            for gpu, (address, partition) in on_bus
        )

    def _device(self, part: _Part) -> Device | None:
        """None for a card that has gone since it was listed. Its number comes later."""
        make, arch = self._make, part.gpu.arch
        card = pci.folder(self._trees.sys, part.slot.address)
        held = kfd.held(self._trees.sys, part.gpu.gpu_id)
        is_unified = arch in make.unified
        memory = self._memory(part, card, held or {}, is_unified)
        if memory is None:
            return None
        hides = held is None or memory.used - sum(held.values()) > UNACCOUNTED_MAX
        return Device(
            uuid=part.uuid,
            kind=make.kind,
            index=0,
            name=self._name(part, card),
            memory_total=memory.total,
            memory_used=memory.used,
            processes=self._processes(held or {}),
            driver=self._driver(),
            arch=arch,
            dtypes=make.dtypes(arch),
            features=make.features(arch),
            bus_id=part.slot.address,
            numa_node=part.slot.numa_node,
            hides_processes=hides,
            is_unified=is_unified,
            problem=self._ailment(card),
            vitals=amdgpu.vitals(card),
        )

    def _memory(
        self, part: _Part, card: Path, held: Mapping[int, int], is_unified: bool
    ) -> Memory | None:
        built_in = amdgpu.built_in(card)
        if built_in is None:
            return None
        if part.parts > 1:
            # The card tells only of all of it; what draws is not on such cards.
            total = part.gpu.memory_bytes or built_in.total // part.parts
            return Memory(total, min(sum(held.values()), total))
        return self._main_memory(card, built_in) if is_unified else built_in

    def _main_memory(self, card: Path, carved_out: Memory) -> Memory:
        """Where a graphics unit computes is what the kernel decides (since 6.10): in the part that
        the firmware carved out for it, or in main memory if it may use more of that.
        """
        shared = amdgpu.shared(card)
        if shared is None or shared.total <= carved_out.total:
            return carved_out
        with suppress(OSError):
            available = main_memory(self._trees.proc).available
            return Memory(shared.total, shared.total - min(shared.free, available))
        return shared

    def _name(self, part: _Part, card: Path) -> str:
        slot = part.slot
        listed = self._names.of(slot.vendor, slot.device, slot.revision)
        name = amdgpu.product_name(card) or listed or f"{slot.vendor[2:]}:{slot.device[2:]}"
        return f"{name} (part {part.partition})" if part.parts > 1 else name

    def _processes(self, held: Mapping[int, int]) -> tuple[DeviceProcess, ...]:
        proc = self._trees.proc
        return tuple(DeviceProcess(pid, program(proc, pid), held[pid]) for pid in sorted(held))

    def _driver(self) -> str:
        """Its own version, or the kernel's where it came with that."""
        modules = (self._trees.sys / "module" / name / "version" for name in self._make.modules)
        release = self._trees.proc / "sys" / "kernel" / "osrelease"
        told = (text(path) for path in (*modules, release))
        return next((version for version in told if version), "unknown")

    def _ailment(self, card: Path) -> str:
        kfd_node = self._trees.dev / "kfd"
        if not os.access(kfd_node, os.R_OK | os.W_OK):
            return f"this user may not use {kfd_node}; it belongs to a group, often `render`"
        errors = amdgpu.uncorrectable_errors(card)
        return f"{errors} uncorrectable memory errors since its driver was loaded" if errors else ""


def _place(gpu: KfdGpu, slots: Mapping[str, Slot]) -> tuple[str, int]:
    """The card on the bus, and which part of it. Drivers differ in how they number parts."""
    if gpu.address in slots:
        return gpu.address, gpu.partition
    card, _, function = gpu.address.rpartition(".")
    return f"{card}.0", gpu.partition or int(function)


def _undriven(slots: Mapping[str, Slot]) -> Iterator[str]:
    for slot in slots.values():
        if not slot.driver:
            yield f"no kernel driver is loaded for the card at {slot.address}"


def _silent(parts: Sequence[_Part], known: Mapping[tuple[str, int], Device]) -> Iterator[str]:
    """Those that have never been seen: others are told as lost."""
    for part in parts:
        if part.place not in known:
            yield f"the card at {part.slot.address} does not tell its memory"


def _losses(gone: Sequence[Device]) -> Iterator[str]:
    for device in gone:
        yield f"{device.id} ({device.name}, {device.uuid}): it is no longer there"


def _ailments(devices: Sequence[Device]) -> Iterator[str]:
    for device in devices:
        if device.problem:
            yield f"{device.id} ({device.name}, {device.uuid}): {device.problem}"
