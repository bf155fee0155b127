"""What an engine says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from xinf.engine.load import EngineLoad, load_of
from xinf.protocol.messages import pb


class HealthStatus(StrEnum):
    SERVING = "serving"
    DRAINING = "draining"
    ASLEEP = "asleep"
    # It will never answer again; only a new process will.
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Health:
    """`instance` changes with every start of the process."""

    status: HealthStatus
    reason: str
    instance: str
    load: EngineLoad

    @property
    def is_serving(self) -> bool:
        """Whether it is well; one that drains or sleeps on demand still is."""
        return self.status is not HealthStatus.BROKEN


@dataclass(frozen=True, slots=True)
class Capability:
    """Something an engine can do, or why it cannot."""

    supported: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """`context` is tokens a request may use; `parallel` requests run at once, more wait inside."""

    engine: str
    version: str
    context: int
    parallel: int
    served_names: tuple[str, ...] = ()
    dtype: str = ""
    quantization: str = ""
    parameters: int = 0
    capabilities: Mapping[str, Capability] = field(default_factory=dict[str, Capability])


@dataclass(frozen=True, slots=True)
class KVCacheStatus:
    """`bytes` is 0 where the engine does not say."""

    blocks_total: int
    blocks_used: int
    block_size: int
    bytes: int


@dataclass(frozen=True, slots=True)
class EngineMetrics:
    """Counters since the start. `prometheus` is the engine's own text, maybe empty."""

    load: EngineLoad
    prompt_tokens: int
    generated_tokens: int
    requests_finished: int
    requests_failed: int
    requests_cancelled: int
    prefix_cache_queries: int
    prefix_cache_hits: int
    uptime_seconds: float
    prometheus: bytes


_Wire = pb.HealthCheckResponse.Status

# A status that this side does not know must not pass for health.
_STATUSES = {
    _Wire.SERVING: HealthStatus.SERVING,
    _Wire.DRAINING: HealthStatus.DRAINING,
    _Wire.ASLEEP: HealthStatus.ASLEEP,
}


def status_of(wire: pb.HealthCheckResponse.Status) -> HealthStatus:
    return _STATUSES.get(wire, HealthStatus.BROKEN)


def health_of(message: pb.HealthCheckResponse) -> Health:
    return Health(
        status_of(message.status), message.reason, message.instance, load_of(message.load)
    )


def facts_of(message: pb.ModelInfo) -> EngineFacts:
    return EngineFacts(
        engine=message.engine,
        version=message.engine_version,
        context=message.context,
        parallel=message.parallel,
        served_names=tuple(message.served_names),
        dtype=message.dtype,
        quantization=message.quantization,
        parameters=message.parameters,
        capabilities={
            name: Capability(each.supported, each.reason)
            for name, each in message.capabilities.items()
        },
    )


def kv_cache_of(message: pb.KVCacheStatus) -> KVCacheStatus:
    return KVCacheStatus(
        message.blocks_total, message.blocks_used, message.block_size, message.bytes
    )


def metrics_of(message: pb.Metrics) -> EngineMetrics:
    return EngineMetrics(
        load=load_of(message.load),
        prompt_tokens=message.prompt_tokens,
        generated_tokens=message.generated_tokens,
        requests_finished=message.requests_finished,
        requests_failed=message.requests_failed,
        requests_cancelled=message.requests_cancelled,
        prefix_cache_queries=message.prefix_cache_queries,
        prefix_cache_hits=message.prefix_cache_hits,
        uptime_seconds=message.uptime_seconds,
        prometheus=message.prometheus,
    )
