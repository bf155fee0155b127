"""The smallest change with which a model would fit, as a person would write it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from xinf.core.memory import MemoryShape, Sizing, largest_context, size_of
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
        roomiest = self._roomiest(able, model.sizing.devices)
        if roomiest < model.shape.weights // max(model.sizing.devices, 1):
            return None
        found = largest_context(model.shape, model.sizing, roomiest)
        return found if found is not None and found >= CONTEXT_FLOOR else None

    def _others(self, model: WantedModel, able: Sequence[Range]) -> Iterator[str]:
        """Changes of number formats, weights or the number of devices that fit."""
        for change, shape, sizing in _alternatives(model):
            roomiest = self._roomiest(able, sizing.devices)
            # Most are out of the question by their weights alone.
            if roomiest < shape.weights // max(sizing.devices, 1):
                continue
            if is_elastic(model):
                sizing = with_context(sizing, min(sizing.context, CONTEXT_FLOOR))
            if size_of(shape, sizing) <= roomiest:
                yield change

    def _roomiest(self, able: Iterable[Range], devices: int) -> int:
        count = max(devices, 1)
        return max((self._rooms.each(each.makes, count) for each in able), default=0)

    def _stops(self, wish: Wish, able: Iterable[Range]) -> Iterator[str]:
        """Idle models that nobody would have to miss for long, where their leaving is enough."""
        claimant = Claimant(wish.model.priority, is_demanded=True, is_person=True)
        clearing = self._clearings.cheapest(able, claimant)
        if clearing is not None:
            names = sorted({model_of(resident.replica) for resident in clearing.leaving})
            if wish.model.name not in names:
                yield f"xinf terminate {' '.join(names)}"


def _alternatives(model: WantedModel) -> Iterator[tuple[str, MemoryShape, Sizing]]:
    """What the registry offers, and two devices unless it has said itself whether they may be."""
    is_offered = False
    for each in model.alternatives:
        is_offered = is_offered or each.sizing.devices > 1
        yield each.change, each.shape, each.sizing
    shape, sizing = model.shape, model.sizing
    if shape is not None and sizing.devices == 1 and not model.pins and not is_offered:
        two = Sizing(
            sizing.context, sizing.sequences, 2, sizing.cache_number_bytes, sizing.cache_bytes
        )
        yield "devices = 2", shape, two


def _tokens(count: int) -> str:
    return f"{count // 1024}k" if count % 1024 == 0 else str(count)
