"""From a wish to what can be placed: which engine, in which runtime, with how much memory.

Pure: nothing is downloaded or looked at, so a plan never waits. What is not known yet is assumed,
by name; an engine that turns out larger or smaller tells so once it runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType

from xinf.core.errors import ErrorCode, XinfError
from xinf.core.json import JsonValue
from xinf.core.models import ModelSpec
from xinf.core.units import GIB, KIB, MIB, format_bytes
from xinf.registry.families import Known, LLMFamilyV2, find_spec, shipped_families
from xinf.registry.sources import PathSource, PypiSource, Source, parse_source

Defaults = Mapping[str, Mapping[str, JsonValue]]

# Per engine and kind of device, the runtime that it needs there.
RUNTIMES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"llamacpp": {"cpu": "llamacpp-cpu"}, "sim": {"cpu": "sim"}}
)
ENGINE_OF_FORMAT: Mapping[str, str] = MappingProxyType({"gguf": "llamacpp"})

# As in configs/default.toml; a caller who has read settings passes its own.
PARALLEL = 4
CONTEXT = 4096

# A model of 7 billion parameters in four bits, when nothing at all is known.
ASSUMED_WEIGHTS_BYTES = 4 * GIB
# 32 layers x 8 KV heads x 128 dimensions, keys and values, 2 bytes each.
ASSUMED_KV_BYTES_PER_TOKEN = 128 * KIB
# Interpreter, libraries and compute buffers. Measured on llamacpp-cpu: 80 to 100 MiB beside the
# weights and the cache of a small model; buffers grow with the vocabulary.
LLAMACPP_OVERHEAD_BYTES = 192 * MIB
# What the simulated engine's own process takes.
SIM_BYTES = 64 * MIB


@dataclass(frozen=True, slots=True)
class Resolved:
    """`memory_bytes` is the claim on the device; `context` tokens, None = what the engine finds.

    `revision` changes when another content is meant. `why` says what the memory is made of.
    """

    engine: str
    runtime: str
    revision: str
    memory_bytes: int
    context: int | None
    device_kind: str
    why: str


def resolve(
    spec: ModelSpec,
    device_kinds: Collection[str],
    engine_defaults: Defaults = MappingProxyType({}),
    source_bytes: int | None = None,
    families: tuple[LLMFamilyV2, ...] | None = None,
) -> Resolved:
    """Raises XinfError with the next step where no engine here can serve `spec`.

    `engine_defaults` are settings per engine that the model's own `engine_args` override;
    `source_bytes` is the size of the model's files, where the caller knows it.
    """
    if spec.engine == "sim":
        return _sim(spec, _device_kind("sim", spec, device_kinds))
    source = parse_source(spec.source)
    known = find_spec(source, shipped_families() if families is None else families)
    engine = _engine(spec, known.spec.format if known else _format(source))
    device_kind = _device_kind(engine, spec, device_kinds)
    if spec.dtype != "auto":
        raise _impossible(spec, f"dtype = {spec.dtype!r}, but a GGUF file has its own", "Remove it")
    args = {**engine_defaults.get(engine, {}), **spec.engine_args}
    context = _context(spec.context, known, args)
    memory_bytes, why = _llamacpp_memory(context, known, args, source_bytes)
    return Resolved(
        engine=engine,
        runtime=RUNTIMES[engine][device_kind],
        revision=known.spec.source if known else spec.source,
        memory_bytes=memory_bytes,
        context=context,
        device_kind=device_kind,
        why=why,
    )


def _sim(spec: ModelSpec, device_kind: str) -> Resolved:
    declared = spec.sim.memory_bytes if spec.sim else 0
    return Resolved(
        engine="sim",
        runtime=RUNTIMES["sim"][device_kind],
        revision="sim",
        memory_bytes=declared or SIM_BYTES,
        context=spec.context,
        device_kind=device_kind,
        why="as declared" if declared else "its own process",
    )


def _format(source: Source) -> str:
    """By the name of the file; a package is taken to hold GGUF until it was opened."""
    name = source.file if isinstance(source, PypiSource) else source.path.name
    suffix = PurePath(name).suffix.lstrip(".").lower()
    if suffix:
        return suffix
    return "a folder" if isinstance(source, PathSource) else "gguf"


def _engine(spec: ModelSpec, file_format: str) -> str:
    fits = ENGINE_OF_FORMAT.get(file_format)
    if fits is None:
        known = ", ".join(sorted(ENGINE_OF_FORMAT))
        cause = f"no engine of this version loads {file_format} (only {known})"
        raise _impossible(spec, cause, "Give a GGUF file as its source")
    if spec.engine is None or spec.engine == fits:
        return fits
    if spec.engine not in RUNTIMES:
        engines = ", ".join(sorted(RUNTIMES))
        raise _impossible(spec, f"there is no engine {spec.engine!r}", f"Use one of {engines}")
    raise _impossible(spec, f"{spec.engine} cannot load {file_format}", f'Use engine = "{fits}"')


def _device_kind(engine: str, spec: ModelSpec, device_kinds: Collection[str]) -> str:
    for kind in RUNTIMES[engine]:
        if kind in device_kinds:
            return kind
    wanted = ", ".join(RUNTIMES[engine])
    found = ", ".join(sorted(device_kinds)) or "none yet"
    cause = f"{engine} runs on {wanted}, but the devices found are: {found}"
    raise _impossible(spec, cause, "See `xinf ps`, or choose another engine")


def _context(asked: int | None, known: Known | None, args: Mapping[str, JsonValue]) -> int:
    default = args.get("context")
    wanted = asked or (default if isinstance(default, int) else CONTEXT)
    return min(wanted, known.family.context) if known else wanted


def _llamacpp_memory(
    context: int, known: Known | None, args: Mapping[str, JsonValue], source_bytes: int | None
) -> tuple[int, str]:
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
    return weights + cache + LLAMACPP_OVERHEAD_BYTES, why


def _impossible(spec: ModelSpec, cause: str, next_step: str) -> XinfError:
    thing = f"model {spec.name!r}"
    return XinfError(ErrorCode.UNSUPPORTED, thing=thing, cause=cause, next_step=next_step)
