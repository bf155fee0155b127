"""Where a replica may go, and what it would take there.

A spot is one device, or several of one make that share a replica (tensor parallel).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from xinf.core.memory import Basis
from xinf.core.nodes import Device
from xinf.core.workload import Verdict
from xinf.scheduler.sizes import Size, smallest_size, whole_bytes
from xinf.scheduler.snapshot import WantedModel
from xinf.scheduler.table import Make, Makes, Table
from xinf.scheduler.wishes import Wish

ALLOWED = Verdict()


@dataclass(frozen=True, slots=True)
class Spot:
    """Devices by number, and the size of a replica on each of them."""

    numbers: tuple[int, ...]
    size: Size


@dataclass(frozen=True, slots=True)
class Range:
    """Devices on which a model could run and would take the same, `count` of one make for each
    replica.
    """

    makes: Makes
    count: int
    size: Size


def device_count(model: WantedModel) -> int:
    """How many devices one replica takes."""
    return len(model.pins) or max(model.sizing.devices, 1)


def verdict(model: WantedModel, uuid: str) -> Verdict:
    """What the compatibility file says of a device; what it does not mention is allowed."""
    return model.verdicts.get(uuid, ALLOWED)


def ranges(table: Table, model: WantedModel) -> Iterator[Range]:
    """All devices on which a model could run if they were empty and large enough."""
    count, makes = device_count(model), table.makes.get(model.device_kind)
    if makes is None:
        return
    refused = {uuid for uuid, judged in model.verdicts.items() if judged.refusal}
    if refused or model.pins or count > 1:
        able = (_able(table, model, make, refused) for make in makes.each)
        makes = table.set_of(make for make in able if len(make.numbers) >= count)
    # What was measured may differ from make to make.
    is_same = not model.measured and not model.beside_cache
    for some in (makes,) if is_same else (table.set_of((make,)) for make in makes.each):
        if some.numbers:
            yield Range(some, count, size_on(table, model, some.numbers[0]))


def size_on(table: Table, model: WantedModel, number: int) -> Size:
    """What a replica takes on a device.

    What was measured beyond all that an empty device has to give counts as just that much, where
    its promise would fit: so it has run there before, a little into the reserve.
    """
    device, account = table.devices[number], table.accounts[number]
    size, most = smallest_size(model, device), account.total - account.reserve
    if size.basis is not Basis.MEASURED or not most < size.bytes <= account.total:
        return size
    promise = smallest_size(replace(model, measured={}, beside_cache={}), device)
    return replace(size, bytes=most) if promise.bytes <= most else size


def _able(table: Table, model: WantedModel, make: Make, refused: set[str]) -> Make:
    """Those of a make that suit the model."""
    is_single = device_count(model) == 1

    def suits(device: Device) -> bool:
        # A slice of a card reaches no other device, so it cannot share a replica.
        is_able = device.uuid not in refused and (is_single or device.parent is None)
        return is_able and (not model.pins or device.uuid in model.pins)

    numbers = tuple(number for number in make.numbers if suits(table.devices[number]))
    return make if len(numbers) == len(make.numbers) else replace(make, numbers=numbers)


def find_spot(table: Table, wish: Wish, able: Sequence[Range]) -> Spot | None:
    """The spot that the strategy likes best, None where nothing has room."""
    found: list[tuple[tuple[float, ...], Spot]] = []
    for each in able:
        need, free = each.size.bytes, table.free
        if table.most_free(each.makes) < need:
            continue
        full = whole_bytes(wish.model, table.devices[each.makes.numbers[0]])
        for make in each.makes.each:
            fitting = [number for number in make.numbers if free[number] >= need]
            if len(fitting) >= each.count:
                found.append(_best(table, wish, each, _roomy(table, each, fitting, full)))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _best(
    table: Table, wish: Wish, able: Range, roomy: tuple[float, list[int]]
) -> tuple[tuple[float, ...], Spot]:
    """A spot, after how much the strategy minds it; lacking context comes before taste."""
    lacking, numbers = roomy
    mind = table.distaste(wish.model.name)
    if able.count == 1:
        chosen = (min(numbers, key=mind),)
    else:
        chosen = _neighbours(table, numbers, able.count, mind)
    most = max(mind(number) for number in chosen)
    return (lacking, *most, *chosen), Spot(chosen, able.size)


def _roomy(
    table: Table, able: Range, fitting: list[int], full: int | None
) -> tuple[float, list[int]]:
    """Those of `fitting` on which the context can be longest, and how much of `full` is lacking.

    A model that takes whatever context there is room for goes where it can have all of it, or else
    where there is the most room.
    """
    if full is None:
        return 0.0, fitting
    enough = [number for number in fitting if table.free[number] >= full]
    if len(enough) >= able.count:
        return 0.0, enough
    least = sorted((table.free[number] for number in fitting), reverse=True)[able.count - 1]
    return float(full - least), [number for number in fitting if table.free[number] >= least]


def _neighbours(
    table: Table, fitting: list[int], count: int, mind: Callable[[int], tuple[float, ...]]
) -> tuple[int, ...]:
    """`count` devices that are near each other: of one NUMA node, if some node has as many."""
    nodes: dict[int | None, list[int]] = {}
    for number in fitting:
        nodes.setdefault(table.devices[number].numa_node, []).append(number)
    groups = [group for group in nodes.values() if len(group) >= count] or [fitting]
    best = (sorted(group, key=mind)[:count] for group in groups)
    return tuple(sorted(min(best, key=lambda group: [mind(number) for number in group][::-1])))
