"""`plan`, `apply` and `why` as they are given: what is asked, what is shown, how they end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.admin import FakeDaemon, model, moment, replica
from tests.support.cli import xinf
from tests.support.planning import explanation
from xinf.core.changes import Action, Applied, Change, Outlook, Preview
from xinf.core.states import EngineState, ModelState

SIM = '[models.echo]\nengine = "sim"\n'
CHANGE = Change(Action.START, "echo", "echo/0", ("cpu",), 5, "because")
CHANGES = Outlook(Preview((CHANGE,)))


def wrong(home: Path) -> None:
    (home / "wrong.toml").write_text("[modls]\n[server]\nprt = 1\n")


def test_the_file_in_use_is_asked_about_where_none_is_named(home: Path, daemon: FakeDaemon) -> None:
    (home / "used.toml").write_text(SIM)
    daemon.config_file = str(home / "used.toml")
    assert xinf("plan").code == 0
    assert daemon.requests[-1].body == {"text": SIM, "file": str(home / "used.toml")}


def test_a_file_is_asked_about_by_its_whole_path(home: Path, daemon: FakeDaemon) -> None:
    (home / "new.toml").write_text(SIM)
    daemon.outlook = CHANGES
    shown = xinf("plan", "new.toml")
    assert daemon.requests[-1].body == {"text": SIM, "file": str(home / "new.toml")}
    assert f"{home}/new.toml: 1 change" in shown.out
    assert shown.code == 0


def test_a_text_may_come_from_stdin(daemon: FakeDaemon) -> None:
    xinf("plan", "-", stdin=SIM)
    assert daemon.requests[-1].body == {"text": SIM, "file": "stdin"}


@pytest.mark.parametrize(
    ("outlook", "code"),
    [
        (Outlook(Preview()), 0),
        (CHANGES, 10),
        (Outlook(Preview((CHANGE,)), misfits=("big",)), 11),
    ],
)
def test_the_exit_code_tells_what_it_comes_to_if_asked(
    daemon: FakeDaemon, outlook: Outlook, code: int
) -> None:
    daemon.outlook = outlook
    assert xinf("plan", "--exit-code").code == code
    assert xinf("plan", "--exit-code", "--json").code == code
    assert xinf("plan").code == 0


def test_plan_json_is_one_object(daemon: FakeDaemon) -> None:
    daemon.outlook = CHANGES
    told = xinf("plan", "--json").json
    assert {"actions", "unplaced", "devices"} <= told.keys()
    assert told["actions"][0]["replica"] == "echo/0"


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_all_that_is_wrong_with_a_file_is_listed_and_nobody_is_asked(
    home: Path, daemon: FakeDaemon, command: str
) -> None:
    wrong(home)
    refused = xinf(command, "wrong.toml")
    assert refused.code == 2
    assert len(refused.err.splitlines()) == 2
    assert f"{home}/wrong.toml:3: server.prt" in refused.err
    assert {request.path for request in daemon.requests} == {"/admin/v1/status"}
    assert xinf(command, "missing.toml").code == 2


def test_what_only_a_restart_applies_is_noted(daemon: FakeDaemon) -> None:
    daemon.outlook = Outlook(Preview(), waiting=("server.port",))
    assert "server.port applies at the next `xinf restart`" in xinf("plan").err


def test_without_a_running_xinf_the_devices_are_looked_at_here(home: Path) -> None:
    (home / "new.toml").write_text(SIM)
    before = {path for path in home.rglob("*") if path.is_file()}
    told = xinf("plan", "new.toml", "--json", "--exit-code")
    assert told.code == 10
    assert [(each["action"], each["replica"]) for each in told.json["actions"]] == [
        ("start", "echo/0")
    ]
    assert any(each["id"] == "cpu:0" for each in told.json["devices"])
    assert "xinf is not running" in told.err
    assert {path for path in home.rglob("*") if path.is_file()} == before


def test_without_any_file_the_default_model_is_planned(home: Path) -> None:
    told = xinf("plan")
    assert told.out.startswith("no config file: 1 change")
    wrong(home)
    assert xinf("plan", "wrong.toml").code == 2


def applied(daemon: FakeDaemon, home: Path, outlook: Outlook = CHANGES) -> None:
    (home / "new.toml").write_text(SIM)
    daemon.outlook = outlook
    daemon.applied = Applied("/etc/xinf.toml", "/etc/xinf.toml.before")


def test_apply_shows_then_does_then_follows(home: Path, daemon: FakeDaemon) -> None:
    applied(daemon, home)
    ready = replica("echo/0", since=9e9)
    daemon.moments = [
        moment([model(state=ModelState.LOADING)], [replica("echo/0", EngineState.LOADING)]),
        moment([model()], [ready]),
    ]
    done = xinf("apply", "new.toml")
    assert done.code == 0
    assert "+ echo/0  start" in done.out
    assert "before: /etc/xinf.toml.before" in done.err
    asked = [request.path for request in daemon.requests]
    assert asked[-3:] == ["/admin/v1/plan", "/admin/v1/apply", "/admin/v1/watch"]


def test_apply_fails_where_a_replica_does(home: Path, daemon: FakeDaemon) -> None:
    applied(daemon, home)
    failed = replica("echo/0", EngineState.FAILED, since=9e9, reason="no such file")
    daemon.moments = [moment([model(state=ModelState.FAILED)], [failed])]
    done = xinf("apply", "new.toml", "--json")
    assert done.code == 1
    assert done.json["failed"] == {"echo/0": "no such file"}
    assert done.json["kept"] == "/etc/xinf.toml.before"


def test_apply_fails_where_something_has_no_place(home: Path, daemon: FakeDaemon) -> None:
    applied(daemon, home, Outlook(Preview(), misfits=("big",)))
    done = xinf("apply", "new.toml")
    assert done.code == 1
    assert "xinf why big" in done.err


def test_apply_does_not_follow_where_it_is_told_not_to(home: Path, daemon: FakeDaemon) -> None:
    applied(daemon, home)
    assert xinf("apply", "new.toml", "--no-wait").code == 0
    assert daemon.requests[-1].path == "/admin/v1/apply"


def test_apply_says_when_time_is_up(home: Path, daemon: FakeDaemon) -> None:
    applied(daemon, home)
    assert xinf("apply", "new.toml", "--timeout", "10ms").code == 5


def test_apply_and_why_need_a_running_xinf(home: Path) -> None:
    (home / "new.toml").write_text(SIM)
    assert xinf("apply", "new.toml").code == 3
    assert xinf("why", "echo").code == 3


def test_why_tells_people_and_programs(daemon: FakeDaemon) -> None:
    daemon.explanation = explanation("coder", waiting=1)
    assert xinf("why", "gpt/x:y").out.startswith("coder is ready")
    assert daemon.requests[-1].path.endswith("/why/gpt/x:y")
    assert xinf("why", "coder", "--json").json["waiting"] == 1


def test_why_of_an_unknown_model_is_not_found(daemon: FakeDaemon) -> None:
    assert xinf("why", "nobody").code == 4
