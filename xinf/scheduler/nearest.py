"""The smallest change with which a model would fit, as a person would write it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from xinf.core.memory import Alternative, MemoryShape, Sizing, largest_context, need
from xinf.scheduler.clearing import resident_on
from xinf.scheduler.eviction import Resident, make_room
from xinf.scheduler.places import Range
from xinf.scheduler.sizes import CONTEXT_FLOOR, is_elastic
from xinf.scheduler.snapshot import WantedModel
from xinf.scheduler.table import Table
from xinf.scheduler.wishes import Claimant, Wish

# So many changes are offered: one can be impossible for reasons that are not known here.
OFFERED = 2


def nearest_fit(table: Table, wish: Wish, able: Sequence[Range], room: Sequence[int]) -> str:
    """What would make a replica fit where device N has `room[N]` bytes; "" where nothing would."""
    model = wish.model
    context = _context(model, able, room)
    others = list(_others(model, able, room))
    # A context that loses more than half is a greater change than another number format.
    is_small = context is not None and context * 2 >= model.sizing.context
    shorter = [f'context = "{_tokens(context)}"'] if context is not None else []
    offers = [*shorter, *others] if is_small else [*others, *shorter]
    stop = _stop(table, wish, able) if len(offers) < OFFERED else ""
    return ", or ".join([*offers[:OFFERED], *([stop] if stop else [])])


def _context(model: WantedModel, able: Iterable[Range], room: Sequence[int]) -> int | None:
    """The longest context that would fit, where that is not what the plan has tried already."""
    if model.shape is None or is_elastic(model) or model.sizing.cache_bytes is not None:
        return None
    roomiest = max((_nth(each, room, each.count) for each in able), default=0)
    found = largest_context(model.shape, model.sizing, roomiest)
    return found if found is not None and found >= CONTEXT_FLOOR else None


def _others(model: WantedModel, able: Sequence[Range], room: Sequence[int]) -> Iterator[str]:
    """Changes of number formats, weights or the number of devices that fit."""
    for alternative in (*model.alternatives, *_shared(model)):
        sizing = alternative.sizing
        if is_elastic(model):
            sizing = replace(sizing, context=min(sizing.context, CONTEXT_FLOOR))
        if _fits(alternative.shape, sizing, able, room):
            yield alternative.change


def _shared(model: WantedModel) -> Iterator[Alternative]:
    """Two devices instead of one, unless the registry has said itself whether that is possible."""
    is_offered = any(each.sizing.devices > 1 for each in model.alternatives)
    if model.shape is not None and model.sizing.devices == 1 and not model.pins and not is_offered:
        yield Alternative("devices = 2", model.shape, replace(model.sizing, devices=2))


def _fits(shape: MemoryShape, sizing: Sizing, able: Iterable[Range], room: Sequence[int]) -> bool:
    size = need(shape, sizing).total
    return any(_nth(each, room, max(sizing.devices, 1)) >= size for each in able)


def _nth(able: Range, room: Sequence[int], count: int) -> int:
    """What `count` devices of a range have at least, each; 0 where there are not so many."""
    found = sorted((room[number] for number in able.numbers), reverse=True)
    return found[count - 1] if count <= len(found) else 0


def _stop(table: Table, wish: Wish, able: Iterable[Range]) -> str:
    """Idle models that nobody would have to miss for long, where their leaving is enough."""
    claimant = Claimant(wish.model.priority, is_demanded=True)
    found: list[tuple[int, float, tuple[str, ...]]] = []
    for each in able:
        for number in each.numbers if each.count == 1 else ():
            there = [
                replace(resident_on(seat, number), is_settled=True)
                for seat in table.on[number].values()
            ]
            leaving = make_room(each.size.bytes, table.free[number], there, claimant)
            if leaving:
                found.append((len(leaving), _worth(leaving), _models(table, leaving)))
    return f"xinf terminate {' '.join(min(found)[2])}" if found else ""


def _worth(leaving: Iterable[Resident]) -> float:
    return sum(resident.worth for resident in leaving)


def _models(table: Table, leaving: Iterable[Resident]) -> tuple[str, ...]:
    return tuple(sorted({table.seats[each.replica].wish.model.name for each in leaving}))


def _tokens(count: int) -> str:
    return f"{count // 1024}k" if count % 1024 == 0 else str(count)
