import os
import socket
from pathlib import Path

from xinf.daemon.doctor.facts import PortSeen
from xinf.daemon.doctor.listeners import listeners, name_of, port_seen

HOST = "127.0.0.1"


def test_a_free_port_has_no_holder() -> None:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    assert port_seen(HOST, port, None) == PortSeen(HOST, port)


def test_whoever_listens_is_named_and_known_as_ours_by_its_pid() -> None:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        port = server.getsockname()[1]
        own = f"{name_of(os.getpid())} (pid {os.getpid()})"
        assert list(listeners(port)) == [os.getpid()]
        assert port_seen(HOST, port, None) == PortSeen(HOST, port, own)
        assert port_seen(HOST, port, os.getpid()).is_ours


def test_a_port_that_cannot_be_seen_into_belongs_to_somebody_else(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        seen = port_seen(HOST, server.getsockname()[1], None, tmp_path)
    assert (seen.holder, seen.is_ours) == ("a program of another user", False)


def test_an_address_that_is_not_here_is_a_problem() -> None:
    assert "no such address" in port_seen("192.0.2.1", 5090, None).problem


def test_a_process_that_has_ended_has_no_name() -> None:
    assert name_of(2**30) == "a program"
