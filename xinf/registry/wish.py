"""How a model is wished to run on one engine: its settings, as far as memory depends on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from xinf.core.facts import ModelFacts
from xinf.core.json import JsonValue
from xinf.core.memory import MemoryShape, Sizing
from xinf.core.models import ModelSpec
from xinf.core.units import GIB, parse_bytes
from xinf.core.workload import Workload
from xinf.registry.families import Known
from xinf.registry.footprint import (
    ASSUMED_CONTEXT,
    BATCHED_TOKENS,
    CPU_SEQUENCES_MAX,
    SEQUENCES_MAX,
    Run,
)

# As in configs/default.toml; a caller who has read settings passes its own.
LLAMACPP_PARALLEL = 4
LLAMACPP_CONTEXT = 4096
VLLM_PARALLEL = 1
KV_CACHE_BYTES = GIB
# What a number in the cache takes, by the name of its format.
CACHE_NUMBER_BYTES: Mapping[str, float] = {
    "float16": 2.0,
    "bfloat16": 2.0,
    "fp8": 1.0,
    "fp8_e4m3": 1.0,
    "fp8_e5m2": 1.0,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """`spec` on `engine` and a kind of device, with the settings that hold for the engine."""

    spec: ModelSpec
    engine: str
    device_kind: str
    defaults: Mapping[str, JsonValue]

    @property
    def told(self) -> Mapping[str, JsonValue]:
        """All settings, a model's own over the engine's. Names as Python spells them; vLLM takes
        dashes as well.
        """
        own = {name.replace("-", "_"): value for name, value in self.spec.engine_args.items()}
        return {**self.defaults, **own}

    @property
    def args(self) -> Mapping[str, JsonValue]:
        """What follows from xinf's own settings, by the engine's names."""
        if self.engine != "vllm":
            return {}
        args: dict[str, JsonValue] = {}
        if self.spec.kv_dtype != "auto":
            args["kv_cache_dtype"] = self.spec.kv_dtype
        if self.spec.device_count > 1:
            args["tensor_parallel_size"] = self.spec.device_count
        return args

    @property
    def run(self) -> Run:
        sequences = CPU_SEQUENCES_MAX if self.device_kind == "cpu" else SEQUENCES_MAX
        has_loras = self.told.get("enable_lora") is True
        return Run(
            engine=self.engine,
            device_kind=self.device_kind,
            dtype=self.spec.dtype,
            devices=self.spec.device_count,
            batched_tokens=self._count("max_num_batched_tokens", BATCHED_TOKENS),
            sequences=self._count("max_num_seqs", sequences),
            lora_slots=self._count("max_loras", 1) if has_loras else 0,
            lora_rank=self._count("max_lora_rank", 16),
            uses_drafts=bool(_speculation(self.spec)),
        )

    def context(self, shape: MemoryShape) -> int | None:
        """Tokens that the engine is told; None = what it finds."""
        asked = self.spec.context
        if self.engine == "llamacpp":
            asked = asked or self._count("context", LLAMACPP_CONTEXT)
        return min(asked, shape.context_max or asked) if asked else None

    def is_context_auto(self, shape: MemoryShape) -> bool:
        """Whether the plan may choose: on a GPU, and where the model's own maximum is known."""
        return (
            self.engine == "vllm"
            and self.device_kind != "cpu"
            and self.spec.context is None
            and bool(shape.cache)
            and shape.context_max is not None
            and self._told_cache() is None
        )

    def sizing(self, shape: MemoryShape) -> Sizing:
        """How large the cache has to be: told on the CPU, on a GPU for `parallel` whole requests,
        for llama.cpp for as many as it works on at once.
        """
        context = self.context(shape) or shape.context_max or ASSUMED_CONTEXT
        if self.engine == "llamacpp":
            return Sizing(context, sequences=self._count("parallel", LLAMACPP_PARALLEL))
        told = self._told_cache()
        if told is None and self.device_kind == "cpu":
            told = KV_CACHE_BYTES
        return Sizing(
            context=context,
            sequences=self._count("parallel", VLLM_PARALLEL),
            devices=self.spec.device_count,
            cache_number_bytes=CACHE_NUMBER_BYTES.get(self.spec.kv_dtype),
            cache_bytes=told if shape.cache else None,
        )

    def workload(self, facts: ModelFacts | None, known: Known | None) -> Workload:
        """What the compatibility file judges."""
        asked = self.told.get("quantization")
        stored = facts.quantization if facts else "none"
        if known is not None:
            stored = "gguf" if known.spec.format == "gguf" else known.spec.quantization
        if self.engine == "llamacpp":
            stored = "gguf"
        traits = facts.traits if facts else ()
        if known is not None and "embed" in known.family.abilities:
            traits = ("embed",)
        return Workload(
            engine=self.engine,
            dtype=self.spec.dtype,
            quantization=asked if isinstance(asked, str) else stored,
            kv_dtype=self.spec.kv_dtype,
            devices=self.spec.device_count,
            traits=traits,
        )

    def _count(self, name: str, default: int) -> int:
        value = self.told.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            return default
        return value if value > 0 else default

    def _told_cache(self) -> int | None:
        """The cache's size in bytes where it is a setting; on a GPU only a model's own counts."""
        own = {name.replace("-", "_"): value for name, value in self.spec.engine_args.items()}
        value = (self.told if self.device_kind == "cpu" else own).get("kv_cache_memory_bytes")
        if isinstance(value, str):
            try:
                return parse_bytes(value)
            except ValueError:
                return None  # vLLM will say what is wrong with it
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def draft_source(spec: ModelSpec) -> str | None:
    """Where the draft model comes from that `spec` lets vLLM guess ahead with, as a source."""
    named = _speculation(spec).get("model")
    if not isinstance(named, str) or not named:
        return None
    if named.startswith(("hf:", "path:", "pypi:")):
        return named
    return f"path:{named}" if named.startswith(("/", "~", ".")) else f"hf:{named}"


def _speculation(spec: ModelSpec) -> Mapping[str, JsonValue]:
    """The `speculative_config`, which vLLM takes as a table or as JSON."""
    told = spec.engine_args.get("speculative_config", spec.engine_args.get("speculative-config"))
    read: JsonValue = told
    if isinstance(told, str):
        try:
            read = json.loads(told)
        except ValueError:
            return {}  # vLLM will say what is wrong with it
    return read if isinstance(read, Mapping) else {}
