"""`ls`, `ps`, `version`: what other tools rely on, and what a person reads."""

import pytest

import xinf as package
from tests.support.admin import FakeDaemon, at, model, replica
from tests.support.cli import xinf
from xinf.core.states import EngineState, ModelState


def test_ls_json_has_what_other_tools_rely_on(daemon: FakeDaemon) -> None:
    daemon.models = [model("echo", aliases=("gpt",), source="pypi:a")]
    for command in ("ls", "list"):
        result = xinf(command, "--json")
        assert (result.code, result.err) == (0, "")
        assert result.json == [
            {
                "name": "echo",
                "aliases": ["gpt"],
                "state": "ready",
                "engine": "sim",
                "source": "pypi:a",
                "replicas": 1,
                "desired_replicas": 1,
                "reason": "",
                "owner": "config file",
                "is_due": True,
                "waiting": 0,
            }
        ]


def test_ps_json_has_what_other_tools_rely_on(daemon: FakeDaemon) -> None:
    daemon.replicas = [replica("echo/0", running=3, waiting=1)]
    (row,) = xinf("ps", "--json").json
    assert (
        row
        | {
            "model": "echo",
            "replica": "echo/0",
            "state": "ready",
            "engine": "sim",
            "runtime": "sim",
            "pid": 4242,
            "devices": ["cpu"],
            "memory_bytes": 2 * 1024**3,
            "context": 4096,
            "running": 3,
            "waiting": 1,
            "since": 1000.0,
            "reason": "",
            "progress": None,
        }
        == row
    )


def test_an_empty_listing_is_an_empty_list(daemon: FakeDaemon) -> None:
    assert xinf("ls", "--json").json == []
    assert xinf("ps", "--json").json == []


def test_ls_is_a_plain_table_when_nobody_looks(daemon: FakeDaemon) -> None:
    daemon.models = [
        model("echo", aliases=("gpt", "x")),
        model("a-model-with-quite-a-long-name", ModelState.FAILED, source="pypi:" + "x" * 90),
    ]
    lines = xinf("ls").out.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "REPLICAS", "ENGINE", "SOURCE", "ALIASES"]
    assert lines[1].split() == ["echo", "ready", "1/1", "sim", "-", "gpt,", "x"]
    assert lines[2].split()[4] == "pypi:" + "x" * 90
    assert "\x1b" not in "".join(lines)
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("command", ["ls", "ls --json", "status --json"])
def test_what_is_amiss_with_xinf_itself_is_said_beside_the_listing(
    daemon: FakeDaemon, command: str
) -> None:
    assert xinf(*command.split()).err == ""
    daemon.worker_pid = None
    daemon.config_problem = "xinf.toml:3: server.prt: unknown key. Did you mean port?"
    daemon.config_waiting = ("server.host", "server.port")
    worker, refused, waiting = xinf(*command.split()).err.splitlines()
    assert worker.startswith("warning: no worker is running")
    assert "xinf worker" in worker
    assert refused.startswith("warning: the config file is refused")
    assert refused.endswith(daemon.config_problem)
    assert waiting == "note: server.host, server.port apply at the next `xinf restart`"


def test_what_is_amiss_with_xinf_itself_stands_in_the_view(daemon: FakeDaemon) -> None:
    assert "no worker" not in xinf("status", "--once").out
    daemon.worker_pid = None
    daemon.config_problem = "xinf.toml:3: server.prt: unknown key. Did you mean port?"
    daemon.config_waiting = ("server.host", "server.port")
    shown = xinf("status", "--once")
    words = " ".join(shown.out.split())
    assert "no worker is running, so no engine can be started: start `xinf worker`" in words
    assert f"the config file is refused, what was read before goes on: {daemon.config_problem}" in (
        words
    )
    assert "server.host, server.port apply at the next `xinf restart`" in words
    assert shown.err == ""


def test_ps_shows_progress_and_reasons_only_where_there_are_some(daemon: FakeDaemon) -> None:
    daemon.replicas = [
        replica("a/0", EngineState.PROVISIONING, pid=None, progress=at("fetching", 1, 4)),
        replica("b/0", EngineState.BACKOFF, reason="exit code 70", context=None),
    ]
    lines = xinf("ps").out.splitlines()
    assert lines[0].split()[-1] == "REASON"
    assert "provisioning 25%" in lines[1]
    assert lines[2].endswith("exit code 70")
    daemon.replicas = [replica(reason="was healthy")]
    assert "REASON" not in xinf("ps").out


@pytest.mark.parametrize(
    "command",
    ["ls", "list", "ps", "down", "launch x --engine sim", "terminate x"],
)
def test_where_nothing_runs_every_command_says_so_with_exit_code_3(command: str) -> None:
    result = xinf(*command.split())
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("error: xinf is not running")
    assert "Start it with `xinf up`" in result.err
    assert result.err.count("\n") == 1


def test_version() -> None:
    assert package.__version__ in xinf("version").out
    assert xinf("version", "--json").json["version"] == package.__version__
