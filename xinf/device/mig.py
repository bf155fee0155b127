"""Cards in MIG mode: each compute instance is a device of its own.

A card is first cut into GPU instances, which have memory of their own, and these into compute
instances, which share it ("1c.3g.40gb" is one of several on one 40 GB instance). Each compute
instance says that it has all of that memory, so they are given equal shares here: together they
must not promise more than there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from xinf.core.nodes import DeviceProcess
from xinf.device.nvml import NOT_FOUND, Nvml, NvmlError, text_of
from xinf.device.nvml_processes import processes_on


@dataclass(frozen=True, slots=True)
class Slice:
    """`index` is its place on the card; memory is bytes. `processes` is None where they are
    hidden.
    """

    index: int
    uuid: str
    name: str
    part: tuple[int, int]
    memory_total: int
    memory_used: int
    processes: tuple[DeviceProcess, ...] | None

    @property
    def gpu_instance(self) -> int:
        return self.part[0]

    @property
    def held(self) -> int:
        return sum(process.memory_bytes for process in self.processes or ())


def is_split(nvml: Nvml, card: object) -> bool:
    """Whether the card is in MIG mode now, with or without instances. Raises NvmlError."""
    modes = nvml.told("nvmlDeviceGetMigMode", card)
    return bool(modes and modes[0])


def slices_of(nvml: Nvml, card: object) -> tuple[Slice, ...]:
    """The compute instances of a card in MIG mode. Raises NvmlError."""
    places = range(nvml.ask("nvmlDeviceGetMaxMigDeviceCount", card))
    found = (_slice(nvml, card, index) for index in places)
    return shared([each for each in found if each is not None])


def shared(slices: Sequence[Slice]) -> tuple[Slice, ...]:
    """The same, with the memory of each GPU instance divided among its compute instances.

    What one holds itself is its own; what nobody is known to hold is divided like the rest.
    """
    instances = {each.gpu_instance for each in slices}
    divided = (
        _divided([each for each in slices if each.gpu_instance == instance])
        for instance in instances
    )
    together = (each for group in divided for each in group)
    return tuple(sorted(together, key=lambda each: each.index))


def _divided(siblings: Sequence[Slice]) -> Iterator[Slice]:
    count = len(siblings)
    if count == 1:
        yield from siblings
        return
    total = min(each.memory_total for each in siblings)
    used = max(each.memory_used for each in siblings)
    share, unheld = total // count, max(0, used - sum(each.held for each in siblings)) // count
    frees = [max(0, share - each.held - unheld) for each in siblings]
    # One that holds more than its share has taken it from the others.
    left, promised = max(0, total - used), max(1, sum(frees))
    for each, free in zip(siblings, frees, strict=True):
        kept = free if promised <= left else free * left // promised
        yield replace(each, memory_total=share, memory_used=share - kept)


def _slice(nvml: Nvml, card: object, index: int) -> Slice | None:
    """None where that place is empty, or was emptied in between."""
    try:
        handle = nvml.ask("nvmlDeviceGetMigDeviceHandleByIndex", card, index)
        return _read(nvml, card, handle, index)
    except NvmlError as error:
        if error.code != NOT_FOUND:
            raise
        return None


def _read(nvml: Nvml, card: object, handle: object, index: int) -> Slice:
    memory = nvml.ask("nvmlDeviceGetMemoryInfo", handle)
    part = (
        int(nvml.ask("nvmlDeviceGetGpuInstanceId", handle)),
        int(nvml.ask("nvmlDeviceGetComputeInstanceId", handle)),
    )
    processes = processes_on(nvml, handle)
    if processes is None:
        # Some drivers tell them of the whole card only, if at all.
        processes = processes_on(nvml, card, part)
    return Slice(
        index=index,
        uuid=text_of(nvml.ask("nvmlDeviceGetUUID", handle)),
        name=text_of(nvml.ask("nvmlDeviceGetName", handle)),
        part=part,
        memory_total=int(memory.total),
        memory_used=int(memory.total) - int(memory.free),
        processes=processes,
    )
