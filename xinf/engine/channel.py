"""The control side of one engine: ask how it is, tell it what to do, watch it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, TypeVar

import grpc
from grpc import StatusCode, aio

from xinf.core.errors import ErrorCode, XinfError
from xinf.engine.facts import (
    EngineFacts,
    EngineMetrics,
    Health,
    KVCacheStatus,
    facts_of,
    health_of,
    kv_cache_of,
    metrics_of,
)
from xinf.engine.observation import Observation, observation_of
from xinf.protocol.messages import pb
from xinf.protocol.service import CHANNEL_OPTIONS, EngineStub, named_code
from xinf.protocol.version import PROTOCOL_VERSION

if TYPE_CHECKING:
    from grpc.aio import StreamStreamCall

T = TypeVar("T")

# The engine is told how long it may drain; its answer gets this much longer to come back.
ANSWER_SLACK_S = 2.0


class EngineChannel:
    """`address` is a gRPC target, `unix:/path` or `host:port`. Needs a running event loop.

    Every method raises XinfError: ENGINE_FAILED when nobody answers there, TIMED_OUT,
    ENGINE_INCOMPATIBLE when the other side speaks another protocol, UNSUPPORTED with its reason.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._channel = aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub = EngineStub(self._channel)

    async def health(self, timeout_s: float) -> Health:
        """How it is. Asking also renews the promise that somebody is watching."""
        request = pb.HealthCheckRequest(protocol=PROTOCOL_VERSION)
        answer = await self._ask(self._stub.health_check(request, timeout=timeout_s))
        self._check(answer.protocol)
        return health_of(answer)

    async def info(self, timeout_s: float) -> EngineFacts:
        call = self._stub.get_model_info(pb.GetModelInfoRequest(), timeout=timeout_s)
        answer = await self._ask(call)
        self._check(answer.protocol)
        return facts_of(answer)

    async def metrics(self, timeout_s: float) -> EngineMetrics:
        call = self._stub.get_metrics(pb.GetMetricsRequest(), timeout=timeout_s)
        return metrics_of(await self._ask(call))

    async def kv_cache(self, timeout_s: float) -> KVCacheStatus:
        call = self._stub.get_kv_cache_status(pb.GetKVCacheStatusRequest(), timeout=timeout_s)
        return kv_cache_of(await self._ask(call))

    async def drain(self, timeout_s: float) -> bool:
        """Refuse new work from now on; True once nothing runs, False if time ran out first."""
        request = pb.DrainRequest(timeout_seconds=timeout_s)
        answer = await self._ask(self._stub.drain(request, timeout=timeout_s + ANSWER_SLACK_S))
        return answer.empty

    async def shutdown(self, timeout_s: float) -> None:
        """Ask the process to end; it ends after this has returned."""
        await self._ask(self._stub.shutdown(pb.ShutdownRequest(), timeout=timeout_s))

    async def observe(self, interval_s: float) -> AsyncIterator[Observation]:
        """News for ever, load at least every `interval_s` seconds; first everything as it is."""
        call = self._stub.observe(pb.ObserveRequest(interval_seconds=interval_s))
        try:
            async for message in call:
                yield observation_of(message)
        except aio.AioRpcError as error:
            raise self._problem(error) from None
        finally:
            call.cancel()

    def open_stream(self) -> StreamStreamCall[pb.SessionRequest, pb.SessionResponse]:
        """The raw session stream, for `session.open_session` alone."""
        return self._stub.session()

    async def close(self) -> None:
        await self._channel.close()

    async def _ask(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except aio.AioRpcError as error:
            raise self._problem(error) from None

    def _check(self, protocol: int) -> None:
        if protocol != PROTOCOL_VERSION:
            raise self._incompatible(f"it speaks protocol {protocol}, not {PROTOCOL_VERSION}")

    def _problem(self, error: aio.AioRpcError) -> XinfError:
        details = error.details() or ""
        if named_code(error) == ErrorCode.ENGINE_INCOMPATIBLE:
            return self._incompatible(details)
        code = _CODES.get(error.code(), ErrorCode.ENGINE_FAILED)
        cause = details or error.code().name.lower().replace("_", " ")
        return XinfError(code, thing=f"engine at {self.address}", cause=cause)

    def _incompatible(self, cause: str) -> XinfError:
        return XinfError(
            ErrorCode.ENGINE_INCOMPATIBLE,
            thing=f"engine at {self.address}",
            cause=cause,
            next_step="Restart the model, so that its engine runs this version of xinf",
        )


_CODES: dict[grpc.StatusCode, ErrorCode] = {
    StatusCode.DEADLINE_EXCEEDED: ErrorCode.TIMED_OUT,
    StatusCode.UNIMPLEMENTED: ErrorCode.UNSUPPORTED,
}
