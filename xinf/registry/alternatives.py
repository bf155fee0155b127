"""Other ways to run a model, for when it does not fit as asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from xinf.core.facts import ModelFacts
from xinf.core.memory import Alternative, MemoryShape, Sizing
from xinf.registry.families import Known
from xinf.registry.footprint import estimate, family_shape
from xinf.registry.wish import Wish


def alternatives(
    wish: Wish, known: Known | None, facts: ModelFacts | None, sizing: Sizing
) -> Iterator[Alternative]:
    """Those that need less on a device, the smallest change first."""
    if wish.engine == "vllm" and wish.device_kind != "cpu":
        yield from _smaller_cache(wish, known, facts, sizing)
        yield from _smaller_weights(wish, facts, sizing)
        yield from _more_devices(wish, facts, sizing)
    if known is not None:
        yield from _sisters(wish, known, sizing)


def _shape(wish: Wish, known: Known | None, facts: ModelFacts | None) -> MemoryShape | None:
    if known is not None:
        return family_shape(known, wish.run)
    return None if facts is None or facts.problem else estimate(facts, wish.run)


def _smaller_cache(
    wish: Wish, known: Known | None, facts: ModelFacts | None, sizing: Sizing
) -> Iterator[Alternative]:
    shape = _shape(wish, known, facts)
    if shape is None or wish.spec.kv_dtype != "auto" or sizing.cache_bytes is not None:
        return
    if any(group.numbers_per_token for group in shape.cache):
        yield Alternative('kv_dtype = "fp8"', shape, replace(sizing, cache_number_bytes=1.0))


def _smaller_weights(wish: Wish, facts: ModelFacts | None, sizing: Sizing) -> Iterator[Alternative]:
    """Matrices can be quantized while they are loaded; embeddings and the head stay as they are."""
    if facts is None or facts.problem or facts.quantization != "none" or "embed" in facts.traits:
        return
    if "quantization" in wish.told or facts.format == "gguf":
        return
    shape = estimate(facts, wish.run)
    kept = min(2 * facts.sizes.vocab * facts.sizes.hidden, facts.weights.numbers)
    weights = facts.weights.numbers - kept + kept * wish.run.number_bytes
    if weights < shape.weights:
        change = 'engine_args.quantization = "fp8"'
        yield Alternative(change, replace(shape, weights=weights), sizing)


def _more_devices(wish: Wish, facts: ModelFacts | None, sizing: Sizing) -> Iterator[Alternative]:
    """Attention heads have to be divided evenly."""
    if facts is None or facts.problem or wish.spec.pins:
        return
    count = wish.spec.device_count * 2
    if facts.sizes.heads and facts.sizes.heads % count == 0:
        wider = replace(wish, spec=replace(wish.spec, device_count=count))
        shape = estimate(facts, wider.run)
        yield Alternative(f"devices = {count}", shape, replace(sizing, devices=count))


def _sisters(wish: Wish, known: Known, sizing: Sizing) -> Iterator[Alternative]:
    """The family's other variants that are smaller, the largest first."""
    smaller = (each for each in known.family.specs if each.bytes < known.spec.bytes)
    for spec in sorted(smaller, key=lambda each: -each.bytes):
        shape = family_shape(Known(known.family, spec), wish.run)
        yield Alternative(f'source = "{spec.source}"', shape, sizing)
