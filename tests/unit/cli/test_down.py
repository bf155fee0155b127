import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.admin import FakeDaemon
from tests.support.cli import xinf


@pytest.fixture
def process(daemon: FakeDaemon) -> Iterator[subprocess.Popen[bytes]]:
    """What the daemon says it is: a process that ends only when it is told to."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        daemon.pid = process.pid
        yield process
        process.kill()


def test_down_returns_when_the_process_is_gone(
    daemon: FakeDaemon, process: subprocess.Popen[bytes]
) -> None:
    daemon.on_shutdown = process.kill
    result = xinf("down")
    assert result.code == 0
    assert result.err.splitlines()[-1] == f"xinf (pid {process.pid}) has stopped"
    assert process.wait(0) is not None
    assert daemon.requests[-1].body == {"hurry": False}


def test_down_hurries_when_told_and_answers_in_json(
    daemon: FakeDaemon, process: subprocess.Popen[bytes]
) -> None:
    daemon.on_shutdown = process.kill
    result = xinf("down", "--hurry", "--json")
    assert result.json == {"pid": process.pid, "worker_pid": None, "stopped": True}
    assert daemon.requests[-1].body == {"hurry": True}


def test_down_gives_up_in_time(daemon: FakeDaemon, process: subprocess.Popen[bytes]) -> None:
    result = xinf("down", "--timeout", "50ms")
    assert result.code == 5
    assert "has not ended within 0.05 s" in result.err
    assert process.poll() is None


def test_down_does_not_wait_when_told(daemon: FakeDaemon, process: subprocess.Popen[bytes]) -> None:
    result = xinf("down", "--no-wait", "--json")
    assert result.json == {"pid": process.pid, "worker_pid": None, "stopped": False}


def test_a_process_that_is_gone_already_is_not_waited_for(daemon: FakeDaemon) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(60)
    daemon.pid = process.pid
    assert xinf("down").code == 0
