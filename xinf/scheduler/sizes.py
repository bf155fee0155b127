"""What a replica would take on each device of one kind and name, and what that is made of."""

from __future__ import annotations

from dataclasses import dataclass

from xinf.core.memory import (
    Basis,
    MemoryShape,
    Sizing,
    cache_size,
    largest_context,
    need,
    size_beside_cache,
    size_of,
)
from xinf.core.nodes import Device
from xinf.core.placement import ReplicaAssignment
from xinf.scheduler.snapshot import WantedModel

# An automatic context below this serves nobody: the model counts as not fitting.
CONTEXT_FLOOR = 2048


@dataclass(frozen=True, slots=True)
class Size:
    """`bytes` on each device. `context` is the one that was chosen, None = nothing was to choose;
    `cache_bytes` the KV cache that the engine is to be told, None = its own business.
    """

    bytes: int
    basis: Basis
    context: int | None = None
    cache_bytes: int | None = None


def smallest_size(model: WantedModel, device: Device) -> Size:
    """The size with which a model may be placed; that of the smallest context worth having where
    the context is left to the plan.
    """
    shape = _shape(model, device)
    if is_elastic(model) and shape is not None:
        return _with_context(model, shape, context_floor(model), device)
    measured = model.measured.get(device.name)
    if shape is None:
        if measured is not None:
            return Size(max(measured, 0), Basis.MEASURED)
        return Size(max(model.memory_bytes, 0), Basis.DECLARED)
    cache = cache_size(shape, model.sizing)
    told = _told_cache(cache, device)
    if measured is not None:
        return Size(max(measured, 0), Basis.MEASURED, cache_bytes=told)
    beside = size_beside_cache(shape, model.sizing.devices)
    return Size(beside + cache, shape.basis, cache_bytes=told)


def largest_size(model: WantedModel, device: Device, room: int) -> Size | None:
    """The size with the largest context that fits `room` bytes on each device, None = none does."""
    shape = _shape(model, device)
    if not is_elastic(model) or shape is None:
        size = smallest_size(model, device)
        return size if size.bytes <= room else None
    context = largest_context(shape, model.sizing, room)
    if context is None or context < context_floor(model):
        return None
    return _with_context(model, shape, context, device)


def whole_bytes(model: WantedModel, device: Device) -> int | None:
    """What an elastic model takes with the longest context that is allowed; None for others."""
    shape = _shape(model, device)
    if not is_elastic(model) or shape is None:
        return None
    return size_of(shape, model.sizing)


def is_elastic(model: WantedModel) -> bool:
    """Whether the plan may choose the context, and the context decides the memory.

    What an engine was measured to hold in all says nothing about another context; what it held
    beside its cache does.
    """
    return model.is_context_auto and model.shape is not None and model.sizing.cache_bytes is None


def context_floor(model: WantedModel) -> int:
    return min(model.sizing.context, CONTEXT_FLOOR)


def parts(model: WantedModel | None, assignment: ReplicaAssignment) -> tuple[tuple[str, int], ...]:
    """What an assignment's claim is made of; nothing where it was not worked out from a shape."""
    if model is None or model.shape is None:
        return ()
    context = assignment.context or model.sizing.context
    made = need(model.shape, with_context(model.sizing, context))
    return tuple(made.parts()) if made.total == assignment.memory_bytes else ()


def _shape(model: WantedModel, device: Device) -> MemoryShape | None:
    """The shape, with what was measured beside the cache for all else where the cache is to be
    chosen.
    """
    measured = model.beside_cache.get(device.name)
    if model.shape is None or measured is None or not is_elastic(model):
        return model.shape
    return MemoryShape(
        weights=0,
        replicated=max(measured, 0),
        cache=model.shape.cache,
        cache_number_bytes=model.shape.cache_number_bytes,
        context_max=model.shape.context_max,
        basis=Basis.MEASURED,
    )


def _with_context(model: WantedModel, shape: MemoryShape, context: int, device: Device) -> Size:
    cache = cache_size(shape, with_context(model.sizing, context))
    beside = size_beside_cache(shape, model.sizing.devices)
    return Size(beside + cache, shape.basis, context, _told_cache(cache, device))


def with_context(sizing: Sizing, context: int) -> Sizing:
    """Spelled out, for `dataclasses.replace` takes longer than all that is done with the answer."""
    return Sizing(
        context,
        sizing.sequences,
        sizing.devices,
        sizing.cache_number_bytes,
        sizing.cache_bytes,
    )


def _told_cache(size: int, device: Device) -> int | None:
    """On a CPU the size of the cache is a setting; a model without a cache is told nothing."""
    return size if size and device.kind != "cpu" else None
