"""The one command that checks everything: what it runs, in which order, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.launcher import loaded
from tests.support.together import group
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
    assert check.spread(arguments)[:4] == ("-n", "2", "--dist", "loadscope")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    assert check.spread(arguments) == ()


def test_a_run_of_chosen_tests_is_not_divided(check: ModuleType) -> None:
    assert check.spread(["tests/unit/core", "-x"]) == ()


def test_only_before_a_run_that_is_divided_all_tests_are_imported(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "CHECKS", ())
    monkeypatch.setattr(check, "IMPORTS", check.Check("imports", python("exit(1)"), "mend it"))
    monkeypatch.setattr(check, "spread", lambda arguments: () if arguments else QUICK)
    assert check.main([]) == 1
    assert capfd.readouterr().out.endswith("FAILED imports: mend it\n")
    assert check.main(QUICK) == 0


def test_what_is_run_may_keep_what_it_compiled(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    done = check.run(check.Check("x", python("import sys; print(sys.dont_write_bytecode)"), ""))
    assert done.said == "False\n"


# Each test says which worker it ran in, and waits until the other file's first one has as well.
TWO_FILES = """
import os, pathlib, time
import pytest

@pytest.mark.parametrize("number", range(6))
def test_where(number):
    places = pathlib.Path(__file__).parent / "places"
    with places.open("a") as file:
        file.write(f"{pathlib.Path(__file__).name} {os.environ['PYTEST_XDIST_WORKER']}\\n")
    end = time.monotonic() + 60
    while len(set(places.read_text().split())) < 4 and time.monotonic() < end:
        time.sleep(0.01)
"""


def test_on_all_cores_a_file_stays_in_one_worker(check: ModuleType, tmp_path: Path) -> None:
    """Else each worker starts the engines of a file's fixtures again."""
    hook = (ROOT / "tests" / "conftest.py").read_text()
    (tmp_path / "conftest.py").write_text(hook)
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / name).write_text(TWO_FILES)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", *check.WHOLE, str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout
    ran = Counter((tmp_path / "places").read_text().splitlines())
    assert sorted(ran.values()) == [6, 6]
    assert len({line.split()[1] for line in ran}) == 2


def test_the_suite_that_all_engines_are_held_to_shares_them() -> None:
    suite = {
        group(f"tests/contract/test_engine_{name}.py::test_x[vllm]")
        for name in ("contract", "contract_ends", "contract_streams")
    }
    assert len(suite) == 1
    assert group("tests/contract/test_meta_store.py::test_x") not in suite
