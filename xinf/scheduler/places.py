"""Where a replica may go, and what it would take there.

A spot is one device, or several of one make that share a replica (tensor parallel).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from xinf.core.workload import Verdict
from xinf.scheduler.sizes import Size, smallest_size, whole_bytes
from xinf.scheduler.snapshot import WantedModel
from xinf.scheduler.table import Make, Table
from xinf.scheduler.wishes import Wish

ALLOWED = Verdict()


@dataclass(frozen=True, slots=True)
class Spot:
    """Devices by number, and the size of a replica on each of them."""

    numbers: tuple[int, ...]
    size: Size


@dataclass(frozen=True, slots=True)
class Range:
    """The devices of one make on which a model could run, `count` of them for each replica."""

    make: Make
    numbers: tuple[int, ...]
    count: int
    size: Size


def device_count(model: WantedModel) -> int:
    """How many devices one replica takes."""
    return len(model.pins) or max(model.sizing.devices, 1)


def verdict(model: WantedModel, uuid: str) -> Verdict:
    """What the compatibility file says of a device; what it does not mention is allowed."""
    return model.verdicts.get(uuid, ALLOWED)


def ranges(table: Table, model: WantedModel) -> Iterator[Range]:
    """All devices on which a model could run if they were empty and large enough, by make."""
    count = device_count(model)
    refused = {uuid for uuid, judged in model.verdicts.items() if judged.refusal}
    size: Size | None = None
    pinned = frozenset(table.number[uuid] for uuid in model.pins if uuid in table.number)
    for make in table.makes.get(model.device_kind, ()):
        numbers = make.numbers
        if model.pins:
            numbers = tuple(number for number in numbers if number in pinned)
        if count > 1:
            # A slice of a card reaches no other device, so it cannot share a replica.
            numbers = tuple(number for number in numbers if table.devices[number].parent is None)
        if refused:
            numbers = tuple(n for n in numbers if table.devices[n].uuid not in refused)
        if len(numbers) >= count:
            if size is None or model.measured or model.beside_cache:
                size = smallest_size(model, table.devices[numbers[0]])
            yield Range(make, numbers, count, size)


def find_spot(table: Table, wish: Wish, able: Sequence[Range]) -> Spot | None:
    """The spot that the strategy likes best, None where nothing has room."""
    found: list[tuple[tuple[float, ...], Spot]] = []
    for each in able:
        need = each.size.bytes
        if table.most_free(each.make) < need:
            continue
        fitting = [number for number in each.numbers if table.free[number] >= need]
        if len(fitting) >= each.count:
            found.append(_best(table, wish, each, fitting))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _best(
    table: Table, wish: Wish, able: Range, fitting: list[int]
) -> tuple[tuple[float, ...], Spot]:
    short, roomy = _roomy(table, wish.model, able, fitting)
    mind = table.distaste(wish.model.name)
    if able.count == 1:
        chosen = (min(roomy, key=mind),)
    else:
        chosen = _neighbours(table, roomy, able.count, mind)
    return (short, *max(mind(number) for number in chosen)), Spot(chosen, able.size)


def _roomy(
    table: Table, model: WantedModel, able: Range, fitting: list[int]
) -> tuple[float, list[int]]:
    """Those of `fitting` on which the context can be longest, and how much of it would be lacking.

    A model that takes whatever context there is room for goes where it can have all of it, or else
    where there is the most room.
    """
    full = whole_bytes(model, table.devices[fitting[0]])
    if full is None:
        return 0.0, fitting
    enough = [number for number in fitting if table.free[number] >= full]
    if len(enough) >= able.count:
        return 0.0, enough
    by_room = sorted(fitting, key=lambda number: (-table.free[number], number))
    least = table.free[by_room[able.count - 1]]
    return float(full - least), [number for number in by_room if table.free[number] >= least]


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
