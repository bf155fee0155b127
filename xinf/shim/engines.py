"""Which backend drives which engine. Only the one that is asked for is imported."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from xinf.shim.backends.base import EngineBackend
from xinf.shim.options import BadOptions

BACKENDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "llamacpp": ("xinf.shim.backends.llamacpp", "LlamaCppBackend"),
        "sim": ("xinf.shim.backends.sim", "SimBackend"),
        "vllm": ("xinf.shim.backends.vllm", "VllmBackend"),
    }
)


def backend_for(engine: str) -> EngineBackend:
    """A backend that is not built yet. Raises BadOptions for an engine that nobody knows."""
    if engine not in BACKENDS:
        known = ", ".join(sorted(BACKENDS))
        raise BadOptions(f"engine {engine!r} is unknown; known are {known}")
    module, name = BACKENDS[engine]
    return getattr(import_module(module), name)()
