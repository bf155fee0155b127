"""One wish as the scheduler takes it: what runs, what it needs, and where it can. Decides only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from xinf.core.errors import XinfError
from xinf.core.facts import ModelFacts, facts_name
from xinf.core.fingerprint import fingerprint
from xinf.core.footprints import MeasuredFootprint, measured_of
from xinf.core.json import JsonValue
from xinf.core.models import ModelIntent, ModelSpec, SimSpec
from xinf.core.placement import EngineConfig
from xinf.core.workload import Verdict, Workload
from xinf.protocol.version import PROTOCOL_VERSION
from xinf.registry.resolve import Resolved, defaults_of, resolve
from xinf.registry.wish import draft_source
from xinf.scheduler.snapshot import Demand, WantedModel

Defaults = Mapping[str, Mapping[str, JsonValue]]
Footprints = Mapping[str, Sequence[MeasuredFootprint]]
# The verdict on a workload for each device, by UUID.
Judge = Callable[[Workload], Mapping[str, Verdict]]


def _judge_nothing(_: Workload) -> Mapping[str, Verdict]:
    return {}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the wish itself.

    `engine_defaults` are settings per engine, which a model's own `engine_args` override; `facts`
    are by `facts_name`, `footprints` by fingerprint, `demand` is by model.
    """

    device_kinds: frozenset[str]
    engine_defaults: Defaults = field(default_factory=dict[str, Mapping[str, JsonValue]])
    facts: Mapping[str, ModelFacts] = field(default_factory=dict[str, ModelFacts])
    footprints: Footprints = field(default_factory=dict[str, Sequence[MeasuredFootprint]])
    judge: Judge = _judge_nothing
    demand: Mapping[str, Demand] = field(default_factory=dict[str, Demand])


def wanted_model(name: str, intent: ModelIntent, known: Known) -> WantedModel:
    """What the scheduler needs to know of a model, or why nothing can be known."""
    spec = intent.spec
    assert spec is not None
    try:
        resolved = _resolved(spec, known)
    except XinfError as error:
        return WantedModel(name, spec.replicas, spec.priority, problem=str(error))
    defaults = defaults_of(resolved.engine, resolved.device_kind, known.engine_defaults)
    config = engine_config(spec, resolved, defaults)
    mark = fingerprint(config, revision=resolved.revision, protocol=PROTOCOL_VERSION)
    measured = measured_of(known.footprints.get(mark, ()), mark, resolved.sizing.devices)
    return WantedModel(
        name=name,
        replicas=spec.replicas,
        priority=spec.priority,
        device_kind=resolved.device_kind,
        memory_bytes=resolved.memory_bytes,
        config=config,
        fingerprint=mark,
        activation=intent.activation,
        is_pinned=spec.is_pinned,
        shape=resolved.shape,
        sizing=resolved.sizing,
        is_context_auto=resolved.is_context_auto,
        pins=spec.pins,
        measured={name: each.memory_bytes for name, each in measured.items()},
        beside_cache={
            name: each.memory_bytes - each.cache_bytes
            for name, each in measured.items()
            if each.cache_bytes is not None
        },
        verdicts=_verdicts(spec, resolved.workload, known),
        alternatives=resolved.alternatives,
        demand=known.demand.get(name),
        reload_s=resolved.reload_s,
    )


def engine_config(
    spec: ModelSpec, resolved: Resolved, defaults: Mapping[str, JsonValue]
) -> EngineConfig:
    """What the engine of `spec` will be told."""
    behaviour = asdict(spec.sim or SimSpec()) if resolved.engine == "sim" else {}
    args = {**defaults, **behaviour, **resolved.args, **spec.engine_args}
    if resolved.engine == "llamacpp":
        args.pop("context", None)  # resolved, and told by its own name
    return EngineConfig(
        engine=resolved.engine,
        runtime=resolved.runtime,
        source=resolved.source,
        served_names=(spec.name, *spec.aliases),
        context=resolved.context,
        dtype=spec.dtype,
        args=args,
        env=dict(spec.env),
    )


def _verdicts(spec: ModelSpec, workload: Workload, known: Known) -> Mapping[str, Verdict]:
    """What each device says. "auto" stays the engine's choice, which begins with the model's own
    number format, unless a device does not compute in that.
    """
    verdicts = known.judge(workload)
    facts = known.facts.get(facts_name(spec.source))
    if workload.dtype != "auto":
        return verdicts
    own = facts.dtype if facts is not None else ""
    as_own = known.judge(replace(workload, dtype=own or "auto"))
    return {
        uuid: verdict if as_own[uuid].refusal else replace(verdict, dtype="auto")
        for uuid, verdict in verdicts.items()
    }


def _resolved(spec: ModelSpec, known: Known) -> Resolved:
    facts = known.facts.get(facts_name(spec.source))
    draft = draft_source(spec)
    of_draft = known.facts.get(facts_name(draft)) if draft else None
    return resolve(spec, known.device_kinds, known.engine_defaults, facts, of_draft)
