"""The command itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.simulate import main
from tests.support.tree import ROOT

TINY = """
title = "tiny"
duration = "10m"
[[devices]]
name = "card"
memory = "32GiB"
[models.a]
memory = "20GiB"
load = "10s"
[models.b]
memory = "20GiB"
load = "10s"
activation = "on_demand"
[[arrivals]]
model = "a"
per_hour = 60
[[arrivals]]
model = "b"
per_hour = 60
varies = true
"""


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    (tmp_path / "tiny.toml").write_text(TINY)
    return str(tmp_path / "tiny.toml")


def test_the_same_scenario_gives_the_same_report(
    tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[str] = []
    for arguments in ([], [], ["--seed", "5"]):
        assert main([tiny, "--json", *arguments]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]
    assert json.loads(answers[0])[0]["all"]["served"] > 0
    assert json.loads(answers[2])[0]["seed"] == 5
    assert json.loads(answers[2])[0]["events"] != json.loads(answers[0])[0]["events"]


def test_strategies_are_compared_over_the_same_requests(
    tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([tiny, "--json", "--compare"]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert [each["strategy"] for each in reports] == ["idle_first", "pack", "spread"]
    assert len({each["all"]["requests"] for each in reports}) == 1
    assert main([tiny, "--compare"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["idle_first", "pack", "spread"] in [line.split() for line in lines]


def test_a_story_is_told_when_it_is_asked_for(
    tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main([tiny, "--strategy", "spread"])
    assert "plan.place" not in capsys.readouterr().out
    main([tiny, "--strategy", "spread", "--story"])
    assert "plan.place    a/0: spread: " in capsys.readouterr().out


def test_a_mistake_in_the_file_is_a_sentence_and_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.toml").write_text(TINY.replace("32GiB", "huge"))
    assert main([str(tmp_path / "bad.toml")]) == 2
    assert 'devices[0].memory: "huge" is not a size' in capsys.readouterr().err
    assert main([str(tmp_path / "none.toml")]) == 2
    assert "none.toml: it cannot be read" in capsys.readouterr().err


def test_it_runs_as_a_script_from_anywhere(tiny: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/simulate.py"), tiny],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tiny (idle_first, seed 1)")
