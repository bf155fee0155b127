"""The protocol's RPCs, each a few lines over the part that does the work."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from grpc import StatusCode

from xinf.protocol.messages import pb
from xinf.protocol.service import CODE_KEY, INCOMPATIBLE, PARAM_KEY
from xinf.protocol.version import PROTOCOL_VERSION, mismatch
from xinf.shim.backends.base import EngineBackend, EngineOptions, RequestFailed
from xinf.shim.backends.optional import EngineMetrics, TellsMetrics
from xinf.shim.exits import STOPPED, Stop
from xinf.shim.lease import Lease
from xinf.shim.limits import Limits
from xinf.shim.log import say
from xinf.shim.observe import INTERVAL_SECONDS, Observers
from xinf.shim.seat import Seat
from xinf.shim.session import Ended, Session, Shared
from xinf.shim.unary import Ask, answer_bytes, whole_answer
from xinf.shim.wire import info_message, load_message, status_of
from xinf.shim.work import Work

if TYPE_CHECKING:
    from xinf.protocol.service import Context, SessionContext

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"

_Status = pb.HealthCheckResponse.Status


class Servicer:
    """Implements protocol.service.EngineServicer for one backend."""

    def __init__(
        self, backend: EngineBackend, options: EngineOptions, work: Work, stop: Stop, lease: Lease
    ) -> None:
        self._backend = backend
        self._options = options
        self._stop = stop
        self._lease = lease
        self._limits = Limits()
        self._started_at = time.monotonic()
        self._sessions: set[Session] = set()
        self.work = work
        self.observers = Observers(backend, self._state)
        self._shared = Shared(options.instance, self.work, Seat(), self._limits, self._load)

    # Control

    async def health_check(
        self, request: pb.HealthCheckRequest, context: Context
    ) -> pb.HealthCheckResponse:
        if problem := mismatch(request.protocol):
            code = ((CODE_KEY, INCOMPATIBLE),)
            await context.abort(StatusCode.FAILED_PRECONDITION, problem, code)
        self._lease.renew()
        state = self._state()
        return pb.HealthCheckResponse(
            status=state.status,
            reason=state.reason,
            instance=self._options.instance,
            protocol=PROTOCOL_VERSION,
            load=self._load(),
        )

    async def get_model_info(
        self, request: pb.GetModelInfoRequest, context: Context
    ) -> pb.ModelInfo:
        return info_message(self._options, self._backend.info())

    async def get_metrics(self, request: pb.GetMetricsRequest, context: Context) -> pb.Metrics:
        backend = self._backend
        own = await backend.metrics() if isinstance(backend, TellsMetrics) else EngineMetrics()
        load, counted = backend.load(), self.work.counters
        return pb.Metrics(
            load=load_message(load),
            prompt_tokens=load.prompt_tokens,
            generated_tokens=load.generated_tokens,
            requests_finished=counted.finished,
            requests_failed=counted.failed,
            requests_cancelled=counted.cancelled,
            prefix_cache_queries=own.prefix_cache_queries,
            prefix_cache_hits=own.prefix_cache_hits,
            uptime_seconds=time.monotonic() - self._started_at,
            prometheus=own.prometheus,
        )

    async def get_kv_cache_status(
        self, request: pb.GetKVCacheStatusRequest, context: Context
    ) -> pb.KVCacheStatus:
        cache = self._backend.kv_cache()
        if cache is None:
            reason = f"{self._options.engine} does not tell how full its KV cache is"
            await context.abort(StatusCode.UNIMPLEMENTED, reason)
        return pb.KVCacheStatus(
            blocks_total=cache.blocks_total,
            blocks_used=cache.blocks_used,
            block_size=cache.block_size,
            bytes=cache.bytes,
        )

    async def drain(self, request: pb.DrainRequest, context: Context) -> pb.DrainResponse:
        if not self.work.is_draining:
            say("draining")
        self.work.refuse(draining())
        self.observers.tell_state()
        empty = await self.work.wait_empty(request.timeout_seconds)
        return pb.DrainResponse(empty=empty, still_running=self.work.open_requests)

    async def sleep(self, request: pb.SleepRequest, context: Context) -> pb.SleepResponse:
        await self._unimplemented(context, "sleep")
        return pb.SleepResponse()

    async def wake(self, request: pb.WakeRequest, context: Context) -> pb.WakeResponse:
        await self._unimplemented(context, "sleep")
        return pb.WakeResponse()

    async def shutdown(self, request: pb.ShutdownRequest, context: Context) -> pb.ShutdownResponse:
        self._stop.ask(STOPPED, "shutdown was asked for")
        return pb.ShutdownResponse()

    async def observe(
        self, request: pb.ObserveRequest, context: Context
    ) -> AsyncIterator[pb.Observation]:
        interval = request.interval_seconds or INTERVAL_SECONDS
        async with aclosing(self.observers.follow(interval)) as news:
            async for observation in news:
                observation.instance = self._options.instance
                yield observation

    # One request, one answer

    async def generate(self, request: pb.GenerateRequest, context: Context) -> pb.GenerateResponse:
        ask = Ask(request.id, COMPLETIONS, request.body)
        return pb.GenerateResponse(body=await self._whole(ask, "completions", context))

    async def generate_stream(
        self, request: pb.GenerateRequest, context: Context
    ) -> AsyncIterator[pb.GenerateChunk]:
        ask = Ask(request.id, COMPLETIONS, request.body, stream=True)
        async with aclosing(self._stream(ask, "completions", context)) as pieces:
            async for data in pieces:
                yield pb.GenerateChunk(data=data)

    async def chat(self, request: pb.ChatRequest, context: Context) -> pb.ChatResponse:
        ask = Ask(request.id, CHAT, request.body)
        return pb.ChatResponse(body=await self._whole(ask, "chat", context))

    async def chat_stream(
        self, request: pb.ChatRequest, context: Context
    ) -> AsyncIterator[pb.ChatChunk]:
        ask = Ask(request.id, CHAT, request.body, stream=True)
        async with aclosing(self._stream(ask, "chat", context)) as pieces:
            async for data in pieces:
                yield pb.ChatChunk(data=data)

    async def create_embedding(
        self, request: pb.EmbeddingRequest, context: Context
    ) -> pb.EmbeddingResponse:
        ask = Ask(request.id, EMBEDDINGS, request.body)
        return pb.EmbeddingResponse(body=await self._whole(ask, "embeddings", context))

    async def cancel_request(
        self, request: pb.CancelRequestRequest, context: Context
    ) -> pb.CancelRequestResponse:
        return pb.CancelRequestResponse(cancelled=self.work.cancel(request.id))

    # The data path

    async def session(
        self, requests: AsyncIterator[pb.SessionRequest], context: SessionContext
    ) -> None:
        session = Session(self._shared)
        self._sessions.add(session)
        try:
            ended = await session.run(requests, context.write)
        finally:
            self._sessions.discard(session)
        if ended.status is not StatusCode.OK:
            say(f"session ended: {ended.details}")
            code = ((CODE_KEY, ended.code),) if ended.code else ()
            await context.abort(ended.status, ended.details, code)

    def finish(self, reason: str) -> None:
        """End every stream from this side; what the requests still had to say was taken before."""
        self.observers.close()
        for session in tuple(self._sessions):
            session.finish(Ended(StatusCode.UNAVAILABLE, reason))

    # Parts

    def _load(self) -> pb.Load:
        return load_message(self._backend.load())

    def _state(self) -> pb.Observation.State:
        if reason := self._backend.broken():
            return pb.Observation.State(status=_Status.BROKEN, reason=reason)
        if self.work.is_draining:
            return pb.Observation.State(status=_Status.DRAINING)
        return pb.Observation.State(status=_Status.SERVING)

    async def _whole(self, ask: Ask, capability: str, context: Context) -> bytes:
        await self._require(context, capability)
        try:
            return await whole_answer(self.work, self._limits, ask)
        except RequestFailed as failure:
            return await _abort(context, failure)

    async def _stream(self, ask: Ask, capability: str, context: Context) -> AsyncGenerator[bytes]:
        await self._require(context, capability)
        try:
            async with aclosing(answer_bytes(self.work, self._limits, ask)) as pieces:
                async for data in pieces:
                    yield data
        except RequestFailed as failure:
            await _abort(context, failure)

    async def _require(self, context: Context, capability: str) -> None:
        known = self._backend.info().capabilities.get(capability)
        if known is None or not known.supported:
            await self._unimplemented(context, capability)

    async def _unimplemented(self, context: Context, capability: str) -> None:
        known = self._backend.info().capabilities.get(capability)
        reason = known.reason if known is not None else ""
        fallback = f"{self._options.engine} has no {capability} behind this protocol yet"
        await context.abort(StatusCode.UNIMPLEMENTED, reason or fallback)


def draining() -> RequestFailed:
    return RequestFailed(
        "engine_draining", "This engine takes no new requests; it is being stopped.", retryable=True
    )


async def _abort(context: Context, failure: RequestFailed) -> bytes:
    named = ((CODE_KEY, failure.code), (PARAM_KEY, failure.param))
    return await context.abort(status_of(failure.code), failure.message, named)
