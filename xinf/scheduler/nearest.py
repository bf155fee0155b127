"""The smallest change with which a model would fit, as a person would write it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

from xinf.core.memory import Alternative, largest_context, size_of
from xinf.core.placement import model_of
from xinf.scheduler.clearing import Clearings
from xinf.scheduler.places import Range
from xinf.scheduler.rooms import Rooms
from xinf.scheduler.sizes import CONTEXT_FLOOR, is_elastic, with_context
from xinf.scheduler.snapshot import WantedModel
from xinf.scheduler.wishes import Claimant, Wish

# So many changes are offered: one can be impossible for reasons that are not known here.
OFFERED = 2


class Nearest:
    """What would make replicas fit where the devices have `rooms`."""

    def __init__(self, clearings: Clearings, rooms: Rooms) -> None:
        self._rooms = rooms
        self._clearings = clearings

    def fit(self, wish: Wish, able: Sequence[Range]) -> str:
        """The smallest changes, "" where none would help."""
        model = wish.model
        context = self._context(model, able)
        shorter = iter([f'context = "{_tokens(context)}"'] if context is not None else [])
        others = self._others(model, able)
        # A context that loses more than half is a greater change than another number format.
        is_small = context is not None and context * 2 >= model.sizing.context
        first, then = (shorter, others) if is_small else (others, shorter)
        return ", or ".join(islice(chain(first, then, self._stops(wish, able)), OFFERED))

    def _context(self, model: WantedModel, able: Iterable[Range]) -> int | None:
        """The longest context that would fit, where that is not what the plan has tried already."""
        if model.shape is None or is_elastic(model) or model.sizing.cache_bytes is not None:
            return None
        roomiest = max((self._rooms.each(one.makes, one.count) for one in able), default=0)
        found = largest_context(model.shape, model.sizing, roomiest)
        return found if found is not None and found >= CONTEXT_FLOOR else None

    def _others(self, model: WantedModel, able: Sequence[Range]) -> Iterator[str]:
        """Changes of number formats, weights or the number of devices that fit."""
        for alternative in (*model.alternatives, *_shared(model)):
            sizing = alternative.sizing
            if is_elastic(model):
                sizing = with_context(sizing, min(sizing.context, CONTEXT_FLOOR))
            size, count = size_of(alternative.shape, sizing), max(sizing.devices, 1)
            if any(self._rooms.each(one.makes, count) >= size for one in able):
                yield alternative.change

    def _stops(self, wish: Wish, able: Iterable[Range]) -> Iterator[str]:
        """Idle models that nobody would have to miss for long, where their leaving is enough."""
        claimant = Claimant(wish.model.priority, is_demanded=True, is_person=True)
        clearing = self._clearings.cheapest(able, claimant)
        if clearing is not None:
            names = sorted({model_of(resident.replica) for resident in clearing.leaving})
            if wish.model.name not in names:
                yield f"xinf terminate {' '.join(names)}"


def _shared(model: WantedModel) -> Iterator[Alternative]:
    """Two devices instead of one, unless the registry has said itself whether that is possible."""
    is_offered = any(each.sizing.devices > 1 for each in model.alternatives)
    if model.shape is not None and model.sizing.devices == 1 and not model.pins and not is_offered:
        yield Alternative("devices = 2", model.shape, replace(model.sizing, devices=2))


def _tokens(count: int) -> str:
    return f"{count // 1024}k" if count % 1024 == 0 else str(count)
