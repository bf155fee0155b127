"""The one command that checks everything: what it runs, in which order, and how it ends."""

from __future__ import annotations

import os
import sys
from types import ModuleType

import pytest

from tests.support.launcher import loaded
from tests.support.tree import ROOT

# Instead of minutes of tests: pytest says its version and is content.
QUICK = ["--version"]


@pytest.fixture
def check() -> ModuleType:
    return loaded(ROOT / "scripts" / "check.py", "check_under_test")


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_all_that_a_reviewer_would_run_is_run_before_the_tests(check: ModuleType) -> None:
    tools = [" ".join(map(str, each.command)) for each in check.CHECKS]
    for tool in ("ruff format --check", "ruff check", "pyright", "lint-imports", "gen_proto.py"):
        assert any(tool in command for command in tools)


def test_when_all_is_well_pytest_speaks_last(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "CHECKS", (check.Check("first", python("print('noise')"), ""),))
    assert check.main(QUICK) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("-- first: ok in ")
    assert lines[1] == "-- tests"
    assert lines[-1].startswith("pytest ")
    assert "noise" not in lines


def test_a_failed_check_shows_why_lets_the_others_run_and_fails_the_whole(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    failing = check.Check("first", python("print('the reason'); raise SystemExit(1)"), "mend it")
    monkeypatch.setattr(check, "CHECKS", (failing, check.Check("second", python(""), "")))
    assert check.main(QUICK) == 1
    said = capfd.readouterr().out
    assert "-- first: FAILED" in said
    assert "the reason" in said
    assert "-- second: ok" in said
    assert said.splitlines()[-1] == "FAILED first: mend it"


def test_the_exit_code_of_pytest_goes_up(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "CHECKS", ())
    assert check.main(["--no-such-option"]) == pytest.ExitCode.USAGE_ERROR
    assert "no-such-option" in capfd.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--long"]])
def test_a_whole_run_takes_every_core_and_keeps_together_what_shares_something(
    check: ModuleType, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    assert check.spread(arguments)[:4] == ("-n", "2", "--dist", "loadgroup")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    assert check.spread(arguments) == ()


def test_a_run_of_chosen_tests_is_not_divided(check: ModuleType) -> None:
    assert check.spread(["tests/unit/core", "-x"]) == ()


def test_on_all_cores_a_file_stays_in_one_worker(request: pytest.FixtureRequest) -> None:
    """Else each worker starts the engines of a file's fixtures again."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("only a whole run is divided")
    assert request.node.nodeid.endswith(f"@{request.path}")
