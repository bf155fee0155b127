import grpc
import pytest
from grpc import aio

from xinf.protocol.messages import pb
from xinf.protocol.service import (
    CODE_KEY,
    SERVICE,
    EngineServicer,
    EngineStub,
    named_code,
    snake_case,
)
from xinf.protocol.version import PROTOCOL_VERSION, mismatch

NAMES = [method.name for method in SERVICE.methods]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HealthCheck", "health_check"),
        ("GetKVCacheStatus", "get_kv_cache_status"),
        ("Session", "session"),
        ("CreateEmbedding", "create_embedding"),
    ],
)
def test_rpc_names_become_python_names(name: str, expected: str) -> None:
    assert snake_case(name) == expected


@pytest.mark.parametrize("name", NAMES)
async def test_every_rpc_can_be_called_and_must_be_served(name: str) -> None:
    async with aio.insecure_channel("unix:/nowhere") as channel:
        assert callable(getattr(EngineStub(channel), snake_case(name)))
    assert callable(getattr(EngineServicer, snake_case(name)))


async def test_an_rpc_streams_on_the_sides_that_the_contract_says() -> None:
    async with aio.insecure_channel("unix:/nowhere") as channel:
        stub = EngineStub(channel)
        assert isinstance(stub.drain, aio.UnaryUnaryMultiCallable)
        assert isinstance(stub.observe, aio.UnaryStreamMultiCallable)
        assert isinstance(stub.session, aio.StreamStreamMultiCallable)


def test_the_name_of_an_error_travels_in_its_metadata() -> None:
    def error(*metadata: tuple[str, str]) -> aio.AioRpcError:
        return aio.AioRpcError(grpc.StatusCode.ABORTED, aio.Metadata(), aio.Metadata(*metadata))

    assert named_code(error((CODE_KEY, "stale_epoch"))) == "stale_epoch"
    assert named_code(error(("other", "x"))) == ""


def test_the_same_version_is_no_mismatch_and_another_is_named() -> None:
    assert mismatch(PROTOCOL_VERSION) == ""
    assert "protocol 7" in mismatch(7)


def test_messages_survive_the_wire() -> None:
    sent = pb.ServerFrame(request=3, data=pb.Data(data=b"\x00\xff"))
    assert pb.ServerFrame.FromString(sent.SerializeToString()) == sent
