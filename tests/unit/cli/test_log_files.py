from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from xinf.agent.launcher import Launch, LocalLauncher
from xinf.cli.log_files import Wanted, find_logs, is_expected, nothing_found, parse_wanted
from xinf.clock import SystemClock
from xinf.core.errors import ErrorCode
from xinf.core.placement import EngineConfig, ReplicaAssignment


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for name in ("echo-0", "echo-10", "echo-2", "echo-x-0", "cli-crash", "xinf"):
        (tmp_path / f"{name}.log").touch()
    return tmp_path


def found(logs: Path, text: str | None) -> list[str]:
    return [log.name for log in find_logs(logs, parse_wanted(text))]


def test_a_model_has_a_log_for_each_replica_in_their_order(logs: Path) -> None:
    assert found(logs, "echo") == ["echo/0", "echo/2", "echo/10"]
    assert found(logs, "echo-x") == ["echo-x/0"]


def test_a_replica_has_its_own_log(logs: Path) -> None:
    assert found(logs, "echo/10") == ["echo/10"]
    assert found(logs, "echo/1") == []


def test_without_a_name_it_is_the_daemon_s_log_with_the_one_before(logs: Path) -> None:
    assert found(logs, None) == ["xinf"]
    (log,) = find_logs(logs, Wanted())
    assert log.older is None
    (logs / "xinf.log.1").touch()
    (log,) = find_logs(logs, Wanted())
    assert log.older == logs / "xinf.log.1"


def test_a_worker_of_its_own_has_a_log_of_its_own(logs: Path) -> None:
    (logs / "worker.log").touch()
    assert found(logs, None) == ["xinf", "worker"]
    assert "worker" not in found(logs, "echo")


def test_other_files_are_nobody_s_log(logs: Path) -> None:
    assert found(logs, "cli") == []
    assert found(logs, "xinf") == []


@pytest.mark.parametrize("text", ["", "/0", "echo/", "echo/x", "echo/-1", "echo/0/1"])
def test_what_is_neither_model_nor_replica_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a model nor a replica"):
        parse_wanted(text)


@pytest.mark.parametrize(
    ("text", "known", "told"),
    [
        (
            "nope",
            ["new/0"],
            "log of nope: there is no log of that name. There are: echo, echo-x, new.",
        ),
        (
            "echo/1",
            ["echo/0"],
            "log of echo/1: there is no such replica. There are: echo/0, echo/2, echo/10.",
        ),
        ("new", ["new/0"], "log of new: it has not run yet. Wait for it with --follow."),
        ("new/0", ["new/0"], "log of new/0: it has not run yet. Wait for it with --follow."),
    ],
)
def test_what_is_not_there_is_said_with_what_is(
    logs: Path, text: str, known: list[str], told: str
) -> None:
    error = nothing_found(parse_wanted(text), logs, known)
    assert (error.code, str(error)) == (ErrorCode.NOT_FOUND, told)


def test_where_nothing_ever_ran_the_first_step_is_named(tmp_path: Path) -> None:
    assert "xinf up" in str(nothing_found(Wanted("echo"), tmp_path / "none", []))
    assert "xinf up" in str(nothing_found(Wanted(), tmp_path / "none", []))


def test_a_log_is_expected_of_what_is_known() -> None:
    assert is_expected(Wanted(), [])
    assert is_expected(Wanted("echo"), ["echo/0"])
    assert is_expected(Wanted("echo", 1), ["echo/0", "echo/1"])
    assert not is_expected(Wanted("echo", 2), ["echo/0", "echo/1"])
    assert not is_expected(Wanted("ech"), ["echo/0"])


async def test_the_launcher_names_files_as_they_are_looked_for(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as sockets:
        launcher = LocalLauncher(Path(sockets), tmp_path, SystemClock())
        config = EngineConfig("sim", "sim", "", ("a.b-c",))
        place = ReplicaAssignment("a.b-c/7", "a.b-c", "local", ("cpu",), 0, config, "f", "why")
        shim = await launcher.launch(place, Launch(Path("/bin/true"), tmp_path, "", {}, 1.0))
        await shim.wait()
        await shim.destroy()
    assert found(tmp_path, "a.b-c") == ["a.b-c/7"]
