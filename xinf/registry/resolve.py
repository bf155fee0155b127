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
from xinf.registry.families import Known, LLMFamilyV2, find_spec, shipped_families
from xinf.registry.footprint import (
    SIM_BYTES,
    Footprint,
    VllmWish,
    llamacpp_footprint,
    vllm_footprint,
)
from xinf.registry.sources import PathSource, PypiSource, Source, parse_source

Defaults = Mapping[str, Mapping[str, JsonValue]]

# Per engine and kind of device, the runtime that it needs there; the better kind first.
RUNTIMES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "vllm": {"cuda": "vllm-cuda", "cpu": "vllm-cpu"},
        "llamacpp": {"cpu": "llamacpp-cpu"},
        "sim": {"cuda": "sim", "cpu": "sim"},
    }
)
DEVICE_KINDS = ("cuda", "cpu")
# Who loads what, the better one first where both run. A folder (or a repository) holds safetensors,
# as far as anybody knows who has not looked; llama.cpp can be told to take the GGUF file in it.
GGUF, FOLDER = "GGUF", "a folder"
ENGINES_OF_FORMAT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {GGUF: ("llamacpp", "vllm"), FOLDER: ("vllm", "llamacpp")}
)
# Endings of files that are weights; whatever else stands behind a dot belongs to a folder's name.
WEIGHT_FILES = frozenset({"safetensors", "bin", "pt", "pth", "onnx", "h5", "msgpack", "ggml"})
# As in configs/default.toml; a caller who has read settings passes its own.
CONTEXT = 4096


@dataclass(frozen=True, slots=True)
class Resolved:
    """`memory_bytes` is the claim on the device; `context` tokens, None = what the engine finds.

    `revision` changes when another content is meant. `why` says what the memory is made of.
    `source` is what to fetch: a known model may be named by less than that.
    """

    engine: str
    runtime: str
    revision: str
    memory_bytes: int
    context: int | None
    device_kind: str
    why: str
    source: str = ""


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
        return _sim(spec, _place(spec, ("sim",), device_kinds)[1])
    source = parse_source(spec.source)
    known = find_spec(source, shipped_families() if families is None else families)
    engine, device_kind = _place(spec, _engines(spec, _format(source, known)), device_kinds)
    args = {**defaults_of(engine, device_kind, engine_defaults), **_plain(spec.engine_args)}
    if engine == "vllm":
        context = _at_most(spec.context, known)
        wish = VllmWish(device_kind, context, spec.dtype, args)
        footprint = vllm_footprint(wish, known, source_bytes)
    else:
        context, footprint = _llamacpp(spec, known, args, source_bytes)
    whole = known.spec.source if known else spec.source
    return Resolved(
        engine=engine,
        runtime=RUNTIMES[engine][device_kind],
        source=whole,
        revision=whole,
        memory_bytes=footprint.memory_bytes,
        context=context,
        device_kind=device_kind,
        why=footprint.why,
    )


def defaults_of(
    engine: str, device_kind: str, engine_defaults: Defaults
) -> Mapping[str, JsonValue]:
    """The settings of `engine` that hold on `device_kind`: a GPU's memory is the plan's to give."""
    told = engine_defaults.get(engine, {})
    if engine == "vllm" and device_kind != "cpu":
        return {name: value for name, value in told.items() if name != "kv_cache_memory_bytes"}
    return told


def _sim(spec: ModelSpec, device_kind: str) -> Resolved:
    declared = spec.sim.memory_bytes if spec.sim else 0
    return Resolved(
        engine="sim",
        runtime=RUNTIMES["sim"][device_kind],
        source=spec.source,
        revision="sim",
        memory_bytes=declared or SIM_BYTES,
        context=spec.context,
        device_kind=device_kind,
        why="as declared" if declared else "its own process",
    )


def _llamacpp(
    spec: ModelSpec, known: Known | None, args: Mapping[str, JsonValue], source_bytes: int | None
) -> tuple[int, Footprint]:
    if spec.dtype != "auto":
        raise _impossible(spec, f"dtype = {spec.dtype!r}, but a GGUF file has its own", "Remove it")
    default = args.get("context")
    wanted = spec.context or (default if isinstance(default, int) else CONTEXT)
    context = min(wanted, known.family.context) if known else wanted
    return context, llamacpp_footprint(context, known, args, source_bytes)


def _engines(spec: ModelSpec, file_format: str) -> tuple[str, ...]:
    """The engines that may serve `spec`, the better one first."""
    fit = ENGINES_OF_FORMAT.get(file_format)
    if fit is None:
        cause = f"no engine of this version loads a single {file_format} file"
        raise _impossible(spec, cause, "Give a GGUF file, or the whole folder that it lies in")
    if spec.engine is None:
        return fit
    if spec.engine in fit:
        return (spec.engine,)
    engines = ", ".join(sorted(RUNTIMES))
    raise _impossible(spec, f"there is no engine {spec.engine!r}", f"Use one of {engines}")


def _format(source: Source, known: Known | None) -> str:
    """By the name of the file; a package is taken to hold GGUF until it was opened."""
    if known is not None:
        return GGUF if known.spec.format == "gguf" else FOLDER
    name = source.path.name if isinstance(source, PathSource) else source.file
    suffix = PurePath(name).suffix.lstrip(".").lower()
    if suffix == "gguf":
        return GGUF
    if suffix in WEIGHT_FILES:
        return suffix
    return GGUF if isinstance(source, PypiSource) and not name else FOLDER


def _place(
    spec: ModelSpec, engines: tuple[str, ...], device_kinds: Collection[str]
) -> tuple[str, str]:
    """The first engine that runs on the best kind of device there is."""
    for kind in DEVICE_KINDS:
        for engine in engines:
            if kind in device_kinds and kind in RUNTIMES[engine]:
                return engine, kind
    wanted = ", ".join(dict.fromkeys(kind for engine in engines for kind in RUNTIMES[engine]))
    found = ", ".join(sorted(device_kinds)) or "none yet"
    cause = f"{engines[0]} runs on {wanted}, but the devices found are: {found}"
    raise _impossible(spec, cause, "See `xinf ps`, or choose another engine")


def _at_most(asked: int | None, known: Known | None) -> int | None:
    """No more context than the model was trained for."""
    return min(asked, known.family.context) if asked and known else asked


def _plain(args: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """Settings under names as Python spells them; vLLM takes dashes as well."""
    return {name.replace("-", "_"): value for name, value in args.items()}


def _impossible(spec: ModelSpec, cause: str, next_step: str) -> XinfError:
    thing = f"model {spec.name!r}"
    return XinfError(ErrorCode.UNSUPPORTED, thing=thing, cause=cause, next_step=next_step)
