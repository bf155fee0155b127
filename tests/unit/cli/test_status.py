"""`status`: what other tools rely on, one frame, and the live view in a real terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.admin import FakeDaemon, device, model, moment, replica
from tests.support.cli import xinf
from tests.support.terminal import PATIENCE_S, Terminal, terminal
from tests.support.tree import ROOT
from xinf.core.nodes import DeviceProcess, Vitals
from xinf.core.states import EngineState, ModelState

GIVEN_BACK = b"\x1b[?25h\x1b[?1049l"


@contextmanager
def live(
    term: Terminal, environment: dict[str, str] | None = None, **streams: int
) -> Iterator[subprocess.Popen[bytes]]:
    """`xinf status` in a terminal of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **(environment or {})}
    ends = {"stdin": term.inside, "stdout": term.inside, "stderr": term.inside, **streams}
    command = [sys.executable, "-m", "xinf", "status"]
    with subprocess.Popen(command, env=env, start_new_session=True, **ends) as process:
        try:
            yield process
        finally:
            process.kill()


def test_json_has_what_other_tools_rely_on(daemon: FakeDaemon) -> None:
    daemon.devices = [
        device(
            "cuda:0",
            compute_capability="12.0",
            processes=(DeviceProcess(7, "Xorg", 100),),
            driver="580.95.05",
            driver_api="13.0",
            vitals=Vitals(utilisation=0.5, temperature=60, power=300, power_limit=575),
            memory_foreign=3 * 1024**3,
            memory_reserve=1024**3,
        )
    ]
    daemon.models, daemon.replicas = [model()], [replica()]
    result = xinf("status", "--json")
    assert result.code == 0
    status = result.json
    assert {"url", "version", "uptime_seconds", "devices", "models", "replicas"} <= status.keys()
    assert status["devices"] == [
        {
            "id": "cuda:0",
            "kind": "cuda",
            "uuid": "cuda",
            "name": "Testing CPU",
            "compute_capability": "12.0",
            "memory_total": 16 * 1024**3,
            "memory_used": 4 * 1024**3,
            "memory_claimed": 2 * 1024**3,
            "processes": [{"pid": 7, "name": "Xorg", "memory_bytes": 100, "owner": ""}],
            "driver": "580.95.05",
            "driver_api": "13.0",
            "parent": None,
            "is_unified": False,
            "hides_processes": False,
            "problem": "",
            "vitals": {
                "utilisation": 0.5,
                "temperature": 60,
                "power": 300,
                "power_limit": 575,
                "power_limit_default": None,
            },
            "memory_foreign": 3 * 1024**3,
            "memory_reserve": 1024**3,
        }
    ]
    assert status["models"] == xinf("ls", "--json").json
    assert status["replicas"] == xinf("ps", "--json").json


def test_one_frame_is_plain_when_nobody_looks(daemon: FakeDaemon) -> None:
    daemon.devices, daemon.models = [device()], [model("broken", ModelState.FAILED)]
    daemon.replicas = [
        replica("broken/0", EngineState.FAILED, reason="\n".join(map(str, range(50))))
    ]
    result = xinf("status", "--once")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].startswith("xinf 0.1.0  http://127.0.0.1:5090/v1")
    assert "\x1b" not in result.out
    assert all(line == line.rstrip() for line in lines)
    assert [line.strip() for line in lines[-50:]] == [str(number) for number in range(50)]


def test_without_a_terminal_there_is_one_frame(daemon: FakeDaemon) -> None:
    daemon.models = [model()]
    result = xinf("status")
    assert (result.code, result.err) == (0, "")
    assert "echo" in result.out


@pytest.mark.parametrize("options", [[], ["--once"], ["--json"]])
def test_nobody_there_is_said_with_its_exit_code(options: list[str]) -> None:
    result = xinf("status", *options)
    assert result.code == 3
    assert "xinf is not running" in result.err


def test_the_live_view_shows_follows_and_leaves(daemon: FakeDaemon) -> None:
    daemon.models = [model("first")]
    daemon.moments = [moment([model("second")], ready=True)]
    with terminal() as term, live(term) as process:
        term.until(lambda written: b"first" in written and b"second" in written)
        term.type(b"q")
        assert process.wait(PATIENCE_S) == 0
        term.read()
        assert term.written.endswith(GIVEN_BACK)
        assert term.is_cooked


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(daemon: FakeDaemon, sign: int) -> None:
    with terminal() as term, live(term) as process:
        term.until(lambda written: b"q quits" in written)
        process.send_signal(sign)
        assert process.wait(PATIENCE_S) == 0
        term.read()
        assert term.written.endswith(GIVEN_BACK)
        assert term.is_cooked


def test_a_new_size_is_drawn_at_once(daemon: FakeDaemon) -> None:
    daemon.models = [model(f"model-{number}") for number in range(30)]
    with terminal(100, 50) as term, live(term) as process:
        term.until(lambda written: b"model-29" in written)
        term.resize(50, 12)
        process.send_signal(signal.SIGWINCH)
        term.until(lambda written: b"lines: 22 below" in written)
        term.type(b"jj")
        term.until(lambda written: b"2 above, 20 below" in written)
        term.type(b"q")
        assert process.wait(PATIENCE_S) == 0


def test_a_pause_gives_the_terminal_back_while_it_lasts(daemon: FakeDaemon) -> None:
    with terminal() as term, live(term) as process:
        term.until(lambda written: b"q quits" in written)
        process.send_signal(signal.SIGTSTP)
        _, state = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(state)
        term.read()
        assert term.written.endswith(GIVEN_BACK)
        assert term.is_cooked
        term.written = b""
        process.send_signal(signal.SIGCONT)
        term.until(lambda written: b"q quits" in written)
        assert not term.is_cooked
        term.type(b"q")
        assert process.wait(PATIENCE_S) == 0


def test_without_keys_it_is_still_live(daemon: FakeDaemon) -> None:
    with terminal() as term, live(term, stdin=subprocess.DEVNULL) as process:
        term.until(lambda written: b"q quits" in written)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_an_error_is_told_after_the_terminal_is_given_back(daemon: FakeDaemon) -> None:
    with terminal() as term, live(term) as process:
        term.until(lambda written: b"q quits" in written)
        daemon.pid = "not a number"  # type: ignore[assignment]
        assert process.wait(PATIENCE_S) == 1
        term.read()
        _, _, told = term.written.partition(GIVEN_BACK)
        assert told.startswith(b"error: answer of the running xinf")


@pytest.mark.parametrize("kind", ["dumb", ""])
def test_a_terminal_that_cannot_be_drawn_on_gets_one_frame(daemon: FakeDaemon, kind: str) -> None:
    with terminal() as term, live(term, {"TERM": kind}) as process:
        assert process.wait(PATIENCE_S) == 0
        term.read()
        assert b"No models yet" in term.written
        assert b"\x1b[?1049h" not in term.written
