"""The service as callables, built from its descriptor instead of from a second generated file.

`EngineStub` is the caller's side, `EngineServicer` what a server must offer, `register` joins a
servicer to a gRPC server. The servicer's methods are the RPCs in snake_case.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Any, Protocol

import grpc
from google.protobuf.message_factory import GetMessageClass

from xinf.protocol.messages import pb

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor
    from grpc.aio import (
        AioRpcError,
        Channel,
        Server,
        ServicerContext,
        StreamStreamMultiCallable,
        UnaryStreamMultiCallable,
        UnaryUnaryMultiCallable,
    )

SERVICE = pb.DESCRIPTOR.services_by_name["EngineService"]

# Trailing metadata: the error's name from xinf's table, where a status code alone says too little.
CODE_KEY = "xinf-code"
PARAM_KEY = "xinf-param"

# Values of CODE_KEY for a session that is refused or ended.
INCOMPATIBLE = "engine_incompatible"
STALE_EPOCH = "stale_epoch"
TAKEN_OVER = "taken_over"

# Answers are cut into frames by us; gRPC's own 4 MiB limit would only break the unary calls.
_UNLIMITED = -1
CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_send_message_length", _UNLIMITED),
    ("grpc.max_receive_message_length", _UNLIMITED),
    # Nothing leaves this machine: a proxy in the environment must not be asked.
    ("grpc.enable_http_proxy", 0),
    # Each channel minds its own connection: one dead engine must not delay another's reconnect.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    # In spite of its name this is how long one attempt may take, until the engine's first word: a
    # busy one may need a while, and one that is gone refuses at once.
    ("grpc.min_reconnect_backoff_ms", 20_000),
    ("grpc.max_reconnect_backoff_ms", 500),
)
SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_send_message_length", _UNLIMITED),
    ("grpc.max_receive_message_length", _UNLIMITED),
    # Two shims must never serve on one socket.
    ("grpc.so_reuseport", 0),
)


class EngineStub:
    """Every RPC of the service, callable over `channel`."""

    def __init__(self, channel: Channel) -> None:
        call = _Calls(channel)
        self.health_check: UnaryUnaryMultiCallable[
            pb.HealthCheckRequest, pb.HealthCheckResponse
        ] = call["HealthCheck"]
        self.get_model_info: UnaryUnaryMultiCallable[pb.GetModelInfoRequest, pb.ModelInfo] = call[
            "GetModelInfo"
        ]
        self.get_metrics: UnaryUnaryMultiCallable[pb.GetMetricsRequest, pb.Metrics] = call[
            "GetMetrics"
        ]
        self.get_kv_cache_status: UnaryUnaryMultiCallable[
            pb.GetKVCacheStatusRequest, pb.KVCacheStatus
        ] = call["GetKVCacheStatus"]
        self.generate: UnaryUnaryMultiCallable[pb.GenerateRequest, pb.GenerateResponse] = call[
            "Generate"
        ]
        self.generate_stream: UnaryStreamMultiCallable[pb.GenerateRequest, pb.GenerateChunk] = call[
            "GenerateStream"
        ]
        self.chat: UnaryUnaryMultiCallable[pb.ChatRequest, pb.ChatResponse] = call["Chat"]
        self.chat_stream: UnaryStreamMultiCallable[pb.ChatRequest, pb.ChatChunk] = call[
            "ChatStream"
        ]
        self.create_embedding: UnaryUnaryMultiCallable[
            pb.EmbeddingRequest, pb.EmbeddingResponse
        ] = call["CreateEmbedding"]
        self.cancel_request: UnaryUnaryMultiCallable[
            pb.CancelRequestRequest, pb.CancelRequestResponse
        ] = call["CancelRequest"]
        self.drain: UnaryUnaryMultiCallable[pb.DrainRequest, pb.DrainResponse] = call["Drain"]
        self.sleep: UnaryUnaryMultiCallable[pb.SleepRequest, pb.SleepResponse] = call["Sleep"]
        self.wake: UnaryUnaryMultiCallable[pb.WakeRequest, pb.WakeResponse] = call["Wake"]
        self.shutdown: UnaryUnaryMultiCallable[pb.ShutdownRequest, pb.ShutdownResponse] = call[
            "Shutdown"
        ]
        self.observe: UnaryStreamMultiCallable[pb.ObserveRequest, pb.Observation] = call["Observe"]
        self.session: StreamStreamMultiCallable[pb.SessionRequest, pb.SessionResponse] = call[
            "Session"
        ]


class EngineServicer(Protocol):
    """The server's side. One answer is returned, many yielded; `session` writes to its context."""

    def health_check(
        self, request: pb.HealthCheckRequest, context: Context
    ) -> Awaitable[pb.HealthCheckResponse]: ...
    def get_model_info(
        self, request: pb.GetModelInfoRequest, context: Context
    ) -> Awaitable[pb.ModelInfo]: ...
    def get_metrics(
        self, request: pb.GetMetricsRequest, context: Context
    ) -> Awaitable[pb.Metrics]: ...
    def get_kv_cache_status(
        self, request: pb.GetKVCacheStatusRequest, context: Context
    ) -> Awaitable[pb.KVCacheStatus]: ...
    def generate(
        self, request: pb.GenerateRequest, context: Context
    ) -> Awaitable[pb.GenerateResponse]: ...
    def generate_stream(
        self, request: pb.GenerateRequest, context: Context
    ) -> AsyncIterator[pb.GenerateChunk]: ...
    def chat(self, request: pb.ChatRequest, context: Context) -> Awaitable[pb.ChatResponse]: ...
    def chat_stream(
        self, request: pb.ChatRequest, context: Context
    ) -> AsyncIterator[pb.ChatChunk]: ...
    def create_embedding(
        self, request: pb.EmbeddingRequest, context: Context
    ) -> Awaitable[pb.EmbeddingResponse]: ...
    def cancel_request(
        self, request: pb.CancelRequestRequest, context: Context
    ) -> Awaitable[pb.CancelRequestResponse]: ...
    def drain(self, request: pb.DrainRequest, context: Context) -> Awaitable[pb.DrainResponse]: ...
    def sleep(self, request: pb.SleepRequest, context: Context) -> Awaitable[pb.SleepResponse]: ...
    def wake(self, request: pb.WakeRequest, context: Context) -> Awaitable[pb.WakeResponse]: ...
    def shutdown(
        self, request: pb.ShutdownRequest, context: Context
    ) -> Awaitable[pb.ShutdownResponse]: ...
    def observe(
        self, request: pb.ObserveRequest, context: Context
    ) -> AsyncIterator[pb.Observation]: ...
    def session(
        self, requests: AsyncIterator[pb.SessionRequest], context: SessionContext
    ) -> Awaitable[None]: ...


