from __future__ import annotations

import pytest

from xinf.core.errors import ErrorCode, XinfError
from xinf.gateway.security import Doorkeeper

DOOR = Doorkeeper("127.0.0.1", ["box.lan"], ["http://localhost:3000"])


def verdict(
    host: str | None, target: str | None = None, origin: str | None = None, door: Doorkeeper = DOOR
) -> ErrorCode | None:
    try:
        door.check(host, target, origin)
    except XinfError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:5090",
        "localhost",
        "LOCALHOST:1",
        "[::1]",
        "[::1]:80",
        "box.lan",
        "BOX.lan:99",
    ],
)
def test_own_names_are_answered_with_any_port(host: str) -> None:
    assert verdict(host) is None


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example:5090",
        "127.0.0.1:80:80",
        "localhost:abc",
        "user@localhost",
        "localhost/x",
        "[::1",
        "[localhost]",
        "::1",
        "10.0.0.7",
        "\udcff",
        "127.0.0.1 ",
    ],
)
def test_other_names_are_refused(host: str | None) -> None:
    assert verdict(host) is ErrorCode.FORBIDDEN_HOST


def test_the_target_of_an_absolute_request_counts_as_well() -> None:
    assert verdict("localhost", "evil.example") is ErrorCode.FORBIDDEN_HOST
    assert verdict("localhost", "127.0.0.1") is None


def test_bound_everywhere_every_address_is_ours_but_no_other_name() -> None:
    door = Doorkeeper("0.0.0.0")
    assert verdict("192.168.1.5:5090", door=door) is None
    assert verdict("[fe80::1]", door=door) is None
    assert verdict("evil.example", door=door) is ErrorCode.FORBIDDEN_HOST


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:5090"])
def test_an_allowed_origin_and_our_own_may_call(origin: str) -> None:
    assert verdict("127.0.0.1:5090", origin=origin) is None


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:3001",
        "https://localhost:3000",
        "http://127.0.0.1",
        "null",
        "",
        "file://",
    ],
)
def test_any_other_origin_is_refused(origin: str) -> None:
    assert verdict("127.0.0.1:5090", origin=origin) is ErrorCode.FORBIDDEN_ORIGIN
