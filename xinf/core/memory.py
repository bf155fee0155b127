"""How much memory a model takes, as arithmetic: from its shape and a wish to bytes on each device.

`registry.footprint` finds a model's shape; here it only becomes a number, so that the scheduler can
ask what another context, cache format or number of devices would take. All sizes are bytes, all
contexts tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Basis(StrEnum):
    """How sure a need is."""

    DECLARED = "declared"
    MEASURED = "measured"
    ESTIMATED = "estimated"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class CacheGroup:
    """Layers that keep the same thing for each sequence.

    `numbers_per_token` is for one layer over all heads, keys and values together; how many bytes
    each takes is the cache format's business. `window` is how many tokens are kept at most, None =
    all. `state_bytes` is kept for a sequence whatever its length (Mamba, linear attention).
    `heads` is into how many parts tensor parallel can divide it; 1 = each device keeps all of it.
    """

    layers: int
    numbers_per_token: int = 0
    window: int | None = None
    state_bytes: int = 0
    heads: int = 1

    def size(self, context: int, number_bytes: float, devices: int) -> int:
        """Bytes that one sequence of `context` tokens takes on each of `devices`."""
        tokens = context if self.window is None else min(context, self.window)
        each = tokens * self.numbers_per_token * number_bytes + self.state_bytes
        return math.ceil(self.layers * each / max(min(devices, self.heads), 1))


@dataclass(frozen=True, slots=True)
class MemoryShape:
    """What decides a model's memory.

    Tensor parallel divides `weights`, while each device holds all of `replicated`. `activations` is
    the peak of one step on one device, `overhead` what the engine takes on each device beside all
    that. `extras` are named further parts on each device (LoRA slots, a vision encoder, a draft
    model). `cache_number_bytes` is what a number in the cache takes unless a format is asked for.
    """

    weights: int
    replicated: int = 0
    cache: tuple[CacheGroup, ...] = ()
    cache_number_bytes: float = 2.0
    activations: int = 0
    overhead: int = 0
    extras: tuple[tuple[str, int], ...] = ()
    context_max: int | None = None
    basis: Basis = Basis.ESTIMATED


@dataclass(frozen=True, slots=True)
class Sizing:
    """What is wished of a model: `sequences` of `context` tokens each at a time, on `devices`.

    `cache_number_bytes` overrides the shape's; `cache_bytes` overrides the whole arithmetic of the
    cache with a size on each device.
    """

    context: int
    sequences: float = 1.0
    devices: int = 1
    cache_number_bytes: float | None = None
    cache_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another way to run a model, offered where it does not fit as asked.

    `change` is what to write, e.g. `kv_dtype = "fp8"` or `source = "hf:org/name-AWQ"`.
    """

    change: str
    shape: MemoryShape
    sizing: Sizing


@dataclass(frozen=True, slots=True)
class Need:
    """What one replica takes on each of its devices, in parts."""

    weights: int
    cache: int = 0
    activations: int = 0
    overhead: int = 0
    extras: tuple[tuple[str, int], ...] = ()
    basis: Basis = Basis.ESTIMATED

    @property
    def total(self) -> int:
        extras = sum(size for _, size in self.extras)
        return self.weights + self.cache + self.activations + self.overhead + extras

    def parts(self) -> Iterator[tuple[str, int]]:
        """Names and sizes for people, without what is empty."""
        named = (
            ("weights", self.weights),
            ("KV cache", self.cache),
            *self.extras,
            ("activations", self.activations),
            ("engine", self.overhead),
        )
        return ((name, size) for name, size in named if size)


def need(shape: MemoryShape, sizing: Sizing) -> Need:
    """What a replica of `shape` takes on each device when it is run as `sizing` says."""
    devices = max(sizing.devices, 1)
    return Need(
        weights=math.ceil(shape.weights / devices) + shape.replicated,
        cache=cache_size(shape, sizing),
        activations=shape.activations,
        overhead=shape.overhead,
        extras=shape.extras,
        basis=shape.basis,
    )


def cache_size(shape: MemoryShape, sizing: Sizing) -> int:
    """Bytes of KV cache on each device."""
    if sizing.cache_bytes is not None:
        return sizing.cache_bytes
    number_bytes = sizing.cache_number_bytes or shape.cache_number_bytes
    total = 0
    for group in shape.cache:
        total += group.size(sizing.context, number_bytes, sizing.devices)
    return math.ceil(total * sizing.sequences)


def size_of(shape: MemoryShape, sizing: Sizing) -> int:
    """The total of `need`, for those who ask thousands of times and read no parts."""
    return size_beside_cache(shape, sizing.devices) + cache_size(shape, sizing)


def size_beside_cache(shape: MemoryShape, devices: int) -> int:
    """Bytes on each of `devices` that do not depend on contexts."""
    weights = math.ceil(shape.weights / max(devices, 1)) + shape.replicated
    extras = sum(size for _, size in shape.extras) if shape.extras else 0
    return weights + shape.activations + shape.overhead + extras


def largest_context(shape: MemoryShape, sizing: Sizing, room: int, step: int = 1024) -> int | None:
    """The longest context that fits `room` bytes on each device, up to `sizing.context`.

    A multiple of `step` unless it is `sizing.context` itself; None when not even `step` fits. The
    cache never shrinks when a context grows, which is what the search rests on; and since it grows
    the less the longer the context is (windows), the straight line between two contexts lies below
    it, and where that meets `room` is the right answer or too high.
    """
    beside = size_beside_cache(shape, sizing.devices)

    def size(context: int) -> int:
        wish = Sizing(context, sizing.sequences, sizing.devices, sizing.cache_number_bytes)
        return beside + cache_size(shape, wish)

    most = size(sizing.context)
    if most <= room:
        return sizing.context
    low, high = 0, sizing.context // step
    least = size(step) if high else room + 1
    if least > room:
        return None
    slope = (sizing.context - step) / (most - least) if most > least else 0.0
    guess = min(1 + int((room - least) * slope / step), high)
    # What rounding may have hidden; without windows these two questions are all.
    if guess < high and size((guess + 1) * step) <= room:
        low = guess + 1
    elif size(guess * step) <= room:
        return guess * step
    else:
        high = guess - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(middle * step) <= room else (low, middle - 1)
    return low * step or None
