"""Other ways to run a model, for when it does not fit as asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from xinf.core.facts import ModelFacts
from xinf.core.memory import Alternative, MemoryShape, Sizing
from xinf.registry.families import Known
from xinf.registry.footprint import family_shape
from xinf.registry.wish import Wish


def alternatives(
    wish: Wish,
    known: Known | None,
    facts: ModelFacts | None,
    shape_of: Callable[[Wish], MemoryShape],
) -> Iterator[Alternative]:
    """Those that need less on a device, the smallest change first. `shape_of` a wish is how its
    memory is computed from what is known.
    """
    shape = shape_of(wish)
    sizing = wish.sizing(shape)
    if known is None and (facts is None or facts.problem):
        return
    if wish.engine == "vllm" and wish.device_kind != "cpu":
        yield from _smaller_cache(wish, shape, sizing)
        if facts is not None and known is None:
            yield from _smaller_weights(wish, facts, shape, sizing)
            yield from _more_devices(wish, facts, shape_of, sizing)
    if known is not None:
        yield from _sisters(wish, known, sizing)


def _smaller_cache(wish: Wish, shape: MemoryShape, sizing: Sizing) -> Iterator[Alternative]:
    if wish.spec.kv_dtype != "auto" or sizing.cache_bytes is not None:
        return
    if any(group.numbers_per_token for group in shape.cache):
        yield Alternative('kv_dtype = "fp8"', shape, replace(sizing, cache_number_bytes=1.0))


def _smaller_weights(
    wish: Wish, facts: ModelFacts, shape: MemoryShape, sizing: Sizing
) -> Iterator[Alternative]:
    """Matrices can be quantized while they are loaded; embeddings and the head stay as they are."""
    is_plain = facts.quantization == "none" and facts.format != "gguf"
    if not is_plain or "embed" in facts.traits or "quantization" in wish.told:
        return
    kept = min(2 * facts.sizes.vocab * facts.sizes.hidden, facts.weights.numbers)
    weights = facts.weights.numbers - kept + kept * wish.run.number_bytes
    if weights < shape.weights:
        change = 'engine_args.quantization = "fp8"'
        yield Alternative(change, replace(shape, weights=weights), sizing)


def _more_devices(
    wish: Wish, facts: ModelFacts, shape_of: Callable[[Wish], MemoryShape], sizing: Sizing
) -> Iterator[Alternative]:
    """Attention heads have to be divided evenly."""
    count = wish.spec.device_count * 2
    if wish.spec.pins or not facts.sizes.heads or facts.sizes.heads % count:
        return
    wider = replace(wish, spec=replace(wish.spec, device_count=count))
    yield Alternative(f"devices = {count}", shape_of(wider), replace(sizing, devices=count))


def _sisters(wish: Wish, known: Known, sizing: Sizing) -> Iterator[Alternative]:
    """The family's other variants that are smaller, the largest first."""
    smaller = (each for each in known.family.specs if each.bytes < known.spec.bytes)
    for spec in sorted(smaller, key=lambda each: -each.bytes):
        shape = family_shape(Known(known.family, spec), wish.run)
        yield Alternative(f'source = "{spec.source}"', shape, sizing)
