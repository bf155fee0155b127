"""Which engine serves a model, and on which kind of device: by the form of its files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePath
from types import MappingProxyType

from xinf.core.errors import ErrorCode, XinfError
from xinf.core.models import ModelSpec
from xinf.registry.families import Known
from xinf.registry.sources import PathSource, PypiSource, Source

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


def choose_engine(
    spec: ModelSpec, source: Source, known: Known | None, device_kinds: Collection[str]
) -> tuple[str, str]:
    """The engine, and the kind of device that it runs on. Raises XinfError UNSUPPORTED."""
    return _place(spec, _engines(spec, _format(source, known)), device_kinds)


def simulated_on(spec: ModelSpec, device_kinds: Collection[str]) -> str:
    """The kind of device that a simulated engine plays on: any, accelerators first.

    Raises XinfError UNSUPPORTED where nothing was found yet.
    """
    others = sorted(set(device_kinds) - set(DEVICE_KINDS))
    for kind in ("cuda", *others, "cpu"):
        if kind in device_kinds:
            return kind
    return _place(spec, ("sim",), device_kinds)[1]


def impossible(spec: ModelSpec, cause: str, next_step: str) -> XinfError:
    """No engine here can serve `spec`."""
    thing = f"model {spec.name!r}"
    return XinfError(ErrorCode.UNSUPPORTED, thing=thing, cause=cause, next_step=next_step)


def _engines(spec: ModelSpec, file_format: str) -> tuple[str, ...]:
    """The engines that may serve `spec`, the better one first."""
    fit = ENGINES_OF_FORMAT.get(file_format)
    if fit is None:
        cause = f"no engine of this version loads a single {file_format} file"
        raise impossible(spec, cause, "Give a GGUF file, or the whole folder that it lies in")
    if spec.engine is None:
        return fit
    if spec.engine in fit:
        return (spec.engine,)
    engines = ", ".join(sorted(RUNTIMES))
    raise impossible(spec, f"there is no engine {spec.engine!r}", f"Use one of {engines}")


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
    raise impossible(spec, cause, "See `xinf ps`, or choose another engine")
