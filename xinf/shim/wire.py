"""A backend's values as messages of the protocol."""

from __future__ import annotations

from collections.abc import Sequence

from grpc import StatusCode

from xinf.protocol.messages import pb
from xinf.protocol.version import PROTOCOL_VERSION
from xinf.shim.backends.base import BackendInfo, BackendLoad, EngineOptions
from xinf.shim.backends.optional import BlocksCleared, BlocksRemoved, BlocksStored, KVChange


def load_message(load: BackendLoad) -> pb.Load:
    return pb.Load(
        running=load.running,
        waiting=load.waiting,
        kv_usage=load.kv_usage,
        memory_bytes=load.memory_bytes,
        generated_tokens=load.generated_tokens,
        stalled_seconds=load.stalled_seconds,
    )


def info_message(options: EngineOptions, info: BackendInfo) -> pb.ModelInfo:
    return pb.ModelInfo(
        engine=options.engine,
        engine_version=info.version,
        served_names=options.served_names,
        context=info.context,
        parallel=info.parallel,
        dtype=info.dtype,
        quantization=info.quantization,
        parameters=info.parameters,
        capabilities={
            name: pb.Capability(supported=each.supported, reason=each.reason)
            for name, each in info.capabilities.items()
        },
        protocol=PROTOCOL_VERSION,
    )


def kv_message(changes: Sequence[KVChange]) -> pb.KVEvents:
    return pb.KVEvents(events=[_kv_event(change) for change in changes])


def _kv_event(change: KVChange) -> pb.KVEvent:
    match change:
        case BlocksStored(hashes, parent, token_ids, block_size, medium):
            stored = pb.BlockStored(
                hashes=hashes,
                parent=parent,
                token_ids=token_ids,
                block_size=block_size,
                medium=medium,
            )
            return pb.KVEvent(stored=stored)
        case BlocksRemoved(hashes, medium):
            return pb.KVEvent(removed=pb.BlockRemoved(hashes=hashes, medium=medium))
        case BlocksCleared():
            return pb.KVEvent(cleared=pb.AllBlocksCleared())


_STATUSES = {
    "cancelled": StatusCode.CANCELLED,
    "timed_out": StatusCode.DEADLINE_EXCEEDED,
    "engine_draining": StatusCode.UNAVAILABLE,
    "engine_failed": StatusCode.INTERNAL,
    "internal_error": StatusCode.INTERNAL,
    "rate_limit_exceeded": StatusCode.RESOURCE_EXHAUSTED,
    "slow_reader": StatusCode.RESOURCE_EXHAUSTED,
    "unsupported": StatusCode.UNIMPLEMENTED,
}


def status_of(code: str) -> StatusCode:
    """The gRPC status of a failed unary call; what is not in the table is the caller's mistake."""
    return _STATUSES.get(code, StatusCode.INVALID_ARGUMENT)
