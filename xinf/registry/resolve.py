"""From a wish to what can be placed: which engine, in which runtime, with how much memory.

Pure: nothing is downloaded or looked at, so a plan never waits. What the files say is handed in
once somebody has looked; what is not known yet is assumed, by name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from xinf.core.facts import ModelFacts
from xinf.core.json import JsonValue
from xinf.core.memory import Alternative, Basis, MemoryShape, Need, Sizing, need
from xinf.core.models import ModelSpec
from xinf.core.units import format_bytes
from xinf.core.workload import Workload
from xinf.registry.alternatives import alternatives
from xinf.registry.engines import RUNTIMES, choose_engine, impossible, simulated_on
from xinf.registry.families import Known, find_spec, shipped_families
from xinf.registry.footprint import SIM_BYTES, assumed_shape, estimate, family_shape
from xinf.registry.sources import parse_source
from xinf.registry.wish import Wish, draft_source

Defaults = Mapping[str, Mapping[str, JsonValue]]

__all__ = ["RUNTIMES", "Defaults", "Resolved", "defaults_of", "resolve", "sources_of"]

# What the plan decides for itself, and no engine is told.
PLANNED = frozenset({"parallel"})
# How long a start takes before weights are read, and how fast they are: from page cache or a quick
# disk. Only for comparing what an eviction would cost; measured on the CPU, elsewhere assumed.
START_S: Mapping[str, float] = MappingProxyType({"vllm": 30.0, "llamacpp": 2.0})
LOAD_BYTES_PER_S = 1e9
UNSIZED = Sizing(context=0)
UNJUDGED = Workload(engine="")


@dataclass(frozen=True, slots=True)
class Resolved:
    """`memory_bytes` is the claim on each device; `context` tokens, None = what the engine finds.

    `revision` changes when another content is meant. `why` says what the memory is made of.
    `source` is what to fetch: a known model may be named by less than that. `shape` and `sizing`
    are what the memory was computed from, so that other contexts can be; a simulated engine has no
    shape. `is_pending` = the files have not been looked at, and will be. `args` are what the engine
    is told beside its settings. `reload_s` is what bringing it back would cost, in seconds.
    """

    engine: str
    runtime: str
    revision: str
    memory_bytes: int
    context: int | None
    device_kind: str
    why: str
    source: str = ""
    shape: MemoryShape | None = None
    sizing: Sizing = UNSIZED
    is_context_auto: bool = False
    alternatives: tuple[Alternative, ...] = ()
    workload: Workload = UNJUDGED
    args: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    reload_s: float = 0.0
    is_pending: bool = False


def resolve(
    spec: ModelSpec,
    device_kinds: Collection[str],
    engine_defaults: Defaults = MappingProxyType({}),
    facts: ModelFacts | None = None,
    draft: ModelFacts | None = None,
) -> Resolved:
    """Raises XinfError with the next step where no engine here can serve `spec`.

    `engine_defaults` are settings per engine that the model's own `engine_args` override; `facts`
    is what its files say, `draft` what those of its draft model do; None = nobody has looked.
    """
    if spec.engine == "sim":
        return _sim(spec, simulated_on(spec, device_kinds))
    source = parse_source(spec.source)
    known = find_spec(source, shipped_families())
    engine, kind = choose_engine(spec, source, known, device_kinds)
    wish = Wish(spec, engine, kind, engine_defaults.get(engine, {}))
    _check(spec, wish)

    def shape_of(wish: Wish) -> MemoryShape:
        return _shape(wish, known, facts, draft)

    shape = shape_of(wish)
    sizing = wish.sizing(shape)
    claim = need(shape, sizing)
    whole = known.spec.source if known else spec.source
    is_pending = known is None and facts is None
    return Resolved(
        engine=engine,
        runtime=RUNTIMES[engine][kind],
        source=whole,
        revision=whole,
        memory_bytes=claim.total,
        context=wish.context(shape),
        device_kind=kind,
        why=_why(claim, sizing),
        shape=shape,
        sizing=sizing,
        is_context_auto=wish.is_context_auto(shape),
        alternatives=tuple(alternatives(wish, known, facts, shape_of)),
        workload=wish.workload(facts, known),
        args=wish.args,
        reload_s=START_S[engine] + (shape.weights + shape.replicated) / LOAD_BYTES_PER_S,
        is_pending=is_pending or (draft is None and draft_source(spec) is not None),
    )


def sources_of(spec: ModelSpec) -> tuple[str, ...]:
    """What has to be looked at before `spec` is resolved for good, as sources are written.

    Nothing for a simulated model or one that a family describes; raises XinfError SOURCE_INVALID.
    """
    if spec.engine == "sim":
        return ()
    is_known = find_spec(parse_source(spec.source), shipped_families()) is not None
    draft = draft_source(spec)
    return (*(() if is_known else (spec.source,)), *((draft,) if draft else ()))


def defaults_of(
    engine: str, device_kind: str, engine_defaults: Defaults
) -> Mapping[str, JsonValue]:
    """The settings of `engine` that it is told on `device_kind`: a GPU's memory is the plan's to
    give.
    """
    told = engine_defaults.get(engine, {})
    if engine != "vllm":
        return told
    planned = PLANNED if device_kind == "cpu" else PLANNED | {"kv_cache_memory_bytes"}
    return {name: value for name, value in told.items() if name not in planned}


def _sim(spec: ModelSpec, device_kind: str) -> Resolved:
    declared = spec.sim.memory_bytes if spec.sim else 0
    return Resolved(
        engine="sim",
        runtime="sim",
        source=spec.source,
        revision="sim",
        memory_bytes=declared or SIM_BYTES,
        context=spec.context,
        device_kind=device_kind,
        why="as declared" if declared else "its own process",
        sizing=Sizing(context=spec.context or 0, devices=spec.device_count),
        workload=Workload("sim", devices=spec.device_count),
        reload_s=spec.sim.load_seconds if spec.sim else 0.0,
    )


def _check(spec: ModelSpec, wish: Wish) -> None:
    """Raises XinfError UNSUPPORTED for what the chosen engine cannot do."""
    if wish.engine != "llamacpp":
        return
    if spec.dtype != "auto":
        raise impossible(spec, f"dtype = {spec.dtype!r}, but a GGUF file has its own", "Remove it")
    if spec.kv_dtype not in ("auto", "float16"):
        cause = f"kv_dtype = {spec.kv_dtype!r}, but llama.cpp keeps its cache in float16 here"
        raise impossible(spec, cause, 'Remove it, or set engine = "vllm"')
    if spec.device_count > 1:
        cause = f"devices = {spec.device_count}, but llama.cpp runs on one here"
        raise impossible(spec, cause, 'Remove it, or set engine = "vllm"')


def _shape(
    wish: Wish, known: Known | None, facts: ModelFacts | None, draft: ModelFacts | None
) -> MemoryShape:
    if known is not None:
        return family_shape(known, wish.run)
    if facts is None or facts.problem:
        return assumed_shape(wish.run)
    usable = draft if draft is not None and not draft.problem else None
    return estimate(facts, wish.run, usable)


def _why(claim: Need, sizing: Sizing) -> str:
    """What the memory is made of, in words."""
    times = f" ({sizing.sequences:g} x {sizing.context} tokens)"
    parts = " + ".join(
        f"{name} {format_bytes(size)}"
        + (times if name == "KV cache" and sizing.cache_bytes is None else "")
        for name, size in claim.parts()
    )
    return f"{parts}{' (assumed)' if claim.basis is Basis.ASSUMED else ''}"
