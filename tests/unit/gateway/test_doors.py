from __future__ import annotations

import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from xinf.core.errors import ErrorCode, XinfError
from xinf.gateway.doors import bind_admin, bind_public, forget_admin, url_of


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


def test_a_port_in_use_is_told_with_the_way_out() -> None:
    with bind_public("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(XinfError) as refused:
            bind_public("127.0.0.1", port)
    assert refused.value.code is ErrorCode.PORT_IN_USE
    assert str(port) in str(refused.value)
    assert "XINF_SERVER__PORT" in str(refused.value)


def test_a_port_that_was_just_given_up_can_be_had_again_at_once() -> None:
    with bind_public("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            first.accept()[0].close()
    bind_public("127.0.0.1", port).close()


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_a_matter_of_configuration(host: str) -> None:
    with pytest.raises(XinfError) as refused:
        bind_public(host, 0)
    assert refused.value.code is ErrorCode.CONFIG_INVALID
    assert host in str(refused.value)


def test_the_url_is_one_that_a_client_on_this_machine_can_use() -> None:
    with bind_public("0.0.0.0", 0) as door:
        assert url_of(door) == f"http://127.0.0.1:{door.getsockname()[1]}"
    with bind_public("::1", 0) as door:
        assert url_of(door) == f"http://[::1]:{door.getsockname()[1]}"


def test_the_admin_socket_is_its_owners_alone(folder: Path) -> None:
    path = folder / "admin.sock"
    with bind_admin(path) as door:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        forget_admin(door)
    assert not path.exists()


def test_a_second_xinf_is_told_about_the_first(folder: Path) -> None:
    path = folder / "admin.sock"
    with bind_admin(path), pytest.raises(XinfError) as refused:
        bind_admin(path)
    assert refused.value.code is ErrorCode.ALREADY_RUNNING
    assert path.exists()


def test_a_socket_left_by_the_dead_is_replaced(folder: Path) -> None:
    path = folder / "admin.sock"
    bind_admin(path).close()
    with bind_admin(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