if TYPE_CHECKING:
    Context = ServicerContext[Any, Any]
    SessionContext = ServicerContext[pb.SessionRequest, pb.SessionResponse]


def register(servicer: EngineServicer, server: Server) -> None:
    """Serve every RPC of the service with the method of `servicer` that bears its name."""
    handlers = {
        method.name: _handler(method, getattr(servicer, snake_case(method.name)))
        for method in SERVICE.methods
    }
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE.full_name, handlers),)
    )


def named_code(error: AioRpcError) -> str:
    """The error's name from xinf's table, empty if the other side gave none."""
    named = (value for key, value in error.trailing_metadata() or () if key == CODE_KEY)
    return str(next(named, ""))


def snake_case(name: str) -> str:
    """`GetKVCacheStatus` -> `get_kv_cache_status`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


class _Calls:
    """Client callables by RPC name; the descriptor says how each one streams."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def __getitem__(self, name: str) -> Any:
        method = SERVICE.methods_by_name[name]
        make = getattr(self._channel, _shape(method))
        return make(
            f"/{SERVICE.full_name}/{method.name}",
            request_serializer=GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )


def _handler(method: MethodDescriptor, behaviour: Any) -> Any:
    make = getattr(grpc, f"{_shape(method)}_rpc_method_handler")
    return make(
        behaviour,
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=GetMessageClass(method.output_type).SerializeToString,
    )


def _shape(method: MethodDescriptor) -> str:
    """`unary_unary`, `unary_stream`, `stream_unary` or `stream_stream`, as gRPC names them."""
    sides = (method.client_streaming, method.server_streaming)
    return "_".join("stream" if streams else "unary" for streams in sides)
